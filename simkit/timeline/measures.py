"""Measures: what a call was like for the caller, from the timeline alone.

Milliseconds are floats in fields that end in ``_ms``; counts and rates have no suffix. ``None``
means that it never happened, and is never turned into 0.
"""

from __future__ import annotations

from msgspec import Struct

from . import alignment, turns
from .alignment import Clarity, Delay, Flaws
from .barge_ins import barge_ins
from .events import Event, Timeline
from .intervals import Percentiles, calls_of, is_directed, percentiles, sessions_of

_LEAK_NS = 1_000_000_000


class PacingError(Struct, frozen=True, kw_only=True):
    """How late a run in real time was for its own deadlines; each percentile is one that occurred.

    It adds to every other figure: a frame that left late is heard late.
    """

    deadlines: int
    """How many were measured."""
    p50_ms: float
    """Half of them were served at most so late."""
    p95_ms: float
    """The same of 95 in 100."""
    p99_ms: float
    """The same of 99 in 100; over 10 ms no figure of the run can be trusted."""
    max_ms: float
    """The latest."""
    bridge_p99_ms: float | None = None
    """In 99 of 100 stretches of 20 ms the bridge's process had to wait at most so long for a
    processor; over 10 ms no figure can be trusted either. None where that is not known: a bridge
    that was not started by simkit, or not on Linux."""
    bridge_max_ms: float | None = None
    """The longest that it had to wait."""

    @property
    def is_small(self) -> bool:
        """True when the other figures can be trusted: 99 of 100 times within 10 ms."""
        return max(self.p99_ms, self.bridge_p99_ms or 0.0) <= 10.0

    @property
    def worst_ms(self) -> float:
        """The latest that anything was, on either side."""
        return max(self.max_ms, self.bridge_max_ms or 0.0)


class CallMeasures(Struct, frozen=True, kw_only=True):
    """One phone call, or all of them together, measured."""

    calls: int
    """How many calls this is about."""
    turns: int
    """Times the caller spoke to the agent."""
    interruptions: int
    """Times the caller began to speak while hearing the agent."""
    missed_rate: float | None
    """Share of them that the agent did not yield to within 2 s."""
    false_rate: float | None
    """Share of noises and backchannels, heard over the agent, that it yielded to."""
    time_to_stop: Percentiles
    """Of the interruptions: see :attr:`BargeIn.time_to_stop_ms`."""
    stale_after_clear_ms: float | None
    """Audio of interrupted replies that was heard after their clears took effect."""
    unheard_ms: float | None
    """Audio that was synthesised and never heard."""
    overlap_ms: float
    """For how long caller and agent were heard at once."""
    agent_interrupts: int
    """Times the agent began to speak while the caller did."""
    response_latency: Percentiles
    """From the caller's last sample to the agent's first, per turn that was answered."""
    agent_to_caller: Delay | None
    """Mouth to ear, from the assistant to the caller."""
    caller_to_agent: Delay | None
    """Mouth to ear, from the caller to the assistant."""
    jitter_ms: dict[str, float]
    """Highest RFC 3550 jitter per leg: ``twilio>bridge``, ``bridge>vapi``, ..."""
    flaws: Flaws
    """Gaps, repeats and losses in what was heard."""
    clarity: Clarity | None
    """Noise in what was heard."""
    ledger_error_ms: float | None
    """What the bridge told the model that the caller had heard of a reply, minus what was heard;
    the one that was furthest off. None where no bridge tells."""
    leaks: int | None
    """Tasks, timers and Vapi sockets left a second after the end; None before that is known."""
    first_words_lost_ms: float | None
    """Beginning of the caller's first words that never reached the assistant."""
    clips_ms: float = 0.0
    """What was heard of clips that the bridge played by itself."""
    pacing_error_ms: PacingError | None = None
    """Of the whole run; None in virtual time, which is never late."""


