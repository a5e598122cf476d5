"""Entropy that follows the seed inside a simulation.

``os.urandom`` is the source of ``secrets``, of ``uuid4`` and of numpy's generators. Generators of
the ``random`` module seed themselves in C instead, so those that exist are put into a seeded
state, and those made or seeded inside draw their seed from the realm.
"""

from __future__ import annotations

import os
import random
import sys
import uuid
import weakref
from typing import Any

from .cfunction import CFunction
from .entropy import Entropy
from .inside import get_ident, realms

_urandom = CFunction(os.urandom)
_real_seed = random.Random.seed
_real_getnode = uuid.getnode

# The generator behind random.random() and its kin: a private name since Python 1.5.
_found: weakref.WeakKeyDictionary[random.Random, str] = weakref.WeakKeyDictionary(
    {random._inst: "random"}
)
_modules_searched = 0

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
        self._outer: list[tuple[random.Random, tuple[Any, ...]]] = []

    def enter(self) -> None:
        """Put the generators of all imported modules into this realm's states."""
        _search_modules()
        for generator, name in list(_found.items()):
            self._outer.append((generator, generator.getstate()))
            state = self._states.get(name)
            if state is None:
                state = self._entropy.stream(f"random:{name}").getstate()
            generator.setstate(state)

    def leave(self) -> None:
        """Note their states, and give them back those they had."""
        for generator, outer in self._outer:
            self._states[_found[generator]] = generator.getstate()
            generator.setstate(outer)
        self._outer.clear()


def _search_modules() -> None:
    """Find the generators that modules keep, such as the mask source of a WebSocket library."""
    global _modules_searched
    if len(sys.modules) == _modules_searched:
        return
    _modules_searched = len(sys.modules)
    for name, module in sorted(sys.modules.items()):
        for attribute, value in list(getattr(module, "__dict__", {}).items()):
            kind = type(value)
            if issubclass(kind, random.Random) and not issubclass(kind, random.SystemRandom):
                _found.setdefault(value, f"{name}.{attribute}")


def _virtual_urandom(size: Any) -> bytes:
    realm = realms.get(get_ident())
    if realm is None or not isinstance(size, int) or size < 0:
        return bytes(_urandom.original(size))
    return realm.randomness.urandom.randbytes(size)


def _virtual_seed(self: random.Random, a: Any = None, version: int = 2) -> None:
    realm = realms.get(get_ident())
    if a is None and realm is not None:
        a = realm.randomness.seeds.getrandbits(256)
    _real_seed(self, a, version)


def _virtual_getnode() -> int:
    realm = realms.get(get_ident())
    return _real_getnode() if realm is None else realm.randomness.node


REPLACEMENTS = [(_urandom, _virtual_urandom)]
PATCHES: list[tuple[Any, str, Any]] = [
    (random.Random, "seed", _virtual_seed),
    (random, "seed", _virtual_seed.__get__(random._inst)),
    # uuid1 asks C for clock and node, unless it has to do without.
    (uuid, "_generate_time_safe", None),
    (uuid, "_last_timestamp", None),
    (uuid, "getnode", _virtual_getnode),
]
