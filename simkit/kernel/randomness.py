"""Entropy that follows the seed inside a simulation.

``os.urandom`` is the source of ``secrets``, of ``uuid4`` and of numpy's generators. Generators of
the ``random`` module seed themselves in C instead, so those that exist are put into a seeded
state, and those made or seeded inside draw their seed from the realm. What a module draws while it
is imported comes from a source of its own: a simulation may be the first of its process to import
it, or not, and must be the same.
"""

from __future__ import annotations

import importlib._bootstrap as import_system
import os
import random
import sys
import uuid
import weakref
from collections.abc import Iterable
from types import FunctionType
from typing import Any

from .cfunction import CFunction
from .entropy import Entropy
from .inside import get_ident, realms
from .trail import checksum

_urandom = CFunction(os.urandom)
_real_seed = random.Random.seed
_real_getnode = uuid.getnode
_real_find_and_load = import_system._find_and_load  # type: ignore[attr-defined]

# The generator behind random.random() and its kin: a private name since Python 1.5.
_found: weakref.WeakKeyDictionary[random.Random, str] = weakref.WeakKeyDictionary(
    {random._inst: "random"}
)
_searched: dict[str, tuple[int, int]] = {}
"""Modules that were searched: which object, and how many names were in it."""
_mark: tuple[int, str] | None = None
"""How many modules there were when all were searched, and the latest of them."""

States = dict[str, tuple[Any, ...]]


class Randomness:
    """What one realm draws for code that asks the operating system or ``random``.

    Args:
        entropy: the seeded generators.
    """

    def __init__(self, entropy: Entropy) -> None:
        self._entropy = entropy
        self.urandom = entropy.stream("os.urandom")
        self.seeds = entropy.stream("random.seed")
        # A multicast address, as RFC 4122 asks of a node that is made up.
        self.node = entropy.stream("uuid.node").getrandbits(48) | 1 << 40
        self._states: States = {}
        self.importing: random.Random | None = None
        """What a module draws from while it is imported; None: none is."""
        self._outer: dict[random.Random, tuple[Any, ...]] = {}

    def enter(self) -> None:
        """Put the generators of all imported modules into this realm's states."""
        global _mark
        mark = _modules()
        if mark != _mark:
            _mark = mark
            _search(_changed())
        self._adopt()

    def _adopt(self) -> None:
        for generator, name in list(_found.items()):
            if generator in self._outer:
                continue
            self._outer[generator] = generator.getstate()
            generator.setstate(self._states.get(name) or self._first_state(name))

    def leave(self) -> None:
        """Note their states, and give them back those they had."""
        trail = self._entropy.trail
        for generator, outer in self._outer.items():
            name, state = _found[generator], generator.getstate()
            if trail is not None and state != self._states.get(name, self._first_state(name)):
                # The draws themselves cannot be seen: they happen in C.
                trail.note("draw", f"random:{name} {checksum(repr(state).encode())}")
            self._states[name] = state
            generator.setstate(outer)
        self._outer.clear()

    def import_module(self, name: str, importing: Any) -> Any:
        """Import a module as if it had been there before the simulation."""
        self.importing = random.Random(f"simkit {self._entropy.seed} import {name}")
        state, before = random.getstate(), _modules()
        try:
            return _real_find_and_load(name, importing)
        finally:
            self.importing = None
            random.setstate(state)
            if _modules() != before:
                _search([name for name in sys.modules if name not in _searched])
                self._adopt()

    def _first_state(self, name: str) -> tuple[Any, ...]:
        return self._entropy.stream(f"random:{name}").getstate()


def _modules() -> tuple[int, str]:
    """Return what changes when a module is imported for the first time."""
    return len(sys.modules), next(reversed(sys.modules))


def _state(module: Any) -> tuple[int, int]:
    return id(module), len(getattr(module, "__dict__", ()))


def _changed() -> list[str]:
    """Return the modules that are new, or have names that they had not."""
    return [
        name for name, module in list(sys.modules.items()) if _searched.get(name) != _state(module)
    ]


def _search(names: Iterable[str]) -> None:
    """Find the generators that modules keep, such as the mask source of a WebSocket library."""
    for name in sorted(names):
        module = sys.modules[name]
        _searched[name] = _state(module)
        draws = False
        for attribute, value in list(getattr(module, "__dict__", {}).items()):
            _note(value, f"{name}.{attribute}")
            draws = draws or value is random or value is random.Random
        if draws and module is not random:
            _search_definitions(name, vars(module))


def _search_definitions(name: str, namespace: dict[str, Any]) -> None:
    """Look where a module that uses ``random`` may keep more: class attributes and defaults."""
    for value in list(namespace.values()):
        if getattr(value, "__module__", None) != name:
            continue
        if isinstance(value, FunctionType):
            _search_defaults(value)
        elif isinstance(value, type):
            for attribute, member in list(vars(value).items()):
                _note(member, f"{name}.{value.__qualname__}.{attribute}")
                function = getattr(member, "__func__", member)
                if isinstance(function, FunctionType):
                    _search_defaults(function)


def _search_defaults(function: FunctionType) -> None:
    defaults = dict(enumerate(function.__defaults__ or ())) | (function.__kwdefaults__ or {})
    for place, value in defaults.items():
        _note(value, f"{function.__module__}.{function.__qualname__}({place})")


def _note(value: Any, name: str) -> None:
    kind = type(value)
    if issubclass(kind, random.Random) and not issubclass(kind, random.SystemRandom):
        _found.setdefault(value, name)


def _virtual_urandom(size: Any) -> bytes:
    realm = realms.get(get_ident())
    if realm is None or not isinstance(size, int) or size < 0:
        return bytes(_urandom.original(size))
    return (realm.randomness.importing or realm.randomness.urandom).randbytes(size)


def _virtual_seed(self: random.Random, a: Any = None, version: int = 2) -> None:
    realm = realms.get(get_ident())
    if a is None and realm is not None:
        a = (realm.randomness.importing or realm.randomness.seeds).getrandbits(256)
    _real_seed(self, a, version)


def _virtual_getnode() -> int:
    realm = realms.get(get_ident())
    return _real_getnode() if realm is None else realm.randomness.node


def _virtual_find_and_load(name: str, importing: Any) -> Any:
    realm = realms.get(get_ident())
    if realm is None or realm.randomness.importing is not None or name in sys.modules:
        return _real_find_and_load(name, importing)
    return realm.randomness.import_module(name, importing)


REPLACEMENTS = [(_urandom, _virtual_urandom)]
PATCHES: list[tuple[Any, str, Any]] = [
    (random.Random, "seed", _virtual_seed),
    (random, "seed", _virtual_seed.__get__(random._inst)),
    # uuid1 asks C for clock and node, unless it has to do without.
    (uuid, "_generate_time_safe", None),
    (uuid, "_last_timestamp", None),
    (uuid, "getnode", _virtual_getnode),
    # The interpreter asks for it by name, for modules that are not there yet.
    (import_system, "_find_and_load", _virtual_find_and_load),
]
