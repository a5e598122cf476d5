"""Voices: what makes speech of a text, chosen by name."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import lru_cache

from . import espeak, voice
from .speech import Speech

Voice = Callable[[str, random.Random, float | None], Speech]
"""Makes speech of a text, with a generator for what differs each time, and a duration or None."""

_ESPEAK = "espeak"


def find_voice(name: str | Voice, outside: Callable[[], AbstractContextManager[None]]) -> Voice:
    """Return a voice by its name.

    Args:
        name: ``synthetic``; ``espeak``, or ``espeak:`` and one of espeak-ng's voices; or a voice,
            which is returned.
        outside: where a program of the machine may be run.

    Raises:
        EspeakError: espeak-ng or scipy is not installed.
        ValueError: there is no such voice.
    """
    if callable(name):
        return name
    if name == "synthetic":
        return _synthetic
    program, _, accent = name.partition(":") if isinstance(name, str) else ("", "", "")
    if program != _ESPEAK or name.endswith(":"):
        raise ValueError(
            f"no voice {name!r}; there are: synthetic, espeak, and espeak with one of its voices "
            "as in espeak:en-us+f3"
        )
    espeak.check_installed()

    def speak(text: str, draw: random.Random, seconds: float | None) -> Speech:
        with outside():
            return _spoken_by_espeak(text, accent or "en-us", seconds)

    return speak


def _synthetic(text: str, draw: random.Random, seconds: float | None) -> Speech:
    return voice.speak(text, draw, seconds=seconds)


@lru_cache(maxsize=256)
def _spoken_by_espeak(text: str, accent: str, seconds: float | None) -> Speech:
    return espeak.speak(text, voice=accent, seconds=seconds)
