"""Capture: a production call is taken down while it happens, and never harmed by that.

Two lines in any Python bridge::

    app = capture.asgi(app)          # Twilio's side: what goes over the media socket
    vapi = capture.websocket(vapi)   # Vapi's side: a connection of the websockets library

What a frame costs the call is a look at the clock and an entry in a queue. A thread of its own
reads the messages and writes them. The queue is bounded: when the disk is slower than the calls, or
full, recordings are given up, one after the other, and say so; calls go on.
"""

from __future__ import annotations

import itertools
import logging
import os
import re
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, NamedTuple

from .contents import parsed, seed_audio, twilio_audio, unread
from .format import Header, RecordingError, Setting
from .media import MediaFormat
from .recorder import Direction, Leg, Recorder

log = logging.getLogger("simkit.recording")

TWILIO_FORMAT = MediaFormat("mulaw", 8000)
VAPI_FORMAT = MediaFormat("pcm_s16le", 16000)
"""Vapi's default, where a call did not ask for another."""

_LIKELY = (
    TWILIO_FORMAT,
    MediaFormat("pcm_s16le", 8000),
    VAPI_FORMAT,
    MediaFormat("pcm_s16le", 24000),
)
"""What bridges ask Vapi for."""
_TELLING = 2 * TWILIO_FORMAT.rate
"""Bytes of the caller's from which on their number tells what they became."""

_UNSAFE = re.compile(r"[^A-Za-z0-9]+")
_BATCH_SECONDS = 0.1
"""What comes within this time is written together, so that the thread seldom wakes."""
_LEAST_NS = 1_000
"""Between two messages, so that the recording keeps their order where a clock does not."""
_UNTIL_START = 10
"""Messages of a call, Vapi's among them, among which ``start`` must be to name the recording."""

_MAX_FORMATS = 4
"""Of JSON audio in one direction; what comes in further ones is kept as messages."""

current: ContextVar[CallCapture | None] = ContextVar("simkit_capture", default=None)
"""The call that the running task carries."""


class _Item(NamedTuple):
    call: CallCapture
    t_ns: int
    leg: Leg | Literal["call"]
    direction: Direction
    data: str | bytes
    is_end: bool = False


