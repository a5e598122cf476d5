"""Scenarios of what comes unasked: forged and repeated requests, garbage, another door."""

from __future__ import annotations

import asyncio
from typing import Annotated, Literal, get_args
from urllib.parse import urljoin

from msgspec import Meta

from ..twilio import Call, Forgery
from ..wire.garbage import Garbage
from ..world import BRIDGE_HOST, VOICE_PATH, World
from .endings import GREETING, NUMBER, next_call
from .page import Page
from .registry import NotApplicable, Seconds, expect, leaves, scenario

Path = Annotated[str, Meta(pattern=r"^/\S*$", max_length=200)]
Side = Literal["twilio", "vapi"]

_REFUSED = (401, 403)
_NOT_THERE = (404, 405)


@scenario(variants=[{"how": how} for how in get_args(Forgery)])
async def forged_webhook(sim: World, *, how: Forgery = "unsigned") -> list[Call]:
    """Somebody who is not Twilio asks the voice webhook for a call.

    Its address is no secret, and every call costs money. The request is not signed, or with another
    token, or for another host, scheme, port, path or query; a field was changed, or it is one of
    Twilio's own once more. A right bridge answers 403 and does nothing; Twilio's own calls go on.
    """
    sim.vapi.assistant(first_message=GREETING)
    calls = []
    if how == "replayed":
        calls.append(await sim.twilio.call(to=NUMBER))
        await calls[0].hears(GREETING)
    asked = len(sim.vapi.calls)
    status = await sim.twilio.forges(how, to=NUMBER, replays=1)
    await asyncio.sleep(2.0)
    expect(
        status in _REFUSED,
        f"a webhook that Twilio did not make ({how}) was answered with HTTP {status}",
    )
    expect(len(sim.vapi.calls) == asked, "a call at Vapi was made for nobody")
    for call in calls:
        await leaves(call)
    return [*calls, await next_call(sim)]


@scenario()
async def webhook_chaos(
    sim: World, *, path: Path = "/voice/status", late: Seconds = 3.0
) -> list[Call]:
    """What Twilio tells of a call's course comes late, twice, and when the next call is running.

    Callbacks are requests like any other: they are repeated, overtake each other and come after the
    end. A right bridge believes each once, of the call that it names alone: nothing of the next
    call is touched.
    """
    base = sim.twilio.default_voice_url or f"https://{BRIDGE_HOST}{VOICE_PATH}"
    settings = sim.twilio.settings
    settings.callback_duplicate, settings.callback_swap, settings.callback_delay = 1.0, 0.5, late
    sim.twilio.number(NUMBER, voice_url=base, status_callback=urljoin(base, path))
    calls = []
    for number in range(3):
        sim.vapi.assistant(first_message=f"{GREETING} You are number {number}.")
        call = await sim.twilio.call(to=NUMBER)
        await call.hears(f"You are number {number}.")
        await leaves(call)
        calls.append(call)
    await asyncio.sleep(late)
    answers = [event for event in sim.timeline.of("response") if event.source == "bridge"]
    if any(event.fields["status"] in _NOT_THERE for event in answers):
        raise NotApplicable(f"no status callbacks at {path}: 404 or 405")
    return calls


@scenario(
    variants=[{"side": side, "how": how} for side in get_args(Side) for how in get_args(Garbage)],
)
async def malformed(
    sim: World, *, side: Side = "twilio", how: Garbage = "invalid-json"
) -> list[Call]:
    """A message comes that Twilio, or Vapi, would never send.

    Proxies break frames, services change, and strangers try what happens. A right bridge says what
    was wrong with it; the call goes on as if it had not come, or ends on both sides. The next call
    knows nothing of it.
    """
    sim.vapi.assistant(first_message=GREETING, replies=["We open at nine."] * 3)
    call = await sim.twilio.call(to=NUMBER)
    await call.hears(GREETING)
    stream, agent = sim.twilio.flows[0].streams.connected, sim.vapi.calls[-1].socket
    assert stream is not None
    assert agent is not None
    if side == "twilio":
        stream.send_garbage(how)
    else:
        agent.send_garbage(how)
    await call.stays_silent(1.0)
    if call.status == "in-progress":
        await call.says("when do you open?")
        await call.hears("We open at nine.")
        await leaves(call)
    await call.stays_silent(1.0)
    return [call, await next_call(sim)]


@scenario(
    needs=("vapi", "simulation"),
    own={"browser_door": True, "browser_tickets": False},
)
async def two_doors(sim: World, *, path: Path = "/ws") -> Call:
    """Somebody talks with the agent in a browser while somebody else does on the phone.

    The page speaks another protocol at another rate, on the same server and perhaps with the same
    code. A right bridge serves both, and neither hears anything of the other.
    """
    sim.vapi.assistant(first_message="Hello, page.", replies=["Page, it is noon."])
    page = Page(f"wss://{BRIDGE_HOST}{path}", sim.repertoire)
    await page.connect()
    if page.refused_with is not None:
        raise NotApplicable(f"no browser door at {path}: HTTP {page.refused_with}")
    await page.listens(2.5)
    sim.vapi.assistant(first_message="Hello, phone.", replies=["Phone, it is midnight."])
    call = await sim.twilio.call(to=NUMBER)
    talking = asyncio.ensure_future(page.says("what is the time here", then_silent=4.0))
    await call.hears("Hello, phone.")
    await call.says("tell me the time there please")
    await call.hears("it is midnight.")
    await talking
    heard = page.heard
    page.close()
    await leaves(call, after=1.0)
    expect(heard == ["Hello, page.", "Page, it is noon."], f"the page heard {heard}")
    heard = [utterance.text for utterance in call.heard.utterances]
    expect(heard == ["Hello, phone.", "Phone, it is midnight."], f"the caller heard {heard}")
    return call
