"""Arguments that asyncio refuses, whatever the network: told in its own words."""

from __future__ import annotations

from typing import Any


def check_server(
    host: Any,
    port: Any,
    sock: Any,
    ssl: Any,
    handshake_timeout: float | None,
    shutdown_timeout: float | None,
) -> None:
    """Check what ``create_server`` was called with.

    Raises:
        TypeError: ``ssl`` is True or False.
        ValueError: the arguments contradict each other.
    """
    if isinstance(ssl, bool):
        raise TypeError("ssl argument must be an SSLContext or None")
    if handshake_timeout is not None and ssl is None:
        raise ValueError("ssl_handshake_timeout is only meaningful with ssl")
    if shutdown_timeout is not None and ssl is None:
        raise ValueError("ssl_shutdown_timeout is only meaningful with ssl")
    if sock is None:
        if host is None and port is None:
            raise ValueError("Neither host/port nor sock were specified")
    elif host is not None or port is not None:
        raise ValueError("host/port and sock can not be specified at the same time")
