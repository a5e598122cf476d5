"""Scenarios in which both sides let each other speak."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Annotated, Any

from msgspec import Meta

from ..twilio import Call
from ..vapi import WEBHOOK_SECRET, Only, Reply
from ..world import BRIDGE_HOST, World
from .registry import Count, NotApplicable, Seconds, expect, leaves, scenario

NUMBER = "+15550100"
GREETING = "Good morning, this is the office of Doctor Smith. How can I help you?"
GOODBYE = (
    "Thank you for calling the office of Doctor Smith. We look forward to seeing you on Tuesday. "
    "Goodbye."
)
TABLES = "We have a table at six, at seven, at a quarter past eight and at nine in the evening."
BOOKED = "At nine it is then, and we look forward to seeing you."

_PATIENCE_SECONDS = 12.0
"""Ten after the last word was understood, and one each for that and for the way."""

_AT_ONCE_SECONDS = 1.0
"""So soon nobody answers who is at work."""

Keys = Annotated[str, Meta(pattern=r"^[0-9*#]{1,20}$")]
Status = Annotated[int, Meta(ge=0, le=599)]
"""Of HTTP; 0: none."""
Tool = Annotated[str, Meta(pattern=r"^[\w-]{0,64}$")]
Path = Annotated[str, Meta(pattern=r"^/\S*$", max_length=200)]


@scenario(limit=900.0, variants=({}, {"silence": 300.0}))
async def idle(sim: World, *, silence: Seconds = 8.0) -> Call:
    """Nobody says a word for a while, and then the caller asks something.

    Proxies and bridges drop sockets on which nothing seems to happen, and session tables forget
    calls that still run. A right bridge keeps both sockets open for as long as the call lasts.
    """
    sim.vapi.assistant(
        first_message="One moment please.", replies=["Yes, I am."], silence_frames=False
    )
    call = await sim.twilio.call(to=NUMBER)
    await call.hears("One moment please.")
    await call.stays_silent(silence)
    await call.says("are you still there?")
    await call.hears("Yes, I am.")
    await leaves(call)
    return call


@scenario(variants=({}, {"thinks": 9.0}))
async def hang_means_delay(sim: World, *, thinks: Seconds = 7.0) -> Call:
    """The model takes long, and Vapi says ``hang`` after five seconds.

    The name misleads: it is a notice of delay, and the answer is still to come. A right bridge does
    not end the call for it.
    """
    sim.vapi.assistant(
        first_message="What can I look up?", replies=[Reply("It is on Tuesday.", latency=thinks)]
    )
    call = await sim.twilio.call(to=NUMBER)
    await call.hears("What can I look up?")
    await call.says("when is my appointment?")
    await call.hears("It is on Tuesday.", timeout=30.0 + thinks)
    await leaves(call)
    return call


@scenario(variants=({}, {"lead": 0.0}))
async def agent_hangs_up(sim: World, *, lead: Seconds = 60.0) -> Call:
    """Vapi ends the call while its last words are still being played.

    It sends audio ahead of time (``lead``), says that the call has ended, and closes; several
    seconds of goodbye are in Twilio's queue by then, or just the last syllable. A right bridge lets
    the caller hear the last word before it drops the line, and does drop it.
    """
    ends = 2.0 if lead else None
    sim.vapi.assistant(first_message=GOODBYE, lead=lead, silence_frames=False, max_duration=ends)
    call = await sim.twilio.call(to=NUMBER)
    if not lead:
        await call.until("replied")
        agent = sim.vapi.calls[-1].socket
        assert agent is not None
        agent.end("assistant-ended-call")
    await call.hears(GOODBYE)
    await call.ends(timeout=15.0)
    return call


def _answer_words_or_keys(heard: str) -> str:
    return "Goodbye." if "number" in heard else "Thank you."


@scenario(variants=({}, {"keys": "0123456789*#", "hold": 0.06}))
async def dtmf(sim: World, *, keys: Keys = "42#", hold: Seconds = 0.1) -> Call:
    """The caller presses keys while the agent speaks.

    Twilio tells of each key in a message of its own, between the media. A right bridge does not
    stumble over it: it tells the agent of every key, in order, and the agent may answer at once.
    """
    sim.vapi.assistant(first_message=GREETING, replies=_answer_words_or_keys)
    call = await sim.twilio.call(to=NUMBER)
    await call.hears("Good morning")
    await call.presses(keys, hold=hold)
    await asyncio.sleep(5)
    await call.says("wrong number, sorry")
    await call.hears("Goodbye.")
    await leaves(call)
    words = (str(event.fields.get("text", "")) for event in sim.timeline if event.target == "vapi")
    told = "".join(letter for text in words for letter in text if letter in "0123456789*#")
    if not told:
        raise NotApplicable(
            "Vapi was told of no key: the bridge may use them itself, or not at all"
        )
    expect(told == keys, f"the caller pressed {keys}, and Vapi was told of {told}")
    return call


@scenario(
    variants=(
        {},
        {"turns": 8, "mark_delay": 0.0},
        {"overlap": True},
        {"overlap": True, "mark_delay": 0.0},
    )
)
async def mark_storm(
    sim: World, *, turns: Count = 4, mark_delay: Seconds = 0.2, overlap: bool = False
) -> Call:
    """Short replies in quick succession, and echoes of marks that come late.

    The echo of a reply's mark arrives when the next reply has begun, and names may repeat: nothing
    in it tells which audio it stands for. With ``overlap`` the caller speaks into the end of each
    reply, so that a ``clear`` finds little or nothing that is pending. A right bridge keeps its
    books so that it still knows at the end that the agent can be interrupted.
    """
    sim.twilio.settings.mark_delay = mark_delay
    answer = "Yes, of course." if overlap else "Yes."
    sim.vapi.assistant(
        first_message="Ready.",
        replies=[*(Reply(answer, latency=0.7) for _ in range(turns)), GOODBYE, "All right."],
        lead=60.0,
        silence_frames=False,
    )
    call = await sim.twilio.call(to=NUMBER)
    await call.hears("Ready.")
    for _ in range(turns):
        await call.says("next", seconds=0.3)
        await call.hears("Yes")
        if overlap:
            await call.stays_silent(0.35)
    await call.says("that is all")
    await call.hears("for calling the office")
    await call.says("wait, one more thing")
    await call.hears("All right.")
    await leaves(call)
    return call


@scenario(
    variants=({}, {"stopped": 1.2}),
    own={"own_vad": True, "endpointing": 0.6, "reply_timeout": 2.0},
)
async def duplicate_turn(sim: World, *, silence: Seconds = 0.6, stopped: Seconds = 0.0) -> Call:
    """Twilio's and Vapi's news of one utterance come at the same instant.

    A bridge that listens for itself takes the turn to be over after so much ``silence``, just when
    Vapi's final transcript arrives; and Vapi may say that the caller ``stopped`` so much later that
    the answer is being spoken already. A right bridge makes one turn of it: one reply, heard whole.
    """
    if stopped:
        sim.vapi.faults.late_stopped = stopped
    sim.vapi.assistant(first_message=TABLES, replies=[BOOKED, BOOKED], final_after=silence)
    call = await sim.twilio.call(to=NUMBER)
    await call.hears("quarter past eight")
    await call.says("nine would suit us best")
    await call.hears(BOOKED)
    await leaves(call, after=4.0)
    heard = [utterance.text for utterance in call.heard.utterances[1:]]
    once = sum(text.startswith("At nine") for text in heard) == 1
    expect(once, f"after one utterance the caller heard {heard}")
    expect(call.heard.utterances[-1].whole, "the reply was not heard whole")
    return call


async def look_up(seconds: float) -> str:
    """Take so long; the tool of simkit's own bridge in :func:`llm_timeout`."""
    await asyncio.sleep(seconds)
    return "Tuesday"


