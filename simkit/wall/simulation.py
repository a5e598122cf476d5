"""The world in real time: the same fakes, on loopback sockets, around a bridge in any language."""

from __future__ import annotations

import asyncio
import gc
import inspect
import os
import random
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from .._observed import Observed
from ..audio import Repertoire, voice
from ..checks import Checks
from ..timeline import Clock, Event, Timeline
from ..twilio import Twilio
from ..vapi import CONTROL_HOST, STORAGE_HOST, Origins, Vapi
from ..vapi import HOST as VAPI_HOST
from ..world import (
    BRIDGE_HOST,
    ONCE,
    TWILIO_HOST,
    TWILIO_LATENCY,
    VAPI_LATENCY,
    VOICE_PATH,
    check_arrivals,
    check_settings,
)
from .address import BridgeAddress, bridge_address
from .bridge import BridgeUnderTest, environment, uvicorn_command
from .child import Child, free_port
from .doors import Door, context_on, open_door
from .links import Links, WallLink
from .loop import WallLoop, machine

if TYPE_CHECKING:
    from ..upstreams import Dialect, Upstream
    from ..wire.http import HttpRequest, HttpResponse

T = TypeVar("T")

_SETTLE_NS = 1_000_000_000
_ONLY_SIMULATED = ("cpu", "env", "host", "http", "trail", "twilio_host", "vapi_host", "wait_for")


