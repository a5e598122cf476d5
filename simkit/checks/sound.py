"""Checks of what was heard."""

from __future__ import annotations

from ..timeline import (
    Event,
    Timeline,
    barge_ins,
    carrier_lost_ns,
)
from ..timeline.text import quoted
from .check import Check, Sound, Violation, milliseconds, named, seconds, sound_of
from .spans import FRAGMENT_NS
from .turns import evidence_of
from .unheard import unheard

_TOLERANCE_NS = 60_000_000
"""Sound at the edges of an utterance that is too quiet to recognise."""
_SLACK_NS = 2_000_000_000
"""A bridge may have so much of the end of a reply before it that it has not passed on yet."""
_PAUSE_NS = 200_000_000
_STALE_NS = 5_000_000


def _agent_audio_intact(timeline: Timeline) -> list[Violation]:
    found = []
    replies = {event.fields["utterance"]: event for event in timeline.of("replies")}
    last: dict[tuple[int | None, int], Event] = {}
    is_lossy = bool(timeline.of("lost"))
    for heard in timeline.of("hears"):
        key = heard.fields["utterance"]
        near_a_loss = is_lossy and _is_near_a_loss(timeline, heard)
        if near_a_loss and heard.fields["duration_ns"] < FRAGMENT_NS:
            continue
        if key is None:
            if heard.fields["duration_ns"] > _TOLERANCE_NS and not near_a_loss:
                found.append(
                    Violation(
                        heard.t_ns,
                        f"caller heard {milliseconds(heard.fields['duration_ns'])} of sound at "
                        f"{seconds(heard.t_ns)} that nobody is known to have made",
                        (heard,),
                        (sound_of(heard),),
                    )
                )
            continue
        if key not in replies:
            continue
        text = quoted(replies[key].fields["text"])
        before = last.get((heard.call, key))
        expected_ns = 0
        if before is not None:
            expected_ns = before.fields["offset_ns"] + before.fields["duration_ns"]
        jump_ns = heard.fields["offset_ns"] - expected_ns
        # Nobody but the carrier is to blame for what it lost, nor for the gap it left. A pause of
        # the speaker's beside it is recognised as part of neither piece.
        gap_ns = 0 if before is None else _gap(before, heard)
        lost_ns = 0
        if is_lossy:
            since_ns = heard.t_ns - max(jump_ns, gap_ns)
            lost_ns = carrier_lost_ns(timeline, heard.call, "caller", since_ns, heard.t_ns)
            lost_ns += _PAUSE_NS if lost_ns else 0
        from_ns, until_ns = heard.t_ns, heard.t_ns
        if jump_ns < -_STALE_NS:
            until_ns += min(-jump_ns, heard.fields["duration_ns"])
            what = f"{milliseconds(-jump_ns)} of it again"
        elif jump_ns > _TOLERANCE_NS + lost_ns:
            what = f"it with {milliseconds(jump_ns)} missing"
        elif gap_ns > _TOLERANCE_NS + lost_ns:
            from_ns -= gap_ns
            what = f"it after a gap of {milliseconds(gap_ns)}"
        else:
            what = ""
        if what:
            events = (replies[key], *([] if before is None else [before]), heard)
            text = f"at {seconds(heard.t_ns)}, of {text}, caller heard {what}"
            about = Sound(heard.call or 0, "ear", from_ns, until_ns)
            found.append(Violation(heard.t_ns, text, events, (about,)))
        last[heard.call, key] = heard
    found += [
        violation
        for (call, key), heard in last.items()
        if (violation := _cut_short(timeline, replies[key], call, heard)) is not None
    ]
    return found + unheard(timeline, last)


