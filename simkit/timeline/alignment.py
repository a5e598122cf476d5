"""Alignment: what reached an ear, sample by sample, against what was said."""

from __future__ import annotations

from itertools import pairwise

from msgspec import Struct

from .events import Event, Timeline
from .intervals import sessions_of

_EXACT_NS = 1_000_000
"""Offsets are known to a millisecond: a smaller step is none."""
_CODEC_NS = 20_000_000
"""The first sound of an utterance may be too faint to recognise for this long."""
_TRANSIT_NS = 500_000_000
"""What was said this shortly before the end may still be on its way."""


class Delay(Struct, frozen=True, kw_only=True):
    """One-way delay of sound, mouth to ear, from alignment.

    As if sound were spoken in real time from its first sample on: what is synthesised ahead of
    time and waits to be played waits at no cost.
    """

    median_ms: float
    """Over all sound that arrived."""
    max_ms: float
    """The worst of it."""


def delay(pieces: list[tuple[Event, Event]]) -> Delay | None:
    """Summarise the delays of pieces, each with what was said."""
    found = sorted(
        (heard.t_ns - said.t_ns - heard.fields["offset_ns"], heard.fields["duration_ns"])
        for said, heard in pieces
    )
    total_ns = sum(duration_ns for _, duration_ns in found)
    if not total_ns:
        return None
    passed_ns = 0
    median_ns = 0
    for delay_ns, duration_ns in found:
        passed_ns += duration_ns
        if 2 * passed_ns >= total_ns:
            median_ns = delay_ns
            break
    return Delay(median_ms=median_ns / 1e6, max_ms=found[-1][0] / 1e6)


def heard_replies(timeline: Timeline, call: int | None) -> list[tuple[Event, Event]]:
    """Return each piece of a reply that the caller heard, after the reply."""
    said = {event.fields["utterance"]: event for event in timeline.of("replies")}
    return [
        (said[heard.fields["utterance"]], heard)
        for heard in timeline.of("hears", call=call)
        if heard.fields["utterance"] in said
    ]


def received_speech(timeline: Timeline, call: int) -> list[tuple[Event, Event]]:
    """Return each piece of what the caller said that Vapi received, after what was said."""
    said = {event.fields["utterance"]: event for event in timeline.of("speaks", call=call)}
    return [
        (said[received.fields["utterance"]], received)
        for received in timeline.of("receives")
        if received.fields["utterance"] in said
    ]


class Flaws(Struct, frozen=True, kw_only=True):
    """What was wrong with the replies as they were heard."""

    gap_ms: float
    """Silence that was put into them, besides what was lost."""
    repeat_ms: float
    """What was heard again."""
    lost_ms: float
    """What was left out, within them or at their beginning."""


def flaws(timeline: Timeline, call: int) -> Flaws:
    """Compare the pieces of each reply with the reply."""
    by_reply: dict[int, list[Event]] = {}
    for said, heard in heard_replies(timeline, call):
        by_reply.setdefault(said.fields["utterance"], []).append(heard)
    gap_ns = repeat_ns = lost_ns = 0
    for pieces in by_reply.values():
        first_ns = pieces[0].fields["offset_ns"]
        lost_ns += first_ns if first_ns > _CODEC_NS else 0
        for before, after in pairwise(pieces):
            silent_ns = after.t_ns - before.t_ns - before.fields["duration_ns"]
            step_ns = (
                after.fields["offset_ns"]
                - before.fields["offset_ns"]
                - before.fields["duration_ns"]
            )
            if step_ns > _EXACT_NS:
                lost_ns += step_ns
            elif step_ns < -_EXACT_NS:
                repeat_ns -= step_ns
            if silent_ns - max(0, step_ns) > _EXACT_NS:
                gap_ns += silent_ns - max(0, step_ns)
    return Flaws(gap_ms=gap_ns / 1e6, repeat_ms=repeat_ns / 1e6, lost_ms=lost_ns / 1e6)


class Clarity(Struct, frozen=True, kw_only=True):
    """How clean the replies were in the ear, in dB, over all aligned sound."""

    snr_db: float
    """Signal against everything that was added on the way."""
    mulaw_snr_db: float
    """What mu-law alone would have left."""


def clarity(timeline: Timeline, call: int | None) -> Clarity | None:
    """Return the mean signal-to-noise ratio of what was aligned, weighted by its length."""
    total_ns, snr, mulaw = 0, 0.0, 0.0
    for _, heard in heard_replies(timeline, call):
        fields = heard.fields
        if fields.get("snr_db") is not None:
            total_ns += fields["duration_ns"]
            snr += fields["snr_db"] * fields["duration_ns"]
            mulaw += fields["mulaw_snr_db"] * fields["duration_ns"]
    if not total_ns:
        return None
    return Clarity(snr_db=round(snr / total_ns, 1), mulaw_snr_db=round(mulaw / total_ns, 1))


def first_words_lost_ms(timeline: Timeline, call: int) -> float | None:
    """Return how much of the beginning of the caller's first words never reached Vapi.

    None when the caller said nothing, or so late that it may still be on its way.
    """
    spoken = timeline.of("speaks", call=call)
    if not spoken:
        return None
    first = spoken[0]
    arrived = [
        r.fields["offset_ns"] for said, r in received_speech(timeline, call) if said is first
    ]
    if arrived:
        return float(min(arrived)) / 1e6
    ends = [event.t_ns for event in timeline.of("ended", "hangs-up", call=call)]
    until_ns = min([timeline.duration_ns, *ends]) - _TRANSIT_NS
    if until_ns <= first.t_ns:
        return None
    return float(min(first.fields["duration_ns"], until_ns - first.t_ns)) / 1e6


def clips_ms(timeline: Timeline, call: int) -> float:
    """Return how much was heard of clips that the bridge played by itself."""
    clips = {event.fields["utterance"] for event in timeline.of("clip")}
    heard = timeline.of("hears", call=call) if clips else []
    return sum(int(e.fields["duration_ns"]) for e in heard if e.fields["utterance"] in clips) / 1e6


def unheard_ms(timeline: Timeline, call: int) -> float | None:
    """Return how much was synthesised for this caller and never heard; None without a reply."""
    sessions = sessions_of(timeline, call)
    replies = [event for event in timeline.of("replies") if event.session in sessions]
    if not replies:
        return None
    return sum(unheard_of(timeline, call, reply) for reply in replies)


def unheard_of(timeline: Timeline, call: int, reply: Event) -> float:
    """Return how much of one reply was synthesised and never heard, in ms."""
    utterance = reply.fields["utterance"]
    ended = [e for e in timeline.of("replied") if e.fields["utterance"] == utterance]
    sent_ns = ended[-1].fields["audio_ns"] if ended else reply.fields["duration_ns"]
    heard_ns = sum(
        event.fields["duration_ns"]
        for event in timeline.of("hears", call=call)
        if event.fields["utterance"] == utterance
    )
    return float(max(0, sent_ns - heard_ns)) / 1e6
