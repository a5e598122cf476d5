"""Entropy: one seed, and an independent generator for every named purpose."""

from __future__ import annotations

import random

from .trail import NotedRandom, Trail


class Entropy:
    """Named streams of randomness under one seed.

    Each purpose draws from its own generator, so that one more draw in one place moves nothing
    elsewhere.

    Args:
        seed: everything follows from it.
        trail: where every draw is noted; None: nowhere.

    >>> entropy = Entropy(seed=7)
    >>> entropy.stream("ids") is entropy.stream("ids")
    True
    """

    def __init__(self, seed: int = 0, trail: Trail | None = None) -> None:
        self.seed = seed
        self.trail = trail
        self._streams: dict[str, random.Random] = {}

    def stream(self, purpose: str) -> random.Random:
        """Return the generator of ``purpose``, made on first use."""
        found = self._streams.get(purpose)
        if found is None:
            # random.Random hashes a str seed with SHA-512: the same on every machine, whatever
            # PYTHONHASHSEED says.
            found = self._streams[purpose] = self._made(purpose)
        return found

    def _made(self, purpose: str) -> random.Random:
        seed = f"simkit {self.seed} {purpose}"
        if self.trail is None:
            return random.Random(seed)
        noted = NotedRandom(seed)
        noted.trail, noted.purpose = self.trail, purpose
        return noted