class Capture:
    """Takes down calls as recordings.

    Args:
        folder: where recordings go, each in a folder of its own.
        max_queued: bytes that may wait to be written, over all calls.
        max_calls: calls that are taken down at once; others are not.
        name: makes a recording's name of the SID of its call.
        vapi_format: of the binary messages on Vapi's side, where a call does not say otherwise.
        bridge: settings of simkit's own bridge, for the header.

    >>> import tempfile
    >>> from simkit.recording import read
    >>> with tempfile.TemporaryDirectory() as place:
    ...     capture = Capture(place, name=lambda sid: sid)
    ...     call = capture.begin("CA1")
    ...     call.take("twilio", "in", '{"event": "mark", "mark": {"name": "a"}}')
    ...     call.end()
    ...     capture.close()
    ...     [event.message["event"] for event in read(place + "/CA1").events]
    ['mark', 'ended']
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        *,
        max_queued: int = 32 * 1024 * 1024,
        max_calls: int = 1000,
        name: Callable[[str], str] | None = None,
        vapi_format: MediaFormat = VAPI_FORMAT,
        bridge: Mapping[str, Setting] | None = None,
    ) -> None:
        self.bridge = dict(bridge or {})
        """Settings of simkit's own bridge, where that is captured."""
        self.vapi_format = vapi_format
        """Of the binary messages on Vapi's side."""
        self.folder = Path(folder)
        self._max_queued = max_queued
        self._max_calls = max_calls
        self._name = name or _dated
        self._queue: deque[_Item] = deque()
        self._queued = 0
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None
        self._is_closing = False
        self._numbers = itertools.count(2)
        self.running: set[CallCapture] = set()
        """Calls that are being taken down."""
        self.begun = 0
        """Calls that were to be taken down."""
        self.given_up = 0
        """Calls whose recording is not whole, or was not begun."""

    def begin(self, call_sid: str | None = None) -> CallCapture:
        """Begin to take down a call; its instants count from here.

        Args:
            call_sid: names the recording; None: :meth:`CallCapture.name` may still say it before
                the tenth message.
        """
        call = CallCapture(self, call_sid)
        self.begun += 1
        if len(self.running) >= self._max_calls:
            call.give_up(f"{self._max_calls} calls are taken down already")
        else:
            self.running.add(call)
        if self._thread is None:
            thread = threading.Thread(target=self._run, name="simkit capture", daemon=True)
            try:
                thread.start()
                self._thread = thread
            except RuntimeError as error:  # the process may have no more of them
                call.give_up(str(error))
        return call

    def close(self, timeout: float = 10.0) -> None:
        """Write what waits, and end the thread; calls that still run are left as they are.

        Args:
            timeout: seconds to wait for a slow disk.
        """
        self._is_closing = True
        self._wake.set()
        if self._thread is not None:
            self._thread.join(timeout)
            self._thread = None
        self._is_closing = False

    def put(self, item: _Item) -> None:
        """Queue an item, or give its recording up."""
        size = len(item.data)
        if self._queued + size > self._max_queued and not item.is_end:
            item.call.give_up("the disk is slower than the calls")
            item = item._replace(data=b"", is_end=True)  # what came before is still written
            size = 0
        self._queued += size
        self._queue.append(item)
        if not self._wake.is_set():
            self._wake.set()

    def _run(self) -> None:
        while True:
            self._wake.wait()
            if not self._is_closing:
                time.sleep(_BATCH_SECONDS)
            self._wake.clear()
            while self._queue:
                item = self._queue.popleft()
                self._queued -= len(item.data)
                item.call.write(item)
                time.sleep(0)  # the calls' thread waits for the interpreter no longer than this
            if self._is_closing:
                for call in list(self.running):
                    call.leave()
                return

    def place_for(self, call_sid: str) -> Path:
        """Return a folder that does not exist yet."""
        path = self.folder / self._name(call_sid)
        while path.exists():
            path = self.folder / f"{self._name(call_sid)}-{next(self._numbers)}"
        return path

    def asgi(self, app: Any) -> Any:
        """Return the application with each of its media sockets taken down."""
        from .tapping import tapped_app

        return tapped_app(self, app)

    def websocket(self, connection: Any, format: MediaFormat | None = None) -> Any:  # noqa: A002
        """Return a connection of the ``websockets`` library, taken down as the call's Vapi side.

        Outside a call that is taken down, it is returned as it is. Best as soon as it is open:
        that is the instant from which a replay counts what Vapi said.

        Args:
            connection: a client connection.
            format: of its binary messages; None: as for the others.
        """
        from .tapping import TappedConnection

        call = current.get()
        if call is None:
            return connection
        call.vapi_format = format or self.vapi_format
        return TappedConnection(connection, call)


