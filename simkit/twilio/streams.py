"""Streams of a call: connected, told of, and taken down again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from ..timeline import Timeline
from ..wire import garbage
from ..wire.disorder import Disorder
from ..wire.garbage import Garbage
from .callbacks import Callbacks, Spawn
from .channel import Channel
from .course import Course
from .given_stream import GivenStream
from .legs import Leg
from .problems import PROBLEMS, StreamUrlError, checked_url
from .socket import StreamIdentity
from .stream import MediaStream
from .twiml import StreamOrder
from .webhooks import Ask, Webhooks

_CLOSING_SECONDS = 1.0
_CLOSED_BY_SERVER = 31921


@dataclass
class Surroundings:
    """What every stream of a call needs of it."""

    leg: Leg
    channel: Channel
    timeline: Timeline
    webhooks: Webhooks
    callbacks: Callbacks
    spawn: Spawn
    make_sid: Callable[[str], str]
    make_disorder: Callable[[], Disorder[bytes] | None]
    ssl: Any
    take_course: Callable[[], Course | None]
    """Returns, once, what is to be said on a bidirectional stream; None: what follows."""


class Streaming:
    """One ``<Stream>``, from its order to its last callback."""

    def __init__(self, order: StreamOrder, of: Surroundings, *, bidirectional: bool) -> None:
        self.order = order
        self.sid = of.make_sid("MZ")
        self.name = order.name or self.sid
        self.bidirectional = bidirectional
        self.over = asyncio.Event()
        """Set when it has ended, or did not begin."""
        self.started = False
        self.problem: tuple[int, str] | None = None
        self.media: MediaStream | None = None
        self.on_started: Callable[[], object] = lambda: None
        self._of = of
        self._closing = False

    @property
    def identity(self) -> StreamIdentity:
        """What is said of it when it starts."""
        leg = self._of.leg
        return StreamIdentity(leg.account_sid, leg.call_sid, self.sid, self.order.parameters)

    async def open(self) -> None:
        """Connect; returns when frames flow, or when they never will."""
        of, leg, url = self._of, self._of.leg, self.order.url
        settings = of.channel.settings
        fault = self.order.fault
        if fault is not None and not (settings.plain_streams and url.startswith("ws://")):
            self._fail(fault.code, str(fault))
            return
        if fault is not None:
            of.channel.note("note", about="<Stream url>: ws is taken here; Twilio takes wss only")
        try:
            checked_url(url, plain=settings.plain_streams)
        except StreamUrlError as error:
            self._fail(error.code, str(error))
            return
        course = of.take_course() if self.bidirectional else None
        make: Callable[..., MediaStream] = MediaStream
        if course is not None:
            make = partial(GivenStream, course)
        media: MediaStream = make(
            url,
            signature=of.webhooks.sign(url, slash=settings.signature_slash),
            identity=self.identity,
            number=leg.number,
            clock=of.channel.clock,
            timeline=of.timeline,
            mouth=of.channel.mouth,
            settings=settings,
            disorder=of.make_disorder(),
            on_started=self._on_started,
            on_ended=lambda _: self._ended(media.problem),
            tracks=("inbound",) if self.bidirectional else self.order.tracks,
            bidirectional=self.bidirectional,
            outbound=of.channel.heard,
            announce=lambda: self._tell("stream-started"),
        )
        self.media = media
        await media.connect(of.ssl)

    def send_garbage(self, how: Garbage) -> None:
        """Send what Twilio never would, while the stream is open."""
        media, now_ns = self.media, self._of.channel.clock.now_ns
        if media is None or not media.is_open:
            return
        data = garbage.for_twilio(how, self.sid)
        if isinstance(data, bytes):
            media.send_binary(data)
        else:
            media.send_text(data.encode())
        arrived_ns = media.transport.get_extra_info("simkit.arrival_ns", now_ns)
        self._of.timeline.record(
            "garbage",
            "twilio",
            "bridge",
            t_ns=arrived_ns,
            call=self._of.leg.number,
            sent_ns=now_ns,
            arrived_ns=arrived_ns,
            how=how,
        )

    async def close(self) -> None:
        """Say that it stops, and wait for the socket's end; harmless when it has ended."""
        media = self.media
        if media is None or (self.over.is_set() and not self._closing):
            # What ended by itself is left alone: its socket may take its time to be lost.
            return
        if not self._closing:
            self._closing = True
            media.stop()
            self._ended(None)
        try:
            # Not wait_for, which makes a task of it on Python 3.11 and none on later ones.
            async with asyncio.timeout(_CLOSING_SECONDS):
                await media.gone.wait()
        except TimeoutError:
            media.drop()

    def _on_started(self) -> None:
        media = self.media
        self.started = True
        self.on_started()
        if media is not None and media.playout is not None:
            self._of.channel.listen_to(media.playout)

    def _fail(self, code: int, reason: str) -> None:
        """It never begins."""
        self._of.channel.note("error", code=code, reason=reason)
        self._ended((code, reason))

    def _ended(self, problem: tuple[int, str] | None) -> None:
        if self.over.is_set():
            return
        self.problem = problem
        self.over.set()
        if problem is not None and (problem[0] != _CLOSED_BY_SERVER or not self.started):
            self._tell("stream-error", StreamError=PROBLEMS[problem[0]].stream_error)
            if not self._of.channel.settings.stopped_after_error:
                return
        if self.started:
            self._tell("stream-stopped")

    def _tell(self, event: str, **more: str) -> asyncio.Task[None] | None:
        url = self.order.status_callback
        if url is None:
            return None
        leg = self._of.leg
        params = {
            "AccountSid": leg.account_sid,
            "CallSid": leg.call_sid,
            "StreamSid": self.sid,
            "StreamName": self.name,
            "StreamEvent": event,
            "Timestamp": _iso_8601(time.time_ns()),
            **more,
        }
        return self._of.callbacks.tell(Ask(url, self.order.status_callback_method), params)


