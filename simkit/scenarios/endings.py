"""Scenarios in which something ends before it should: the call, the stream, or Vapi's socket."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Annotated, Literal, get_args

from msgspec import Meta

from ..timeline import Event, sessions_of
from ..twilio import Call
from ..vapi import Close, Reply
from ..world import World
from .registry import Seconds, expect, leaves, scenario

NUMBER = "+15550100"
TERMS = "Let me read you the terms and conditions from the very beginning to the very end, " * 4
GREETING = "Good morning, how can I help you today?"
NEXT_GREETING = "Hello, next caller."

_NOTICED_SECONDS = 60.0
"""A stream from which nothing comes is dead by then; 45 s were reported."""

_ON_ITS_WAY = 0.4
"""Seconds of sound that a socket may take with it: the way there, and that of the news of it."""

_DIGITS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]

Losses = Annotated[int, Meta(ge=1, le=5)]
Instant = Literal["before-start", "connecting", "first-audio", "clearing", "reconnecting"]
Phase = Literal[
    "before-greeting",
    "greeting-announced",
    "mid-greeting",
    "after-greeting",
    "caller-speaks",
    "caller-is-done",
    "reply-announced",
    "mid-reply",
]
_LOSSES: dict[Phase, Close] = {
    "before-greeting": Close(1006, on="status-update in-progress"),
    "greeting-announced": Close(1006, on="speech-update assistant started"),
    "mid-greeting": Close(1006, on="speech-update assistant started", after=1.3),
    "after-greeting": Close(1012, on="speech-update assistant stopped", after=0.2),
    "caller-speaks": Close(1006, on="transcript partial user"),
    "caller-is-done": Close(1006, on="transcript final user", after=0.1),
    "reply-announced": Close(1013, on="speech-update assistant started", nth=2),
    "mid-reply": Close(1006, on="speech-update assistant started", nth=2, after=0.7),
}


async def next_call(sim: World) -> Call:
    """Let another caller be greeted, and hear nothing but that."""
    sim.vapi.assistant(first_message=NEXT_GREETING)
    call = await sim.twilio.call(to=NUMBER)
    await call.hears(NEXT_GREETING)
    await leaves(call)
    heard = heard_of(sim, call)
    expect(heard == {NEXT_GREETING}, f"the next caller heard {sorted(heard)}")
    return call


def heard_of(sim: World, call: Call) -> set[str]:
    """Return, in full, what was said by an agent that the caller heard anything of."""
    said = {event.fields["utterance"]: event.fields["text"] for event in sim.timeline.of("replies")}
    keys = {event.fields["utterance"] for event in sim.timeline.of("hears", call=call.number)}
    return {said[key] for key in keys & set(said)}


@scenario(variants=({}, {"lead": 0.0}))
async def stop_mid_tts(sim: World, *, lead: Seconds = 60.0) -> list[Call]:
    """The caller hangs up during a reply, and another one calls.

    Twilio says ``stop``, while Vapi goes on sending and what it sent ahead (``lead``) is in
    somebody's buffer. A right bridge tells Vapi and closes at once; the second caller hears nothing
    of it.
    """
    sim.vapi.assistant(first_message=TERMS, lead=lead, silence_frames=False)
    call = await sim.twilio.call(to=NUMBER)
    await call.hears("terms and conditions")
    await call.hangs_up()
    return [call, await next_call(sim)]


@scenario(variants=[{"when": when} for when in get_args(Instant)])
async def hangup_everywhere(
    sim: World, *, when: Instant = "connecting", after: Seconds = 0.0
) -> list[Call]:
    """The caller hangs up at an instant at which the bridge is busy with something else.

    Between the webhook and the stream, while Vapi's socket opens, with the first audio, with a
    ``clear``, or while a lost socket is being opened again. What was begun then is ended by nobody,
    or found by the next caller. A right bridge takes everything down, in whichever state it is.
    """
    sim.vapi.assistant(first_message=TERMS, replies=["Yes?"], lead=60.0, silence_frames=False)
    before = sim.vapi.open_delay
    if when == "connecting":
        sim.vapi.open_delay = before + 1.0
    call = sim.twilio.rings(NUMBER)
    if when == "before-start":
        await call.until("response")
    elif when == "connecting":
        await call.until("start")
        await call.stays_silent(0.5)
    elif when == "first-audio":
        await call.until("media", source="bridge", target="twilio")
    elif when == "clearing":
        await call.hears("terms and conditions")
        await call.says("wait a moment please", wait=False)
        await call.until("clear")
    else:
        sim.vapi.faults.close = Close(1011, on="caller audio", nth=100)
        await call.until("fault")
        await call.stays_silent(0.5)
    await call.stays_silent(after)
    await call.hangs_up()
    await call.stays_silent(2.0)
    sim.vapi.open_delay = before
    if when == "reconnecting":
        sim.vapi.faults.close = None
    return [call, await next_call(sim)]


@scenario(
    variants=({}, {"silence": 120.0}),
    waives={
        "clean-teardown": "nobody tells the bridge that the call is over; by when it has to notice "
        "is part of the scenario",
        "protocol-conformance": "Twilio reports the loss of the connection itself (31903)",
    },
)
async def stop_missing(sim: World, *, silence: Seconds = 0.0) -> list[Call]:
    """Twilio's socket is dropped without ``stop``, at once or after a long ``silence``.

    Where a proxy or a host fails nobody says goodbye, and a half-open connection does not even
    break: it is silent. A right bridge does not rely on ``stop``. It notices the loss at once, and
    within a minute that nothing comes any more; then it takes the call down.
    """
    sim.vapi.assistant(first_message=GREETING)
    call = await sim.twilio.call(to=NUMBER)
    await call.hears(GREETING)
    stream = sim.twilio.flows[call.number - 1].stream
    assert stream is not None
    stream.lose(silence)
    limit = min(silence, _NOTICED_SECONDS) + 2.0
    await call.stays_silent(limit)
    closed = {event.session for event in sim.timeline.of("close")}
    left = sessions_of(sim.timeline, call.number) - closed
    expect(not left, f"{limit:g} s after Twilio's stream was lost Vapi's socket was still open")
    return [call, await next_call(sim)]


@scenario(
    variants=({}, {"lead": 0.0}),
    waives={"protocol-conformance": "Twilio reports the reset itself (31903)"},
)
async def twilio_reset(sim: World, *, lead: Seconds = 60.0) -> list[Call]:
    """Twilio's socket is reset in the middle of a reply.

    The bridge is in the middle of sending, and what it sends fails. A right bridge takes the call
    down as if it had been hung up, and serves the next caller, who hears nothing of it.
    """
    sim.vapi.assistant(first_message=TERMS, lead=lead, silence_frames=False)
    call = await sim.twilio.call(to=NUMBER)
    await call.hears("terms and conditions")
    stream = sim.twilio.flows[call.number - 1].stream
    assert stream is not None
    stream.lose()
    await call.ends(timeout=5.0)
    return [call, await next_call(sim)]


@scenario(
    limit=600.0,
    variants=[*({"phase": phase} for phase in get_args(Phase)), {"losses": 3}],
)
async def reconnect(sim: World, *, phase: Phase = "mid-reply", losses: Losses = 1) -> Call:
    """Vapi's socket is lost in some phase of a turn, or again and again.

    Networks lose one every 30 to 90 s (so many times with ``losses``, whatever the phase); with it
    go the answer that was being thought about and, with a careless bridge, the call. A right bridge
    opens it again, at most three times per loss, keeps what the caller says meanwhile, and neither
    greets nor answers twice.
    """
    call = await (_lost_once(sim, phase) if losses == 1 else _lost_again(sim, losses))
    opened = len(sim.timeline.of("open"))
    expect(
        losses < opened <= 1 + 3 * losses,
        f"Vapi's socket was opened {opened} times, and lost {losses} times",
    )
    lost = sum(_never_received(sim, event) for event in sim.timeline.of("speaks"))
    expect(lost < _ON_ITS_WAY * losses, f"{lost:.1f} s of what the caller said never reached Vapi")
    greeted = sum(u.text.startswith("Good morning") for u in call.heard.utterances)
    expect(greeted <= 1, f"the caller was greeted {greeted} times")
    return call


async def _lost_once(sim: World, phase: Phase) -> Call:
    _lose(sim, iter([_LOSSES[phase]]))
    sim.vapi.assistant(
        first_message=GREETING,
        replies=[Reply("We open at nine in the morning."), "Until five.", "Goodbye."],
    )
    call = await sim.twilio.call(to=NUMBER)
    await call.stays_silent(3.5)
    await call.says("when do you open?")
    await call.stays_silent(9.0)
    await call.says("and when do you close?")
    await call.hears_utterance()
    await leaves(call, after=2.0)
    return call


async def _lost_again(sim: World, losses: int) -> Call:
    """Let the caller ask on and on, every 10 s or so, until all is well after the last loss."""
    draw = random.Random(sim.seed)
    _lose(sim, (Close(1006, at=draw.uniform(30.0, 90.0)) for _ in range(losses)))
    sim.vapi.assistant(
        first_message=GREETING, replies=lambda heard: f"The answer to {heard} is no."
    )
    call = await sim.twilio.call(to=NUMBER)
    await call.hears(GREETING)
    asked: dict[str, bool] = {}
    while not (asked and list(asked.values())[-1] and len(sim.timeline.of("fault")) == losses):
        lost = len(sim.timeline.of("fault"))
        question = f"question {spelt(len(asked))}"
        await call.says(question)
        await call.stays_silent(8.0)
        asked[question] = len(sim.timeline.of("fault")) == lost
    await leaves(call)
    heard = [utterance.text for utterance in call.heard.utterances]
    for question, is_in_peace in asked.items():
        times = heard.count(f"The answer to {question} is no.")
        expect(
            times == 1 or not (times or is_in_peace),
            f"the caller asked {question!r} and heard the answer {times} times",
        )
    return call


def _never_received(sim: World, spoken: Event) -> float:
    """Return how many seconds of what the caller said nobody at Vapi received."""
    key, lost_ns = spoken.fields["utterance"], int(spoken.fields["duration_ns"])
    for event in sim.timeline.of("receives"):
        if event.fields["utterance"] == key:
            lost_ns -= event.fields["duration_ns"]
    return max(0, lost_ns) / 1e9


def _lose(sim: World, closes: Iterator[Close]) -> None:
    """Lose sockets of Vapi's calls, one after the other, until there is no loss left."""
    sim.vapi.faults.close = next(closes)

    def mend(event: object) -> None:
        if getattr(event, "kind", "") == "fault":
            sim.vapi.faults.close = next(closes, None)

    sim.timeline.watch(mend)


def spelt(number: int) -> str:
    """Return a number digit by digit, as it is said."""
    return " ".join(_DIGITS[int(digit)] for digit in str(number))
