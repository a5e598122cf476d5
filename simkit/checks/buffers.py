"""The check of what a bridge keeps."""

from __future__ import annotations

from bisect import bisect_left

from ..timeline import Event, Timeline, carrier_delay_ns
from ..timeline.text import quoted
from .check import Check, Limit, Violation, seconds
from .spans import Sessions, said_dropped

_MB = 1 << 20
_A_MESSAGE = 65_536
"""A queue may be full before its last message is put into it."""
_TRANSIT_NS = 500_000_000


def _bounded_buffers(timeline: Timeline, most_mb: float, held_ms: float) -> list[Violation]:
    return [
        *_unsent(timeline, most_mb),
        *_passed_on(timeline, held_ms),
        *_never_passed_on(timeline, held_ms),
    ]


def _unsent(timeline: Timeline, most_mb: float) -> list[Violation]:
    """Look at the write buffers of the bridge's connections."""
    return [
        Violation(
            event.t_ns,
            f"from {seconds(event.t_ns)} on {event.source} let {event.fields['most'] / _MB:.1f} MB "
            f"wait to be sent to {event.fields['peer']}, which reads too slowly",
            (event,),
        )
        for event in timeline.of("slow-reader")
        if event.fields["most"] > most_mb * _MB + _A_MESSAGE
    ]


def _passed_on(timeline: Timeline, held_ms: float) -> list[Violation]:
    """Look at what was sent on long after it had come: so long it had been kept."""
    spoken = {event.fields["utterance"]: event for event in timeline.of("speaks")}
    found = []
    for piece in timeline.of("receives"):
        said = spoken.get(piece.fields["utterance"])
        if said is None:
            continue
        left_ns = (piece.sent_ns or piece.t_ns) + piece.fields.get("late_ns", 0)
        held_ns = left_ns - _came(timeline, said, piece.fields["offset_ns"])
        if held_ns > held_ms * 1e6:
            found.append(
                Violation(
                    left_ns,
                    f"what the caller said at {seconds(said.t_ns)} ({quoted(said.fields['text'])}) "
                    f"was kept for {held_ns / 1e9:.1f} s, until {seconds(left_ns)}, as was all "
                    "that followed it",
                    (said, piece),
                )
            )
    return found


def _came(timeline: Timeline, said: Event, offset_ns: int) -> int:
    """Return when a part of what was said came to the bridge: after a stall, with the rest."""
    came_ns = said.t_ns + offset_ns + carrier_delay_ns(timeline, said.call, "twilio")
    runs = [run for run in timeline.of("media", call=said.call) if run.source == "twilio"]
    at = bisect_left(runs, came_ns, key=lambda run: int(run.fields["last_ns"]))
    return max(came_ns, runs[at].t_ns) if at < len(runs) else came_ns


def _never_passed_on(timeline: Timeline, held_ms: float) -> list[Violation]:
    """Look at what was said while the assistant did not read, and is in nobody's hands.

    Either it is kept, or it was dropped and nothing said so.
    """
    sessions = Sessions(timeline)
    ends = {event.call: event.t_ns for event in timeline.of("ended", "hangs-up")}
    received = {event.fields["utterance"] for event in timeline.of("receives")}
    found = []
    for slow in timeline.of("slow-reader"):
        until_ns = slow.fields["last_ns"] or timeline.duration_ns
        for said in timeline.of("speaks"):
            end_ns = min(until_ns, ends.get(said.call, until_ns), sessions.last_ns(said.call))
            held_ns = end_ns - max(said.t_ns, slow.t_ns) - _TRANSIT_NS
            if (
                held_ns > held_ms * 1e6
                and said.t_ns + said.fields["duration_ns"] > slow.t_ns
                and not slow.fields["peer"].startswith("twilio:")
                and said.fields["utterance"] not in received
                and not said_dropped(timeline, said.t_ns)
            ):
                found.append(
                    Violation(
                        said.t_ns,
                        f"what the caller said at {seconds(said.t_ns)} "
                        f"({quoted(said.fields['text'])}) was for {held_ns / 1e9:.1f} s neither "
                        f"sent nor said to be dropped, while {slow.fields['peer']} did not read",
                        (slow, said),
                    )
                )
    return found


BOUNDED_BUFFERS = Check(
    "bounded-buffers",
    "at most {most_mb:g} MB were kept for a slow reader, and nothing that the caller said for over "
    "{held_ms:g} ms",
    _bounded_buffers,
    {
        "most_mb": Limit(5, "of 1,048,576 bytes, in the write buffer of one connection"),
        "held_ms": Limit(15_000, "from the arrival of the caller's audio until it is sent on"),
    },
    only_simulated="write buffers",
)
