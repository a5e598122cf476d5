"""A stream's socket, as the session sees it: within limits of size and rate."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextvars import copy_context
from typing import Protocol, runtime_checkable

from msgspec import Struct
from starlette.types import Message, Receive, Send

from .config import Config
from .limits import Rate


class Traffic(Struct):
    """Messages on the streams of a process."""

    received: int = 0
    sent: int = 0


@runtime_checkable
class Direct(Protocol):
    """A server's own socket, where nothing stands between it and the application."""

    close_code: int
    """With which the far end closed it."""

    def listen(self, heard: Callable[[str | bytes | None], object]) -> None:
        """Hand on each message as it comes, those first that wait; None once it is closed."""

    def unlisten(self) -> None:
        """Let messages wait again."""

    def write(self, text: bytes) -> bool:
        """Send a text message, if the far end takes more; else False."""


class StreamSocket(Protocol):
    """What a session needs of a stream's socket."""

    async def read(self, hear: Callable[[str | bytes], bool]) -> None:
        """Hand on messages until ``hear`` wants no more, or the socket is closed."""

    def write(self, text: bytes) -> bool:
        """Send a text message at once; False where only :meth:`send` can, which may wait."""

    async def send(self, message: Message) -> None:
        """Send a message."""

    async def close(self, code: int = 1000) -> None:
        """Close the socket, unless it is closed."""


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
        # Whoever watches a socket as ASGI has it gives a receive of their own.
        owner = getattr(receive, "__self__", None)
        self._direct = owner if isinstance(owner, Direct) else None
        self._traffic = traffic
        self._max_size = config.max_message_bytes if max_size is None else max_size
        self._rate = Rate(config.message_rate, config.message_burst)
        self.is_closed = False
        """True once nothing more comes."""
        self.close_code = 1005
        """With which it was closed; 1005 where that is not known."""
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
            self.is_closed = True
            self.close_code = int(message.get("code") or 1005)
            return message
        broken = self._judge(message.get("text") or message.get("bytes") or "")
        return await self._end(*broken) if broken else message

    async def read(self, hear: Callable[[str | bytes], bool]) -> None:
        """Hand on messages until ``hear`` wants no more, or the socket is closed."""
        if self._direct is not None:
            await self._listen(self._direct, hear)
            return
        while (message := await self.receive())["type"] != "websocket.disconnect":
            text = message.get("text")
            if not hear(message["bytes"] if text is None else text):
                return

    async def _listen(self, direct: Direct, hear: Callable[[str | bytes], bool]) -> None:
        """Read without a task that wakes up for each message."""
        over: asyncio.Future[tuple[int, str] | None] = asyncio.get_running_loop().create_future()
        context = copy_context()  # what the log says of the call

        def heard(message: str | bytes | None) -> None:
            if over.done():
                return
            if message is None:
                self.is_closed = True
                self.close_code = direct.close_code
                over.set_result(None)
            elif broken := self._judge(message):
                over.set_result(broken)
            elif not context.run(hear, message):
                over.set_result(None)

        direct.listen(heard)
        try:
            broken = await over
        finally:
            direct.unlisten()
        if broken:
            await self._end(*broken)

    def _judge(self, message: str | bytes) -> tuple[int, str] | None:
        """Count a message; returns the close code and the name of the limit that it breaks."""
        self._traffic.received += 1
        if len(message) > self._max_size:
            return 1009, "message too large"
        if not self._rate.take(time.monotonic_ns()):
            return 1008, "too many messages"
        return None

    def write(self, text: bytes) -> bool:
        """Send a text message at once; False where only :meth:`send` can, which may wait."""
        if self._direct is None or not self._direct.write(text):
            return False
        self._traffic.sent += 1
        return True

    async def send(self, message: Message) -> None:
        """Send a message."""
        self._traffic.sent += 1
        await self._send(message)

    async def close(self, code: int = 1000) -> None:
        """Close the socket, unless it is closed."""
        if not self.is_closed:
            self.is_closed = True
            await self._send({"type": "websocket.close", "code": code})

    async def _end(self, code: int, breach: str) -> Message:
        self.breach, self.close_code = breach, code
        await self.close(code)
        return {"type": "websocket.disconnect", "code": code}
