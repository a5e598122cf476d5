"""A stream whose course is given: what Twilio says on it does not follow from the call."""

from __future__ import annotations

from typing import Any

from ..wire import twilio
from .course import Course, End, Frame, Step
from .playout import PACKET_NS
from .stream import MediaStream

_TOGETHER_NS = 20_000
"""What is due so soon is said at once, so that messages of one instant, which are told in their
order by a microsecond each, have one instant again."""


class GivenStream(MediaStream):
    """Says what a course tells, at its instants and with its numbers.

    Ids and parameters are today's. What the server sends is played as ever, and a mark that the
    course does not bring back comes back when its audio has played. Numbers of later messages
    make room for one that the course does not have, and close up behind one that is held.

    Args:
        course: what to say.
        options: as for :class:`~simkit.twilio.stream.MediaStream`.
    """

    def __init__(self, course: Course, url: str, **options: Any) -> None:
        super().__init__(url, **options)
        self._course = course
        self._connected_ns = 0
        self._next: Step | None = None
        self._shift = 0  # of today's numbers against the course's
        self._highest_chunk = 0
        self._is_told = False  # but for ``stop``, which comes with the call's end

    def begin(self) -> None:
        """Say that it is connected, and begin the course."""
        self._begun = True
        self._connected_ns = self._clock.read_ns()
        self._mouth.begin(self._connected_ns - PACKET_NS)
        self._tell("connected", twilio.Connected(version=self._settings.connected_version))
        self._go_on()

    def _go_on(self) -> None:
        """Do what is due, and wait for the next."""
        while self.is_open and not self._stopping and not self._is_told:
            step = self._next or next(self._course.steps, None)
            if step is None:
                return
            due_ns = self._connected_ns + step.after_ns
            if due_ns > self._clock.read_ns() + _TOGETHER_NS:
                self._next = step
                self._tick_timer = self._clock.call_at(due_ns, self._go_on)
                return
            self._next = None
            self._do(step)

    def _do(self, step: Step) -> None:
        what = step.what
        if isinstance(what, End):
            self._end_as_given(step, what)
        elif isinstance(what, Frame):
            self._renumber(step)
            self._send_given(what)
        elif what.get("event") == "start":
            if self.playout is None:
                self._renumber(step)
                self._tell_start()
                self._flow()
        elif what.get("event") == "stop":
            self._renumber(step)
            self._is_told = True
            self._course.hang_up()
        elif step.mark is None:
            self._renumber(step)
            self._pass_on(what)
        elif (name := self._course.due(step)) is not None:
            self._renumber(step)
            super()._return_mark(name)
        else:
            self._shift -= 1

    def _renumber(self, step: Step) -> None:
        """Let the message that follows have its number, as it is today."""
        if step.sequence is not None:
            self._sequence = max(0, step.sequence + self._shift - 1)

    def _send_given(self, frame: Frame) -> None:
        self._sequence += 1
        self._chunk = self._chunk + 1 if frame.chunk is None else frame.chunk
        if frame.timestamp_ms is not None:
            self._timestamp_ms = frame.timestamp_ms
        data = twilio.encode_media(
            self._sequence,
            self._chunk,
            self._timestamp_ms,
            frame.sound,
            self._identity.stream_sid,
        )
        self._timestamp_ms += 20
        self._send_media(data, in_order=self._chunk > self._highest_chunk)
        self._highest_chunk = max(self._highest_chunk, self._chunk)

    def _pass_on(self, message: dict[str, Any]) -> None:
        """Send a message of any other kind."""
        today = {"streamSid": self._identity.stream_sid, "sequenceNumber": self._count()}
        key = message.get("dtmf")
        if message.get("event") == "dtmf" and isinstance(key, dict):
            self._tell("dtmf", message | today, digit=str(key.get("digit", "")))
        else:
            self._tell("message", message | today, event=str(message.get("event", "")))

    def _end_as_given(self, step: Step, end: End) -> None:
        if end.answers:
            self._course.due(step)  # never: the socket would not be open
        elif end.code == 1006:
            self.lose()
        else:
            self._quieten()
            self._stopping = True
            self.close(None if end.code == 1005 else end.code)

    # Marks

    def _take_mark(self, name: str) -> None:
        """Take a mark: its return is given, or follows from what is played."""
        if not self._course.sent(name):
            super()._take_mark(name)
            return
        late = self._course.held(name)
        if late is not None:
            self._return_mark(late)

    def _return_mark(self, name: str) -> None:
        """Return a mark that is not in its place in the course."""
        self._shift += 1
        super()._return_mark(name)
