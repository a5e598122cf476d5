"""Protocols: HTTP and WebSockets for uvicorn, with patience that ends."""

from __future__ import annotations

import asyncio
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from .asgi_socket import AsgiSocket
from .server import Bridge

BACKLOG = 2048

_MAX_UNSENT = 1024 * 1024


class ServerConfig(uvicorn.Config):
    """uvicorn, set up for streams that strangers may try to open.

    Args:
        bridge: what is served.
        settings: further settings of uvicorn.
    """

    def __init__(self, bridge: Bridge, **settings: Any) -> None:
        config = bridge.config
        self.bridge = bridge
        super().__init__(
            bridge.app(),
            http=Http,
            ws=WebSocket,
            ws_max_size=config.max_message_bytes,
            ws_per_message_deflate=False,  # Twilio does not offer it; inflating is a risk
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,  # the guard decides whom to believe
            timeout_graceful_shutdown=2,
            backlog=BACKLOG,
            ssl_certfile=config.tls_cert or None,
            ssl_keyfile=config.tls_key or None,
            **settings,
        )


class PatientHttp(H11Protocol):
    """uvicorn's HTTP, that waits for the head of a request only so long.

    h11 rather than httptools: a call is two requests, and its reading is the stricter one.
    """

    _patience: asyncio.TimerHandle | None = None

    @property
    def max_connections(self) -> int:
        """Connections at once; further ones are closed."""
        return 2000

    @property
    def head_seconds(self) -> float:
        """Seconds for the head of a request."""
        return 5.0

    def on_refused(self, reason: str) -> None:
        """A connection is closed for that."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a connection, if there is room."""
        super().connection_made(transport)
        if len(self.connections) > self.max_connections:
            self.on_refused("max_connections")
            transport.abort()
            return
        self._wait_for_head()

    def data_received(self, data: bytes) -> None:
        """Read on; a head that is complete may take as long as its answer does."""
        before = self.cycle
        super().data_received(data)
        if self.cycle is not before or self.transport.get_protocol() is not self:
            self._stop_waiting()
        elif self._patience is None and (self.cycle is None or self.cycle.response_complete):
            self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._stop_waiting()
        super().connection_lost(exc)

    def _wait_for_head(self) -> None:
        self._patience = self.loop.call_later(self.head_seconds, self._give_up)

    def _stop_waiting(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _give_up(self) -> None:
        self._patience = None
        self.on_refused("head too slow")
        self.transport.abort()


class Http(PatientHttp):
    """HTTP as the bridge's configuration has it."""

    config: ServerConfig

    @property
    def max_connections(self) -> int:
        """Connections at once."""
        return self.config.bridge.config.max_connections

    @property
    def head_seconds(self) -> float:
        """Seconds for the head of a request."""
        return self.config.bridge.config.read_timeout

    def on_refused(self, reason: str) -> None:
        """Count it."""
        self.config.bridge.metrics.count("refused", reason=reason)


class WebSocket(AsgiSocket):
    """A WebSocket that does not fill the memory with answers which nobody reads."""

    _config: ServerConfig

    def on_ping(self) -> None:
        """A ping was answered."""
        if self.transport.get_write_buffer_size() > _MAX_UNSENT:
            self._config.bridge.metrics.count("refused", reason="pongs not read")
            self.drop()
