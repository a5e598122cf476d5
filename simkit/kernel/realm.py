"""The realm: what code sees of clocks and entropy while a simulated loop runs.

Inside, ``time``, ``datetime``, ``random``, ``os.urandom`` (and with it ``secrets`` and ``uuid4``)
answer from the virtual clock and the seed. Only the loop's own thread sees it, and only while the
loop runs; every other thread keeps the real ones, and afterwards nothing is left patched.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from typing import Any, Protocol

from . import blocking, clocks, otherloops, outside, processes, randomness, unawaited
from .calendar import Calendar
from .cfunction import CFunction
from .entropy import Entropy
from .inside import get_ident, realms
from .randomness import Randomness
from .threads import Threads
from .workers import anyio_backend, run_in_pool

EPOCH_NS = 1_861_920_000_000_000_000
"""Wall-clock time at virtual 0: Monday 2029-01-01 00:00:00 UTC, unless a simulation says otherwise.

Clients warn of a clock that is behind their own release.
"""

WrapBio = Callable[..., Any]


class SocketTable(Protocol):
    """Does in memory what sockets do; where a call blocks, in a worker thread."""

    def bind(self, sock: socket.socket, address: Any) -> None:
        """Do what ``socket.bind`` does."""

    def listen(self, sock: socket.socket, backlog: int = 128) -> None:
        """Do what ``socket.listen`` does."""

    def connect(self, sock: socket.socket, address: Any) -> None:
        """Do what ``socket.connect`` does."""

    def connect_ex(self, sock: socket.socket, address: Any) -> int:
        """Do what ``socket.connect_ex`` does."""

    def sendto(self, sock: socket.socket, data: Any, *flags_and_address: Any) -> int:
        """Do what ``socket.sendto`` does."""

    def look_up(self, name: str, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
        """Do what the function of :mod:`socket` called ``name`` does."""

    def is_adopted(self, sock: Any) -> bool:
        """Tell whether a socket is in memory."""

    def wrap_socket(self, context: ssl.SSLContext, sock: socket.socket, **options: Any) -> Any:
        """Do what ``ssl.SSLContext.wrap_socket`` does."""

    def select(self, real: Any, *args: Any) -> Any:
        """Do what ``select.select`` does; ``real`` is the machine's."""

    def poll(self, real: Any) -> Any:
        """Do what ``select.poll`` does; ``real`` is the machine's."""


_MISSING = object()
_installed: list[CFunction] = []
_python_patches: list[tuple[Any, str, Any]] = []


class Realm:
    """The clocks and entropy of one simulated loop; a context manager around its running.

    Args:
        calendar: the virtual clock.
        entropy: the seeded generators.
        epoch_ns: wall-clock time at virtual 0, ns since 1970.
        wrap_bio: replacement for ``ssl.SSLContext.wrap_bio``, called as
            ``wrap_bio(real_wrap_bio, context, incoming, outgoing, **options)``; None leaves TLS
            alone.
    """

    def __init__(
        self,
        calendar: Calendar,
        entropy: Entropy,
        *,
        epoch_ns: int = EPOCH_NS,
        wrap_bio: WrapBio | None = None,
    ) -> None:
        self.calendar = calendar
        self.epoch_ns = epoch_ns
        self.wrap_bio = wrap_bio
        self.sockets: SocketTable | None = None
        """Where sockets of the loop's thread are bound and listen; None: for real."""
        self.threads: Threads | None = None
        """What runs threads started in the loop's thread; None: they run for real."""
        self.worker_ns: int | None = None
        """While work of an executor runs: how far it is ahead, by having slept; else None."""
        self.on_stall: Callable[[int], object] = calendar.stall
        """Called with the nanoseconds of a ``time.sleep`` in the loop's thread."""
        self.on_signal: Callable[[int], bool] = lambda number: False
        """Called with a signal that the program sends itself; True when it has been delivered."""
        self.on_unawaited: Callable[[Any], object] | None = None
        """Called with each coroutine that is destroyed and was never awaited."""
        self.randomness = Randomness(entropy)
        self._outer: Realm | None = None

    def __enter__(self) -> Realm:
        if not realms:
            _install()
        thread = get_ident()
        self._outer = realms.get(thread)
        realms[thread] = self
        self.randomness.enter()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.randomness.leave()
        thread = get_ident()
        if self._outer is None:
            del realms[thread]
        else:
            realms[thread] = self._outer
        if not realms:
            _uninstall()

    def now_ns(self) -> int:
        """Virtual nanoseconds since the simulation began, as the running code sees them."""
        if self.worker_ns is None:
            return self.calendar._now
        return self.calendar._now + self.worker_ns

    def sleep(self, duration_ns: int) -> None:
        """Block the caller: work of an executor takes longer, the loop's own thread stalls."""
        if self.worker_ns is None:
            self.on_stall(duration_ns)
        else:
            self.worker_ns += duration_ns


def _pooled_workers(backend: Any) -> list[tuple[Any, str, Any]]:
    """Return the patch of anyio's worker threads, where anyio is in use."""
    if backend is None:
        return []
    real = backend.run_sync_in_worker_thread

    async def run_sync_in_worker_thread(
        cls: Any, func: Any, args: Any, abandon_on_cancel: bool = False, limiter: Any = None
    ) -> Any:
        if get_ident() in realms:
            return await run_in_pool(cls, func, args, abandon_on_cancel, limiter)
        return await real(func, args, abandon_on_cancel, limiter)

    return [(backend, "run_sync_in_worker_thread", classmethod(run_sync_in_worker_thread))]


def _install() -> None:
    for function, replacement in (
        clocks.REPLACEMENTS
        + randomness.REPLACEMENTS
        + blocking.REPLACEMENTS
        + processes.REPLACEMENTS
    ):
        function.redirect(replacement)
        _installed.append(function)
    patches = (
        outside.PATCHES
        + processes.PATCHES
        + randomness.PATCHES
        + blocking.PATCHES
        + unawaited.PATCHES
        + otherloops.patches()
        + _pooled_workers(anyio_backend())
    )
    for owner, name, replacement in patches:
        _python_patches.append((owner, name, owner.__dict__.get(name, _MISSING)))
        setattr(owner, name, replacement)


def _uninstall() -> None:
    while _installed:
        _installed.pop().restore()
    while _python_patches:
        owner, name, original = _python_patches.pop()
        if original is _MISSING:
            delattr(owner, name)
        else:
            setattr(owner, name, original)
