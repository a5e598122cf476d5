"""What a service said in a recording, in the order of time, and what it said it in answer to."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple, TypeVar

from ..audio import RATE
from .format import RecordedEvent
from .media import Frame
from .media import frames as frames_of_run
from .reading import Recording
from .recorder import Leg
from .utterances import Laid, Utterance, first_frame_ns, utterances

OPENED = "opened"
DISCONNECTED = "disconnected"
CLOSED = "closed"
"""Events of capture: the bridge's socket to Vapi opened; the far end, or the bridge, closed one."""

_BEFORE_FIRST_NS = 140_000_000
"""From the opening of its socket to Vapi's first message, as recorded of the real one."""
_MS = 1_000_000
_T = TypeVar("_T", bound=tuple[Any, ...])


class Said(NamedTuple):
    """A message, or a frame with its audio."""

    t_ns: int
    event: RecordedEvent
    frame: Frame | None = None
    data: bytes = b""

    @property
    def message(self) -> dict[str, Any]:
        """The message; empty for a frame."""
        return self.event.message

    @property
    def sequence(self) -> int | None:
        """Twilio's number."""
        if self.frame is not None:
            return self.frame.numbers.sequence
        try:
            return int(self.message.get("sequenceNumber", ""))
        except (TypeError, ValueError):
            return None


def instant_ns(event: RecordedEvent) -> int:
    """Return when an event happened, since the recording's begin."""
    return round(event.t_ms * _MS)


def said_by(recording: Recording, leg: Leg) -> Iterator[Said]:
    """Yield what came to the bridge on a leg; of one instant by number, messages first."""
    own = [event for event in recording.events if (event.leg, event.direction) == (leg, "in")]
    messages = (Said(instant_ns(event), event) for event in own if event.media is None)
    frames = (
        Said(frame.t_ns, event, frame, data)
        for event in own
        if event.media is not None
        for frame, data in recording.frames_of(event)
    )
    return woven(messages, frames, key=lambda said: (said.t_ns, said.sequence or 0))


def woven(few: Iterable[_T], many: Iterable[_T], key: Callable[[_T], Any]) -> Iterator[_T]:
    """Merge what is sorted, as ``heapq.merge`` does, in a third of its time.

    Args:
        few: tuples that begin with an instant.
        many: others.
        key: what both are sorted by; it begins with that instant.

    >>> list(woven([(1, "b"), (5, "a")], [(1, "a"), (1, "c"), (2, "a")], key=lambda one: one))
    [(1, 'a'), (1, 'b'), (1, 'c'), (2, 'a'), (5, 'a')]
    """
    rest = iter(few)
    first = next(rest, None)
    for one in many:
        while first is not None and (
            first[0] < one[0] or (first[0] == one[0] and key(first) <= key(one))
        ):
            yield first
            first = next(rest, None)
        yield one
    if first is not None:
        yield first
        yield from rest


def stream_began_ns(recording: Recording) -> int:
    """Return when the stream began at the bridge: its ``connected``, or what came first.

    It was there no later than the first frame, even if a busy program took it later.
    """
    own = [event for event in recording.events if (event.leg, event.direction) == ("twilio", "in")]
    first_ns = first_frame_ns(recording)
    if not own:
        return 0
    began_ns = instant_ns(own[0])
    return began_ns if first_ns is None else min(began_ns, first_ns)


def openings_ns(recording: Recording) -> list[int]:
    """Return when the bridge's sockets to Vapi opened.

    Where the recording does not say: 140 ms before Vapi's first message, but not after the first
    frame either way.
    """
    own = [event for event in recording.events if event.leg == "vapi"]
    told = [instant_ns(event) for event in own if event.message.get("event") == OPENED]
    if told or not own:
        return told
    own = [event for event in own if not is_of_capture(event.message)]
    texts = [event for event in own if event.direction == "in" and event.media is None]
    first_ns = [instant_ns(event) for event in own[:1]]
    first_ns += [instant_ns(event) - _BEFORE_FIRST_NS for event in texts[:1]]
    return [max(0, min(first_ns))] if first_ns else []


def agent_speech(recording: Recording) -> list[tuple[int, Utterance]]:
    """Return what the agent said, each with the instant at which the first of it came from Vapi."""
    spoken = utterances(recording, "agent")
    if recording.speech("agent"):
        return [(round(said.t_ms * _MS), said) for said in spoken]
    laid = Laid(recording)
    ends: list[int] = []
    came_ns: list[int] = []
    for event in recording.events:
        if event.media is None or (event.leg, event.direction) != ("vapi", "in"):
            continue
        format_ = recording.formats[event.media.file]
        for frame in frames_of_run(instant_ns(event), event.media):
            size = frame.size * RATE // (format_.rate * format_.width)
            start = laid.place(frame.t_ns, size)
            if ends:
                ends[-1] = min(ends[-1], start)
            ends.append(start + size)
            came_ns.append(frame.t_ns)
    result = []
    for said in spoken:
        # An utterance begins up to 40 ms before it is loud, perhaps before its first frame.
        at = bisect_right(ends, round(said.t_ms * RATE / 1000))
        result.append((came_ns[min(at, len(came_ns) - 1)], said))
    return result


def is_of_capture(message: dict[str, Any]) -> bool:
    """Tell an event of capture on Vapi's leg from Vapi's and the bridge's own messages."""
    return "event" in message and "type" not in message


def opened_envelope(message: dict[str, Any]) -> dict[str, Any]:
    """Return what is in an envelope that Vapi may put around a message."""
    inner = message.get("message")
    return inner if "type" not in message and isinstance(inner, dict) else message


class Causes:
    """Follows what a bridge asked of Vapi, and says what of Vapi's is the answer to that."""

    def __init__(self) -> None:
        self._asked: set[str] = set()

    def bridge_said(self, message: dict[str, Any]) -> None:
        """Take a message of the bridge's."""
        if message.get("event") == CLOSED:
            self._asked.add(CLOSED)
        self._asked.add(str(message.get("type", "")))
        entry = message.get("message")
        if isinstance(entry, dict) and isinstance(entry.get("tool_call_id"), str):
            self._asked.add(f"tool:{entry['tool_call_id']}")

    def of(self, message: dict[str, Any]) -> frozenset[str]:
        """Return what a message of Vapi's waits for; nothing, where nobody had asked for it."""
        message = opened_envelope(message)
        kind = message.get("type")
        if message.get("event") == DISCONNECTED or (
            kind == "status-update" and message.get("status") == "ended"
        ):
            causes = {"end-call", "hangup", "transfer", CLOSED}
        elif kind == "transfer-update":
            causes = {"transfer", "handoff"}
        elif kind == "tool-calls-result":
            result = message.get("toolCallResult")
            causes = {f"tool:{result.get('toolCallId')}"} if isinstance(result, dict) else set()
        else:
            causes = set()
        return frozenset(causes & self._asked)
