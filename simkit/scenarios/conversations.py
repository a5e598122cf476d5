"""Scenarios in which both sides let each other speak."""

from __future__ import annotations

import asyncio

from ..twilio import Call
from ..vapi import Reply
from ..world import World
from .registry import Count, Seconds, leaves, scenario

NUMBER = "+15550100"
GREETING = "Good morning, this is the office of Doctor Smith. How can I help you?"
GOODBYE = (
    "Thank you for calling the office of Doctor Smith. We look forward to seeing you on Tuesday. "
    "Goodbye."
)


@scenario()
async def idle(sim: World, *, silence: Seconds = 8.0) -> Call:
    """Nobody says a word for a while, and then the caller asks something.

    Proxies and bridges drop sockets on which nothing seems to happen, and session tables forget
    calls that still run. A right bridge keeps both sockets open for as long as the call lasts.
    """
    sim.vapi.assistant(first_message="One moment please.", replies=["Yes, I am."])
    call = await sim.twilio.call(to=NUMBER)
    await call.hears("One moment please.")
    await call.stays_silent(silence)
    await call.says("are you still there?")
    await call.hears("Yes, I am.")
    await leaves(call)
    return call


@scenario()
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


@scenario()
async def agent_hangs_up(sim: World) -> Call:
    """Vapi ends the call while its last words are still being played.

    It sends audio ahead of time, says that the call has ended, and closes; several seconds of
    goodbye are in Twilio's queue by then. A right bridge lets the caller hear the last word before
    it drops the line, and does drop it.
    """
    sim.vapi.assistant(first_message=GOODBYE, lead=60.0, silence_frames=False, max_duration=2.0)
    call = await sim.twilio.call(to=NUMBER)
    await call.hears(GOODBYE)
    await call.ends(timeout=15.0)
    return call


def _answer_words_or_keys(heard: str) -> str:
    return "Goodbye." if "number" in heard else "Thank you."


@scenario()
async def dtmf(sim: World, *, hold: Seconds = 0.1) -> Call:
    """The caller presses keys while the agent speaks.

    Twilio tells of each key in a message of its own, between the media. A right bridge does not
    stumble over it: it tells the agent, which may answer at once, or lets it go on; the call does.
    """
    sim.vapi.assistant(first_message=GREETING, replies=_answer_words_or_keys)
    call = await sim.twilio.call(to=NUMBER)
    await call.hears("Good morning")
    await call.presses("42#", hold=hold)
    await asyncio.sleep(5)
    await call.says("wrong number, sorry")
    await call.hears("Goodbye.")
    await leaves(call)
    return call


@scenario()
async def mark_storm(sim: World, *, turns: Count = 4, mark_delay: Seconds = 0.2) -> Call:
    """Short replies in quick succession, and echoes of marks that come late.

    The echo of a reply's mark arrives when the next reply has begun, and names may repeat: nothing
    in it tells which audio it stands for. A right bridge keeps its books so that it still knows at
    the end that the agent can be interrupted.
    """
    sim.twilio.settings.mark_delay = mark_delay
    sim.vapi.assistant(
        first_message="Ready.",
        replies=[*(Reply("Yes.", latency=0.7) for _ in range(turns)), GOODBYE, "All right."],
        lead=60.0,
        silence_frames=False,
    )
    call = await sim.twilio.call(to=NUMBER)
    await call.hears("Ready.")
    for _ in range(turns):
        await call.says("next", seconds=0.3)
        await call.hears("Yes.")
    await call.says("that is all")
    await call.hears("for calling the office")
    await call.says("wait, one more thing")
    await call.hears("All right.")
    await leaves(call)
    return call
