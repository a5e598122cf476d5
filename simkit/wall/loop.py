"""The loop of a world in real time: the stock selector loop, with the world's names on it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterable
from contextvars import Context, ContextVar
from typing import Any

from .address import is_loopback
from .line import Line
from .links import WallDirection
from .pacing import Pacing
from .selector import FineSelector

machine: ContextVar[str] = ContextVar("machine")
"""The host on which the current code runs: one of the fakes, or nobody's."""

_LAST_ITERATIONS = 5
"""Of the loop, in which a connection that was closed gives its socket back."""

Between = Callable[[str, str], WallDirection]
"""Returns the direction from one host to another."""


class WallLoop(asyncio.SelectorEventLoop):
    """Connects to the names of a world, each of which is a loopback port; to nothing else.

    TLS is left out: the bridge is as if behind a proxy that ends it and says so in
    ``X-Forwarded-Proto`` and ``X-Forwarded-Host``. Every connection is a
    :class:`Line`, as long as the link between both hosts.

    Attributes:
        pacing: time, and how late it was served.
        places: loopback address and port where each name of the world listens; whoever says
            those means it, too.
        aliases: the host that another name belongs to.
        between: returns the direction from one host to another.
        on_refused: told of every name that is not of this world.
    """

    def __init__(self) -> None:
        selector = FineSelector()
        super().__init__(selector)
        self.pacing = Pacing(self)
        selector.before_wait = self.pacing.go_on
        self.places: dict[str, tuple[str, int]] = {}
        self.aliases: dict[str, str] = {}
        self.between: Between = lambda source, target: WallDirection(f"{source} > {target}", 0.0)
        self.on_refused: Callable[[str, int], object] = lambda name, port: None
        self.lines: set[Line] = set()

    def _found(self, host: str, port: int) -> str:
        """Return the name of the host that is meant.

        Raises:
            socket.gaierror: none of this world.
        """
        name = self.aliases.get(host.lower(), host.lower())
        if name in self.places:
            return name
        if is_loopback(host):
            for known, place in self.places.items():
                if place[1] == port:
                    return known
        self.on_refused(host, port)
        raise socket.gaierror(
            socket.EAI_NONAME, f"{host}:{port} is not part of this world, and nothing leaves it"
        )

    def call_later(  # type: ignore[override]
        self,
        delay: float,
        callback: Callable[..., object],
        *args: Any,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        """Call something in ``delay`` seconds of the world's clock, as ``asyncio.sleep`` does."""
        return self.pacing.call_later(delay, callback, *args, context=context)

    async def create_connection(  # type: ignore[override]
        self,
        protocol_factory: Callable[[], asyncio.BaseProtocol],
        host: str | None = None,
        port: int | None = None,
        *,
        ssl: Any = None,
        **options: Any,
    ) -> tuple[asyncio.BaseTransport, asyncio.BaseProtocol]:
        """Connect to a host of the world; takes a round trip of the link.

        Raises:
            ConnectionRefusedError: nothing listens there.
            socket.gaierror: no host of this world.
        """
        pacing = self.pacing
        target = self._found(host or "", port or 0)
        source = machine.get("")
        out, back = self.between(source, target), self.between(target, source)
        there_ns = pacing.read_ns() + out.latency_ns + back.latency_ns
        forwarded = b""
        if not is_loopback(host or ""):
            scheme = "http" if port == 80 else "https"
            forwarded = f"X-Forwarded-Proto: {scheme}\r\nX-Forwarded-Host: {host}\r\n".encode()
        line = self.line(protocol_factory, out, back, forwarded=forwarded)
        try:
            await super().create_connection(lambda: line, *self.places[target])
            await self._sleep_until(there_ns)
        except OSError:
            self.lines.discard(line)
            await self._sleep_until(there_ns)
            raise
        except BaseException:
            line.cut()
            raise
        return line, line.open()

    def line(
        self,
        make_protocol: Callable[[], asyncio.BaseProtocol],
        out: WallDirection,
        back: WallDirection,
        *,
        is_accepted: bool = False,
        forwarded: bytes = b"",
    ) -> Line:
        """Make the line of one connection."""
        line = Line(
            make_protocol,
            pacing=self.pacing,
            out=out,
            back=back,
            is_accepted=is_accepted,
            forwarded=forwarded,
            on_over=self.lines.discard,
        )
        self.lines.add(line)
        return line

    async def listen(
        self, name: str, make_protocol: Callable[[], asyncio.BaseProtocol], bridge: str, sock: Any
    ) -> asyncio.Server:
        """Let a fake listen; whoever connects is the bridge."""
        return await self.create_server(
            lambda: self.line(
                make_protocol,
                self.between(name, bridge),
                self.between(bridge, name),
                is_accepted=True,
            ),
            sock=sock,
        )

    async def close_what_is_over(self) -> None:
        """Let the loop close the sockets of connections that ended just now."""
        for _ in range(_LAST_ITERATIONS):
            await asyncio.sleep(0)

    async def end(self, servers: Iterable[asyncio.Server]) -> None:
        """End everything that runs here: servers, connections, tasks."""
        for server in servers:
            server.close()
        for line in tuple(self.lines):
            line.cut()
        rest = asyncio.all_tasks() - {asyncio.current_task()}
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)
        await self.close_what_is_over()

    async def _sleep_until(self, when_ns: int) -> None:
        if when_ns > self.pacing.read_ns():
            reached: asyncio.Future[None] = self.create_future()
            timer = self.pacing.call_at(when_ns, _reach, reached)
            try:
                await reached
            finally:
                timer.cancel()


def _reach(reached: asyncio.Future[None]) -> None:
    if not reached.done():
        reached.set_result(None)
