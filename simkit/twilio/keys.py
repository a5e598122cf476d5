"""Keys of a telephone, as a stream tells of them."""

from __future__ import annotations

from ..audio.tones import KEYS

LETTERS = frozenset("ABCD")
"""Keys that only special telephones have."""
PAUSES = {"w": 0.5, "W": 1.0}
"""Seconds, as in the ``SendDigits`` of Twilio's REST API."""


def check(key: str) -> None:
    """Refuse what is no key.

    Raises:
        ValueError: it is on no telephone.
    """
    if len(key) != 1 or key not in KEYS:
        raise ValueError(f"a key of a telephone is one of 0-9 * # A-D, found {key!r}")


def check_presses(keys: str, hold: float, gap: float) -> None:
    """Refuse to press what is neither key nor pause, or for a time that nobody would.

    Raises:
        ValueError: there is no such key or time.
    """
    for name, seconds, least in (("hold", hold, 0.02), ("gap", gap, 0.0)):
        if not least <= seconds <= 60:
            raise ValueError(f"presses: {name} is {least:g} to 60 seconds; found {seconds!r}")
    wrong = [key for key in keys if key not in KEYS and key not in PAUSES]
    if wrong:
        raise ValueError(
            f"cannot press {wrong[0]!r} (number {keys.index(wrong[0]) + 1} of {keys!r}): keys "
            f"are {' '.join(KEYS)}, pauses w and W"
        )
