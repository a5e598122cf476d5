"""A conversation that is given beforehand: what Vapi says on a socket, and when.

What is given is said whatever the caller does. What answers the client (the end that it asked for,
what became of its tool's result) waits for that.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..audio import Repertoire, Speech
from ..timeline import Event, Timeline
from ..wire import WireError, vapi
from ..wire.errors import shorten
from .conversation import Conversation

if TYPE_CHECKING:
    from .transport import TransportSocket

CLOSED = "closed"
"""Stands, among what a client may ask for, for its closing the socket."""
_ENDS = ("end-call", "hangup")
_TOGETHER_NS = 20_000
"""What is due so soon is said at once, so that messages of one instant, which are told in their
order by a microsecond each, have one instant again."""
_SLACK_NS = 100_000_000
"""An interruption that is told so soon after the last audio has cut it off."""


@dataclass(frozen=True)
class Text:
    """A text message, as it is."""

    data: bytes
    waits_for: frozenset[str] = frozenset()
    """One of these must come from the client first: types of messages, ``closed``, or ``tool:``
    with the id of a tool call."""


@dataclass(frozen=True)
class Closing:
    """Vapi closes the socket."""

    code: int
    waits_for: frozenset[str] = frozenset()


Line = bytes | Text | Closing | Speech
"""Audio; a message; the end; or what the audio from here on says, for those who listen."""


@dataclass
class Recital:
    """What Vapi says on one socket.

    Args:
        lines: makes what is said in the format of the socket, with the ns since its opening.
        opens_ns: the instant before which the socket does not open.
        answers: everything from the client that is answered in it. An end that it does not know of
            is granted at once.
    """

    lines: Callable[[vapi.AudioFormat], Iterator[tuple[int, Line]]]
    opens_ns: Callable[[], int] = lambda: 0
    answers: frozenset[str] = frozenset()
    reciting: Reciting | None = field(default=None, init=False)
    """Who says it; None before the socket is open."""


class Reciting(Conversation):
    """Says what is given; hears only to know what arrived.

    Args:
        recital: what to say.
        socket: where texts go, as they are.
        options: as for :class:`~simkit.vapi.conversation.Conversation`.
    """

    def __init__(
        self,
        recital: Recital,
        socket: TransportSocket,
        *args: Any,
        timeline: Timeline,
        repertoire: Repertoire,
        **options: Any,
    ) -> None:
        super().__init__(*args, timeline=timeline, repertoire=repertoire, **options)
        self._recital = recital
        self._socket = socket
        self._timeline = timeline
        self._repertoire = repertoire
        self._lines: Iterator[tuple[int, Line]] = iter(())
        self._next: tuple[int, Line] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._opened_ns = 0
        self._held: list[tuple[int, Text | Closing]] = []
        self._asked: set[str] = set()
        self._replies = 0
        self._reply: Event | None = None
        self._spoken_ns = 0
        self._is_new = False
        self._sent = 0  # bytes of this reply
        width = 1 if self._line.audio.format == "mulaw" else 2
        self._ns_per_byte = 1e9 / (self._line.audio.sample_rate * width)

    def open(self) -> None:
        """The socket is open: begin."""
        self._is_open = True
        self._recital.reciting = self
        self._opened_ns = self._clock.now_ns
        self._lines = self._recital.lines(self._line.audio)
        self._go_on()

    def close(self) -> None:
        """The call is over."""
        if self._is_open:
            self._end_reply(interrupted=True)
            self._asked.add(CLOSED)
        super().close()

    def unanswered(self) -> Iterator[tuple[int, Text | Closing]]:
        """Yield what was not said since nobody asked for it, with its ns; ends the recital."""
        left = [] if self._next is None else [self._next]
        for after_ns, line in [*self._held, *left, *self._lines]:
            if isinstance(line, Text | Closing) and self._waits(line):
                yield after_ns, line

    def _waits(self, line: Text | Closing) -> bool:
        return bool(line.waits_for) and not line.waits_for & self._asked

    def _go_on(self) -> None:
        """Say what is due, and wait for the next."""
        if self._timer is not None:
            self._timer.cancel()
        while self._is_open:
            self._next = self._next or next(self._lines, None)
            if self._next is None:
                return
            after_ns, line = self._next
            due_ns = self._opened_ns + after_ns
            if due_ns > self._clock.now_ns + _TOGETHER_NS:
                self._timer = self._timers.at(due_ns, self._go_on)
                return
            self._next = None
            self._say(after_ns, line)

    def _say(self, after_ns: int, line: Line) -> None:
        if isinstance(line, bytes):
            self._send_audio(line)
        elif isinstance(line, Speech):
            self._begin_reply(line)
        elif self._waits(line):
            self._held.append((after_ns, line))
        elif isinstance(line, Text):
            self._tell_as_it_is(line.data)
        else:
            self._socket.fail(line.code, "customer-ended-call")

    def _tell_as_it_is(self, data: bytes) -> None:
        try:
            message = vapi.decode(data)
        except WireError:
            message = vapi.Unknown(shorten(data))
        if isinstance(message, vapi.Unknown):
            self._socket.send_as_it_is(data, "message", {"type": message.type})
            return
        self.on_message(message)
        if isinstance(message, vapi.UserInterrupted):
            self._end_reply(interrupted=True)
        if isinstance(message, vapi.StatusUpdate) and message.status == "ended":
            self._socket.ended_reason = message.ended_reason or "customer-ended-call"
        self._socket.send_given(data, message)

    # What the client asks for

    def asked(self, message: vapi.ClientMessage) -> bool:
        """Take a message of the client: what answers it may be said; nothing else comes of it."""
        kind = str(message.__struct_config__.tag)
        keys = {kind}
        if isinstance(message, vapi.AddMessage) and isinstance(message.message.tool_call_id, str):
            keys.add(f"tool:{message.message.tool_call_id}")
        self._asked |= keys
        waiting, self._held = self._held, []
        for after_ns, line in waiting:
            self._say(after_ns, line)
        self._go_on()  # a client that closes at once still gets what is due by now
        if kind in _ENDS and kind not in self._recital.answers:
            self.end("assistant-ended-call")
        return True

    # What it hears comes to nothing

    def _on_voice(self, seconds: float) -> None:
        pass

    def _on_started(self) -> None:
        pass

    def _on_stopped(self) -> None:
        pass

    def _on_partial(self, text: str) -> None:
        pass

    def _on_final(self, text: str) -> None:
        pass

    def _on_nothing(self) -> None:
        pass

    # What it says, for those who measure

    def _send_audio(self, sound: bytes) -> None:
        self._line.send_audio(sound)
        self._sent += len(sound)
        if self._is_new and self._reply is not None:
            self._is_new = False
            self._reply.arrived_ns = self._line.arrival_ns

    def _begin_reply(self, speech: Speech) -> None:
        self._end_reply(interrupted=False)
        self._replies += 1
        self._sent = 0
        self._is_new = True
        self._spoken_ns = speech.spoken * 125_000
        self._reply = self._timeline.record(
            "replies",
            "agent",
            session=self._session,
            reply=self._replies,
            utterance=self._repertoire.add(speech),
            text=speech.text,
            duration_ns=speech.duration_ns,
        )
        self._timers.at(
            self._clock.now_ns + speech.duration_ns + _SLACK_NS, self._is_over, self._replies
        )

    def _is_over(self, reply: int) -> None:
        if reply == self._replies:
            self._end_reply(interrupted=False)

    def _end_reply(self, *, interrupted: bool) -> None:
        if self._reply is None:
            return
        reply, self._reply = self._reply, None
        sent_ns = round(self._sent * self._ns_per_byte)
        self._timeline.record(
            "replied",
            "agent",
            session=self._session,
            reply=reply.fields["reply"],
            utterance=reply.fields["utterance"],
            interrupted=interrupted,
            audio_ns=min(sent_ns, self._spoken_ns),
        )
