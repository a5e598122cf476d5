"""Endpoints that note what happens, and a wire that the test carries byte by byte."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from websockets.http11 import Request, Response

import simkit
from simkit.wire.websocket import WebSocketPeer, client_core, server_core

MASK = bytes(4)  # leaves bytes as they are
both_loops = pytest.mark.parametrize(
    "new_loop", [simkit.new_event_loop, asyncio.new_event_loop], ids=["memory", "loopback"]
)


def run(new_loop: Callable[[], asyncio.AbstractEventLoop], main: Awaitable[None]) -> None:
    """Run a test on the loop in memory (virtual time) or on the stock one (loopback)."""

    async def limited() -> None:
        async with asyncio.timeout(20):
            await main

    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(limited())


class Peer(WebSocketPeer):
    """Notes what happens."""

    def __init__(self, core: Any) -> None:
        super().__init__(core)
        self.seen: list[Any] = []
        self.gone: asyncio.Event | None = None
        self.refusal: int | None = None
        self.request: Request | None = None

    def on_request(self, request: Request) -> Response | None:
        self.request = request
        return None if self.refusal is None else self.core.reject(self.refusal, "not here\n")

    def on_open(self) -> None:
        self.seen.append("open")

    def on_text(self, data: bytes) -> None:
        self.seen.append(("text", data))

    def on_binary(self, data: bytes) -> None:
        self.seen.append(("binary", data))

    def on_pong(self) -> None:
        self.seen.append("pong")

    def on_close(self, code: int, reason: str) -> None:
        self.seen.append(("close", code, reason))
        if self.gone is not None:
            self.gone.set()


class Wire(asyncio.Transport):
    """Keeps what is written until the test carries it over."""

    def __init__(self, *, half_close: bool = True) -> None:
        super().__init__()
        self.written = b""
        self.ended = self.closed = self.aborted = False
        self._half_close = half_close

    def write(self, data: bytes) -> None:
        self.written += data

    def take(self) -> bytes:
        data, self.written = self.written, b""
        return data

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = self.aborted = True

    def can_write_eof(self) -> bool:
        return self._half_close

    def write_eof(self) -> None:
        self.ended = True


def pair(**options: bool) -> tuple[Peer, Peer]:
    """Return a client and a server, both connected, the handshake not yet begun."""
    client, server = Peer(client_core("ws://bridge.example.com/media")), Peer(server_core())
    for peer in (server, client):
        peer.connection_made(Wire(**options))
    return client, server


def carry(*peers: Peer, step: int = 1 << 30) -> None:
    """Deliver what was written, ``step`` bytes at a time, until both are silent."""
    while any(peer.transport.written for peer in peers):
        for sender, receiver in (peers, peers[::-1]):
            data = sender.transport.take()
            for at in range(0, len(data), step):
                receiver.data_received(data[at : at + step])


def opened(**options: bool) -> tuple[Peer, Peer]:
    client, server = pair(**options)
    carry(client, server)
    assert client.seen == server.seen == ["open"]
    client.seen.clear()
    server.seen.clear()
    return client, server


def frame(head: int, data: bytes = b"", *, mask: bytes | None = MASK, length: int = -1) -> bytes:
    """Make a frame by hand; ``length`` tells a lie about its length."""
    size = len(data) if length < 0 else length
    bit = 0x80 if mask is not None else 0
    if size < 126:
        header = struct.pack("!BB", head, bit | size)
    elif size < 65536:
        header = struct.pack("!BBH", head, bit | 126, size)
    else:
        header = struct.pack("!BBQ", head, bit | 127, size)
    return header + (mask or b"") + data


def close_code(data: bytes) -> int:
    """Return the code of an unmasked close frame."""
    assert data[0] == 0x88
    return struct.unpack("!H", data[2:4])[0]
