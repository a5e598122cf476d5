"""Unix sockets: connections within one host, by path. No file is made."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import sys
from collections.abc import Callable
from typing import Any

from .blocking import BlockingLoop
from .connections import ConnectedSocket, Opened
from .hosts import Host
from .sockets import SimSocket


class UnixLoop(BlockingLoop):
    """The part of a loop that connects to paths and serves there."""

    async def create_unix_connection(  # type: ignore[override]
        self,
        protocol_factory: Callable[[], asyncio.BaseProtocol],
        path: Any = None,
        *,
        ssl: Any = None,
        sock: Any = None,
        server_hostname: str | None = None,
        ssl_handshake_timeout: float | None = None,
        ssl_shutdown_timeout: float | None = None,
    ) -> tuple[asyncio.Transport, asyncio.BaseProtocol]:
        """Connect to a path of the host that the calling code runs on.

        Raises:
            FileNotFoundError: nobody has listened at this path.
            ConnectionRefusedError: nobody listens there any more.
        """
        if ssl:
            if server_hostname is None:
                raise ValueError("you have to pass server_hostname when using ssl")
        elif server_hostname is not None:
            raise ValueError("server_hostname is only meaningful with ssl")
        if (path is None) == (sock is None):
            raise ValueError(
                "no path and sock were specified"
                if path is None
                else "path and sock can not be specified at the same time"
            )
        if sock is not None:
            face = self._claim(sock, "create_unix_connection")
        else:
            face = ConnectedSocket(await self._open_unix(self.network.current(), path))
        return await self._create_connection_transport(
            face,
            protocol_factory,
            ssl,
            server_hostname,
            ssl_handshake_timeout=ssl_handshake_timeout,
            ssl_shutdown_timeout=ssl_shutdown_timeout,
        )

    async def create_unix_server(
        self,
        protocol_factory: Callable[[], asyncio.BaseProtocol],
        path: Any = None,
        *,
        sock: Any = None,
        backlog: int = 100,
        ssl: Any = None,
        ssl_handshake_timeout: float | None = None,
        ssl_shutdown_timeout: float | None = None,
        start_serving: bool = True,
        cleanup_socket: bool = sys.version_info >= (3, 13),
    ) -> asyncio.Server:
        """Listen at a path of the host that the calling code runs on.

        A path that a server has left behind is taken over, as asyncio does.

        Raises:
            OSError: the path is taken.
        """
        if isinstance(ssl, bool):
            raise TypeError("ssl argument must be an SSLContext or None")
        if path is not None and sock is not None:
            raise ValueError("path and sock can not be specified at the same time")
        if sock is not None:
            if sock.family != socket.AF_UNIX:
                raise ValueError(f"A UNIX Domain Stream Socket was expected, got {sock!r}")
            face = self._listening_face(sock)
        elif path is None:
            raise ValueError("path was not specified, and no sock specified")
        else:
            face = SimSocket(os.fsdecode(path))
        name = face.getsockname()
        host = self.network.current()
        if sock is None and _is_abstract(name) and host.unix_listeners.get(name) is not None:
            raise OSError(errno.EADDRINUSE, f"Address {path!r} is already in use")
        host.unix_listeners.setdefault(name, None)
        face.removes_path = cleanup_socket or _is_abstract(name)
        return await self._server(
            [face],
            protocol_factory,
            ssl,
            backlog,
            ssl_handshake_timeout,
            ssl_shutdown_timeout,
            start_serving,
        )

    async def _open_unix(self, host: Host, path: Any) -> Opened:
        name = os.fsdecode(path)
        if host.unix_listeners.get(name) is None:
            if name in host.unix_listeners or _is_abstract(name):
                raise ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")
            raise FileNotFoundError(errno.ENOENT, "No such file or directory")
        return await self._open_at(host, host, name, local="")


def _is_abstract(name: str) -> bool:
    return name.startswith("\0")
