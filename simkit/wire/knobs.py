"""Knobs: settings that say their unit and their range, and refuse what lies outside."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from typing import Any


@dataclass(frozen=True)
class Knob:
    """What may be assigned to a setting."""

    unit: str
    """``s``, ``ms``, ``bytes``, or empty where there is none."""
    allowed: str
    """The range in words, as errors and the documentation say it."""
    accepts: Callable[[Any], bool]
    default: Any = None


def meant(name: str, knobs: Iterable[str]) -> str:
    """Say which names there are, and which one is like the one that is not."""
    near = get_close_matches(name, there := list(knobs), 1)
    start = f"did you mean {near[0]!r}? There" if near else "there"
    return f"{start} are: {', '.join(there)}"


class Knobs:
    """A dataclass whose fields check each value that is assigned to them.

    Raises:
        AttributeError: on assignment, no such setting; says which there are.
        ValueError: on assignment, a value outside its range; says what was found and expected.
    """

    title = "settings"
    """What the errors call it."""

    def __setattr__(self, name: str, value: object) -> None:
        knobs = knobs_of(type(self))
        knob = knobs.get(name)
        if knob is None:
            raise AttributeError(f"no {self.title} {name!r}; {meant(name, knobs)}")
        # A world makes some hundred settings, nearly all of them as they are by default.
        if value is not knob.default and not knob.accepts(value):
            raise ValueError(f"{self.title}.{name}: {knob.allowed}; found {value!r}")
        super().__setattr__(name, value)


class Sealed:
    """An object that, once sealed, takes no further names: one that is misspelt is refused.

    Raises:
        AttributeError: on assignment, there is no such name; says which there are.
    """

    _sealed_as = ""

    def _seal(self, title: str) -> None:
        self._sealed_as = title

    def __setattr__(self, name: str, value: object) -> None:
        if self._sealed_as and not name.startswith("_") and not hasattr(self, name):
            settable = [key for key, found in inspect.getmembers(type(self)) if _is_settable(found)]
            there = sorted([*(key for key in vars(self) if key[0] != "_"), *settable])
            raise AttributeError(f"no {self._sealed_as}.{name}; {meant(name, there)}")
        super().__setattr__(name, value)


def _is_settable(found: object) -> bool:
    return isinstance(found, property) and found.fset is not None


_known: dict[type, dict[str, Knob]] = {}


def knobs_of(settings: type) -> dict[str, Knob]:
    """Return the knobs of a class of settings by name, in their order."""
    if settings not in _known:
        _known[settings] = {entry.name: entry.metadata["knob"] for entry in fields(settings)}
    return _known[settings]


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def knob(default: Any, unit: str, allowed: str, accepts: Callable[[Any], bool]) -> Any:
    """Declare a setting of a kind of its own; the others here are made of it."""
    return field(default=default, metadata={"knob": Knob(unit, allowed, accepts, default)})


def seconds(default: float | None, low: float, high: float, *, or_none: bool = False) -> Any:
    """Declare a duration in seconds, from ``low`` to ``high``."""
    return knob(
        default,
        "s",
        f"a number from {low:g} to {high:g}" + (", or None" if or_none else ""),
        lambda value: (
            (or_none and value is None) or (_is_number(value) and bool(low <= value <= high))
        ),
    )


def number(default: float, unit: str, low: float, high: float) -> Any:
    """Declare a number from ``low`` to ``high``, which may be infinite."""
    return knob(
        default,
        unit,
        f"a number from {low:g} to {high:g}",
        lambda value: _is_number(value) and bool(low <= value <= high),
    )


def whole(default: int, low: int, high: int, unit: str) -> Any:
    """Declare a whole number from ``low`` to ``high``."""
    return knob(
        default,
        unit,
        f"a whole number from {low:,} to {high:,}",
        lambda value: _is_whole(value) and low <= value <= high,
    )


def whole_or_drawn(default: int, low: int, high: int, unit: str) -> Any:
    """Declare a whole number from ``low`` to ``high``, or a pair between which one is drawn."""

    def accepts(value: Any) -> bool:
        first, last = value if isinstance(value, tuple) and len(value) == 2 else (value, value)
        return _is_whole(first) and _is_whole(last) and low <= first <= last <= high

    return knob(
        default,
        unit,
        f"a whole number from {low:,} to {high:,}, or a pair of them to draw from",
        accepts,
    )


def switch(default: bool) -> Any:
    """Declare something that is either on or off."""
    return knob(default, "", "True or False", lambda value: isinstance(value, bool))


def choice(default: str, *others: str) -> Any:
    """Declare a choice between words; the first is the default."""
    words = (default, *others)
    return knob(
        default,
        "",
        " or ".join(repr(word) for word in words),
        lambda value: isinstance(value, str) and value in words,
    )


def text(default: str, longest: int) -> Any:
    """Declare a printable text of 1 to ``longest`` characters."""
    return knob(
        default,
        "",
        f"printable text of 1 to {longest} characters",
        lambda value: isinstance(value, str) and value.isprintable() and 0 < len(value) <= longest,
    )


def texts(*default: str) -> Any:
    """Declare any number of texts, each with something in it."""
    return knob(
        default,
        "",
        "texts in a list or a tuple, none of them blank",
        lambda value: (
            isinstance(value, (list, tuple))
            and all(isinstance(entry, str) and bool(entry.strip()) for entry in value)
        ),
    )


def close_code(default: int | None) -> Any:
    """Declare a WebSocket close code; None for no code, 1006 for no close frame."""
    sendable = {1000, 1001, 1002, 1003, *range(1007, 1015), *range(3000, 5000)}
    return knob(
        default,
        "",
        "a close code that may be sent (1000 to 1003, 1007 to 1014, 3000 to 4999), None or 1006",
        lambda value: value is None or (_is_whole(value) and (value == 1006 or value in sendable)),
    )


def share(default: float) -> Any:
    """Declare a share, from 0 to 1."""
    return knob(
        default, "", "a share from 0 to 1", lambda value: _is_number(value) and 0 <= value <= 1
    )


def media_types(*default: str) -> Any:
    """Declare a choice of media types, as in ``text/xml``."""

    def accepts(value: Any) -> bool:
        return isinstance(value, tuple) and all(
            isinstance(kind, str) and kind == kind.strip().lower() and "/" in kind for kind in value
        )

    return knob(default, "", "a tuple of media types in lower case", accepts)
