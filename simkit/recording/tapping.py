"""Taps on other people's sockets: an ASGI application's, and a connection of ``websockets``."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from websockets.exceptions import ConnectionClosed

from .capture import current
from .recorder import Direction

if TYPE_CHECKING:
    from .capture import CallCapture, Capture

CALL_SID = re.compile(r'"callSid"\s*:\s*"([^"\\]{1,64})"')


def tapped_app(capture: Capture, app: Any) -> Any:
    """Return an ASGI application that does what ``app`` does, and is taken down."""

    async def tapped(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "websocket":
            await app(scope, receive, send)
            return
        tap = _SocketTap(capture, receive, send)
        token = current.set(tap.call)
        try:
            await app(scope, tap.receive, tap.send)
        finally:
            current.reset(token)
            tap.call.end()

    return tapped


class _SocketTap:
    """Stands between a server and an application on one socket."""

    def __init__(self, capture: Capture, receive: Any, send: Any) -> None:
        self._receive, self._send = receive, send
        self.call: CallCapture = capture.begin()
        self._is_named = False

    async def receive(self) -> Any:
        message = await self._receive()
        kind = message["type"]
        if kind == "websocket.receive":
            text = message.get("text")
            data = text if text is not None else message.get("bytes") or b""
            self.call.take("twilio", "in", data)
            if not self._is_named and isinstance(data, str):
                self._look_for_name(data)
        elif kind == "websocket.disconnect":
            code = message.get("code", 1005)
            self.call.take("twilio", "in", f'{{"event": "disconnected", "code": {int(code)}}}')
        return message

    def _look_for_name(self, text: str) -> None:
        found = CALL_SID.search(text)
        if found is not None:
            self.call.name(found[1])
            self._is_named = True

    async def send(self, message: Any) -> None:
        kind = message["type"]
        if kind == "websocket.send":
            text = message.get("text")
            self.call.take("twilio", "out", text if text is not None else message["bytes"])
        elif kind == "websocket.close":
            code = message.get("code", 1000)
            self.call.take("twilio", "out", f'{{"event": "closed", "code": {int(code)}}}')
        await self._send(message)


class TappedConnection:
    """A connection of ``websockets``, with all that it can do, whose messages are taken down."""

    def __init__(self, connection: Any, call: CallCapture) -> None:
        self._connection = connection
        self._call = call
        self._is_open = True
        self._take("in", {"event": "opened"})

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def _take(self, direction: Direction, event: dict[str, Any]) -> None:
        self._call.take("vapi", direction, json.dumps(event))

    async def recv(self, *args: Any, **kwargs: Any) -> Any:
        """Receive a message."""
        try:
            message = await self._connection.recv(*args, **kwargs)
        except ConnectionClosed:
            self._take_end()
            raise
        self._call.take("vapi", "in", message)
        return message

    def _take_end(self) -> None:
        """The connection is over, by whichever side."""
        if self._is_open:
            self._is_open = False
            code = getattr(self._connection, "close_code", None) or 1006
            self._take("in", {"event": "disconnected", "code": int(code)})

    async def close(self, code: int = 1000, *args: Any, **kwargs: Any) -> None:
        """Close the connection."""
        if self._is_open:
            self._is_open = False
            self._take("out", {"event": "closed", "code": code})
        await self._connection.close(code, *args, **kwargs)

    async def send(self, message: Any, *args: Any, **kwargs: Any) -> None:
        """Send a message."""
        if isinstance(message, (str, bytes)):
            self._call.take("vapi", "out", message)
        elif isinstance(message, (bytearray, memoryview)):
            self._call.take("vapi", "out", bytes(message))
        await self._connection.send(message, *args, **kwargs)

    async def __aiter__(self) -> AsyncIterator[Any]:
        try:
            async for message in self._connection:
                self._call.take("vapi", "in", message)
                yield message
        except ConnectionClosed:
            self._take_end()
            raise
        self._take_end()

    async def __aenter__(self) -> TappedConnection:
        await self._connection.__aenter__()
        return self

    async def __aexit__(self, *exc_info: Any) -> Any:
        if self._is_open:
            self._is_open = False
            self._take("out", {"event": "closed", "code": 1000})
        return await self._connection.__aexit__(*exc_info)
