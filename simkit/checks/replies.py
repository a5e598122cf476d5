"""The check that no turn is answered twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from ..timeline import Event, Timeline, bridged
from ..timeline.text import quoted
from .check import Check, Violation, seconds, sound_of

_HEARD_NS = 500_000_000
"""Who has heard so much of what is said has heard it begin."""
_KINDS = ("transcript", "prompt", "add-message", "replies", "replied", "dtmf")


def _one_reply_per_turn(timeline: Timeline) -> list[Violation]:
    events = timeline.of(*_KINDS)
    # Replies are dated at Vapi, and so must be the transcripts that they answer.
    events.sort(
        key=lambda event: (
            event.t_ns if event.sent_ns is None else event.sent_ns,
            event.kind in ("replies", "replied"),
        )
    )
    found = []
    for call, sessions in _conversations(timeline):
        turns = _Turns(timeline, call)
        for event in events:
            if event.kind == "dtmf" and event.call == call:
                turns.keys_pressed()
            elif event.kind != "dtmf" and (event.session or 0) in sessions:
                found += turns.take(event)
    return found


def _conversations(timeline: Timeline) -> Iterator[tuple[int | None, set[int]]]:
    """Yield phone calls, each with its sessions, and every session that nothing ties to a call."""
    tied = bridged(timeline)
    found: dict[tuple[int | None, int], set[int]] = {}
    for session in sorted({event.session or 0 for event in timeline.of("replies")}):
        key = (min(tied[session]), 0) if session in tied else (None, session)
        found.setdefault(key, set()).add(session)
    return ((call, sessions) for (call, _), sessions in found.items())


class _Turns:
    """The turns of one phone call, whichever sessions they were spoken in."""

    def __init__(self, timeline: Timeline, call: int | None) -> None:
        self._heard = timeline.of("hears", call=call) if call is not None else []
        self._waiting = 1  # the first message answers nobody
        self._turn: Event | None = None
        """What the caller said last, if they have pressed no key since."""
        self._reply: Event | None = None
        """What was said last, until the bridge is told that it was said."""
        self._speaks = False
        self._session: int | None = None
        self._is_fresh = False  # a session that took another one's place, and has not spoken yet
        self._before: list[Event] = []
        self._said: list[Event] = []

    def keys_pressed(self) -> None:
        """A key is a wish of its own."""
        self._turn = None

    def take(self, event: Event) -> list[Violation]:
        """Take what happened; returns what is wrong with it."""
        if event.kind != "replied" and event.session != self._session:
            self._is_fresh = self._session is not None
            self._session = event.session
        if event.kind == "replies":
            return self._replies(event)
        if event.kind == "replied":
            self._speaks = False
        elif event.kind == "prompt":
            self._add(event)
        elif event.kind == "add-message":
            if event.fields.get("triggers", True):
                self._asked(event)
        elif event.fields["transcript_type"] == "final":
            if event.fields["role"] == "user":
                self._add(event)
                self._turn = event
                self._before.append(event)
            else:
                self._reply = None
        return []

    def _add(self, event: Event) -> None:
        self._waiting = max(self._waiting, 0) + 1
        self._is_fresh = False

    def _asked(self, event: Event) -> None:
        """The bridge asks for a reply by itself: that is a turn, but not the caller's once more."""
        self._before.append(event)
        if self._is_fresh and self._said:
            # Told what was said, the agent may answer what was not answered when it was lost.
            is_owed = self._turn is None or self._waiting > 0 or self._reply is not None
            self._waiting = int(is_owed)
            self._is_fresh = False
        elif self._turn is None or not (self._speaks or self._waiting > 0):
            self._add(event)

    def _replies(self, event: Event) -> list[Violation]:
        self._waiting -= 1
        what = ""
        if self._is_fresh:
            if self._was_heard(event):
                what = f"says again what the caller had heard: {quoted(event.fields['text'])}"
            self._waiting = max(self._waiting, 0)
        elif self._waiting < 0:
            what = "answers no turn of the caller"
        self._is_fresh = False
        self._speaks, self._reply = True, event
        before = self._before[-2:]
        self._before.append(event)
        self._said.append(event)
        if not what:
            return []
        reply, instant = event.fields["reply"], seconds(event.t_ns)
        key = event.fields["utterance"]
        sounds = [sound_of(piece) for piece in self._heard if piece.fields["utterance"] == key]
        text = f"reply {reply} at {instant} {what}"
        return [Violation(event.t_ns, text, (*before, event), sounds)]

    def _was_heard(self, event: Event) -> bool:
        """Tell whether the caller has heard the same words already, or how they begin."""
        heard: Counter[int] = Counter()
        for piece in self._heard:
            if piece.t_ns < event.t_ns:
                heard[piece.fields["utterance"]] += piece.fields["duration_ns"]
        return any(
            heard[said.fields["utterance"]] >= min(_HEARD_NS, said.fields["duration_ns"])
            for said in self._said
            if said.fields["text"] == event.fields["text"]
        )


ONE_REPLY_PER_TURN = Check(
    "one-reply-per-turn",
    "each turn of the caller got one reply at most, and no new agent said anything again",
    _one_reply_per_turn,
)
