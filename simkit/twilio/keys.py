"""Keys of a telephone, as a stream tells of them."""

from __future__ import annotations

from ..audio.tones import KEYS

LETTERS = frozenset("ABCD")
"""Keys that only special telephones have."""


def check(key: str) -> None:
    """Refuse what is no key.

    Raises:
        ValueError: it is on no telephone.
    """
    if len(key) != 1 or key not in KEYS:
        raise ValueError(f"a key of a telephone is one of 0-9 * # A-D, found {key!r}")