def _cut_short(
    timeline: Timeline, reply: Event, call: int | None, heard: Event
) -> Violation | None:
    """Tell of the end of a reply that was sent whole, that nothing cut off, and nobody heard."""
    key = reply.fields["utterance"]
    done = [event for event in timeline.of("replied") if event.fields["utterance"] == key]
    if not done or done[-1].fields["interrupted"]:
        return None
    reached_ns = heard.fields["offset_ns"] + heard.fields["duration_ns"]
    missing_ns = done[-1].fields["audio_ns"] - reached_ns
    due_ns = max(heard.t_ns + heard.fields["duration_ns"] + missing_ns, done[-1].t_ns) + _SLACK_NS
    ends = [e.t_ns for e in timeline.of("ended", "hangs-up", call=call)] or [timeline.duration_ns]
    lost = carrier_lost_ns(timeline, call, "caller", reply.t_ns, due_ns)
    cleared = any(reply.t_ns <= clear.t_ns <= due_ns for clear in timeline.of("clear", call=call))
    if missing_ns <= FRAGMENT_NS or min(ends) < due_ns or lost or cleared:
        return None
    end_ns = heard.t_ns + heard.fields["duration_ns"]
    return Violation(
        end_ns,
        f"at {seconds(end_ns)} {quoted(reply.fields['text'])} broke off: the last "
        f"{milliseconds(missing_ns)} of it were never heard, and nobody had interrupted it",
        (reply, heard, done[-1]),
    )


def _is_near_a_loss(timeline: Timeline, heard: Event) -> bool:
    """Tell whether the carrier lost packets so near that what is left cannot be recognised."""
    until_ns = heard.t_ns + heard.fields["duration_ns"] + FRAGMENT_NS
    return carrier_lost_ns(timeline, heard.call, "caller", heard.t_ns - FRAGMENT_NS, until_ns) > 0


def _gap(before: Event, after: Event) -> int:
    gap_ns: int = after.t_ns - before.t_ns - before.fields["duration_ns"]
    return gap_ns


def _no_stale_audio(timeline: Timeline) -> list[Violation]:
    found = []
    for barge_in in barge_ins(timeline):
        stale_ms = barge_in.stale_after_clear_ms or 0.0
        if stale_ms * 1e6 > _STALE_NS:
            sounds = [
                Sound(barge_in.call, "ear", one.start_ns, one.end_ns) for one in barge_in.stale
            ]
            found.append(
                Violation(
                    sounds[0].start_ns,
                    f"caller heard {stale_ms:.0f} ms of reply {barge_in.reply} after the clear "
                    f"that followed the interruption at {seconds(barge_in.onset_ns)}",
                    _of_one_reply(evidence_of(timeline, barge_in, sounds[-1].end_ns - 1)),
                    sounds,
                )
            )
    return found


def _of_one_reply(evidence: list[Event]) -> list[Event]:
    """Leave out what was said and heard beside the reply that was heard last."""
    last = [event for event in evidence if event.kind == "hears"][-1].fields["utterance"]
    return [
        event
        for event in evidence
        if event.kind not in ("hears", "replies") or event.fields["utterance"] == last
    ]


def _no_cross_talk(timeline: Timeline) -> list[Violation]:
    found = []
    said_in = {event.fields["utterance"]: event.call for event in timeline.of("speaks")}
    spoken_in = {event.fields["utterance"]: event.session for event in timeline.of("replies")}
    said = {event.fields["utterance"]: event for event in timeline.of("speaks", "replies")}
    session_call: dict[int | None, int | None] = {}
    session_caller: dict[int | None, int | None] = {}
    for event in timeline.of("hears", "receives"):
        key = event.fields["utterance"]
        if event.kind == "hears" and key in spoken_in:
            session = spoken_in[key]
            if session_call.setdefault(session, event.call) != event.call:
                found.append(
                    Violation(
                        event.t_ns,
                        f"caller {event.call} heard at {seconds(event.t_ns)} what was said to "
                        f"caller {session_call[session]}",
                        (said[key], event),
                        (sound_of(event),),
                    )
                )
        elif event.kind == "receives" and key in said_in:
            caller = said_in[key]
            if session_caller.setdefault(event.session, caller) != caller:
                found.append(
                    Violation(
                        event.t_ns,
                        f"{named(event.source)}'s call {event.session} received at "
                        f"{seconds(event.t_ns)} what caller {caller} said, besides caller "
                        f"{session_caller[event.session]}",
                        (said[key], event),
                        (sound_of(said[key]),),
                    )
                )
    return found


AGENT_AUDIO_INTACT = Check(
    "agent-audio-intact",
    "what the caller heard of the agent was in order and went on to its end or an interruption, "
    "without gap, repeat or foreign sound",
    _agent_audio_intact,
)
NO_STALE_AUDIO = Check(
    "no-stale-audio", "nothing of an interrupted reply was heard after its clear", _no_stale_audio
)
NO_CROSS_TALK = Check(
    "no-cross-talk", "nobody heard or was transcribed in a call that is not theirs", _no_cross_talk
)
