"""Lines: what the phone lines and the callers of later calls are like."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import AbstractContextManager

from ..audio.voices import Voice, find_voice
from ..wire.disorder import Disorder
from .profiles import PROFILES, Profile, find_profile


class Lines:
    """Knobs that are read when a call begins.

    Args:
        random_for: a seeded generator for each named purpose.
        outside: where a program of the machine may be run, for a caller's voice.
    """

    def __init__(
        self,
        random_for: Callable[[str], random.Random],
        outside: Callable[[], AbstractContextManager[None]],
    ) -> None:
        self._random_for = random_for
        self._outside = outside
        self._profile = PROFILES["clear"]
        self._voice_name: str | Voice = "synthetic"
        self._voice = self._find_voice(self._voice_name)
        self._swap = 0.0
        self._duplicate = 0.0

    @property
    def profile(self) -> Profile:
        """How the carrier leg of later calls behaves: one of ``PROFILES`` by its name, or figures.

        Raises:
            ValueError: on assignment, there is no such profile.
        """
        return self._profile

    @profile.setter
    def profile(self, profile: str | Profile) -> None:
        self._profile = find_profile(profile)

    @property
    def voice(self) -> str | Voice:
        """Who speaks what later calls say: ``synthetic``, ``espeak``, or as in ``espeak:en-us+f3``.

        The synthetic voice is the same bits everywhere. espeak-ng says words that people
        understand, and other bits in another release of it.

        Raises:
            EspeakError: on assignment, espeak-ng or scipy is not installed.
            ValueError: on assignment, there is no such voice.
        """
        return self._voice_name

    @voice.setter
    def voice(self, voice: str | Voice) -> None:
        self._voice = self._find_voice(voice)
        self._voice_name = voice

    def _find_voice(self, voice: str | Voice) -> Voice:
        return find_voice(voice, self._outside)

    def disorder(self, *, swap: float = 0.0, duplicate: float = 0.0) -> None:
        """Let media messages of later calls leave out of order or twice, as shares from 0 to 1.

        Raises:
            ValueError: a share outside that range.
        """
        Disorder[bytes](self._random_for("check"), swap=swap, duplicate=duplicate)
        self._swap, self._duplicate = swap, duplicate

    def _make_disorder(self, purpose: str) -> Disorder[bytes] | None:
        if not self._swap and not self._duplicate:
            return None
        draw = self._random_for(f"{purpose} disorder")
        return Disorder(draw, swap=self._swap, duplicate=self._duplicate)
