"""Checks of who speaks when."""

from __future__ import annotations

from ..timeline import Timeline, barge_ins
from ..timeline.barge_ins import YIELD_NS
from ..timeline.text import quoted
from .check import Check, Violation, seconds

YIELD_MS = YIELD_NS / 1e6


def _stops_when_interrupted(timeline: Timeline) -> list[Violation]:
    found = []
    for barge_in in barge_ins(timeline):
        stop_ms = barge_in.time_to_stop_ms
        if stop_ms is not None and stop_ms <= YIELD_MS:
            continue
        heard = "and never stopped" if stop_ms is None else f"for {stop_ms:.0f} ms more"
        found.append(
            Violation(
                barge_in.onset_ns,
                f"caller interrupted at {seconds(barge_in.onset_ns)} ({quoted(barge_in.text)}) and "
                f"the agent went on {heard}",
            )
        )
    return found


def _one_reply_per_turn(timeline: Timeline) -> list[Violation]:
    found = []
    for session in sorted({event.session or 0 for event in timeline.of("replies")}):
        waiting = 1  # the first message answers nobody
        kinds = ("transcript", "prompt", "add-message", "replies")
        events = [event for event in timeline.of(*kinds) if event.session == session]
        # Replies are dated at Vapi, and so must be the transcripts that they answer.
        events.sort(
            key=lambda event: (
                event.t_ns if event.sent_ns is None else event.sent_ns,
                event.kind == "replies",
            )
        )
        for event in events:
            if event.kind == "replies":
                waiting -= 1
                if waiting < 0:
                    found.append(
                        Violation(
                            event.t_ns,
                            f"reply {event.fields['reply']} at {seconds(event.t_ns)} answers no "
                            "turn of the caller",
                        )
                    )
            elif event.kind in ("prompt", "add-message"):
                # The bridge has asked for a reply by itself, unless it said that it wants none.
                waiting = max(waiting, 0) + event.fields.get("triggers", True)
            elif event.fields["role"] == "user" and event.fields["transcript_type"] == "final":
                waiting = max(waiting, 0) + 1
    return found


STOPS_WHEN_INTERRUPTED = Check(
    "stops-when-interrupted",
    f"the agent fell silent within {YIELD_MS / 1000:g} s of every interruption",
    _stops_when_interrupted,
)
ONE_REPLY_PER_TURN = Check(
    "one-reply-per-turn", "each turn of the caller got one reply at most", _one_reply_per_turn
)
