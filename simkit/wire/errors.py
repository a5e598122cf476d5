"""What is said of a message that cannot be understood."""

from __future__ import annotations

_SHOWN = 120


class WireError(ValueError):
    """A message from a socket or a webhook is not what its protocol says."""


def explain(error: Exception) -> str:
    """Return what a decoder says of a message; it may quote the message itself, at any length."""
    text = "".join(letter if letter.isprintable() else "?" for letter in str(error)[: _SHOWN + 1])
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "..."


def shorten(data: bytes | str) -> str:
    """Return the beginning of a message, fit for an error: printable, on one line."""
    text = data.decode("utf-8", "replace") if isinstance(data, bytes) else data
    text = "".join(letter if letter.isprintable() else "?" for letter in text[: _SHOWN + 1])
    return repr(text if len(text) <= _SHOWN else text[:_SHOWN] + "...")
