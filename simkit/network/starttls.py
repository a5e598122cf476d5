"""TLS on a connection that began without it: elided, or for real, as its other end has it.

The peer is asked, not the name: a certificate may come with the upgrade itself. A client makes a
real handshake where the program at the other end has begun its own side of one, as it has in every
protocol in which the server says when to start. Where it has not, TLS is elided; should the server
begin later, it is elided there too, so that both ends always agree.
"""

from __future__ import annotations

import asyncio
import ssl
from asyncio import sslproto
from typing import TYPE_CHECKING, Any

from .stream import StreamTransport
from .tls import Decided

if TYPE_CHECKING:
    from .names import NamingLoop


def elides(transport: StreamTransport, server_side: bool) -> bool:
    """Tell whether TLS is to be elided on this connection."""
    peer = transport.peer
    if server_side:
        return isinstance(peer, StreamTransport) and peer.tls_is_elided
    if isinstance(peer, StreamTransport):
        return not isinstance(peer.get_protocol(), sslproto.SSLProtocol)
    # Not accepted yet: a server that has a certificate begins with the handshake.
    return not transport.meets_certificate


async def start_tls(
    loop: NamingLoop,
    transport: asyncio.Transport,
    protocol: asyncio.BaseProtocol,
    context: ssl.SSLContext,
    *,
    server_side: bool,
    server_hostname: str | None,
    handshake_timeout: float | None,
    shutdown_timeout: float | None,
) -> asyncio.Transport:
    """Do what asyncio's own ``start_tls`` does, with the decision above."""
    if server_side:
        loop.network.has_certificates = True
    if isinstance(transport, StreamTransport):
        elide = transport.tls_is_elided = elides(transport, server_side)
    else:
        # TLS within TLS, through a proxy: its other end is known by name only.
        elide = not server_side and not loop.network.speaks_tls(server_hostname)
    waiter: asyncio.Future[None] = loop.create_future()
    ssl_protocol: Any = sslproto.SSLProtocol(
        loop,
        protocol,
        Decided(context, elide),  # type: ignore[arg-type]
        waiter,
        server_side,
        server_hostname,
        call_connection_made=False,
        ssl_handshake_timeout=handshake_timeout,  # type: ignore[arg-type]
        ssl_shutdown_timeout=shutdown_timeout,
    )
    ssl_protocol._extra["sslcontext"] = context
    # What arrives before the new protocol is connected must not be lost to it.
    transport.pause_reading()
    transport.set_protocol(ssl_protocol)
    connecting = loop.call_soon(ssl_protocol.connection_made, transport)
    resuming = loop.call_soon(transport.resume_reading)
    try:
        await waiter
    except BaseException:
        transport.close()
        connecting.cancel()
        resuming.cancel()
        raise
    return ssl_protocol._app_transport  # type: ignore[no-any-return]