class Streams:
    """The streams of one call: at most one bidirectional, and those beside it."""

    def __init__(self, of: Surroundings) -> None:
        self._of = of
        self._opening: dict[str, asyncio.Task[None]] = {}
        self.all: list[Streaming] = []
        self.connected: Streaming | None = None
        """The bidirectional one, while there is one."""

    async def connect(self, order: StreamOrder, on_started: Callable[[], object]) -> Streaming:
        """Stream both ways until the server closes or the call is interrupted."""
        streaming = self.connected = self._begin(order, on_started, bidirectional=True)
        await self._of.channel.until(streaming.over)
        await self._end(streaming)
        self.connected = None
        return streaming

    def start(self, order: StreamOrder) -> Streaming:
        """Stream beside whatever else the call does.

        Raises:
            ValueError: a stream of that name runs already.
        """
        if order.name is not None and self.running(order.name) is not None:
            raise ValueError(f"a stream named {order.name!r} runs already")
        return self._begin(order, lambda: None, bidirectional=False)

    def running(self, name: str) -> Streaming | None:
        """Return a stream that runs, by its name or sid."""
        for streaming in self.all:
            if name in (streaming.name, streaming.sid) and not streaming.over.is_set():
                return streaming
        return None

    async def stop(self, name: str) -> bool:
        """Stop a stream by its name or sid; False when there is none."""
        streaming = self.running(name)
        if streaming is not None:
            await self._end(streaming)
        return streaming is not None

    async def stop_all(self) -> None:
        """The call is over: stop every stream, all at once."""
        await asyncio.gather(*(self._end(streaming) for streaming in self.all))

    def _begin(
        self, order: StreamOrder, on_started: Callable[[], object], *, bidirectional: bool
    ) -> Streaming:
        streaming = Streaming(order, self._of, bidirectional=bidirectional)
        streaming.on_started = on_started
        self.all.append(streaming)
        name = f"twilio call {self._of.leg.number} stream {len(self.all)}"
        self._opening[streaming.sid] = self._of.spawn(streaming.open(), name)
        return streaming

    async def _end(self, streaming: Streaming) -> None:
        opening = self._opening.pop(streaming.sid, None)
        if opening is not None and not streaming.started and not streaming.over.is_set():
            # The call moves on while the server has not answered yet.
            opening.cancel()
        await streaming.close()


def _iso_8601(ns: int) -> str:
    """Return an instant as stream callbacks have it: with nanoseconds, ``...602648368Z``."""
    seconds, rest = divmod(ns, 1_000_000_000)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{rest:09d}Z"