def measures(timeline: Timeline, call: int | None = None) -> CallMeasures:
    """Measure a call, or all calls."""
    numbers = calls_of(timeline) if call is None else [call]
    found = barge_ins(timeline, call)
    missed, made = _sums([turns.missed_and_made(timeline, n) for n in numbers])
    false, chances = _sums([turns.false_and_chances(timeline, n) for n in numbers])
    heard = [piece for n in numbers for piece in alignment.heard_replies(timeline, n)]
    received = [piece for n in numbers for piece in alignment.received_speech(timeline, n)]
    each_flaws = [alignment.flaws(timeline, n) for n in numbers]
    return CallMeasures(
        calls=len(numbers),
        turns=sum(is_directed(event) for n in numbers for event in timeline.of("speaks", call=n)),
        interruptions=len(found),
        missed_rate=missed / made if made else None,
        false_rate=false / chances if chances else None,
        time_to_stop=percentiles(
            [b.time_to_stop_ms for b in found if b.time_to_stop_ms is not None]
        ),
        stale_after_clear_ms=_total([b.stale_after_clear_ms for b in found]),
        unheard_ms=_total([alignment.unheard_ms(timeline, n) for n in numbers]),
        overlap_ms=sum(turns.overlap_ms(timeline, n) for n in numbers),
        agent_interrupts=sum(turns.agent_interrupts(timeline, n) for n in numbers),
        response_latency=percentiles(
            [ms for n in numbers for ms in turns.response_latencies(timeline, n)]
        ),
        agent_to_caller=alignment.delay(heard),
        caller_to_agent=alignment.delay(received),
        jitter_ms=_jitter(timeline, numbers, call is None),
        flaws=Flaws(
            gap_ms=sum(one.gap_ms for one in each_flaws),
            repeat_ms=sum(one.repeat_ms for one in each_flaws),
            lost_ms=sum(one.lost_ms for one in each_flaws),
        ),
        clarity=alignment.clarity(timeline, call),
        ledger_error_ms=_ledger_error(timeline, numbers),
        leaks=_leaks(timeline, numbers),
        first_words_lost_ms=_total([alignment.first_words_lost_ms(timeline, n) for n in numbers]),
        clips_ms=sum(alignment.clips_ms(timeline, n) for n in numbers),
        pacing_error_ms=_pacing_error(timeline),
    )


def _pacing_error(timeline: Timeline) -> PacingError | None:
    for told in timeline.of("pacing"):
        if told.fields["deadlines"]:
            return PacingError(**told.fields)
    return None


def _sums(pairs: list[tuple[int, int]]) -> tuple[int, int]:
    return sum(a for a, _ in pairs), sum(b for _, b in pairs)


def _total(values: list[float | None]) -> float | None:
    there = [value for value in values if value is not None]
    return sum(there) if there else None


def _jitter(timeline: Timeline, numbers: list[int], is_all: bool) -> dict[str, float]:
    sessions = {session for n in numbers for session in sessions_of(timeline, n)}
    highest: dict[str, float] = {}
    for run in timeline.of("media"):
        if is_all or run.call in numbers or run.session in sessions:
            leg = f"{run.source}>{run.target}"
            highest[leg] = max(highest.get(leg, 0.0), run.fields["jitter_ns"] / 1e6)
    return highest


def _ledger_error(timeline: Timeline, numbers: list[int]) -> float | None:
    """Compare each ``truncate``, which tells the model what was heard, with what was."""
    errors = []
    for told in timeline.of("truncate"):
        heard = [
            event
            for event in timeline.of("hears")
            if event.call in numbers and event.fields["utterance"] == told.fields["utterance"]
        ]
        if heard:
            heard_ns = sum(_before(event, told.t_ns) for event in heard)
            errors.append((told.fields["audio_ns"] - heard_ns) / 1e6)
    return max(errors, key=abs, default=None)


def _before(event: Event, t_ns: int) -> int:
    return max(0, min(int(event.fields["duration_ns"]), t_ns - event.t_ns))


def _leaks(timeline: Timeline, numbers: list[int]) -> int | None:
    ends = {event.call: event.t_ns for event in timeline.of("ended") if event.call in numbers}
    if not ends or len(ends) < len(numbers):
        return None
    if timeline.duration_ns < max(ends.values()) + _LEAK_NS:
        return None
    closed = {event.session: event.t_ns for event in timeline.of("close")}
    opened = {event.session for event in timeline.of("open")}
    sockets = sum(
        closed.get(session, timeline.duration_ns + 1) > ended_ns + _LEAK_NS
        for number, ended_ns in ends.items()
        if number is not None
        for session in sessions_of(timeline, number) & opened
    )
    left = timeline.of("leaks")
    # A socket to Vapi is seen from both ends.
    named = sum(len(event.fields.get("sockets", ())) for event in left)
    timers = sum(len(event.fields.get("armed", ())) for event in left)
    return max(sockets, named) + timers + sum(len(event.fields["tasks"]) for event in left)
