"""Scenarios that strain a bridge: slow readers, sockets used again, many calls at once."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from msgspec import Meta

from ..twilio import Call, CallFailed, NotHeard
from ..wire.websocket import WebSocketPeer
from ..world import World
from .endings import GREETING, NUMBER, TERMS, heard_of, spelt
from .registry import Count, NotApplicable, Seconds, expect, leaves, scenario

Rate = Annotated[float, Meta(ge=1, le=60_000)]
Reader = Literal["vapi", "twilio"]
Moment = Literal["mid-reply", "mid-word", "mid-thought"]


@scenario(
    variants=[
        {"reader": reader, "slow": slow} for reader in get_args(Reader) for slow in (False, True)
    ],
    waives={
        "caller-audio-complete": "what is said while Vapi does not read comes late, or is dropped"
    },
)
async def backpressure(
    sim: World, *, reader: Reader = "vapi", stall: Seconds = 14.0, slow: bool = False
) -> Call:
    """Vapi, or Twilio, does not read for a while, or reads in gulps only.

    What the bridge sends fills the windows of both systems and then the bridge. A right bridge goes
    on reading and answering pings meanwhile, holds no more than a bound allows, says what it drops,
    and the call is as before once the reader is back.
    """
    sim.vapi.assistant(
        first_message=TERMS * 3 if reader == "twilio" else GREETING,
        replies=lambda heard: "We open at nine." if "open" in heard else "Yes, I am.",
        lead=120.0 if reader == "twilio" else 0.0,
    )
    call = await sim.twilio.call(to=NUMBER)
    peer: WebSocketPeer | None = sim.twilio.flows[call.number - 1].stream
    if reader == "vapi":
        await call.hears(GREETING)
        await call.says("are you there?", wait=False)
        peer = sim.vapi.calls[-1].socket
    elif not sim.timeline.of("replies"):
        await call.until("replies")
        if sim.timeline.of("speaks"):
            sim.checks.waive("liveness", reason="nobody can answer a caller whom Twilio cuts off")
    assert peer is not None
    over = sim.now + stall
    while sim.now < over:
        peer.transport.pause_reading()
        await call.stays_silent(min(2.0, over - sim.now) if slow else stall)
        peer.transport.resume_reading()
        if slow:
            await call.stays_silent(0.05)
    await call.stays_silent(4.0)
    if reader == "twilio":
        await call.hears("terms and conditions")
    await call.says("when do you open, please?")
    await call.hears("We open at nine.")
    await leaves(call)
    return call


@scenario(
    variants=[
        {"leaves": moment, "pause": pause} for moment in get_args(Moment) for pause in (0.2, 3.0)
    ],
    own={"vapi_dialect": "seed", "vapi_pool": 1, "vapi_pool_reuse": True},
    waives={
        "no-cross-talk": "a socket that is kept serves several calls, which counts as one of "
        "Vapi's; the scenario itself compares what each caller heard",
        "clean-teardown": "a socket that is kept stays open after its call",
    },
)
async def pooled_connection(
    sim: World, *, callers: Count = 3, pause: Seconds = 0.2, leaves: Moment = "mid-reply"
) -> list[Call]:
    """One caller after the other, on a bridge that keeps sockets to Vapi warm.

    Each hangs up in the middle of a reply, in the middle of a word, or while an answer is being
    thought about: the socket may still hold audio of theirs, or words, or bring the answer to the
    next one. A right bridge hands a socket on only when it is empty, so that nothing of one call
    gets into another.
    """
    if sim.vapi.calls:  # in real time a bridge starts before the scenario, in a simulation with it
        raise NotApplicable("sockets that were opened before it begins have another assistant")
    sim.vapi.faults.stale_audio = True
    sim.vapi.assistant(replies=_repeats, silence_frames=False)
    calls = []
    for number in range(1, callers + 1):
        call = await sim.twilio.call(to=NUMBER)
        await call.stays_silent(0.1)
        await call.says(f"this is caller {spelt(number)}")
        await call.hears(f"this is caller {spelt(number)}")
        if leaves != "mid-reply":
            await call.hears("to the very end")
            await call.stays_silent(1.0)
            await call.says("and one more thing is", wait=leaves == "mid-thought")
        await call.stays_silent(0.7)
        await call.hangs_up()
        _expect_own(sim, call, number)
        calls.append(call)
        await call.stays_silent(pause)
    return calls


@scenario(
    limit=600.0,
    variants=({}, {"callers": 12, "lines": 100}, {"callers": 50, "lines": 10}),
    waives={"agent-audio-intact": "who is refused hears a line of the bridge's own"},
)
async def crowd(
    sim: World, *, callers: Count = 6, per_minute: Rate = 600.0, lines: Count = 3
) -> list[Call]:
    """Callers come by chance, many at a time, and Vapi takes so many calls (``lines``) at once.

    Whatever a bridge keeps outside the call is then shared by strangers, and an account's limit,
    10 ``lines`` for a new one, is reached on the busiest day. A right bridge keeps every call to
    itself, and whoever cannot be served hears so, or a busy tone, and not silence.
    """
    sim.vapi.concurrency_limit = lines
    sim.vapi.assistant(first_message=GREETING, replies=_repeats)
    calls: list[Call] = []

    async def caller(number: int) -> None:
        try:
            call = await sim.twilio.call(to=NUMBER, from_=f"+1555020{number:04}")
        except CallFailed:
            return  # a busy tone, for instance
        calls.append(call)
        try:
            await call.hears(GREETING, timeout=40.0)
        except NotHeard:
            heard = sim.timeline.of("hears", call=call.number)
            expect(bool(heard), f"caller {call.number} was refused without a word")
            await call.ends(timeout=20.0)
            return
        await call.says(f"this is caller {spelt(number)}")
        await call.hears(f"this is caller {spelt(number)}")
        await leaves(call, after=1.0)
        _expect_own(sim, call, number)

    await sim.arrivals(caller, count=callers, per_minute=per_minute)
    served = sum(
        any(event.call == call.number for event in sim.timeline.of("speaks")) for call in calls
    )
    least = min(callers, lines)
    expect(served >= least, f"{served} callers were served, though Vapi takes {least} at once")
    return calls


def _repeats(heard: str) -> str:
    return f"Yes, {heard}, and I am very glad to hear from you and will listen to the very end."


def _expect_own(sim: World, call: Call, number: int) -> None:
    """Compare what a caller heard with what was said to them."""
    strange = heard_of(sim, call) - {_repeats(f"this is caller {spelt(number)}"), GREETING}
    expect(not strange, f"caller {number} heard what was said to another: {sorted(strange)}")
