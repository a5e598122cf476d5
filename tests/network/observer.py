"""A protocol that writes down what happens to it, for any loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


class Observer(asyncio.Protocol):
    """Keeps a log of its callbacks; data that comes without a callback between is one entry."""

    stays_open_after_eof = False

    def __init__(self) -> None:
        self.log: list[Any] = []
        self.reads: list[int] = []
        self.at: list[float] = []

    def _note(self, entry: Any) -> None:
        self.log.append(entry)
        self.at.append(asyncio.get_running_loop().time())

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self._note("made")

    def data_received(self, data: bytes) -> None:
        self.reads.append(len(data))
        if isinstance(self.log[-1], bytes):
            self.log[-1] += data
        else:
            self._note(data)

    def eof_received(self) -> bool:
        self._note("eof")
        return self.stays_open_after_eof

    def connection_lost(self, error: BaseException | None) -> None:
        self._note("lost" if error is None else f"lost by {type(error).__name__}")

    def pause_writing(self) -> None:
        self._note("pause")

    def resume_writing(self) -> None:
        self._note("resume")

    @property
    def data(self) -> bytes:
        return b"".join(entry for entry in self.log if isinstance(entry, bytes))

    @property
    def events(self) -> list[str]:
        return [entry for entry in self.log if isinstance(entry, str)]

    def when(self, entry: Any) -> float:
        return self.at[self.log.index(entry)]


class Patient(Observer):
    """Keeps its sending side open when the peer has closed its own."""

    stays_open_after_eof = True


@dataclass
class Pair:
    """Two connected observers and the server between them."""

    client: Any
    server: Any
    listener: asyncio.Server


async def connected(
    client: Callable[[], Any] = Observer,
    server: Callable[[], Any] = Observer,
    host: str = "127.0.0.1",
) -> Pair:
    """Connect two observers through a server on a free port."""
    loop = asyncio.get_running_loop()
    accepted: asyncio.Future[Any] = loop.create_future()

    def accept() -> Any:
        protocol = server()
        accepted.set_result(protocol)
        return protocol

    listener = await loop.create_server(accept, host, 0)
    address = listener.sockets[0].getsockname()
    _, protocol = await loop.create_connection(client, *address[:2])
    other = await accepted
    while not hasattr(other, "transport"):
        await asyncio.sleep(0)
    return Pair(protocol, other, listener)