def _with_tool(settings: Mapping[str, Any]) -> Mapping[str, Any]:
    tool = settings.get("tool")
    if not tool:
        return {}
    return {"tools": {tool: f"{__name__}:look_up"}, "vapi_webhook_secret": WEBHOOK_SECRET}


@scenario(
    variants=(
        {},
        {"thinks": 12.0},
        {"thinks": 1.0, "refused": 429},
        {"thinks": 1.0, "refused": 500},
        {"tool": "look_up"},
        {"tool": "look_up", "thinks": 12.0},
    ),
    waives={"agent-audio-intact": "a line of the bridge's own is no agent's"},
    own=_with_tool,
)
async def llm_timeout(
    sim: World,
    *,
    thinks: Seconds = 6.0,
    refused: Status = 0,
    tool: Tool = "",
    vapi_path: Path = "/vapi/webhook",
) -> Call:
    """The model takes long, or the request for the call is ``refused`` at first (429, 500).

    A model or a tool that is stuck takes 5 to 10 s, which is for ever on the phone. With ``tool``
    it is a function of the bridge's, for which Vapi asks at ``vapi_path``, and which is told how
    many ``seconds`` to take. A right bridge says something by itself within ten, lets the late
    reply be heard once, and asks again for what was refused only for a moment.
    """
    if refused:
        sim.vapi.faults.failed_create = Only(refused)
    lack = ""

    async def asks_tool(heard: str) -> AsyncIterator[str]:
        nonlocal lack
        server = {"url": f"https://{BRIDGE_HOST}{vapi_path}", "secret": WEBHOOK_SECRET}
        asked = sim.now
        result = await sim.vapi.ask_tool(
            sim.vapi.calls[-1], tool, {"seconds": thinks}, tool={"server": server}
        )
        if result.problem and sim.now - asked < _AT_ONCE_SECONDS:
            lack = f"no tool {tool} at {vapi_path}: {result.problem}"
        yield "It is on Tuesday."

    sim.vapi.assistant(
        first_message="What can I look up?",
        replies=asks_tool if tool else [Reply("It is on Tuesday.", latency=thinks)],
    )
    call = await sim.twilio.call(to=NUMBER)
    await call.hears("What can I look up?")
    await call.says("when is my appointment?")
    await call.hears_sound(timeout=_PATIENCE_SECONDS)
    await call.hears("It is on Tuesday.", timeout=30.0 + thinks)
    await leaves(call, after=3.0)
    if lack:
        raise NotApplicable(lack)
    heard = [utterance.text for utterance in call.heard.utterances].count("It is on Tuesday.")
    expect(heard == 1, f"the late reply was heard {heard} times")
    return call
