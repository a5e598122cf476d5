"""The socket of a stream: how it opens, how it ends, and what Twilio reports of both."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from websockets.datastructures import Headers
from websockets.http11 import Request

from ..timeline import Clock, Timeline
from ..wire import twilio
from ..wire.websocket import WebSocketPeer, address_of, client_core
from .problems import checked_url, of_connecting
from .settings import TwilioSettings


@dataclass(frozen=True)
class StreamIdentity:
    """What the ``start`` message says of a stream."""

    account_sid: str
    call_sid: str
    stream_sid: str
    parameters: dict[str, str]

    def start(self, number: str, tracks: Sequence[str]) -> twilio.Start:
        """Return the ``start`` message.

        Args:
            number: of the message.
            tracks: that are sent.
        """
        body = twilio.StartBody(
            account_sid=self.account_sid,
            stream_sid=self.stream_sid,
            call_sid=self.call_sid,
            tracks=list(tracks),
            media_format=twilio.MediaFormat(),
            custom_parameters=self.parameters,
        )
        return twilio.Start(number, body, self.stream_sid)


@dataclass(frozen=True)
class StreamEvents:
    """Whom a stream tells of its course."""

    started: Callable[[], object]
    """Called once frames flow."""
    ended: Callable[[str], object]
    """Called once, with a reason: ``stopped``, ``closed by server``, ``protocol error``, ``lost``
    or ``never opened``."""
    announce: Callable[[], Awaitable[object] | None] | None = None
    """Makes the ``stream-started`` callback, when the knob says so; returns something to wait for,
    or None."""


class StreamSocket(WebSocketPeer):
    """Twilio's end of a connection, from upgrade to close; subclasses say what goes over it.

    Args:
        url: where to connect.
        signature: ``X-Twilio-Signature`` of the upgrade.
        number: the call's number in the timeline.
        settings: knobs.
        events: whom to tell.

    Raises:
        StreamUrlError: the URL is one that Twilio does not connect to.
    """

    def __init__(
        self,
        url: str,
        *,
        signature: str,
        number: int,
        clock: Clock,
        timeline: Timeline,
        settings: TwilioSettings,
        events: StreamEvents,
    ) -> None:
        self._url = checked_url(url, plain=settings.plain_streams)
        super().__init__(client_core(self._url, settings.max_message))
        self._signature = signature
        self._number = number
        self._clock = clock
        self._timeline = timeline
        self._settings = settings
        self._events = events
        self._handshake_over = asyncio.Event()
        self._ping_timer: asyncio.TimerHandle | None = None
        self._warned: set[int] = set()
        self._stopping = False
        self._over = False
        self.answers_pings = settings.answers_pings
        self.max_message = settings.max_message
        self.gone = asyncio.Event()
        """Set when the connection is gone, not only closed."""
        self.problem: tuple[int, str] | None = None
        """The error (code of the 319xx family, reason) that the stream ended with, if one."""

    # To override

    def begin(self) -> None:
        """The server is there, and everything that had to come first has been said."""

    def quieten(self) -> None:
        """Send and play nothing more by itself."""

    def say_stop(self) -> None:
        """Send what is left, and the last message."""

    # Opening

    async def connect(self, ssl: Any = True) -> None:
        """Connect and ask for the upgrade; returns when it is answered, in whichever way.

        What hinders it is reported, and the stream has ended then.

        Args:
            ssl: as for :meth:`asyncio.loop.create_connection`.
        """
        host, port, _ = address_of(self._url)
        limit = self._settings.handshake_timeout
        try:
            async with asyncio.timeout(limit):
                loop = asyncio.get_running_loop()
                await loop.create_connection(lambda: self, host, port, ssl=ssl)
                await self._handshake_over.wait()
        except OSError as error:  # a timeout is one too
            reason = str(error)
            if isinstance(error, TimeoutError) and not reason:
                what = "the connection" if self.transport is None else "the upgrade request"
                reason = f"no answer to {what} within {limit:g} s"
            self._end("never opened", of_connecting(error), reason)
            self.drop()

    def upgrade_request(self) -> Request:
        """Return the upgrade as Twilio sends it: no origin, no subprotocol, no extensions."""
        request = super().upgrade_request()
        asked = request.headers
        headers = Headers({"Host": asked["Host"], "User-Agent": "Twilio.TmeWs/1.0"})
        for name in ("Connection", "Upgrade", "Sec-WebSocket-Key", "Sec-WebSocket-Version"):
            headers[name] = asked[name]
        headers["x-twilio-signature"] = self._signature
        if "Authorization" in asked:
            headers["Authorization"] = asked["Authorization"]
        return Request(request.path, headers)

    def on_open(self) -> None:
        """The server accepted; begin, when nothing is to be said elsewhere first."""
        self._handshake_over.set()
        if self._settings.stream_started == "before connected":
            answered = self._announce()
            if answered is not None:
                asyncio.ensure_future(answered).add_done_callback(self._on_announced)
                return
        self._begin()

    def _announce(self) -> Awaitable[object] | None:
        return None if self._events.announce is None else self._events.announce()

    def _on_announced(self, answered: asyncio.Future[object]) -> None:
        if not answered.cancelled():
            answered.exception()  # whoever made the callback tells of it
        if self.is_open:
            self._begin()

    def _begin(self) -> None:
        self.begin()
        if self._settings.ping_interval is not None:
            self._ping_later(round(self._settings.ping_interval * 1e9))

    def _ping_later(self, interval_ns: int) -> None:
        at_ns = self._clock.read_ns() + interval_ns
        self._ping_timer = self._clock.call_at(at_ns, self._ping, interval_ns)

    def _ping(self, interval_ns: int) -> None:
        self.ping()
        self._ping_later(interval_ns)

    # The end

    def stop(self) -> None:
        """The call ended or moves on: say so and close."""
        if self._over:
            return
        self._quieten()
        self.say_stop()
        self._stopping = True
        if self.transport is None:
            self._end("stopped")
            self.gone.set()
        elif self._settings.close_code == 1006:
            self.drop()
        else:
            self.close(self._settings.close_code)

    def lose(self, silence: float = 0.0) -> None:
        """Lose the socket at Twilio's end: no close frame; ``stop`` only if the knob says so.

        Args:
            silence: seconds until the server's system learns of it; meanwhile nothing is said and
                nothing is taken.
        """
        self._fail("lost", 31903, "connection broken while streaming", silence)

    def _fail(self, ended: str, code: int, reason: str, silence: float) -> None:
        """End the stream while its socket is open."""
        if self._over or self.transport is None:
            return
        self._quieten()
        if self._settings.stop_on_abnormal_end:
            self.say_stop()
        self.is_open = False
        self._end(ended, code, reason)
        if silence:
            self.transport.pause_reading()
            self._clock.call_at(self._clock.read_ns() + round(silence * 1e9), self.drop)
        else:
            self.drop()

    def on_violation(self, reason: str) -> None:
        """The server broke the protocol: the stream is over, and the socket lost."""
        self.core.data_to_send()  # no close frame says why
        if self._stopping:
            self.drop()
        else:
            self._fail("protocol error", 31924, reason, self._settings.protocol_error_silence)

    def _end(self, ended: str, code: int | None = None, reason: str = "") -> None:
        """Say once how it ended, and what was wrong."""
        if self._over:
            return
        self._over = True
        if code is not None:
            self.problem = (code, reason)
            self._timeline.record("error", "twilio", call=self._number, code=code, reason=reason)
        self._handshake_over.set()
        self._events.ended(ended)

    def _warn(self, code: int, reason: str) -> None:
        """Report a warning, each kind once per stream; the stream goes on."""
        if code not in self._warned:
            self._warned.add(code)
            self._timeline.record("warning", "twilio", call=self._number, code=code, reason=reason)

    def _quieten(self) -> None:
        if self._ping_timer is not None:
            self._ping_timer.cancel()
        self.quieten()

    def connection_lost(self, error: Exception | None) -> None:
        """The connection is gone."""
        super().connection_lost(error)
        self.gone.set()

    def on_close(self, code: int, reason: str) -> None:
        """The socket is closed, by whichever side."""
        self._quieten()
        if self._stopping:
            self._end("stopped")
        elif not self._opened:
            why = reason or "the connection was closed before the upgrade was answered"
            self._end("never opened", 31920, why)
        elif code == 1006:
            self._end("closed by server", 31903, "connection broken while streaming")
        else:
            self._end("closed by server", 31921, f"the server closed the socket with {code}")
