"""Keys of a telephone, and the tones they make."""

from __future__ import annotations

import numpy as np

from ..audio import Samples

_ROWS = {697: "123A", 770: "456B", 852: "789C", 941: "*0#D"}
_COLUMNS = (1209, 1336, 1477, 1633)
_RATE = 8000
_SECONDS = 0.1
_AMPLITUDE = 4000
"""Of each of both frequencies: about -18 dBFS together, as telephones send them."""

_TONES = {
    key: (low, high)
    for low, keys in _ROWS.items()
    for key, high in zip(keys, _COLUMNS, strict=True)
}
LETTERS = frozenset("ABCD")
"""Keys that only special telephones have."""


def check(key: str) -> None:
    """Refuse what is no key.

    Raises:
        ValueError: it is on no telephone.
    """
    if key not in _TONES:
        raise ValueError(f"a key of a telephone is one of 0-9 * # A-D, found {key!r}")


def tone(key: str) -> Samples:
    """Return the tone of a key: a tenth of a second, 8 kHz."""
    # Integers from a table of exact phases: the same samples on every machine.
    at = np.arange(round(_SECONDS * _RATE))
    return sum(
        np.round(_AMPLITUDE * np.sin(2 * np.pi * (hertz * at % _RATE) / _RATE)).astype(np.int16)
        for hertz in _TONES[key]
    )  # type: ignore[return-value]
