"""The assembled world: the one place where kernel, network and fakes meet."""

from __future__ import annotations

import random
import warnings
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from . import _ending
from ._arrivals import arrive
from ._environment import without_proxies
from ._logged import listening, unheard
from ._mishaps import Mishaps
from ._observed import Observed
from ._verified import Scenario, repeatable, run_twice, started
from .audio import Repertoire
from .checks import Checks
from .kernel import (
    Calendar,
    SimulationError,
    happening,
    stepped_out,
)
from .kernel.signals import interruptible
from .network import Host, Link, SimLoop
from .network.cpu import Processors
from .network.openings import LeftOpenWarning, Opening, describe_left_open
from .timeline import Clock, Event, Timeline
from .timeline.text import line
from .twilio import Twilio
from .vapi import CONTROL_HOST, STORAGE_HOST, Vapi
from .vapi import HOST as VAPI_HOST
from .world import ONCE, TWILIO_HOST, TWILIO_LATENCY, VAPI_LATENCY, VOICE_PATH, check_settings

if TYPE_CHECKING:
    import respx
    import simpy

    from .upstreams import Dialect, Upstream
    from .wire.http import HttpRequest, HttpResponse

T = TypeVar("T")

_SETTLE_NS = 1_000_000_000


class Simulation(Observed):
    """A world with a phone, Twilio, Vapi and the internet between them, on a virtual clock.

    The same seed gives the same timeline to the byte.

    Args:
        seed: everything random follows from it.
        time_limit: virtual seconds after which a run is ended with ``TimeLimitError``.
        trail: keep a trail of everything that the run does.
        verify: run twice, in two worlds with the same seed, and compare their trails. :meth:`run`
            then takes a function, which gets the world and does everything in it.
        ids: the ids of calls follow from it, too. A program that outlives one simulation takes the
            same id in the next one for a replay, as it should.

    >>> import asyncio
    >>> sim = Simulation(seed=0)
    >>> async def an_hour() -> float:
    ...     await asyncio.sleep(3600)
    ...     return sim.now
    >>> sim.run(an_hour())
    3600.0
    >>> sim.close()
    """

    def __init__(
        self,
        seed: int = 0,
        *,
        time_limit: float = 86_400.0,
        trail: bool = False,
        verify: bool = False,
        ids: str = "",
    ) -> None:
        check_settings(seed, time_limit)
        self.seed = seed
        self.loop = loop = SimLoop(seed, trail=trail or verify)
        self.loop.time_limit_ns = round(time_limit * 1e9)
        self._network = self.loop.network
        self._clock = clock = Clock(
            loop, loop.calendar.read_ns, loop.call_at_ns, loop.call_again_ns
        )
        stream = self.loop.entropy.stream

        def random_for(purpose: str) -> random.Random:
            return stream(purpose + ids if purpose.endswith(ONCE) else purpose)

        self._timeline = Timeline(clock.read_ns)
        self.trail = self.loop.trail
        """What the run did, entry after entry; None unless it was asked for."""
        self.checks = Checks(lambda: self.timeline)
        """The promises that must hold here: waive and adjust them, judge them."""
        if self.trail is not None:
            note = self.trail.note
            self._timeline.on_record = lambda event: note("event", line(event).strip())
        self._repertoire = Repertoire()
        self._mishaps = Mishaps(self.loop, self._timeline)
        self._network.on_refused = lambda name: self._timeline.record(
            "outside-world", self._network.current().name, name=name
        )
        self.twilio_host = self._network.host(TWILIO_HOST, "api.twilio.com")
        self.twilio_host.access_latency = TWILIO_LATENCY
        self.twilio_host.is_fake = True
        self.vapi_host = self._network.host(VAPI_HOST, STORAGE_HOST, CONTROL_HOST)
        self.vapi_host.access_latency = VAPI_LATENCY
        self._random_for = random_for
        self.twilio = Twilio(
            **self._parts,
            spawn=lambda coro, name: self.twilio_host.spawn(coro, name=name),
            outside=stepped_out,
        )
        """The fake Twilio: place calls, point numbers, turn knobs."""
        self.vapi = Vapi(
            **self._parts, spawn=lambda coro, name: self.vapi_host.spawn(coro, name=name)
        )
        """The fake Vapi: set the assistant, turn knobs."""
        self._network.listen(self.twilio_host, 443, self.twilio.connection)
        self._network.listen(self.vapi_host, 443, self.vapi.connection)
        self._upstreams: dict[str, Upstream] = {}
        self._processors = Processors(self._network)
        self._stubs: Any = None
        self._servers_started = 0
        self._known = _ending.Known(set(), set(), Counter())
        self._unwatch = self._timeline.watch(self._on_event)
        self._is_closed = False
        self._is_stuck = False  # a run could not go on
        self._verify = verify
        self._ids = ids
        self._entries_at_first = len(self.trail or ())

    # The world

    def host(self, name: str, *aliases: str, addresses: Sequence[str] | None = None) -> Host:
        """Return the machine called ``name``; made when it is new.

        Args:
            name: the first of its names.
            aliases: further names of it.
            addresses: its IPv4 and IPv6 addresses; None: those it has, and one IPv4 address for a
                new machine.

        Raises:
            ValueError: a name is none; an address is none, or another machine's.
        """
        host = self._network.host(name, *aliases, addresses=addresses)
        fakes = (TWILIO_HOST, VAPI_HOST, *self._upstreams)
        if self.twilio.default_voice_url is None and host.name not in fakes:
            self.twilio.default_voice_url = f"https://{host.name}{VOICE_PATH}"
        return host

    def upstream(
        self,
        name: str,
        dialect: Callable[[], Dialect],
        *,
        http: Callable[[HttpRequest], Awaitable[HttpResponse]] | None = None,
        port: int = 443,
    ) -> Upstream:
        """Simulate another service that a bridge may use in place of Vapi, and return it.

        Args:
            name: of its host.
            dialect: makes what is spoken on one socket: a class that derives from
                :class:`simkit.upstreams.Dialect`, or a function without arguments.
            http: answers requests that are no WebSocket upgrades; None: with 404.
            port: where it listens, as if behind TLS.

        Raises:
            ValueError: there is one, or another fake, of this name.

        >>> from simkit.upstreams import OpenAIRealtime
        >>> with Simulation() as sim:
        ...     openai = sim.upstream("api.openai.com", OpenAIRealtime)
        ...     agent = openai.agent(first_message="Hello.", replies=["It is noon."])
        """
        if name.lower() in (TWILIO_HOST, VAPI_HOST, *self._upstreams):
            raise ValueError(f"upstream {name!r}: this host is simulated already")
        host = self._network.host(name)
        host.access_latency = VAPI_LATENCY
        upstream = self._upstreams[host.name] = self._new_upstream(dialect, http)
        self._network.listen(host, port, upstream.connection)
        return upstream

    def link(self, a: str | Host, b: str | Host) -> Link:
        """Return the link between two hosts, to turn its knobs.

        Raises:
            ValueError: one of them is not part of the simulation.
        """
        return self._network.link(a, b)

    def cpu(
        self,
        host: str | Host,
        *,
        per_callback: float = 0.0,
        per_write: float = 0.0,
        per_work: float = 0.0,
    ) -> None:
        """Let what runs on a host take virtual time of its own; without this, computing takes none.

        Args:
            host: one of the simulation.
            per_callback: seconds for which each callback of the loop (a step of a task, a timer, a
                read of a connection) holds it, as computing does; other hosts wait meanwhile, too.
            per_write: seconds that pass in each write to a connection before the bytes leave, as
                in a call of the system.
            per_work: seconds that each piece of work takes that is given to a thread there, beside
                what it sleeps and waits; the loop goes on.

        Raises:
            ValueError: there is no such host, or a figure is negative or no number.

        >>> import asyncio
        >>> with Simulation() as sim:
        ...     office = sim.host("office")
        ...     sim.cpu("office", per_callback=0.002)
        ...     sim.run(office.spawn(asyncio.sleep(1)))
        ...     sim.now
        1.004
        """
        self._processors.set(self._network.known(host), per_callback, per_write, per_work)
        self.loop.charge_ns = self._processors.charge_ns

    @property
    def http(self) -> respx.Router:
        """A respx router for the bridge's other HTTP dependencies.

        A host name that a route mentions becomes part of the simulation; async side effects run
        on the virtual clock.
        """
        if self._stubs is None:
            from .network.stubs import StubbedHttp

            self._stubs = StubbedHttp(self._network)
        router: respx.Router = self._stubs.router
        return router

    @property
    def env(self) -> Calendar:
        """The simpy environment that everything runs on; it counts integer nanoseconds."""
        return self.loop.calendar

    @property
    def now_ns(self) -> int:
        """Virtual nanoseconds since the simulation began."""
        return self.loop.calendar.now_ns

    # Running

    def run(self, coro: Awaitable[T] | Scenario[T]) -> T:
        """Run on the virtual clock until ``coro`` ends; returns its result.

        Everything that was served is up before ``coro`` begins. May be called again: the world
        goes on where it stopped.

        Args:
            coro: a coroutine, a task of this loop, or an async function that takes this
                simulation.

        Raises:
            AppError: a program that was to be served did not start.
            DivergenceError: with ``verify``, a second run did not do the same.
            RuntimeError: it runs already, as it does in an async test.
            TypeError: ``coro`` is neither.
        """
        if self.loop.is_running():
            if isinstance(coro, Coroutine):
                coro.close()
            raise RuntimeError(
                "sim.run: the simulation runs already: in an async test with sim, await instead"
            )
        if self._verify:
            is_fresh = len(self.trail or ()) == self._entries_at_first
            scenario = repeatable(coro, is_fresh=is_fresh)
            self._verify = False
            return run_twice(
                self, lambda: Simulation(self.seed, trail=True, ids=self._ids), scenario
            )
        return self._run(self._main(started(coro, self)))

    def _run(self, coro: Coroutine[Any, Any, T]) -> T:
        try:
            with interruptible(), without_proxies(), listening(self._mishaps.on_logged):
                return self.loop.run_until_complete(coro)
        except SimulationError:
            self._is_stuck = True
            raise

    async def _main(self, coro: Awaitable[T]) -> T:
        try:
            await self._start_servers()
        except BaseException:
            if isinstance(coro, Coroutine):
                coro.close()
            raise
        return await coro

    async def _start_servers(self) -> None:
        servers = self._network.servers
        while self._servers_started < len(servers):
            await servers[self._servers_started].wait_started()
            self._servers_started += 1

    def _on_event(self, event: Event) -> None:
        """As the first message of a call leaves, note what is there, and so is left by none."""
        if event.call is None or event.target is None:
            return
        self._unwatch()
        if self._servers_started < len(self._network.servers):
            # Served by the scenario itself, perhaps in this very instant, and not up yet.
            self.loop.calendar.at(self.now_ns + 1, self._note_what_is_there)
        else:
            self._note_what_is_there()

    def _note_what_is_there(self) -> None:
        self._known = _ending.Known.of(self.loop)

    async def wait_for(self, event: simpy.Event) -> Any:
        """Wait for a simpy event; returns its value or raises its error."""
        return await happening(self.loop, event)

    async def arrivals(
        self, caller: Callable[[int], Coroutine[Any, Any, T]], *, count: int, per_minute: float
    ) -> list[T]:
        """Let callers come by chance, and wait until the last one is done; returns their results.

        They arrive as a Poisson process: independently of each other, so many a minute on
        average. The instants follow from the seed.

        Args:
            caller: what each of them does; gets the caller's number, from 1.
            count: how many come.
            per_minute: how many a minute come on average.

        Raises:
            ValueError: no caller, or no rate.
        """
        return await arrive(self, caller, count=count, per_minute=per_minute)

    def finish(self) -> Timeline:
        """Let the world come to rest: a second after the last call's end; returns the timeline."""
        if not self._is_closed:
            self._run(self._settle())
        return self.timeline

    async def _settle(self) -> None:
        if self._calls_are_over() and self.twilio.calls:
            await self._clock.sleep_until(self._timeline.of("ended")[-1].t_ns + _SETTLE_NS)
            for host, fields in _ending.outlasting(self.loop, self._known):
                self._timeline.record("leaks", host.name, **fields)

    def _calls_are_over(self) -> bool:
        return len(self._timeline.of("ended")) == len(self.twilio.calls)

    def close(self) -> None:
        """End the programs and the loop; what happened stays readable.

        Warns:
            LeftOpenWarning: served programs left connections, servers or datagram endpoints open,
                and every call was over. In debug mode: anybody did, at any time.
        """
        if self._is_closed:
            return
        left: list[Opening] = []
        try:
            self.settle()
            self._is_closed = self._mishaps.ignored = True
            with without_proxies(), unheard(), warnings.catch_warnings():
                # From writers of connections that are cut here; what was left open is named below.
                warnings.filterwarnings("ignore", _ending.IGNORED, ResourceWarning)
                if self._is_stuck or self.now_ns > (self.loop.time_limit_ns or self.now_ns):
                    _ending.cut_off(self.loop)
                else:
                    over = self._calls_are_over()
                    left = self.loop.run_until_complete(
                        _ending.shut_down(self.loop, calls_are_over=over)
                    )
        finally:
            self._is_closed = self._mishaps.ignored = True
            self.loop.close()
        if left:
            warnings.warn(describe_left_open(left), LeftOpenWarning, stacklevel=2)
