"""Checks of what becomes of the caller's voice on its way to the assistant."""

from __future__ import annotations

from itertools import pairwise

from ..timeline import Event, Timeline, carrier_delay_ns, carrier_lost_ns, upstreams_of
from ..timeline.text import quoted
from .check import Check, Limit, Violation, milliseconds, named, seconds, sound_of
from .spans import FRAGMENT_NS, Sessions, is_held_up, said_dropped

_TOLERANCE_NS = 60_000_000
"""Sound at the edges of an utterance that is too quiet to recognise."""
_STALE_NS = 5_000_000
_ON_ITS_WAY_NS = 400_000_000
"""Of sound, that a socket which is lost may take with it."""
_CERTAIN_NS = 16_000_000
"""Sound shorter than this, most of a frame, may be taken for what sounds like it in a vowel."""
_TRANSIT_NS = 500_000_000
"""Speech this short before the end of a call may still be on its way."""


def _caller_audio_complete(timeline: Timeline, late_ms: float) -> list[Violation]:
    services = " or ".join(sorted(set(upstreams_of(timeline).values()))) or "vapi"
    service = named(services)
    ends = {event.call: event.t_ns for event in timeline.of("ended", "hangs-up")}
    sessions = Sessions(timeline)
    received: dict[int, list[Event]] = {}
    for event in timeline.of("receives"):
        received.setdefault(event.fields["utterance"], []).append(event)
    found = []
    for spoken in timeline.of("speaks"):
        pieces = received.get(spoken.fields["utterance"], [])
        what = f"what the caller said at {seconds(spoken.t_ns)} ({quoted(spoken.fields['text'])})"
        end_ns = min(ends.get(spoken.call, timeline.duration_ns), sessions.last_ns(spoken.call))
        missing_ns = _missing(timeline, spoken, pieces, end_ns)
        late_ns, latest = _latest(timeline, spoken, pieces, sessions)
        if missing_ns > _TOLERANCE_NS * max(1, len(pieces)):
            if said_dropped(timeline, spoken.t_ns):
                continue
            text = f"{milliseconds(missing_ns)} of {what} never reached {service}"
        elif _goes_back(timeline, spoken, pieces):
            text = f"{what} reached {service} twice in places, or out of order"
        elif latest is not None and late_ns > late_ms * 1e6:
            text = f"{what} was sent to {service} {milliseconds(late_ns)} late"
            pieces = [latest]
        else:
            continue
        found.append(Violation(spoken.t_ns, text, (spoken, *pieces), (sound_of(spoken),)))
    return found


def _missing(timeline: Timeline, spoken: Event, pieces: list[Event], end_ns: int) -> int:
    """Return how much should have arrived by ``end_ns`` and did not."""
    delay_ns = carrier_delay_ns(timeline, spoken.call, "twilio")
    spoken_ns = spoken.fields["duration_ns"]
    due_ns: int = min(spoken_ns, end_ns - _TRANSIT_NS - delay_ns - spoken.t_ns)
    if due_ns <= 0:
        return 0
    begun_ns = spoken.t_ns + delay_ns
    lost_ns = carrier_lost_ns(timeline, spoken.call, "twilio", begun_ns, begun_ns + spoken_ns)
    # A socket that is lost takes with it what is on its way, and as much till that is known.
    lost_ns += _ON_ITS_WAY_NS * sum(
        event.fields.get("name") == "close"
        for event in timeline.of("fault")
        if begun_ns <= event.t_ns <= begun_ns + spoken_ns + _ON_ITS_WAY_NS
    )
    missing_ns: int = due_ns - covered(pieces, due_ns) - lost_ns
    return missing_ns


def covered(pieces: list[Event], until_ns: int) -> int:
    """Return how much of [0, until) the pieces cover, by their offsets, and pauses before them."""
    total, reached = 0, 0
    for event in sorted(pieces, key=lambda event: int(event.fields["offset_ns"])):
        start = max(reached, event.fields["offset_ns"] - event.fields.get("pause_ns", 0))
        end = min(until_ns, event.fields["offset_ns"] + event.fields["duration_ns"])
        if end > start:
            total += end - start
            reached = end
    return total


def _goes_back(timeline: Timeline, spoken: Event, pieces: list[Event]) -> bool:
    """Tell whether a piece, as they came, begins before the end of the one before it."""
    begun_ns = spoken.t_ns + carrier_delay_ns(timeline, spoken.call, "twilio")
    ended_ns = begun_ns + spoken.fields["duration_ns"]
    lost_ns = carrier_lost_ns(timeline, spoken.call, "twilio", begun_ns, ended_ns)
    least_ns = FRAGMENT_NS if lost_ns else _CERTAIN_NS
    pieces = [piece for piece in pieces if piece.fields["duration_ns"] >= least_ns]
    return any(
        after.fields["offset_ns"] + _STALE_NS
        < before.fields["offset_ns"] + before.fields["duration_ns"]
        for before, after in pairwise(pieces)
    )


def _latest(
    timeline: Timeline, spoken: Event, pieces: list[Event], sessions: Sessions
) -> tuple[int, Event | None]:
    """Return by how much the latest part left the bridge late, and the piece it was in.

    Nothing can leave before the socket is open, nor while the assistant does not read.
    """
    delay_ns = carrier_delay_ns(timeline, spoken.call, "twilio")
    worst: tuple[int, Event | None] = (0, None)
    for piece in pieces:
        said_ns = spoken.t_ns + delay_ns + piece.fields["offset_ns"]
        left_ns = (piece.sent_ns or piece.t_ns) + piece.fields.get("late_ns", 0)
        late_ns = left_ns - max(said_ns, sessions.opened_ns(piece.session))
        if late_ns > worst[0] and not is_held_up(timeline, said_ns, left_ns):
            worst = late_ns, piece
    return worst


CALLER_AUDIO_COMPLETE = Check(
    "caller-audio-complete",
    "all that the caller said was sent on, in order, {late_ms:g} ms late at most, or said to be "
    "dropped",
    _caller_audio_complete,
    {"late_ms": Limit(2500, "from the mouth, or the opening of the socket, to leaving the bridge")},
)
