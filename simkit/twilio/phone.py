"""The phone: what a test does as the caller, and what it asks about the call."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass

import numpy as np

from ..audio import Repertoire, Samples, Speech, voice
from ..timeline import BargeIn, Clock, Timeline, barge_ins
from .call import CallFailed, CallFlow
from .ear import Ear, HeardUtterance

_LOOK_NS = 20_000_000
_REPORTED_EVENTS = 12


class NotHeard(AssertionError):  # noqa: N818 - reads as what happened
    """The caller did not hear what the test waited for."""


@dataclass(frozen=True)
class Spoken:
    """Something the caller said; times in seconds of the simulation."""

    text: str
    start: float
    end: float


class Heard:
    """What reached the caller's ear so far."""

    def __init__(self, samples: Samples, utterances: list[HeardUtterance]) -> None:
        self.samples = samples
        """mu-law decoded, 8 kHz, from the call's first instant."""
        self.utterances = utterances
        """Stretches of speech that were recognised, in order."""

    def __str__(self) -> str:
        return " | ".join(utterance.text for utterance in self.utterances)

    def __contains__(self, text: str) -> bool:
        return text in str(self)


class Call:
    """One phone call, from the caller's side."""

    def __init__(
        self,
        flow: CallFlow,
        *,
        clock: Clock,
        timeline: Timeline,
        repertoire: Repertoire,
        draw: random.Random,
    ) -> None:
        self._flow = flow
        self._clock = clock
        self._timeline = timeline
        self._repertoire = repertoire
        self._draw = draw
        self._listened_until_ns = 0
        self._talking = asyncio.Lock()

    @property
    def number(self) -> int:
        """Which call of the simulation this is, from 1."""
        return self._flow.leg.number

    @property
    def sid(self) -> str:
        """Twilio's CallSid."""
        return self._flow.leg.call_sid

    @property
    def status(self) -> str:
        """``ringing``, ``in-progress``, ``completed`` or ``failed``."""
        return self._flow.status

    def __repr__(self) -> str:
        return f"<Call {self.number} {self._flow.leg.from_} > {self._flow.leg.to} {self.status}>"

    # Speaking

    async def says(
        self, words: str | Speech, *, seconds: float | None = None, wait: bool = True
    ) -> Spoken:
        """Speak; returns when the last word is said.

        Args:
            words: text for the synthetic voice, or speech with its samples.
            seconds: stretch or squeeze the text to this duration.
            wait: False returns at once, while the caller goes on speaking.

        Raises:
            CallFailed: the call has ended.
        """
        async with self._talking:
            speech = self._as_speech(words, seconds)
            self._check_line("say", speech.text)
            start_ns = self._flow.mouth.place(speech.samples, self._clock.now_ns)
            self._record_speech(speech, start_ns)
            end_ns = start_ns + speech.duration_ns
            if wait:
                await self._clock.sleep_until(end_ns)
        return Spoken(speech.text, start_ns / 1e9, end_ns / 1e9)

    def plays(self, sound: Samples, utterances: list[tuple[float, Speech]]) -> float:
        """Play a whole recorded leg from the call's first sample on.

        Args:
            sound: the caller's side of the call, 8 kHz.
            utterances: what is said in it, each with its start in seconds.

        Returns:
            The instant of the first sample, in seconds of the simulation.
        """
        origin_ns = self._flow.mouth.place(sound, self._flow.mouth.origin_ns)
        for start, speech in utterances:
            self._record_speech(speech, origin_ns + round(start * 1e9))
        return origin_ns / 1e9

    def _as_speech(self, words: str | Speech, seconds: float | None) -> Speech:
        if isinstance(words, Speech):
            return words
        return voice.speak(words, self._draw, seconds=seconds)

    def _record_speech(self, speech: Speech, start_ns: int) -> None:
        self._flow.spoke(speech, start_ns)
        self._timeline.record(
            "speaks",
            "caller",
            t_ns=start_ns,
            call=self.number,
            utterance=self._repertoire.add(speech),
            text=speech.text,
            duration_ns=speech.duration_ns,
        )

    def _check_line(self, verb: str, what: str) -> None:
        if self._flow.ended.is_set():
            raise CallFailed(f"cannot {verb} {what!r}: call {self.number} is {self.status}")

    # Listening

    async def hears(self, text: str, *, timeout: float = 30.0) -> float:  # noqa: ASYNC109
        """Wait until the caller has heard these words, to the end of the last one.

        Words that an earlier ``hears`` returned for do not count again. Case and punctuation do
        not matter.

        Args:
            text: words of one utterance, in their order.
            timeout: virtual seconds to wait.

        Returns:
            The instant, in seconds, at which the last word had been heard.

        Raises:
            NotHeard: time ran out or the call ended first; says what was heard instead.
        """
        deadline_ns = self._clock.now_ns + round(timeout * 1e9)
        while True:
            now_ns = self._clock.now_ns
            heard_ns, expected_ns = None, None
            if self._flow.ear is not None:
                heard_ns, expected_ns = self._flow.ear.find(text, self._listened_until_ns, now_ns)
            if heard_ns is not None:
                self._listened_until_ns = heard_ns
                return heard_ns / 1e9
            if now_ns >= deadline_ns:
                raise NotHeard(self._explain(text, f"within {timeout:g} s"))
            if self._flow.ended.is_set():
                raise NotHeard(self._explain(text, "before the call ended"))
            # The ear judges 20 ms at a time, so that it may know a little later than expected.
            look_ns = now_ns + _LOOK_NS
            if expected_ns is not None:
                look_ns = max(expected_ns, now_ns + _LOOK_NS // 4)
            await self._clock.sleep_until(min(look_ns, deadline_ns))

    def _explain(self, text: str, limit: str) -> str:
        now_ns = self._clock.now_ns
        ear = self._flow.ear
        if ear is not None:
            ear.settle(now_ns)
        heard = [f'"{u.text}"' for u in ear.utterances(now_ns)] if ear is not None else []
        tail = str(self._timeline).splitlines()[-_REPORTED_EVENTS:]
        return (
            f"the caller did not hear {text!r} {limit} (now {now_ns / 1e9:.3f} s). Heard so far: "
            f"{', '.join(heard) or 'nothing'}. The timeline ends with:\n" + "\n".join(tail)
        )

    @property
    def heard(self) -> Heard:
        """What reached the ear so far."""
        ear = self._flow.ear
        if ear is None:
            return Heard(np.zeros(0, dtype=np.int16), [])
        now_ns = self._clock.now_ns
        return Heard(ear.samples(now_ns), ear.utterances(now_ns))

    @property
    def barge_ins(self) -> list[BargeIn]:
        """Each time the caller began to speak while hearing the agent, measured."""
        self.settle()
        return barge_ins(self._timeline, self.number)

    def settle(self) -> None:
        """Bring the timeline up to date with what was heard."""
        if self._flow.ear is not None:
            self._flow.ear.settle(self._clock.now_ns)

    # The line

    async def presses(self, digits: str) -> None:
        """Press keys, a tenth of a second each."""
        for digit in digits:
            self._check_line("press", digit)
            self._flow.press(digit)
            await asyncio.sleep(0.1)

    async def stays_silent(self, seconds: float) -> None:
        """Let time pass."""
        await asyncio.sleep(seconds)

    async def hangs_up(self) -> None:
        """Hang up; returns when Twilio has closed the call."""
        self._flow.hang_up("caller")
        await self._flow.ended.wait()

    async def ends(self, *, timeout: float = 60.0) -> None:  # noqa: ASYNC109
        """Wait until the call is over, by whichever side.

        Raises:
            TimeoutError: it is not over after ``timeout`` virtual seconds.
        """
        async with asyncio.timeout(timeout):
            await self._flow.ended.wait()

    def sound(self) -> tuple[Samples, Samples]:
        """Return both sides of the call so far, mouth and ear, on one clock at 8 kHz."""
        ear = self._flow.ear
        if ear is None:
            silence = np.zeros(0, dtype=np.int16)
            return silence, silence
        heard = ear.samples(self._clock.now_ns)
        return self._flow.mouth.samples(len(heard)), heard

    @property
    def ear(self) -> Ear | None:
        """The ear, once the call is answered."""
        return self._flow.ear
