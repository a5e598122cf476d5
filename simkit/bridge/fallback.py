"""The fallback line: what the caller hears when there is no agent to speak."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from pathlib import Path

from ..audio import mulaw
from ..audio.any_rate import HIGHEST_RATE, LOWEST_RATE, AnyRate
from ..audio.files import AudioFileError, read_clip
from .config import Config, ConfigError

TEXT = (
    "I'm sorry, we have a technical problem. "
    "Please hold on for a moment, or call again in a few minutes."
)
"""What the line that comes along says."""

MAX_SECONDS = 15.0
"""The longest line; a caller who waits longer hangs up."""


def fallback_clip(config: Config) -> bytes:
    """Return the line as mu-law at 8 kHz: that of ``fallback_file``, or the one that comes along.

    It is read once; a file that changes later is heard after a restart.

    Raises:
        ConfigError: the file is missing, damaged, too long, or of another kind than expected.
    """
    return _read(config.fallback_file) if config.fallback_file else bundled_clip()


@cache
def bundled_clip() -> bytes:
    """Return the line that comes along, as mu-law at 8 kHz."""
    return (files(__package__) / "data" / "fallback.ulaw").read_bytes()


@cache
def _read(path: str) -> bytes:
    try:
        samples, rate = read_clip(Path(path), MAX_SECONDS)
    except AudioFileError as error:
        raise ConfigError(f"fallback_file: {error}") from None
    if not LOWEST_RATE <= rate <= HIGHEST_RATE:
        raise ConfigError(
            f"fallback_file: {path}: found {rate} Hz, expected {LOWEST_RATE} to {HIGHEST_RATE} Hz"
        )
    if rate != mulaw.RATE:
        samples = AnyRate(rate, mulaw.RATE).process(samples)
    return mulaw.encode(samples)
