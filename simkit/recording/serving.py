"""Serving the two doors of a recording proxy on real sockets, until told to end."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import uvicorn
from websockets.http11 import Request

from ..bridge.asgi_socket import AsgiSocket
from ..bridge.protocols import PatientHttp
from .far import MAX_MESSAGE
from .proxy import RecordingProxy

MAX_CONNECTIONS = 1000
"""At a door at once; further ones are closed."""
HEAD_SECONDS = 10.0
"""For the head of a request."""
_CLOSING_SECONDS = 2
_BACKLOG = 512


class _Server(uvicorn.Server):
    """uvicorn, that leaves signals to who runs it."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class _Http(PatientHttp):
    """A door: so many connections, and the head of a request in so many seconds."""

    max_connections = MAX_CONNECTIONS
    head_seconds = HEAD_SECONDS


class _Socket(AsgiSocket):
    """The short path, that passes a refusal on with its status."""

    def shutdown(self) -> None:
        """The proxy ends: the far end is told as this one is, which takes its answer."""
        if self._opened:
            self.close(1012)
            self._loop.call_later(_CLOSING_SECONDS / 2, self.drop)
        else:
            super().shutdown()

    def _scope(self, request: Request) -> dict[str, Any]:
        return super()._scope(request) | {"extensions": {"websocket.http.response": {}}}

    async def _send_message(self, message: Any) -> None:
        if message["type"] == "websocket.http.response.start":
            self._refuse(HTTPStatus(message["status"]))
        elif message["type"] != "websocket.http.response.body":
            await super()._send_message(message)


async def serve(
    proxy: RecordingProxy,
    to_bridge: socket.socket,
    to_vapi: socket.socket,
    *,
    tls_cert: str = "",
    tls_key: str = "",
) -> None:
    """Serve until SIGINT or SIGTERM; calls that run then are closed, and recorded up to there.

    Args:
        proxy: what is served.
        to_bridge: listens where the bridge stood.
        to_vapi: listens for the bridge.
        tls_cert: certificate chain for ``to_bridge``; empty: no TLS.
        tls_key: its private key.
    """
    servers = [
        _server(proxy.to_bridge, ssl_certfile=tls_cert or None, ssl_keyfile=tls_key or None),
        _server(proxy.to_vapi),
    ]
    loop = asyncio.get_running_loop()

    def end() -> None:
        for server in servers:
            server.should_exit = True

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, end)
    try:
        await asyncio.gather(
            *(
                server.serve(sockets=[prompt(listener)])
                for server, listener in zip(servers, (to_bridge, to_vapi), strict=True)
            )
        )
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
        await proxy.close()


def _server(app: Any, **settings: Any) -> _Server:
    return _Server(
        uvicorn.Config(
            app,
            http=_Http,
            ws=_Socket,
            ws_max_size=MAX_MESSAGE,
            ws_per_message_deflate=False,
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=_CLOSING_SECONDS,
            backlog=_BACKLOG,
            **settings,
        )
    )


def prompt(listener: socket.socket) -> socket.socket:
    """Return a listening socket on whose connections no frame waits for the next.

    asyncio sees to that where a socket knows the number of its protocol.
    """
    return socket.socket(
        listener.family, listener.type, socket.IPPROTO_TCP, fileno=listener.detach()
    )