class WallSimulation(Observed):
    """The part of a :class:`simkit.Simulation` that scenarios use, in real time.

    Twilio and Vapi are the same fakes. The bridge is another process, on a loopback port: one that
    runs already (``bridge``), or a program that :meth:`serve` starts. To the fakes it is
    ``https://bridge.example.com``, as if behind a proxy that ends TLS.

    Args:
        seed: what the fakes draw follows from it; time and the bridge do not.
        bridge: where a bridge listens that runs already, as in ``http://127.0.0.1:3000``; a path is
            that of its voice webhook.
        patience: seconds that such a bridge has until it answers; None: however long it takes.
        twilio_port: where the REST API of Twilio listens; 0: any free port.
        vapi_port: where the API of Vapi listens; 0: any free port.
        time_limit: seconds after which a run is ended.

    Raises:
        BridgeError: ``bridge`` is no http URL of this machine.
        WallError: a port is taken.
    """

    def __init__(
        self,
        seed: int = 0,
        *,
        bridge: str | None = None,
        patience: float | None = 0.0,
        twilio_port: int = 0,
        vapi_port: int = 0,
        time_limit: float = 3600.0,
    ) -> None:
        check_settings(seed, time_limit)
        self.seed = seed
        self._time_limit = time_limit
        self._bridge = BridgeUnderTest()
        self._bridge.patience = patience
        self._is_up = self._is_closed = False
        self._links = Links({TWILIO_HOST: TWILIO_LATENCY}, VAPI_LATENCY, BRIDGE_HOST)
        self._streams: dict[str, random.Random] = {}
        self._upstreams: dict[str, Upstream] = {}
        self._pacing_event: Event | None = None
        self._doors: list[Door] = []
        self._servers: list[asyncio.Server] = []
        self._runner = asyncio.Runner(loop_factory=WallLoop)
        loop = self._runner.get_loop()
        assert isinstance(loop, WallLoop)
        self.loop = loop
        try:
            self._make_world(loop, twilio_port, vapi_port)
            if bridge is not None:
                self._point_at(bridge_address(bridge))
        except BaseException:
            self.close()
            raise

    def _make_world(self, loop: WallLoop, twilio_port: int, vapi_port: int) -> None:
        pacing = loop.pacing
        self._clock = Clock(loop, pacing.read_ns, pacing.call_at)
        self._timeline = Timeline(pacing.read_ns)
        self.checks = Checks(lambda: self.timeline, in_real_time=True)
        """The promises that must hold here: waive and adjust them, judge them."""
        self._repertoire = Repertoire()
        loop.between = self._links.direction
        pacing.ahead = lambda: self._links.shortest_ns() * 4 // 5
        loop.on_refused = lambda name, port: self._timeline.record(
            "outside-world", machine.get("test"), name=name
        )
        twilio_url = self._open_door(TWILIO_HOST, twilio_port, lambda: self.twilio.connection())
        loop.aliases["api.twilio.com"] = TWILIO_HOST
        api, control, storage = (
            self._open_door(name, port, lambda: self.vapi.connection())
            for name, port in ((VAPI_HOST, vapi_port), (CONTROL_HOST, 0), (STORAGE_HOST, 0))
        )
        self.twilio = Twilio(**self._parts, spawn=self._spawner(TWILIO_HOST))
        """The fake Twilio: place calls, point numbers, turn knobs."""
        self.twilio.settings.plain_streams = True
        self.vapi = Vapi(
            **self._parts,
            spawn=self._spawner(VAPI_HOST),
            origins=Origins(api=api, control=control, storage=storage),
        )
        """The fake Vapi: set the assistant, turn knobs."""
        self.urls = {TWILIO_HOST: twilio_url, VAPI_HOST: api}
        """Where each fake listens, by the name of its host."""

    # The world

    @property
    def environment(self) -> dict[str, str]:
        """What a bridge has to be told: where the fakes are, and the keys of their accounts."""
        return environment(self.urls[TWILIO_HOST], self.urls[VAPI_HOST], self._bridge.address)

    def serve(
        self,
        command: str | Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        start_seconds: float = 20.0,
        verbose: bool = False,
    ) -> Child:
        """Start the bridge: a program that listens on the port in its environment's ``PORT``.

        It finds :attr:`environment` there, too. The first :meth:`run` waits until it answers, and
        :meth:`close` ends it.

        Args:
            command: the program and its arguments; a string is cut up as a shell would, ``$PORT``
                or ``${PORT}`` in it is that port, and there is no shell.
            env: more for its environment.
            start_seconds: that it has until it answers.
            verbose: what it prints goes to stderr as it comes.

        Raises:
            BridgeError: there is no such program, or somebody listens on its port already.
        """
        self._find_port()
        return self._bridge.start(
            command,
            self.environment | dict(env or {}),
            start_seconds=start_seconds,
            verbose=verbose,
        )

    def serve_app(self, app: str | None = None, **options: Any) -> Child:
        """Start an ASGI application by uvicorn, as :meth:`serve` starts a program.

        Args:
            app: ``"package.module:attribute"``; None for simkit's own bridge.
            options: as for :meth:`serve`.

        Raises:
            BridgeError: as :meth:`serve`.
        """
        address = self._find_port()
        return self.serve(uvicorn_command(app, address), **options)

    def release(self) -> Child:
        """Return the bridge that was started; :meth:`close` leaves it alone from now on.

        Another world on the same ports may go on with it.

        Raises:
            BridgeError: none was started.
        """
        return self._bridge.release()

    def _find_port(self) -> BridgeAddress:
        return self._bridge.address or self._point_at(BridgeAddress("127.0.0.1", free_port()))

    def _point_at(self, address: BridgeAddress) -> BridgeAddress:
        self._bridge.address = address
        self.loop.places[BRIDGE_HOST] = (address.host, address.port)
        self.twilio.default_voice_url = f"https://{BRIDGE_HOST}{address.path or VOICE_PATH}"
        return address

    def upstream(
        self,
        name: str,
        dialect: Callable[[], Dialect],
        *,
        http: Callable[[HttpRequest], Awaitable[HttpResponse]] | None = None,
        port: int = 0,
    ) -> Upstream:
        """Fake another service, as :meth:`simkit.Simulation.upstream` does.

        ``urls[name]`` is where it listens; the bridge has to be told.

        Raises:
            ValueError: there is one, or another fake, of this name.
            WallError: the port is taken.
        """
        if name.lower() in self.loop.places:
            raise ValueError(f"upstream {name!r}: this host is there already")
        upstream = self._new_upstream(dialect, http)
        self.urls[name] = self._open_door(name.lower(), port, upstream.connection)
        self._upstreams[name.lower()] = upstream
        return upstream

    def link(self, a: str, b: str) -> WallLink:
        """Return the link between two hosts, to set its latency.

        Raises:
            ValueError: one of them is not part of this world.
        """
        names = [self.loop.aliases.get(name.lower(), name.lower()) for name in (a, b)]
        for name in names:
            if name not in self.loop.places and name != BRIDGE_HOST:
                there = ", ".join({BRIDGE_HOST: None} | self.loop.places)
                raise ValueError(f"{name!r} is not part of this world; there are: {there}")
        return self._links.between(*names)

    def _random_for(self, purpose: str) -> random.Random:
        """Return the generator of a purpose: the one that a simulation has, but for ids."""
        if purpose not in self._streams:
            seed = f"simkit {self.seed} {purpose}"
            if purpose.endswith(ONCE):
                seed += os.urandom(16).hex()
            self._streams[purpose] = random.Random(seed)
        return self._streams[purpose]

    def _spawner(self, name: str) -> Callable[[Coroutine[Any, Any, Any], str], asyncio.Task[Any]]:
        def spawn(coro: Coroutine[Any, Any, Any], task: str) -> asyncio.Task[Any]:
            return self.loop.create_task(coro, name=task, context=context_on(name))

        return spawn

    def _open_door(self, name: str, port: int, protocol: Callable[[], asyncio.Protocol]) -> str:
        """Take a port for a fake; returns its URL."""
        door = open_door(name, port, protocol)
        self._doors.append(door)
        self.loop.places[name] = door.address
        return door.url

    # Running

    @property
    def now_ns(self) -> int:
        """Nanoseconds since the bridge was there."""
        return self.loop.pacing.read_ns()

    def run(self, coro: Awaitable[T] | Callable[[Any], Awaitable[T]]) -> T:
        """Run until ``coro`` ends; returns its result.

        The bridge answers before ``coro`` begins. May be called again.

        Args:
            coro: a coroutine, or an async function that takes this world.

        Raises:
            BridgeError: the bridge is not there, or ended meanwhile.
            WallError: the time limit is over.
        """
        if not isinstance(coro, Awaitable):
            coro = coro(self)
        main = self._main(coro)
        try:
            return self._runner.run(main)
        finally:
            # Interrupted before they began, they would be missed.
            if inspect.iscoroutine(coro) and _is_unborn(coro):
                coro.close()
            tasks = asyncio.all_tasks(self.loop)
            if _is_unborn(main) and all(task.get_coro() is not main for task in tasks):
                main.close()

    async def _main(self, coro: Awaitable[T]) -> T:
        await self._start()
        return await self._bridge.during(coro, self._time_limit, lambda: self.now)

    async def _start(self) -> None:
        for door in self._doors[len(self._servers) :]:
            opening = self.loop.listen(door.name, door.make_protocol, BRIDGE_HOST, door.sock)
            self._servers.append(
                await self.loop.create_task(opening, context=context_on(door.name))
            )
        if self._is_up:
            return
        await self._bridge.wait_until_up()
        self._is_up = True
        await self.loop.close_what_is_over()
        # What is known from the beginning is known from the new beginning, too.
        if all(event.kind == "clip" for event in self._timeline) and not self.loop.lines:
            for clip in self._timeline:
                clip.t_ns = 0
            voice.prepare()
            gc.freeze()  # looking through all that was made so far would take 50 ms each time
            self.loop.pacing.restart()

    async def arrivals(
        self, caller: Callable[[int], Coroutine[Any, Any, T]], *, count: int, per_minute: float
    ) -> list[T]:
        """Let callers come by chance; see :meth:`simkit.Simulation.arrivals`."""
        check_arrivals(count, per_minute)
        draw = self._random_for("arrivals")
        calls: list[asyncio.Task[T]] = []
        due_ns = self.now_ns
        async with asyncio.TaskGroup() as group:
            for number in range(1, count + 1):
                due_ns += round(draw.expovariate(per_minute / 60) * 1e9)
                await self._clock.sleep_until(due_ns)
                calls.append(group.create_task(caller(number), name=f"caller {number}"))
        return [call.result() for call in calls]

    def finish(self) -> Timeline:
        """Let the world come to rest: a second after the last call's end; returns the timeline.

        The run's own pacing error is on it then.

        Raises:
            BridgeError: the bridge has ended.
        """
        if not self._is_closed:
            self.run(self._settle())
        return self.timeline

    async def _settle(self) -> None:
        ended = self._timeline.of("ended")
        if ended and len(ended) == len(self.twilio.calls):
            await self._clock.sleep_until(ended[-1].t_ns + _SETTLE_NS)
        await self._bridge.see_that_it_is_up(self.now)
        fields: dict[str, Any] = self.loop.pacing.summary() | self._bridge.waited()
        if self._pacing_event is None:
            self._pacing_event = self._timeline.record("pacing", "simkit", **fields)
        self._pacing_event.fields = fields

    def close(self) -> None:
        """End the bridge that was started, give back every port; what happened stays readable."""
        if self._is_closed:
            return
        gc.unfreeze()
        try:
            if hasattr(self, "vapi"):
                self.settle()
            self._is_closed = True
            self._runner.run(self.loop.end(self._servers))
        finally:
            self._is_closed = True
            self._runner.close()
            for door in self._doors:
                door.sock.close()
            self._bridge.end()

    def __getattr__(self, name: str) -> NoReturn:
        what = f"no {name} in wall mode" if name in _ONLY_SIMULATED else f"no attribute {name!r}"
        raise AttributeError(f"{type(self).__name__}: {what}")


def _is_unborn(coro: Coroutine[Any, Any, Any]) -> bool:
    return inspect.getcoroutinestate(coro) == inspect.CORO_CREATED
