"""The trail: what a run did, entry after entry, so that two runs can be compared.

An entry is a line of text: the virtual instant, a kind, and what it was. Kinds are ``draw`` (from a
named stream of entropy), ``due`` (in the calendar), ``step`` (of a task, or a callback), ``task``
(its creation), ``bytes`` (sent) and ``event`` (of the timeline). No address, hash or real instant
appears in it, so that whatever differs between two trails is a difference of the runs.
"""

from __future__ import annotations

import asyncio
import re
import zlib
from collections.abc import Callable
from functools import partial
from hashlib import blake2b
from itertools import zip_longest
from random import Random
from typing import Any

import msgspec

from .errors import SimulationError

_CHUNK = 1000
_NEIGHBOURS = 4
_SEPARATOR = "\x1e"
_LONGEST_SHOWN = 160
_NUMBERED = re.compile(r"Task-\d+")

Chunk = tuple[bytes, bytes]
"""The rolling hash up to the end of a thousand entries, and those entries, compressed."""


class DivergenceError(SimulationError):
    """Two runs with the same seed did not do the same: something in them follows neither the seed
    nor the virtual clock."""


class Trail:
    """The entries of one run, under a rolling hash.

    They are kept compressed: about ten bytes an entry.

    >>> trail = Trail()
    >>> trail.note("draw", "ids 7")
    >>> trail.entries()
    ['0 draw ids 7']
    """

    def __init__(self, read_ns: Callable[[], int] = lambda: 0) -> None:
        self._read_ns = read_ns
        self._rolling = blake2b(digest_size=16)
        self._chunks: list[Chunk] = []
        self._recent: list[str] = []

    def note(self, kind: str, what: str) -> None:
        """Append an entry, dated now."""
        self._recent.append(f"{self._read_ns()} {kind} {what}")
        if len(self._recent) == _CHUNK:
            data = _joined(self._recent)
            self._recent.clear()
            self._rolling.update(data)
            self._chunks.append((self._rolling.digest(), zlib.compress(data, 1)))

    def __len__(self) -> int:
        return len(self._chunks) * _CHUNK + len(self._recent)

    @property
    def digest(self) -> str:
        """The rolling hash of everything so far, in hexadecimal: the same for the same run."""
        rolling = self._rolling.copy()
        rolling.update(_joined(self._recent))
        return rolling.hexdigest()

    def digest_of(self, *kinds: str) -> str:
        """The hash of the entries of some kinds alone, in hexadecimal.

        ``digest_of("draw", "bytes", "event")`` is what a run drew, sent and showed, without the
        steps that led there: those inside of asyncio differ between versions of Python.

        >>> trail = Trail()
        >>> trail.note("step", "Task-1")
        >>> before = trail.digest_of("draw")
        >>> trail.note("step", "Task-2")
        >>> trail.digest_of("draw") == before
        True

        Raises:
            ValueError: for what is no kind of entry.
        """
        if unknown := set(kinds) - set(_HINTS):
            raise ValueError(
                f"kind of entry: found {', '.join(map(repr, sorted(unknown)))}, "
                f"expected {', '.join(_HINTS)}"
            )
        hashed = blake2b(digest_size=16)
        for number in range(len(self._chunks) + 1):
            chosen = [entry for entry in self._chunk(number) if entry.split(" ", 2)[1] in kinds]
            hashed.update(_joined(chosen))
        return hashed.hexdigest()

    def entries(self, start: int = 0, stop: int | None = None) -> list[str]:
        """Return the entries from ``start`` to before ``stop``."""
        stop = len(self) if stop is None else min(stop, len(self))
        found: list[str] = []
        first = start // _CHUNK
        for number in range(first, -(-stop // _CHUNK)):
            found += self._chunk(number)
        return found[start - first * _CHUNK : stop - first * _CHUNK]

    def _chunk(self, number: int) -> list[str]:
        if number == len(self._chunks):
            return self._recent
        text = zlib.decompress(self._chunks[number][1]).decode()
        return text.split(_SEPARATOR)[:-1]

    def same_chunks(self, other: Trail) -> int:
        """Return how many whole chunks the two have in common from the beginning."""
        pairs = zip(self._chunks, other._chunks, strict=False)
        same = 0
        for (mine, _), (theirs, _) in pairs:
            if mine != theirs:
                break
            same += 1
        return same

    def dump(self) -> bytes:
        """Return the trail as bytes, for :meth:`load` in another process."""
        return msgspec.msgpack.encode((self._chunks, self._recent))

    @classmethod
    def load(cls, data: bytes) -> Trail:
        """Return the trail that was dumped as ``data``; it can be compared, not gone on with."""
        trail = cls()
        trail._chunks, trail._recent = msgspec.msgpack.decode(
            data, type=tuple[list[Chunk], list[str]]
        )
        return trail


class NotedRandom(Random):
    """A generator that notes what is drawn from it; it draws what ``random.Random`` would."""

    trail: Trail
    purpose: str

    def random(self) -> float:
        """Return the next number in [0, 1)."""
        value = super().random()
        self.trail.note("draw", f"{self.purpose} {value!r}")
        return value

    def getrandbits(self, k: int) -> int:
        """Return the next ``k`` bits."""
        value = super().getrandbits(k)
        shown = f"{value:#x}" if k <= 64 else f"{checksum(value.to_bytes(k // 8 + 1, 'little'))}"
        self.trail.note("draw", f"{self.purpose} {k} bits {shown}")
        return value


def checksum(data: bytes) -> str:
    """Return a short word for what may be long."""
    return f"crc {zlib.crc32(data):08x}"


def named(callback: Any) -> str:
    """Name a callback without its address: by its task, or by where it is defined."""
    owner = getattr(callback, "__self__", None)
    if isinstance(owner, asyncio.Task):
        name = owner.get_name()
        if hasattr(owner, "number") or not _NUMBERED.fullmatch(name):
            return name
        # Made past the loop: asyncio counts those of the whole process.
        return named(owner.get_coro())
    while isinstance(callback, partial):
        callback = callback.func
    return str(getattr(callback, "__qualname__", type(callback).__qualname__))


def compare(first: Trail, second: Trail) -> None:
    """Compare the trails of two runs that should be the same.

    Raises:
        DivergenceError: they are not; it shows the first entry that differs.
    """
    begin = first.same_chunks(second) * _CHUNK
    mine, theirs = (trail.entries(begin, begin + _CHUNK) for trail in (first, second))
    for number, (one, other) in enumerate(zip_longest(mine, theirs)):
        if one != other:
            raise DivergenceError(_described(first, second, begin + number))


def _described(first: Trail, second: Trail, number: int) -> str:
    before = first.entries(max(0, number - _NEIGHBOURS), number)
    runs = [trail.entries(number, number + 1 + _NEIGHBOURS) for trail in (first, second)]
    found = [run[0] for run in runs if run]
    instant = min(int(entry.partition(" ")[0]) for entry in found)
    lines = [
        f"two runs with the same seed diverged at {instant / 1e9:.6f} s of virtual time, "
        f"in entry {number + 1:,} of {len(first):,} and {len(second):,}:"
    ]
    lines += [f"    both    {_shown(entry)}" for entry in before]
    for name, run in zip(("first ", "second"), runs, strict=True):
        lines += [
            f"{'>' if place == 0 else ' '}   {name}  {_shown(entry)}"
            for place, entry in enumerate(run)
        ]
        if len(run) <= _NEIGHBOURS:
            lines.append(f"{' ' if run else '>'}   {name}  (the run ended)")
    kinds = {entry.split(" ", 2)[1] for entry in found}
    hints = [_HINTS[kind] for kind in _HINTS if kind in kinds]
    lines.append("\n".join([*hints, _CAUSES]))
    return "\n".join(lines)


def _shown(entry: str) -> str:
    instant, _, rest = entry.partition(" ")
    kind, _, what = rest.partition(" ")
    if len(what) > _LONGEST_SHOWN:
        what = what[:_LONGEST_SHOWN] + " ..."
    return f"{int(instant) / 1e9:12.6f}  {kind:<6}{what}"


def _joined(entries: list[str]) -> bytes:
    text = "".join(entry + _SEPARATOR for entry in entries)
    return text.encode("utf-8", "backslashreplace")


_HINTS = {
    "draw": "A draw differs: one run asked for randomness more often, or in another order.",
    "due": "The calendar differs: one run waits for another instant, or for something else.",
    "step": "The order of the steps differs: somebody was woken, cancelled or called in another "
    "order, as when a set of objects is walked.",
    "task": "The tasks differ: other ones were made, or in another order.",
    "bytes": "What was sent differs: an id, an instant, or an order inside the message.",
    "event": "The timeline differs: look at what the program did just before.",
}
_CAUSES = (
    "Usual causes: the order of a set (of objects: their addresses; of str: PYTHONHASHSEED) or of "
    "id(); the machine's clock through C code, a subprocess or another thread; a file's date or "
    "content; what an earlier run left in a module or in a fixture of a wider scope; inputs drawn "
    "at random outside of the simulation."
)
