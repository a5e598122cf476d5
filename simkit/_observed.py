"""What is seen and heard of a world, on a virtual clock or on the wall's."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .audio import Repertoire, Samples, Speech, read_speech
from .audio.speech import timed_by_letters
from .timeline import CallMeasures, Timeline, measures

if TYPE_CHECKING:
    import random
    from collections.abc import Awaitable, Callable
    from typing import Self

    from .timeline import Clock
    from .twilio import Twilio
    from .upstreams import Dialect, Upstream
    from .vapi import Vapi
    from .wire.http import HttpRequest, HttpResponse


class Observed:
    """The part of a world that tells what happened in it."""

    twilio: Twilio
    vapi: Vapi
    _clock: Clock
    _timeline: Timeline
    _repertoire: Repertoire
    _upstreams: dict[str, Upstream]
    _random_for: Callable[[str], random.Random]
    _is_closed: bool

    @property
    def now_ns(self) -> int:
        """Nanoseconds since the world began."""
        raise NotImplementedError

    def close(self) -> None:
        """End everything; what happened stays readable."""
        raise NotImplementedError

    @property
    def now(self) -> float:
        """Seconds since the world began."""
        return self.now_ns / 1e9

    def knows(self, clip: Samples | Speech | str | os.PathLike[str], text: str = "") -> None:
        """Make a clip known that the bridge plays by itself, such as an excuse when Vapi is away.

        It is recognised where it is heard, and no promise about the agent's audio is broken by it.

        Args:
            clip: samples at 8 kHz, int16, shape ``(n,)``; speech with its samples; or the path of a
                WAV or FLAC file.
            text: what is said in it, where it is no speech.

        Raises:
            AudioFileError: the file is missing, damaged or of another kind than expected.
            ValueError: the samples are none.
        """
        if isinstance(clip, (str, os.PathLike)):
            speech = read_speech(Path(clip), text=text or None)
        elif isinstance(clip, Speech):
            speech = clip
        else:
            samples = np.asarray(clip)
            if samples.dtype != np.int16 or samples.ndim != 1 or not len(samples):
                raise ValueError(
                    f"knows: int16 samples at 8 kHz, shape (n,), or a path; found {samples.dtype} "
                    f"of shape {samples.shape}"
                )
            speech = Speech(text, samples, timed_by_letters(text, samples))
        self._timeline.record(
            "clip",
            "bridge",
            utterance=self._repertoire.add(speech),
            text=speech.text,
            duration_ns=speech.duration_ns,
        )

    @property
    def repertoire(self) -> Repertoire:
        """Everything anyone says, by which it is recognised."""
        return self._repertoire

    def settle(self) -> None:
        """Bring the timeline up to date with what was heard so far."""
        if not self._is_closed:
            self.twilio.settle()
            self.vapi.settle()
            for upstream in self._upstreams.values():
                upstream.settle()

    @property
    def timeline(self) -> Timeline:
        """Everything that happened so far."""
        self.settle()
        return self._timeline

    @property
    def measures(self) -> CallMeasures:
        """What all calls together were like so far."""
        return measures(self.timeline)

    def write_audio(self, path: str | os.PathLike[str], call: int = 1) -> None:
        """Write a call as stereo: left the caller's mouth, right the caller's ear, on one clock.

        Args:
            path: ends in ``.wav`` or ``.flac``.
            call: its number, from 1.

        Raises:
            AudioFileError: another ending, or a place that cannot be written.
            ValueError: there was no such call.
        """
        self.twilio.write_audio(path, call)

    def _new_upstream(
        self,
        dialect: Callable[[], Dialect],
        http: Callable[[HttpRequest], Awaitable[HttpResponse]] | None,
    ) -> Upstream:
        from .upstreams import Upstream

        return Upstream(dialect, http=http, next_number=self.vapi.next_session, **self._parts)

    @property
    def _parts(self) -> dict[str, Any]:
        """What every fake is made with."""
        return {
            "clock": self._clock,
            "timeline": self._timeline,
            "repertoire": self._repertoire,
            "random_for": self._random_for,
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()
