"""One connection over a link whose knobs are to be turned, and when what arrived."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from simkit.network import Direction, Link, SimLoop
from tests.network.observer import Observer


class Arrivals(Observer):
    """Writes down the virtual ns and the size of each read."""

    def __init__(self) -> None:
        super().__init__()
        self.arrivals: list[tuple[int, int]] = []

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        now_ns = asyncio.get_running_loop().calendar.now_ns
        self.arrivals.append((now_ns, len(data)))


class Line:
    """From "home", where the test runs, to the host "far", 10 ms each way."""

    def __init__(self, loop: SimLoop, *, protocol: Callable[[], Any] = Arrivals) -> None:
        self.loop = loop
        self.far = loop.network.host("far")
        self.link: Link = loop.network.link("home", "far")
        self.link.latency = 0.01
        self.there: Direction = self.link.towards("far")
        self.back: Direction = self.link.towards("home")
        self.protocol = protocol
        self.accepted: list[Any] = []
        loop.network.listen(self.far, 80, self._accept)

    def _accept(self) -> Any:
        self.accepted.append(self.protocol())
        return self.accepted[-1]

    async def connect(self) -> tuple[Any, Any]:
        """Connect; wait until both ends know, and until a whole second of virtual time begins."""
        known = len(self.accepted)
        _, client = await self.loop.create_connection(self.protocol, "far", 80)
        while len(self.accepted) == known or not hasattr(self.accepted[-1], "transport"):
            await asyncio.sleep(0.001)
        await self.next_second()
        return client, self.accepted[-1]

    async def next_second(self) -> None:
        now_ns = self.loop.calendar.now_ns
        await asyncio.sleep((-now_ns % 10**9) / 1e9)
        assert self.loop.calendar.now_ns % 10**9 == 0

    def since(self, end: Any, start_ns: int) -> list[tuple[int, int]]:
        """Return (us since ``start_ns``, bytes) of each read; all of them must be whole us."""
        times = [(when_ns - start_ns, size) for when_ns, size in end.arrivals]
        assert all(when_ns % 1000 == 0 for when_ns, _ in times)
        return [(when_ns // 1000, size) for when_ns, size in times]


async def arrivals_of(
    line: Line, act: Callable[[Any], Coroutine[Any, Any, None]]
) -> list[tuple[int, int]]:
    """Connect, let ``act`` write, and return what arrives: (us since then, bytes) of each read."""
    client, server = await line.connect()
    start_ns = line.loop.calendar.now_ns
    await act(client.transport)
    await asyncio.sleep(100)
    return line.since(server, start_ns)


class Draws:
    """Stands for a stream of entropy whose draws are known."""

    def __init__(self, *draws: Any) -> None:
        self.draws = list(draws)

    def random(self) -> Any:
        return self.draws.pop(0)

    def randint(self, low: int, high: int) -> Any:
        draw = self.draws.pop(0)
        assert low <= draw <= high
        return draw


def known_draws(loop: Any, name: str, *draws: Any) -> None:
    """Let the stream of entropy called ``name`` give these."""
    loop.entropy._streams[name] = Draws(*draws)
