"""Trouble: faults between hearing and answering, and between a text and its voice."""

from __future__ import annotations

import dataclasses
import uuid
from collections.abc import Callable
from random import Random
from weakref import WeakValueDictionary

import numpy as np

from ..audio import RATE, Speech, Word
from ..timeline import Clock
from ..wire import vapi
from .faults import CallFaults
from .hearing import Ears, Hearing
from .timers import Timers

STORM_SECONDS = 2.7
"""Between two requests of a retry storm: 6 in 16 s were recorded."""


class DullEars:
    """Stands between hearing and whom it tells; by default everything passes.

    Args:
        ears: whom to tell.
        is_greeting: True while the first message is spoken and nobody has answered it.
    """

    def __init__(
        self,
        ears: Ears,
        faults: CallFaults,
        is_greeting: Callable[[], bool],
        *,
        clock: Clock,
        timers: Timers,
    ) -> None:
        self._ears = ears
        self._faults = faults
        self._is_greeting = is_greeting
        self._clock = clock
        self._timers = timers
        self.hearing: Hearing | None = None
        self._onset_ns = -1
        self._is_absorbed = False
        self._end_ns: int | None = None
        self._premature = 0.0
        self._held: list[str] = []
        self._holds_stopped = False

    def ears(self) -> Ears:
        """Return what hearing is to tell."""
        return Ears(
            self._voice,
            self._started,
            self._partial,
            self._final,
            self._stopped,
            self._ears.nothing,
        )

    def _voice(self, seconds: float) -> None:
        hearing = self.hearing
        assert hearing is not None
        if hearing.onset_ns != self._onset_ns:
            self._begin_turn(hearing.onset_ns)
        if self._is_absorbed:
            return
        self._ears.voice(seconds)
        if self._end_ns is not None and self._clock.now_ns >= self._end_ns:
            self._end_ns = None
            self._faults.note("premature_final", self._premature)
            hearing.end_turn()

    def _begin_turn(self, onset_ns: int) -> None:
        self._onset_ns = onset_ns
        self._is_absorbed = self._is_greeting() and self._faults.take("absorbed") is not None
        premature = self._faults.look("premature_final")
        self._premature = premature or 0.0
        self._end_ns = None if premature is None else onset_ns + round(premature * 1e9)

    def _started(self) -> None:
        if not self._is_absorbed:
            self._ears.started()

    def _partial(self, text: str) -> None:
        if not self._is_absorbed:
            self._ears.partial(text)

    def _final(self, text: str) -> None:
        if self._is_absorbed:
            return
        if self._held:
            self._held.append(text)
            return
        late = self._faults.take("stt_stall")
        if late is None:
            self._ears.final(text)
        else:
            self._held.append(text)
            self._timers.after(late, self._tell_held)

    def _tell_held(self) -> None:
        text, self._held = " ".join(self._held), []
        self._ears.final(text)
        if self._holds_stopped:
            self._holds_stopped = False
            self._ears.stopped()

    def _stopped(self) -> None:
        if self._held:
            self._holds_stopped = True
        elif not self._is_absorbed:
            self._ears.stopped()


class Tongue:
    """Decides what becomes of a text before it is spoken.

    Args:
        tell: takes messages.
        draw: makes the ids of the model's attempts.
    """

    def __init__(
        self,
        faults: CallFaults,
        tell: Callable[[vapi.ServerMessage], object],
        *,
        clock: Clock,
        timers: Timers,
        draw: Random,
    ) -> None:
        self._faults = faults
        self._tell = tell
        self._clock = clock
        self._timers = timers
        self._draw = draw
        self._said_ns = 0

    def drops(self) -> bool:
        """Return whether a text is never spoken."""
        return self._faults.take("unspoken") is not None

    def storms(self, text: str) -> int:
        """Ask the model in vain as often as it storms; returns the nanoseconds that this takes."""
        requests = self._faults.take("retry_storm") or 1
        for number in range(requests - 1):
            self._timers.after(number * STORM_SECONDS, self._dropped_attempt, text)
        return (requests - 1) * round(STORM_SECONDS * 1e9)

    def holds(self, speech: str | Speech) -> tuple[str | Speech, int]:
        """Return what is spoken for an answer, and how many nanoseconds it is held back."""
        held = self._faults.take("held_text")
        if held is None:
            return speech, 0
        return twice(speech), round(held * 1e9)

    def _dropped_attempt(self, text: str) -> None:
        turn = str(uuid.UUID(int=self._draw.getrandbits(128), version=4))
        self._tell(vapi.ModelOutput(output=" ".join(text.split()[:1]), turn_id=turn))

    def says(self, speak: Callable[[], object]) -> None:
        """Speak what a ``say`` asked for, once its stall is over and the one's before it."""
        now_ns = self._clock.now_ns
        late = self._faults.take("say_stall") or 0.0
        self._said_ns = max(self._said_ns, now_ns + round(late * 1e9))
        if self._said_ns == now_ns:
            speak()
        else:
            self._timers.at(self._said_ns, speak)

    def clipped(self, speech: Speech) -> Speech:
        """Return what goes out for ``speech``."""
        seconds = self._faults.take("clipped_start")
        if seconds is None:
            return speech
        samples = speech.samples.copy()
        samples[: round(seconds * RATE)] = 0
        return dataclasses.replace(speech, samples=samples, _at_rate=WeakValueDictionary())


def twice(speech: str | Speech) -> str | Speech:
    """Return what is said, said twice."""
    if isinstance(speech, str):
        return f"{speech} {speech}"
    length = len(speech.samples)
    again = tuple(Word(word.text, word.start + length, word.end + length) for word in speech.words)
    samples = np.concatenate((speech.samples, speech.samples))
    return Speech(f"{speech.text} {speech.text}", samples, speech.words + again)
