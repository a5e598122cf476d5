"""What the agent said to the end, in a quiet call, and the bridge threw away."""

from __future__ import annotations

from collections.abc import Mapping

from ..timeline import Event, Timeline, bridged, calls_of, carrier_lost_ns
from ..timeline.text import quoted
from .check import Violation, milliseconds, seconds

_BEFORE_NS = 500_000_000
"""Who has been silent for so long interrupts nothing that begins now."""
_SLACK_NS = 2_000_000_000
"""A bridge may have so much of the end of a reply before it that it has not passed on yet."""
_SOUNDS = ("speaks", "noise", "background", "dtmf")
_WISHES = ("user-interrupted", "interrupt", "say", "add-message", "prompt", "control", "replies")
"""By which the assistant, or the bridge, lets the agent say something else."""
_DISTURBANCES = ("fault", "garbage", "slow-reader", "stall")


def unheard(timeline: Timeline, last: Mapping[tuple[int | None, int], Event]) -> list[Violation]:
    """Find replies that were sent whole, and cleared or dropped though nobody had said a word.

    Args:
        timeline: what happened.
        last: the last piece that was heard of each, by call and utterance.
    """
    owners = _owners(timeline)
    made = {event.fields["utterance"]: event for event in timeline.of("replies")}
    found = []
    for done in timeline.of("replied"):
        key, call = done.fields["utterance"], owners.get(done.session)
        reply = made.get(key)
        if reply is None or call is None or done.fields["audio_ns"] <= 0:
            continue
        sent_ns = done.fields["audio_ns"]
        if done.fields["interrupted"] and sent_ns + _BEFORE_NS < reply.fields["duration_ns"]:
            continue
        came = [run for run in timeline.of("media") if run.session == done.session]
        if not any(run.fields["last_ns"] >= reply.t_ns for run in came if run.target == "bridge"):
            continue  # the assistant has lost its voice
        heard = last.get((call, key))
        begun_ns = reply.arrived_ns or reply.t_ns
        reached_ns, at_ns = 0, begun_ns
        if heard is not None:
            reached_ns = heard.fields["offset_ns"] + heard.fields["duration_ns"]
            at_ns = heard.t_ns + heard.fields["duration_ns"]
        missing_ns = sent_ns - reached_ns
        due_ns = max(at_ns + missing_ns, done.t_ns) + _SLACK_NS
        if missing_ns <= _SLACK_NS and heard is not None and not _cleared(timeline, call, at_ns):
            continue
        if missing_ns > 2 * _BEFORE_NS // 5 and _is_quiet(timeline, call, reply, due_ns):
            what = "was never heard" if heard is None else "broke off"
            found.append(
                Violation(
                    at_ns,
                    f"at {seconds(at_ns)} {quoted(reply.fields['text'])} {what}: the bridge had "
                    f"{milliseconds(missing_ns)} more of it, and nobody had interrupted it",
                    tuple(e for e in (reply, heard, done) if e is not None),
                )
            )
    return found


def _cleared(timeline: Timeline, call: int, at_ns: int) -> bool:
    """Tell whether it was a clear that made an end of what was heard."""
    return any(abs(event.t_ns - at_ns) < _BEFORE_NS for event in timeline.of("clear", call=call))


def _owners(timeline: Timeline) -> dict[int | None, int]:
    """Return the phone call that each session belongs to, where there is no doubt."""
    tied, calls = bridged(timeline), calls_of(timeline)
    found: dict[int | None, int] = {s: min(of) for s, of in tied.items() if len(of) == 1}
    free = [call for call in calls if not any(call in of for of in tied.values())]
    rest = {event.session for event in timeline.of("replies")} - set(tied)
    if len(free) == len(rest) == 1:
        found[rest.pop()] = free[0]
    return found


def _is_quiet(timeline: Timeline, call: int, reply: Event, due_ns: int) -> bool:
    """Tell whether the call went on till then, and nobody but the agent did or said anything."""
    since_ns = reply.t_ns - _BEFORE_NS
    left = [event.t_ns for event in timeline.of("hangs-up", "stop", call=call)]
    broken = [e.t_ns for e in timeline.of("error", call=call) if e.fields.get("code") == 31903]
    if min([timeline.duration_ns, *left, *broken]) < due_ns - _SLACK_NS:
        return False
    if carrier_lost_ns(timeline, call, "caller", reply.t_ns, due_ns):
        return False
    return not any(
        since_ns <= event.t_ns + event.fields.get("duration_ns", 0) and event.t_ns <= due_ns
        for event in timeline.of(*_SOUNDS, *_DISTURBANCES)
        if event.call in (call, None)
    ) and not any(
        event is not reply and since_ns <= event.t_ns <= due_ns
        for event in timeline.of(*_WISHES)
        if event.session == reply.session
    )
