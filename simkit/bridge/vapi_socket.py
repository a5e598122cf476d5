"""The client's end of a Vapi socket: opened within a time, kept alive, closed within another."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Callable
from functools import cache

from websockets.http11 import Request

from ..wire.websocket import WebSocketPeer, address_of, client_core
from .config import Config

USER_AGENT = "simkit-bridge/0.1"
"""Vapi's front refuses requests without one."""

CLOSING_SECONDS = 1.0
"""How long a close waits for the far end."""


class VapiError(Exception):
    """The call could not be created or connected; the message holds no secret.

    Attributes:
        code: HTTP status of the refusal, or close code; None when nobody answered.
    """

    def __init__(self, message: str, code: int | None = None) -> None:
        super().__init__(message)
        self.code = code


class VapiSocket(WebSocketPeer):
    """The client's end of a Vapi socket; callbacks, no task.

    Args:
        url: where to connect; it is a key by itself and is told to nobody.
        api_key: sent as Bearer token.
        keepalive: seconds between pings; a pong that takes as long loses the socket.
        max_message: bytes of the largest message taken; a larger one closes with 1009.
    """

    def __init__(self, url: str, api_key: str, *, keepalive: float, max_message: int) -> None:
        super().__init__(client_core(url, max_message))
        self.core.debug = False  # it would log every header, the key among them
        self.max_message = max_message
        self._api_key = api_key
        self._keepalive = keepalive
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._pinged_ns: int | None = None
        self.close_code: int | None = None
        """Why the socket closed, once it has."""
        self.on_message: Callable[[bytes, bool], object] = _ignore
        """Gets each message, and whether it is text."""
        self.on_gone: Callable[[int], object] = _ignore
        """Called once when the open socket closes, with the code."""
        self.on_sent: Callable[[bytes, bool], object] | None = None
        """Gets each message that was sent, and whether it is text."""
        self.on_pong_seconds: Callable[[float], object] = _ignore
        """Gets how long each pong took."""
        self.opened: asyncio.Future[None] = self._loop.create_future()
        self.closed: asyncio.Future[None] = self._loop.create_future()

    def __repr__(self) -> str:
        return f"<VapiSocket {'open' if self.is_open else 'not open'}>"

    def upgrade_request(self) -> Request:
        """Return the upgrade with credentials."""
        request = super().upgrade_request()
        request.headers["User-Agent"] = USER_AGENT
        request.headers["Authorization"] = f"Bearer {self._api_key}"
        return request

    def on_open(self) -> None:
        """Tell who waits, and begin to ping."""
        if not self.opened.done():
            self.opened.set_result(None)
        self._timer = self._loop.call_later(self._keepalive, self._keep_alive)

    def _keep_alive(self) -> None:
        if self._pinged_ns is not None:
            self.drop()
            return
        self.ping()
        self._timer = self._loop.call_later(self._keepalive, self._keep_alive)

    def ping(self) -> None:
        """Ask for a pong, and note when."""
        if not self.is_open:
            return
        self._pinged_ns = time.monotonic_ns()
        super().ping()

    def on_pong(self) -> None:
        """The far end is alive."""
        if self._pinged_ns is not None:
            took_ns = time.monotonic_ns() - self._pinged_ns
            self._pinged_ns = None
            self.on_pong_seconds(took_ns / 1e9)

    def send_text(self, data: bytes) -> None:
        """Send a text message, given as UTF-8."""
        if self.on_sent is not None and self.is_open:
            self.on_sent(data, True)
        WebSocketPeer.send_text(self, data)

    def send_binary(self, data: bytes) -> None:
        """Send a binary message."""
        if self.on_sent is not None and self.is_open:
            self.on_sent(data, False)
        WebSocketPeer.send_binary(self, data)  # super() takes longer: a frame each 20 ms

    def on_text(self, data: bytes) -> None:
        """Hand on a text message."""
        self.on_message(data, True)

    def on_binary(self, data: bytes) -> None:
        """Hand on a binary message."""
        self.on_message(data, False)

    def on_violation(self, reason: str) -> None:
        """Keep the code with which we close; none may come back."""
        if self.core.close_sent is not None:
            self.close_code = self.core.close_sent.code
        self.close_soon()

    def on_close(self, code: int, reason: str) -> None:
        """Tell who waits, and who listens."""
        self.close_soon()
        self.close_code = code = self.close_code or code
        if not self.opened.done():
            why = f"socket: {reason or f'closed with {code}'}"
            self.opened.set_exception(VapiError(why, self.refused_with or code))
            self.opened.exception()  # whoever waited may have given up
        else:
            self.on_gone(code)

    def finish(self) -> None:
        """Close, politely for a second."""
        self.on_gone = _ignore
        self.close(1000)
        self.close_soon()

    def close_soon(self) -> None:
        """Give the far end a second, then drop the connection."""
        if self._timer is not None:
            self._timer.cancel()
        if self.transport is not None and not self.closed.done():
            self._timer = self._loop.call_later(CLOSING_SECONDS, self.drop)

    def connection_lost(self, error: Exception | None) -> None:
        """The connection is gone, not only closed."""
        super().connection_lost(error)
        if self._timer is not None:
            self._timer.cancel()
        if not self.closed.done():
            self.closed.set_result(None)

    @property
    def unsent(self) -> int:
        """Bytes that the far end has not taken yet."""
        size: int = self.transport.get_write_buffer_size()
        return size


def _ignore(*arguments: object) -> None:
    pass


@cache
def default_ssl_context() -> ssl.SSLContext:
    """Return the context for connections to Vapi: loading the certificates takes a while."""
    return ssl.create_default_context()


def new_socket(config: Config, url: str) -> VapiSocket:
    """Make a socket as it is configured."""
    return VapiSocket(
        url,
        config.vapi_api_key,
        keepalive=config.keepalive,
        max_message=config.vapi_max_message,
    )


async def open_socket(socket: VapiSocket, url: str, timeout: float) -> None:  # noqa: ASYNC109
    """Connect a socket; returns when it is open.

    Raises:
        VapiError: it was refused, or did not open in time.
    """
    try:
        host, port, secure = address_of(url)
        async with asyncio.timeout(timeout):
            await asyncio.get_running_loop().create_connection(
                lambda: socket, host, port, ssl=default_ssl_context() if secure else None
            )
            await socket.opened
    except (OSError, ValueError) as error:  # a timeout is an OSError
        socket.on_gone = _ignore
        socket.drop()
        raise VapiError(f"socket: {type(error).__name__}: {error}") from error
    except BaseException:
        socket.finish()
        raise
