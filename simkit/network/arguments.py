"""Arguments that asyncio refuses, whatever the network: told in its own words."""

from __future__ import annotations

from typing import Any


def check_client(
    host: Any,
    port: Any,
    sock: Any,
    ssl: Any,
    server_hostname: Any,
    handshake_timeout: float | None,
    shutdown_timeout: float | None,
) -> None:
    """Check what ``create_connection`` was called with.

    Raises:
        ValueError: the arguments contradict each other.
    """
    if server_hostname is not None and not ssl:
        raise ValueError("server_hostname is only meaningful with ssl")
    if server_hostname is None and ssl and not host:
        raise ValueError("You must set server_hostname when using ssl without a host")
    check_timeouts(bool(ssl), handshake_timeout, shutdown_timeout)
    _check_one_of(host, port, sock, "host and port was not specified and no sock specified")


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
    check_timeouts(ssl is not None, handshake_timeout, shutdown_timeout)
    _check_one_of(host, port, sock, "Neither host/port nor sock were specified")


def check_timeouts(
    tls: bool, handshake_timeout: float | None, shutdown_timeout: float | None
) -> None:
    """Check the time limits of TLS, which only make sense with TLS.

    Raises:
        ValueError: there is one without it.
    """
    if handshake_timeout is not None and not tls:
        raise ValueError("ssl_handshake_timeout is only meaningful with ssl")
    if shutdown_timeout is not None and not tls:
        raise ValueError("ssl_shutdown_timeout is only meaningful with ssl")


def _check_one_of(host: Any, port: Any, sock: Any, neither: str) -> None:
    if sock is None:
        if host is None and port is None:
            raise ValueError(neither)
    elif host is not None or port is not None:
        raise ValueError("host/port and sock can not be specified at the same time")
