"""uvicorn's end of a WebSocket, on the short path of :mod:`simkit.wire.websocket`.

uvicorn's own ends stop and resume reading around every message, which costs more than the message
when one comes every 20 ms from each of a hundred calls: with this one
(``uvicorn.Config(ws=AsgiSocket)``) a process carries half as many calls again. To an application
there is no difference.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections import deque
from collections.abc import Callable
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote

from uvicorn.config import Config
from uvicorn.protocols.utils import get_local_addr, get_remote_addr, is_ssl
from uvicorn.server import ServerState
from websockets.http11 import Request, Response
from websockets.server import ServerProtocol

from ..wire.websocket import WebSocketPeer

log = logging.getLogger("uvicorn.error")

MOST_WAITING = 32
"""Messages that wait for the application; with so many, nothing more is read."""
_CLOSING_SECONDS = 10.0


class AsgiSocket(WebSocketPeer):
    """One WebSocket; uvicorn makes it and hands in the request for the upgrade.

    Of uvicorn's settings it knows ``ws_max_size`` and ``ws_ping_interval``: a pong that takes
    as long as that loses the socket. There is no compression; Twilio does not offer any.

    An application whose ``receive`` and ``send`` are this socket's own may do without them: by
    :meth:`listen` and :meth:`write` no task is woken for a message.
    """

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self.max_message = config.ws_max_size
        super().__init__(ServerProtocol(max_size=config.ws_max_size))
        self._config = config
        self._server = server_state
        self._app_state = app_state
        self._loop = _loop or asyncio.get_running_loop()
        self._acceptance: Response | None = None
        self._waiting: deque[dict[str, Any]] = deque()
        self._wake: asyncio.Future[None] | None = None
        self.close_code = 1005
        """With which the far end closed it."""
        self._heard: Callable[[str | bytes | None], object] | None = None
        self._writable = asyncio.Event()
        self._writable.set()
        self._ping_timer: asyncio.TimerHandle | None = None
        self._pong_missing = False
        self._close_timer: asyncio.TimerHandle | None = None

    # The connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Count among uvicorn's connections, and let no frame wait for the next.

        asyncio does that only for sockets that were made with the number of their protocol; those
        that a program listens on itself, and uvicorn's own of several workers, are not.
        """
        connection = transport.get_extra_info("socket")
        with contextlib.suppress(OSError):  # not TCP
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._server.connections.add(self)  # type: ignore[arg-type]
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        """Count no more, and let go whoever waits."""
        self._server.connections.discard(self)
        super().connection_lost(error)
        self._writable.set()
        if self._close_timer is not None:
            self._close_timer.cancel()

    def pause_writing(self) -> None:
        """The far end reads too slowly."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """It has caught up."""
        self._writable.set()

    def shutdown(self) -> None:
        """The server stops, and has no more patience."""
        if self._opened:
            self.close(1012)
        elif self._acceptance is not None:
            self._refuse(HTTPStatus.INTERNAL_SERVER_ERROR)
        self.transport.close()

    # The wire

    def answer(self, request: Request) -> None:
        """Ask the application."""
        acceptance: Response = self.core.accept(request)
        if acceptance.status_code != HTTPStatus.SWITCHING_PROTOCOLS:
            self.respond(acceptance)
            self.transport.close()
            return
        self._acceptance = acceptance
        # A client has nothing to say before it is answered.
        self.transport.pause_reading()
        self._put({"type": "websocket.connect"})
        task = self._loop.create_task(self._run(self._scope(request)))
        self._server.tasks.add(task)
        task.add_done_callback(self._server.tasks.discard)

    def on_open(self) -> None:
        """Read, and ping now and then."""
        self.transport.resume_reading()
        self._ping_later()

    def on_text(self, data: bytes) -> None:
        """A text message."""
        try:
            text = data.decode()
        except UnicodeDecodeError:
            self._close(1007)
            return
        if self._heard is not None:
            self._heard(text)
        else:
            self._put({"type": "websocket.receive", "text": text})

    def on_binary(self, data: bytes) -> None:
        """A binary message."""
        if self._heard is not None:
            self._heard(data)
            return
        self._put({"type": "websocket.receive", "bytes": data})

    def on_pong(self) -> None:
        """The far end is alive."""
        self._pong_missing = False

    def on_close(self, code: int, reason: str) -> None:
        """The socket is closed; the connection should be, too, before long."""
        self.close_code = code
        if self._ping_timer is not None:
            self._ping_timer.cancel()
        if self._close_timer is None:
            self._close_timer = self._loop.call_later(_CLOSING_SECONDS, self.drop)
        self._put({"type": "websocket.disconnect", "code": code, "reason": reason})
        if self._heard is not None:
            self._heard(None)

    def _ping_later(self) -> None:
        if self._config.ws_ping_interval:
            self._ping_timer = self._loop.call_later(self._config.ws_ping_interval, self._ping)

    def _ping(self) -> None:
        if self._pong_missing:
            self._close(1011, "keepalive ping timeout")
            if self.transport.get_write_buffer_size():
                self.drop()  # nobody takes that any more
            self.transport.close()
            return
        self._pong_missing = True
        self.ping()
        self._ping_later()

    def _close(self, code: int, reason: str = "") -> None:
        """Say so and close; a far end that does not answer, or does not read, is dropped."""
        if self.is_open:
            self._close_timer = self._loop.call_later(_CLOSING_SECONDS, self.drop)
            self.close(code, reason)

    # The application

    def listen(self, heard: Callable[[str | bytes | None], object]) -> None:
        """Hand on each message as it comes, those first that wait; None once it is closed."""
        self._heard = heard
        while self._waiting and self._heard is not None:
            message = self._take()
            if message["type"] == "websocket.receive":
                heard(message.get("text", message.get("bytes")))
            else:
                self._put(message)
                heard(None)
                return

    def unlisten(self) -> None:
        """Let messages wait for ``receive`` again."""
        self._heard = None

    def write(self, text: bytes) -> bool:
        """Send a text message, given as UTF-8, if the far end takes more; else False."""
        if not self._writable.is_set() or not self.is_open or self.transport.is_closing():
            return False
        self.send_text(text)
        return True

    def _scope(self, request: Request) -> dict[str, Any]:
        path, _, query = request.path.partition("?")
        root = self._config.root_path
        offered = request.headers.get_all("Sec-WebSocket-Protocol")
        return {
            "type": "websocket",
            "asgi": {"version": self._config.asgi_version, "spec_version": "2.4"},
            "http_version": "1.1",
            "scheme": "wss" if is_ssl(self.transport) else "ws",
            "server": get_local_addr(self.transport),
            "client": get_remote_addr(self.transport),
            "root_path": root,
            "path": root + unquote(path),
            "raw_path": (root + path).encode("ascii"),
            "query_string": query.encode("ascii"),
            "headers": [
                (name.encode("ascii"), value.encode("latin-1"))
                for name, value in request.headers.raw_items()
            ],
            "subprotocols": [name.strip() for value in offered for name in value.split(",")],
            "state": self._app_state.copy(),
            "extensions": {},
        }

    async def _run(self, scope: Any) -> None:
        try:
            await self._config.loaded_app(scope, self._receive, self._send_message)
        except Exception as error:
            if self.is_open or not isinstance(error, OSError):  # else it sent to nobody
                log.exception("Exception in ASGI application")
        finally:
            if self._acceptance is not None:
                self._refuse(HTTPStatus.INTERNAL_SERVER_ERROR)
            self._close(1000)

    def _put(self, message: dict[str, Any]) -> None:
        self._waiting.append(message)
        if len(self._waiting) == MOST_WAITING and not self.transport.is_closing():
            self.transport.pause_reading()
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)

    async def _receive(self) -> Any:
        while not self._waiting:
            self._wake = self._loop.create_future()
            await self._wake
        return self._take()

    def _take(self) -> dict[str, Any]:
        message = self._waiting.popleft()
        if len(self._waiting) == MOST_WAITING // 2 and not self.transport.is_closing():
            self.transport.resume_reading()
        return message

    async def _send_message(self, message: Any) -> None:
        kind = message["type"]
        if kind == "websocket.send":
            await self._writable.wait()
            if not self.is_open or self.transport.is_closing():
                raise OSError("the socket is closed")
            if message.get("bytes") is not None:
                self.send_binary(message["bytes"])
            else:
                self.send_text(message["text"].encode())
        elif kind == "websocket.accept":
            self._accept(message)
        elif self._acceptance is not None:
            self._refuse(HTTPStatus.FORBIDDEN)
        else:
            self._close(message.get("code", 1000), message.get("reason") or "")

    def _accept(self, message: Any) -> None:
        response, self._acceptance = self._acceptance, None
        if response is None or self.transport.is_closing():
            raise OSError("the socket is closed")
        del response.headers["Date"]
        for name, value in [*self._server.default_headers, *message.get("headers", [])]:
            response.headers[name.decode("latin-1")] = value.decode("latin-1")
        if message.get("subprotocol"):
            response.headers["Sec-WebSocket-Protocol"] = message["subprotocol"]
        self.respond(response)

    def _refuse(self, status: HTTPStatus) -> None:
        self._acceptance = None
        self.respond(self.core.reject(status, ""))
        self.transport.close()
