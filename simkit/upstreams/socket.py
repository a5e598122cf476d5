"""The socket of an upstream: between the client's WebSocket and a session."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from websockets.http11 import Request, Response

from ..timeline import Clock, Timeline
from ..wire.slow_opening import SlowOpening
from ..wire.websocket import server_core
from .dialect import Dialect, Message, Messages
from .session import Session

_encode = msgspec.json.Encoder().encode


class UpstreamSocket(SlowOpening):
    """A service's end of one socket.

    Args:
        begin: makes the session, once the dialect has accepted the request.
        open_delay_ns: how long the upgrade request waits for its answer.
    """

    def __init__(
        self,
        dialect: Dialect,
        begin: Callable[[UpstreamSocket], Session],
        *,
        clock: Clock,
        timeline: Timeline,
        open_delay_ns: int,
    ) -> None:
        super().__init__(server_core(), clock, open_delay_ns)
        self.dialect = dialect
        self._begin = begin
        self._timeline = timeline
        self.session: Session | None = None

    # Opening

    def on_request(self, request: Request) -> Response | None:
        """Ask the dialect."""
        refused = self.dialect.refuse(request)
        if refused is not None:
            status, body = refused
            self._timeline.record(
                "warning",
                self.dialect.name,
                reason=f"upgrade of {request.path.partition('?')[0]} refused: {status} {body}",
            )
            response: Response = self.core.reject(status, body)
            return response
        self.session = self.dialect.session = self._begin(self)
        return None

    def on_open(self) -> None:
        """The socket is open."""
        assert self.session is not None
        now_ns, arrival_ns = self._clock.read_ns(), self.arrival_ns
        self._timeline.record(
            "open",
            self.dialect.name,
            "bridge",
            t_ns=arrival_ns,
            session=self.session.number,
            sent_ns=now_ns,
            arrived_ns=arrival_ns,
        )
        self.dialect.opened()

    # Out

    def emit(self, messages: Messages) -> bool:
        """Send messages; False when there is nothing to send, or nobody to send it to."""
        if messages is None or not self.is_open:
            return False
        if isinstance(messages, bytes | str | dict):
            self._send_one(messages)
            return True
        for message in messages:
            self._send_one(message)
        return bool(messages)

    def _send_one(self, message: Message) -> None:
        if isinstance(message, bytes):
            self.send_binary(message)
        elif isinstance(message, str):
            self.send_text(message.encode())
        else:
            self.send_text(_encode(message))

    # In

    def on_text(self, data: bytes) -> None:
        """A text message from the client."""
        self.dialect.text(data)

    def on_binary(self, data: bytes) -> None:
        """A binary message from the client."""
        self.dialect.binary(data)

    def on_close(self, code: int, reason: str) -> None:
        """The socket is closed."""
        if self.session is None:
            return
        self._timeline.record(
            "close",
            "bridge",
            self.dialect.name,
            session=self.session.number,
            code=code,
            arrived_ns=self._clock.read_ns(),
        )
        self.session.over()