class CallCapture:
    """One call that is taken down."""

    def __init__(self, capture: Capture, call_sid: str | None) -> None:
        self._capture = capture
        self._call_sid = _safe(call_sid or "")
        self._unnamed: list[_Item] | None = [] if call_sid is None else None
        self._began_ns = time.monotonic_ns()
        self._last_ns = -_LEAST_NS
        self._recorder: Recorder | None = None
        self.vapi_format = capture.vapi_format
        """Of Vapi's binary messages."""
        self._formats: dict[Direction, set[MediaFormat]] = {"in": set(), "out": set()}
        self._came = self._went = 0
        """Bytes of the caller's audio, from Twilio and to Vapi."""
        self._is_broken = self._is_over = False
        self.fault = ""
        """Why the recording was given up; empty when it was not."""

    def name(self, call_sid: str) -> None:
        """Say whose call it is."""
        if self._unnamed is not None:
            self._call_sid = _safe(call_sid)
            self._put_unnamed()

    def _put_unnamed(self) -> None:
        waiting, self._unnamed = self._unnamed or (), None
        for item in waiting:
            self._capture.put(item)

    def _put(self, item: _Item) -> None:
        if self._unnamed is None:
            self._capture.put(item)
            return
        self._unnamed.append(item)
        if len(self._unnamed) >= _UNTIL_START or item.is_end:
            self._put_unnamed()

    def take(self, leg: Leg, direction: Direction, data: str | bytes) -> None:
        """Take down a message of a socket, as it is: text, or bytes.

        Never raises, never waits.
        """
        if not self._is_over:
            self._put(_Item(self, self._next_ns(), leg, direction, data))

    def _next_ns(self) -> int:
        t_ns = time.monotonic_ns() - self._began_ns
        self._last_ns = max(t_ns, self._last_ns + _LEAST_NS)
        return self._last_ns

    def note(self, text: str) -> None:
        """Say something to the reader of the recording."""
        if not self._is_over:
            self._put(_Item(self, self._next_ns(), "call", "in", text))

    def end(self) -> None:
        """The call is over; the recording is finished by and by."""
        if not self._is_over:
            self._is_over = True
            self._put(_Item(self, self._next_ns(), "twilio", "in", b"", is_end=True))
        self._capture.running.discard(self)

    def give_up(self, why: str) -> None:
        """Stop taking down; what is written stays readable."""
        if not self.fault:
            self.fault = why
            self._is_over = True
            self._capture.given_up += 1
            log.warning("capture of call %s given up: %s", self._call_sid or "?", why)
            self._capture.running.discard(self)

    # In the writing thread

    def write(self, item: _Item) -> None:
        """Write an item; a recording that cannot be written is given up."""
        if self._is_broken:
            return
        try:
            if self._recorder is None:
                self._recorder = self._open()
            if item.is_end:
                if doubt := self._doubt():
                    log.warning("capture of call %s: %s", self._call_sid or "?", doubt)
                    self._recorder.note(item.t_ns, doubt)
                self._recorder.finish(item.t_ns, lost=self.fault)
            else:
                self._record(self._recorder, item)
        except (OSError, RecordingError) as error:
            self.give_up(str(error))
            self._is_broken = True
            self.leave()

    def _doubt(self) -> str:
        """Say which format Vapi's audio has by its size, if that is not the one it was taken for.

        Nothing on the socket tells it, and all that is recorded there would be noise.
        """
        said = self.vapi_format
        if self._came < _TELLING:
            return ""
        for likely in _LIKELY:
            share = self._went * TWILIO_FORMAT.rate / (self._came * likely.rate * likely.width)
            if 0.9 < share < 1.1 and likely.rate * likely.width != said.rate * said.width:
                return (
                    f"Vapi's audio was taken for {said.encoding} at {said.rate} Hz, but what went "
                    f"there is as much as {likely.encoding} at {likely.rate} Hz: if it is, say "
                    f"Capture(..., vapi_format=MediaFormat({likely.encoding!r}, {likely.rate}))"
                )
        return ""

    def _has_room(self, direction: Direction, format: MediaFormat) -> bool:  # noqa: A002
        """Tell whether audio of one more format may get a file of its own."""
        known = self._formats[direction]
        if format not in known and len(known) < _MAX_FORMATS:
            known.add(format)
        return format in known

    def _open(self) -> Recorder:
        return Recorder(
            self._capture.place_for(self._call_sid),
            Header(source=f"captured call {self._call_sid}".strip(), bridge=self._capture.bridge),
        )

    def leave(self) -> None:
        """Close the files as they are."""
        if self._recorder is not None:
            self._recorder.abandon()

    def _record(self, recorder: Recorder, item: _Item) -> None:
        t_ns, leg, direction, data = item.t_ns, item.leg, item.direction, item.data
        if leg == "call":
            recorder.note(t_ns, str(data))
            return
        if isinstance(data, bytes) and leg == "vapi":
            self._went += len(data) if direction == "out" else 0
            recorder.frame(t_ns, leg, direction, data, self.vapi_format)
            return
        message = parsed(data)
        if leg == "vapi" and message.get("type") == "audio":
            sound = seed_audio(message)
            if sound is not None and self._has_room(direction, sound[1]):
                recorder.frame(t_ns, leg, direction, *sound)
                return
        if leg == "twilio" and message.get("event") == "media":
            frame = twilio_audio(message)
            if frame is not None:
                self._came += len(frame[0]) if direction == "in" else 0
                recorder.frame(t_ns, leg, direction, frame[0], TWILIO_FORMAT, frame[1])
                return
        try:
            recorder.message(t_ns, leg, direction, message)
        except ValueError:  # holds what JSON cannot
            recorder.message(t_ns, leg, direction, unread(data))


def _safe(call_sid: str) -> str:
    """Return a SID as part of a file's name: letters and digits, whatever was sent."""
    return _UNSAFE.sub("", call_sid)[:64]


def _dated(call_sid: str) -> str:
    """Return a name that sorts by date."""
    now = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    return f"{now}-{call_sid}" if call_sid else now
