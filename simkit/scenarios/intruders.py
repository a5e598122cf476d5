"""Scenarios of what comes unasked: forged and repeated requests, garbage, another door."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Annotated, Literal, get_args
from urllib.parse import SplitResult, urljoin, urlsplit

from msgspec import Meta

from ..twilio import Call, Forgery, StreamForgery
from ..vapi import WEBHOOK_SECRET, VapiForgery
from ..wire.garbage import Garbage
from ..wire.http import HttpError
from ..world import BRIDGE_HOST, VOICE_PATH, World
from .endings import GREETING, NUMBER, next_call
from .page import Page
from .registry import NotApplicable, Seconds, expect, leaves, scenario, understood

Path = Annotated[str, Meta(pattern=r"^/\S*$", max_length=200)]
Side = Literal["twilio", "vapi"]

_STRANGE = "tell me what this caller has ordered"
_TOLD_LATEST = 3.0
"""Seconds after which Vapi tells of the end of a call, where nothing is late."""
_SEE = "see forged-stream"
_REFUSED = (401, 403)
_SPOILT = 2.0
"""Seconds in which it shows what a request has done."""
_LET_IN = 101
_NOT_THERE = (404, 405)
_NOWHERE = "nobody-is-at-this-path"


@scenario(variants=[{"how": how} for how in get_args(Forgery)])
async def forged_webhook(sim: World, *, how: Forgery = "unsigned") -> list[Call]:
    """Somebody who is not Twilio asks the voice webhook for a call.

    Its address is no secret, and every call costs money. The request is not signed, or with another
    token, or for another host, scheme, port, path or query; a field was changed, or it is one of
    Twilio's own once more. A right bridge answers 403 and does nothing; Twilio's own calls go on.
    Where everybody is answered alike, as by a TwiML Bin, the answer is worth nothing by itself; it
    counts whether the bridge then lets a stranger in on the stream that it names.
    """
    sim.vapi.assistant(first_message=GREETING)
    calls = []
    if how == "replayed":
        calls.append(await sim.twilio.call(to=NUMBER))
        await calls[0].hears(GREETING)
    asked = len(sim.vapi.calls)
    try:
        status = await sim.twilio.forges(how, to=NUMBER, replays=1)
    except HttpError:  # so nobody was obeyed, if the next call finds a bridge
        status = _REFUSED[0]
    await asyncio.sleep(_SPOILT)
    is_static = any(event.fields.get("static") for event in sim.timeline.of("forged"))
    said = f"a webhook that Twilio did not make ({how}) was answered with HTTP {status}"
    expect(is_static or 400 <= status < 500, said)
    expect(len(sim.vapi.calls) == asked, "a call at Vapi was made for nobody")
    for call in calls:
        await leaves(call)
    calls.append(await next_call(sim))
    if is_static:
        await _is_worth_nothing(sim, calls[-1], said)
    return calls


async def _is_worth_nothing(sim: World, call: Call, said: str) -> None:
    """Say that a webhook's answer, which is the same for all, is worth nothing to a stranger.

    Raises:
        AssertionError: it is.
        NotApplicable: it is not, or the webhook is not the bridge's.
    """
    alike = "the voice webhook answers everybody alike"
    webhook = urlsplit(_voice_url(sim)).hostname
    stream = _stream_of(sim, call).hostname
    if webhook != stream:
        raise NotApplicable(f"{alike}, and is at {webhook}, not the bridge's; {_SEE}")
    outcome = await sim.twilio.forges_stream("unsigned", of=call.number, says=_STRANGE)
    expect(outcome != _LET_IN, f"{said}, and the stream that it names let a stranger in")
    raise NotApplicable(f"{alike}, and its stream sent a stranger away; {_SEE}")


@scenario(variants=[{"how": how} for how in get_args(StreamForgery)])
async def forged_stream(sim: World, *, how: StreamForgery = "unsigned") -> list[Call]:
    """Somebody who is not Twilio opens the media socket, during a call and after it.

    The address stands in each call's TwiML; what is said there costs money, and may be heard in
    somebody's call. The signature of the upgrade is over the URL alone: it does not tell one call
    from another, nor today from yesterday. A right bridge hands each call a token of its own with
    the TwiML, takes it once, and sends everybody else away before anything is done for them.
    """
    sim.vapi.assistant(first_message=GREETING, replies=["We open at nine."] * 2)
    call = await sim.twilio.call(to=NUMBER)
    await call.hears(GREETING)
    asked = len(sim.vapi.calls)
    outcomes = [await sim.twilio.forges_stream(how, of=1, says=_STRANGE)]
    await call.stays_silent(1.0)
    await call.says("when do you open?")
    await call.hears("We open at nine.")
    await leaves(call)
    await asyncio.sleep(2.0)
    outcomes.append(await sim.twilio.forges_stream(how, of=1, says=_STRANGE))
    await asyncio.sleep(2.0)
    for when, outcome in zip(("during a call", "after it"), outcomes, strict=True):
        expect(outcome != _LET_IN, f"a stream that Twilio did not open ({how}) was let in {when}")
    expect(len(sim.vapi.calls) == asked, "a call at Vapi was made for nobody")
    turns = understood(sim)
    expect(turns == ["when do you open?"], f"in the caller's name, Vapi understood {turns}")
    return [call, await next_call(sim)]


@scenario(
    variants=[{"side": side} for side in get_args(Side)],
    own={"vapi_webhook_secret": WEBHOOK_SECRET},
)
async def webhook_chaos(
    sim: World,
    *,
    side: Side = "twilio",
    path: Path = "/voice/status",
    vapi_path: Path = "/vapi/webhook",
    late: Seconds = 3.0,
) -> list[Call]:
    """What Twilio, or Vapi, tells of a call comes late, twice, and when the next call is running.

    Callbacks are requests like any other: they are repeated, overtake each other and come after the
    end; and anybody can make them. A right bridge believes each once, of the call that it names
    alone, and nobody who does not prove to be Vapi: nothing of a running call is touched.
    """
    base = await _bridge_url(sim)
    if side == "twilio":
        told = sim.twilio.settings
        told.callback_duplicate, told.callback_swap, told.callback_delay = 1.0, 0.5, late
        if NUMBER not in sim.twilio.numbers:
            sim.twilio.number(NUMBER, voice_url=_voice_url(sim))
        sim.twilio.numbers[NUMBER].status_callback = urljoin(base, path)
    else:
        sim.vapi.account.webhook_duplicate, sim.vapi.account.webhook_late = 1.0, late
        sim.vapi.server = {"url": urljoin(base, vapi_path), "secret": WEBHOOK_SECRET}
    calls = []
    for number in range(3):
        sim.vapi.assistant(
            first_message=f"{GREETING} You are number {number}.", replies=["We open at nine."]
        )
        call = await sim.twilio.call(to=NUMBER)
        await call.hears(f"You are number {number}.")
        if side == "vapi":
            for how in get_args(VapiForgery):
                with contextlib.suppress(HttpError):  # no answer obeys nobody
                    await sim.vapi.forges(how)
            await call.says("when do you open?")
            await call.hears("We open at nine.")
        await leaves(call)
        calls.append(call)
    await asyncio.sleep(late if side == "twilio" else late + _TOLD_LATEST)
    asked, found = (
        (path, "status callbacks") if side == "twilio" else (vapi_path, "webhook of Vapi")
    )
    statuses = [
        answer.fields["status"]
        for answer in sim.timeline.of("response")
        if answer.source == "bridge" and answer.target == side
    ]
    if set(statuses) & set(_NOT_THERE):
        raise NotApplicable(f"no {found} at {asked}: 404 or 405")
    requests = [one for one in sim.timeline.of("request") if one.source == side]
    if len(requests) - len(statuses) >= sum(one.fields["path"] == asked for one in requests):
        raise NotApplicable(f"no {found} at {asked}: no answer")
    if side == "vapi" and set(statuses) <= set(_REFUSED):
        raise NotApplicable("Vapi was refused: the bridge did not take VAPI_WEBHOOK_SECRET")
    return calls


def _voice_url(sim: World) -> str:
    known = sim.twilio.numbers.get(NUMBER)
    url = sim.twilio.default_voice_url if known is None else known.voice_url
    return url or f"https://{BRIDGE_HOST}{VOICE_PATH}"


async def _bridge_url(sim: World) -> str:
    """Return where the bridge is: where its streams lead, whoever answers the webhook."""
    url = _voice_url(sim)
    if urlsplit(url).hostname == BRIDGE_HOST:
        return url
    call = await next_call(sim)
    return f"https://{_stream_of(sim, call).netloc}"


def _stream_of(sim: World, call: Call) -> SplitResult:
    return urlsplit(sim.twilio.flows[call.number - 1].streams.all[0].order.url)


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
    stream = sim.twilio.flows[0].streams.connected
    peer = stream if side == "twilio" else sim.vapi.calls[-1].socket
    assert peer is not None
    peer.send_garbage(how)
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
    if not page.heard:
        stranger = Page(f"wss://{BRIDGE_HOST}/{_NOWHERE}", sim.repertoire)
        await stranger.connect()
        if stranger.refused_with is None:
            raise NotApplicable(
                "no browser door: the bridge takes a socket at any path for Twilio's"
            )
    sim.vapi.assistant(first_message="Hello, phone.", replies=["Phone, it is midnight."])
    call = await sim.twilio.call(to=NUMBER)
    announced = len(call.heard.utterances)
    if path == _stream_of(sim, call).path:
        raise NotApplicable(f"no browser door: at {path} the bridge takes Twilio's streams")
    talking = asyncio.ensure_future(page.says("what is the time here", then_silent=4.0))
    await call.hears("Hello, phone.")
    await call.says("tell me the time there please")
    await call.hears("it is midnight.")
    await talking
    heard = page.heard
    page.close()
    await leaves(call, after=1.0)
    expect(heard == ["Hello, page.", "Page, it is noon."], f"the page heard {heard}")
    heard = [utterance.text for utterance in call.heard.utterances[announced:]]
    expect(heard == ["Hello, phone.", "Phone, it is midnight."], f"the caller heard {heard}")
    return call
