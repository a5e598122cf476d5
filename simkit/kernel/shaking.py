"""Shaken memory: addresses as another process would have them.

Two runs in one process may get objects at rising addresses both times, so that an order that hangs
on addresses looks stable. CPython hands out the blocks that were freed last first; blocks that were
freed in a shuffled order make the next objects' addresses shuffled, too.
"""

from __future__ import annotations

from random import Random

_BLOCKS = range(32, 513, 16)
"""Sizes of what CPython's own allocator gives out, in bytes."""
_EMPTY = b"".__sizeof__()
_EACH = 1024


def shaken_memory() -> list[bytes]:
    """Shuffle the free blocks of small objects; keep what is returned as long as it matters."""
    shuffled = Random(0).shuffle
    kept: list[bytes] = []
    for size in _BLOCKS:
        blocks = [bytes(max(1, size - _EMPTY)) for _ in range(_EACH)]
        shuffled(blocks)
        kept += blocks[: _EACH // 2]
        # One at a time, in this order: the one freed last is given out first.
        while blocks:
            blocks.pop()
    return kept
