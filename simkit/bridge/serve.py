"""Serving: the bridge as a process, from a configuration to the last call's end."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import ssl
import time
from types import FrameType
from typing import TYPE_CHECKING, Any

import msgspec
import uvicorn

from .config import SECRETS, Config
from .logs import start_logging
from .protocols import BACKLOG, ServerConfig
from .server import Bridge
from .sources import Loaded
from .tap import Tap

if TYPE_CHECKING:
    from collections.abc import Sequence

log = logging.getLogger("simkit.bridge")

_LAST_WORDS_SECONDS = 2.0
"""What calls get to take leave of Vapi when they are ended."""


class ServeError(Exception):
    """The server cannot begin; one line says why."""


def serve(loaded: Loaded, tap: Tap | None = None) -> None:
    """Serve until told to end, then drain.

    Args:
        loaded: the configuration.
        tap: takes down what goes over the sockets of each call.

    Raises:
        ServeError: the port is taken, the address is none of ours, a certificate is not one.
        ConfigError: a file that the configuration names is of no use.
    """
    config = loaded.config
    prepare(config)
    listener = listen(config.host, config.port)
    start_logging(config.log, [getattr(config, name) for name in SECRETS])
    if loaded.origin["public_url"] == "default":
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        config = msgspec.structs.replace(config, public_url=url)
    for warning in loaded.warnings:
        log.warning("%s", warning, extra={"event": "configuration"})
    server = Server(Bridge(config, tap=tap))
    try:
        server.run(sockets=[listener])
    except SystemExit:
        raise ServeError("the application did not start; the log says why") from None


def prepare(config: Config) -> Bridge:
    """Make a bridge, and look at all that it needs but the port.

    Raises:
        ServeError: a certificate is not one.
        ConfigError: a file that the configuration names is of no use.
    """
    check_certificate(config.tls_cert, config.tls_key)
    return Bridge(config)


def check_certificate(cert: str, key: str) -> None:
    """Load the certificate, if there is one.

    Args:
        cert: a file with the chain; empty for none.
        key: the file with its private key.

    Raises:
        ServeError: it cannot be read, or it does not belong to the key.
    """
    if not cert:
        return
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(
            cert, key, password=lambda: b""
        )
    except (OSError, ValueError) as error:  # an SSLError is an OSError
        why = getattr(error, "reason", None) or getattr(error, "strerror", None) or error
        raise ServeError(f"tls_cert {cert}, tls_key {key}: {why}") from None


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens.

    Raises:
        ServeError: the port is taken or forbidden, or the address is none of this machine's.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(address[:2], family=family, backlog=BACKLOG)
    except OSError as error:
        name_is_unknown = isinstance(error, socket.gaierror) or not error.errno
        why = error.strerror if name_is_unknown else os.strerror(error.errno or 0)
        raise ServeError(f"cannot listen on {host} port {port}: {why}") from None


class Server(uvicorn.Server):
    """uvicorn, that drains: on the first signal new calls are refused and running ones go on.

    Args:
        bridge: what is served.
        settings: further settings of uvicorn.
    """

    def __init__(self, bridge: Bridge, **settings: Any) -> None:
        super().__init__(ServerConfig(bridge, **settings))
        self._bridge = bridge
        self._signals = 0
        self._drain_until = 0.0

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Drain; on a second signal end at once."""
        self._bridge.drain()
        self._signals += 1

    async def startup(self, sockets: Sequence[socket.socket] | None = None) -> None:
        """Listen, and say where."""
        await super().startup(list(sockets) if sockets is not None else None)
        for server in self.servers:
            for listener in server.sockets:
                host, port = listener.getsockname()[:2]
                extra = {"event": "listening", "host": host, "port": port}
                log.info("listening on %s port %d", host, port, extra=extra)

    async def on_tick(self, counter: int) -> bool:
        """Look whether the end has come."""
        if await super().on_tick(counter):
            return True
        bridge = self._bridge
        if not bridge.draining:
            return False
        now = time.monotonic()
        if not self._drain_until:
            self._drain_until = now + bridge.config.drain_limit
            extra = {"event": "draining", "calls": len(bridge.sessions)}
            log.info("draining: %d calls go on", len(bridge.sessions), extra=extra)
        if bridge.is_drained():
            return True
        if self._signals < 2 and now < self._drain_until:
            return False
        await self._end_calls()
        return True

    async def _end_calls(self) -> None:
        calls = self._bridge.end_calls()
        extra = {"event": "ended", "calls": len(calls)}
        log.warning("ended %d calls", len(calls), extra=extra)
        if calls:
            await asyncio.wait(calls, timeout=_LAST_WORDS_SECONDS)
