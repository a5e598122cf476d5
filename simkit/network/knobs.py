"""Knobs: settings of a link that check what they are given."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

from ..kernel import seconds

if TYPE_CHECKING:
    from .link import Link

T = TypeVar("T")


class Knob(Generic[T]):
    """A setting of a direction, or of whatever else has ``turned``, ``turn`` and ``where``.

    Args:
        default: what it is until somebody turns it.
        allowed: what may be assigned, in words.
        convert: makes of a value what the network counts in; raises ValueError for a wrong one.
        shapes: the attribute of the direction's shape that takes what ``convert`` made; None for
            what matters only while a connection is opened.
    """

    name = ""

    def __init__(
        self, default: T, allowed: str, convert: Callable[[Any], Any], shapes: str | None = None
    ) -> None:
        self.default = default
        self.allowed = allowed
        self.convert = convert
        self.shapes = shapes

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, direction: None, owner: type) -> Knob[T]: ...
    @overload
    def __get__(self, direction: Any, owner: type) -> T: ...
    def __get__(self, direction: Any, owner: type) -> Knob[T] | T:
        if direction is None:
            return self
        found: T = direction.turned.get(self.name, self.default)
        return found

    def __set__(self, direction: Any, value: T) -> None:
        converted = checked(direction.where, self.name, self.allowed, self.convert, value)
        if self.shapes is not None:
            setattr(direction.shaped(), self.shapes, converted)
        direction.turn(self.name, value)


class Both:
    """A setting of a link: assigning sets both directions; reading gives a pair if unequal."""

    name = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, link: Link | None, owner: type) -> Any:
        if link is None:
            return self
        first, second = (getattr(link.towards(end), self.name) for end in link.ends)
        return first if first == second else (first, second)

    def __set__(self, link: Link, value: Any) -> None:
        for direction in link.directions:
            setattr(direction, self.name, value)


def checked(where: str, name: str, allowed: str, convert: Callable[[Any], T], value: object) -> T:
    """Convert a value.

    Raises:
        ValueError: it is wrong; says where, what was found, and what is allowed.
    """
    try:
        return convert(value)
    except (TypeError, ValueError, OverflowError):
        raise wrong(where, name, allowed, value) from None


def wrong(where: str, name: str, allowed: str, value: object) -> ValueError:
    """Return the error for a wrong value."""
    return ValueError(f"{where}: {name} is {allowed}; found {value!r}")


def number(value: Any) -> float:
    """Refuse what is not a finite number; True and False are none."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError
    if not float("-inf") < value < float("inf"):
        raise ValueError
    return value


def delay(value: Any) -> int:
    """Return seconds, 0 or more, as nanoseconds."""
    if number(value) < 0:
        raise ValueError
    return seconds(value)


def positive_delay(value: Any) -> int:
    """Return seconds, more than 0, as nanoseconds."""
    found = delay(value)
    if found == 0:
        raise ValueError
    return found


def spread(value: Any) -> tuple[int, int]:
    """Return the range of an extra delay in nanoseconds, given its upper end or both."""
    low, high = value if isinstance(value, tuple) else (0, value)
    low_ns, high_ns = delay(low), delay(high)
    if low_ns > high_ns:
        raise ValueError
    return low_ns, high_ns


def share(value: Any) -> float:
    """Return a number from 0 to 1."""
    if not 0 <= number(value) <= 1:
        raise ValueError
    return float(value)


def count(value: Any, least: int = 1) -> int:
    """Return an integer of ``least`` or more."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError
    if value < least:
        raise ValueError
    return value


def count_or_none(value: Any) -> int | None:
    """Return an integer of 0 or more, or None."""
    return None if value is None else count(value, least=0)


def rate(value: Any) -> int | None:
    """Return bits per second as an integer, None for no limit."""
    if value is None:
        return None
    found = round(number(value))
    if value < 1:
        raise ValueError
    return found


def switch(value: Any) -> bool:
    """Return True or False, and take nothing else for them."""
    if not isinstance(value, bool):
        raise TypeError
    return value
