"""The far end of a socket that is passed on: a client, on the short path of the wire."""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from websockets.client import ClientProtocol
from websockets.http11 import Request
from websockets.typing import Subprotocol
from websockets.uri import parse_uri

from ..wire.websocket import WebSocketPeer

MAX_MESSAGE = 16 * 1024 * 1024
_MOST_WAITING = 32
"""Messages that wait to be passed on; with so many, nothing more is read."""
_OPENING_SECONDS = 15.0
_PING_SECONDS = 20.0
"""Between pings; a pong that takes as long loses the socket."""
_CLOSING_SECONDS = 1.0


class RefusedError(Exception):
    """The far end did not open the socket.

    Attributes:
        status: HTTP status of its answer; None when there was none.
    """

    def __init__(self, reason: str, status: int | None = None) -> None:
        super().__init__(reason)
        self.status = status


class FarSocket(WebSocketPeer):
    """A client's socket whose messages are waited for one by one.

    Args:
        url: names the far end, in ``Host`` too.
        headers: of the upgrade, besides those of the protocol.
        subprotocols: that are offered.
    """

    max_message = MAX_MESSAGE

    def __init__(
        self, url: str, headers: Sequence[tuple[str, str]], subprotocols: Sequence[str] = ()
    ) -> None:
        offered = [Subprotocol(name) for name in subprotocols]
        super().__init__(
            ClientProtocol(parse_uri(url), subprotocols=offered or None, max_size=MAX_MESSAGE)
        )
        self._headers = headers
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[str | bytes] = deque()
        self._wake: asyncio.Future[None] | None = None
        self._writable = asyncio.Event()
        self._writable.set()
        self._timer: asyncio.TimerHandle | None = None
        self._pong_missing = False
        self.opened: asyncio.Future[None] = self._loop.create_future()
        self.code: int | None = None
        """With which it closed; None while it is open."""

    @property
    def subprotocol(self) -> str | None:
        """The one that the far end chose."""
        chosen: str | None = self.core.subprotocol
        return chosen

    # What comes

    def upgrade_request(self) -> Request:
        """Return the upgrade with the headers of who asked for it."""
        request = super().upgrade_request()
        for name, value in self._headers:
            request.headers[name] = value
        return request

    def on_open(self) -> None:
        """Tell who waits, and begin to ping."""
        if not self.opened.done():
            self.opened.set_result(None)
        self._timer = self._loop.call_later(_PING_SECONDS, self._keep_alive)

    def _keep_alive(self) -> None:
        if self._pong_missing:
            self.drop()
            return
        self._pong_missing = True
        self.ping()
        self._timer = self._loop.call_later(_PING_SECONDS, self._keep_alive)

    def on_pong(self) -> None:
        """The far end is alive."""
        self._pong_missing = False

    def on_text(self, data: bytes) -> None:
        """A text message."""
        try:
            self._put(data.decode())
        except UnicodeDecodeError:
            self.close(1007)

    def on_binary(self, data: bytes) -> None:
        """A binary message."""
        self._put(data)

    def _put(self, message: str | bytes) -> None:
        self._waiting.append(message)
        if len(self._waiting) == _MOST_WAITING and not self.transport.is_closing():
            self.transport.pause_reading()
        self._wake_up()

    def _wake_up(self) -> None:
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)

    def on_close(self, code: int, reason: str) -> None:
        """Tell who waits."""
        self.code = code
        self._writable.set()
        self.end_soon()
        if not self.opened.done():
            self.opened.set_exception(RefusedError(reason, self.refused_with))
            self.opened.exception()  # whoever waited may have given up
        self._wake_up()

    async def receive(self) -> str | bytes | None:
        """Return the next message; None once it is closed, :attr:`code` says how."""
        while not self._waiting:
            if self.code is not None:
                return None
            self._wake = self._loop.create_future()
            await self._wake
        message = self._waiting.popleft()
        if len(self._waiting) == _MOST_WAITING // 2 and not self.transport.is_closing():
            self.transport.resume_reading()
        return message

    # What goes

    async def send(self, message: str | bytes) -> None:
        """Send a message, when the far end takes it; nothing once it is closed."""
        await self._writable.wait()
        if isinstance(message, str):
            self.send_text(message.encode())
        else:
            self.send_binary(message)

    def pause_writing(self) -> None:
        """The far end reads too slowly."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """It has caught up."""
        self._writable.set()

    def end_soon(self) -> None:
        """Give the far end a second to close, then drop the connection."""
        if self._timer is not None:
            self._timer.cancel()
        if self.transport is not None:
            self._timer = self._loop.call_later(_CLOSING_SECONDS, self.drop)

    def connection_lost(self, error: Exception | None) -> None:
        """The connection is gone."""
        super().connection_lost(error)
        if self._timer is not None:
            self._timer.cancel()


async def open_far(
    url: str, headers: Sequence[tuple[str, str]], subprotocols: Sequence[str], *, host: str = ""
) -> FarSocket:
    """Open a socket.

    Args:
        url: where to.
        headers: of its upgrade.
        subprotocols: that are offered.
        host: what the far end is called; empty: as in ``url``.

    Raises:
        RefusedError: the far end is not there, says no, or speaks something else.
    """
    parts = urlsplit(url)
    tls: dict[str, Any] = {}
    if parts.scheme == "wss":
        tls = {"ssl": ssl.create_default_context(), "server_hostname": parts.hostname}
    name = parts._replace(netloc=host).geturl() if host else url
    try:
        far = FarSocket(name, headers, subprotocols)
        async with asyncio.timeout(_OPENING_SECONDS):
            await asyncio.get_running_loop().create_connection(
                lambda: far, parts.hostname or "", parts.port or (443 if tls else 80), **tls
            )
            await far.opened
    except (OSError, ValueError) as error:  # a timeout is an OSError
        raise RefusedError(f"{type(error).__name__}: {error}") from None
    return far
