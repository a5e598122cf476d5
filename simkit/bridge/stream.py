"""A stream's socket, as the session sees it: within limits of size and rate."""

from __future__ import annotations

import time

from msgspec import Struct
from starlette.types import Message, Receive, Send

from .config import Config
from .limits import Rate


class Traffic(Struct):
    """Messages on the streams of a process."""

    received: int = 0
    sent: int = 0


class Stream:
    """The two ends of one ASGI WebSocket, watched; nothing stands between it and the server.

    Args:
        config: sets the limits.
        traffic: where messages are counted.
        receive: as the server gives it.
        send: as the server gives it.
        max_size: bytes of the largest message; None for Twilio's.
    """

    def __init__(
        self,
        config: Config,
        traffic: Traffic,
        receive: Receive,
        send: Send,
        *,
        max_size: int | None = None,
    ) -> None:
        self._receive = receive
        self._send = send
        self._traffic = traffic
        self._max_size = config.max_message_bytes if max_size is None else max_size
        self._rate = Rate(config.message_rate, config.message_burst)
        self._is_closed = False
        self.breach = ""
        """Which limit was broken, if that is why the socket was closed."""

    async def accept(self) -> None:
        """Open the socket."""
        await self._receive()  # websocket.connect
        await self._send({"type": "websocket.accept"})

    async def receive(self) -> Message:
        """Return the next message; one that breaks a limit closes the socket."""
        message = await self._receive()
        if message["type"] == "websocket.disconnect":
            self._is_closed = True
            return message
        self._traffic.received += 1
        if len(message.get("text") or message.get("bytes") or "") > self._max_size:
            return await self._end(1009, "message too large")
        if not self._rate.take(time.monotonic_ns()):
            return await self._end(1008, "too many messages")
        return message

    async def send(self, message: Message) -> None:
        """Send a message."""
        self._traffic.sent += 1
        await self._send(message)

    async def close(self, code: int = 1000) -> None:
        """Close the socket, unless it is closed."""
        if not self._is_closed:
            self._is_closed = True
            await self._send({"type": "websocket.close", "code": code})

    async def _end(self, code: int, breach: str) -> Message:
        self.breach = breach
        await self.close(code)
        return {"type": "websocket.disconnect", "code": code}
