"""What every world has in common, on a virtual clock or on the wall's: its names and its offer.

A scenario that is written against :class:`World` runs in a simulation and on real sockets.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    from .audio import Repertoire, Samples, Speech
    from .checks import Checks
    from .timeline import CallMeasures, Timeline
    from .twilio import Twilio
    from .vapi import Vapi

T = TypeVar("T")

TWILIO_HOST = "twilio"
TWILIO_LATENCY = 0.020
"""One-way seconds between Twilio and any other host, unless a link says otherwise."""
VAPI_LATENCY = 0.010
"""One-way seconds between Vapi and any other host, unless a link says otherwise."""
BRIDGE_HOST = "bridge.example.com"
"""The bridge's public name, where nobody chose another."""
ONCE = (" ids", " token", " webhooks")
"""Ends of the purposes of what services never draw twice: a program that knew another call by it
would rightly take the second for a replay."""
VOICE_PATH = "/voice/inbound"
"""Where a number points on a bridge, where nobody said so."""


class WorldLink(Protocol):
    """What lies between two hosts."""

    latency: Any
    """One-way seconds."""


class World(Protocol):
    """What a scenario can use of a world, whichever it is."""

    seed: int
    checks: Checks
    """The promises that must hold here."""

    @property
    def twilio(self) -> Twilio:
        """The fake Twilio."""

    @property
    def vapi(self) -> Vapi:
        """The fake Vapi."""

    @property
    def repertoire(self) -> Repertoire:
        """Everything anyone says, by which it is recognised."""

    @property
    def now(self) -> float:
        """Seconds since the world began."""

    @property
    def now_ns(self) -> int:
        """Nanoseconds since the world began."""

    @property
    def timeline(self) -> Timeline:
        """Everything that happened so far."""

    @property
    def measures(self) -> CallMeasures:
        """What all calls together were like so far."""

    def knows(self, clip: Samples | Speech | str | os.PathLike[str], text: str = "") -> None:
        """Make a clip known that the bridge plays by itself."""

    def link(self, a: str, b: str) -> WorldLink:
        """Return what lies between two hosts."""

    def run(self, coro: Awaitable[T]) -> T:
        """Run until ``coro`` ends; returns its result."""

    async def arrivals(
        self, caller: Callable[[int], Coroutine[Any, Any, T]], *, count: int, per_minute: float
    ) -> list[T]:
        """Let callers come by chance, and wait until the last one is done."""

    def finish(self) -> Timeline:
        """Let the world come to rest; returns the timeline."""

    def close(self) -> None:
        """End everything; what happened stays readable."""

    def write_audio(self, path: str | os.PathLike[str], call: int = 1) -> None:
        """Write a call as stereo: left the caller's mouth, right the caller's ear."""

    def __enter__(self) -> Any:
        """Return the world."""

    def __exit__(self, *exc_info: object) -> None:
        """Close it."""


def check_settings(seed: int, time_limit: float) -> None:
    """Refuse what no world can be made with.

    Raises:
        TypeError: a seed that is no integer.
        ValueError: no time.
    """
    if not isinstance(seed, int):
        raise TypeError(f"seed: an integer, found {seed!r}")
    if not time_limit > 0:
        raise ValueError(f"time_limit: seconds, more than 0; found {time_limit!r}")


def check_arrivals(count: int, per_minute: float) -> None:
    """Refuse callers by chance that are none, or too many.

    Raises:
        ValueError: no caller, or no rate.
    """
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        raise ValueError(f"arrivals: count is 1 or more; found {count!r}")
    if not isinstance(per_minute, int | float) or not 0 < per_minute <= 60_000:
        raise ValueError(
            f"arrivals: per_minute is more than 0, 60000 at most; found {per_minute!r}"
        )
