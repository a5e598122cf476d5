"""The phone: what a test does as the caller, and what it asks about the call."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..audio import Repertoire, Samples, Speech
from ..audio.tones import key_tone
from ..audio.voices import Voice
from ..timeline import BargeIn, CallMeasures, Clock, Event, Timeline, barge_ins, measures
from .call import CallFailed, CallFlow
from .carrier import Line
from .ear import Ear, HeardUtterance
from .keys import PAUSES, check_presses
from .listening import Heard, Listener
from .mouth import speech_of
from .noises import Noise, Noises
from .settings import TwilioSettings


@dataclass(frozen=True)
class Spoken:
    """Something the caller said; times in seconds of the simulation."""

    text: str
    start: float
    end: float


class Call:
    """One phone call, from the caller's side."""

    def __init__(
        self,
        flow: CallFlow,
        *,
        clock: Clock,
        timeline: Timeline,
        repertoire: Repertoire,
        settings: TwilioSettings,
        random_for: Callable[[str], random.Random],
        speak: Voice,
    ) -> None:
        self._flow = flow
        self._clock = clock
        self._timeline = timeline
        self._repertoire = repertoire
        self._settings = settings
        self._draw = random_for("caller")
        self._reactions = random_for("reactions")
        self._noises = Noises(flow, clock=clock, timeline=timeline, draw=random_for("noise"))
        self._speak = speak
        self._listener = Listener(flow, clock=clock, timeline=timeline)
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
        self,
        words: str | Speech | Path,
        *,
        seconds: float | None = None,
        wait: bool = True,
        directed: bool = True,
    ) -> Spoken:
        """Speak; returns when the last word is said.

        Args:
            words: text for the caller's voice; speech with its samples; or the path of a WAV or
                FLAC file, which :func:`simkit.audio.read_speech` reads.
            seconds: stretch or squeeze the text to this duration.
            wait: False returns at once, while the caller goes on speaking. What is said, played or
                pressed meanwhile sounds at the same time, as a second voice on the line would;
                without it, a second ``says`` begins when the first has ended.
            directed: False for what is not meant to take the turn: "uh-huh", a word to somebody
                else. An agent that stops for it is measured as too easily stopped.

        Raises:
            AudioFileError: the file is missing, damaged or of another kind than expected.
            CallFailed: the call has ended.
            TypeError: ``words`` is something else.
        """
        async with self._talking:
            speech = speech_of(words, seconds, self._speak, self._draw)
            self._check_line("say", speech.text)
            start_ns = self._flow.mouth.place(speech.samples, self._clock.now_ns)
            self._record_speech(speech, start_ns, directed=directed)
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

    def _record_speech(self, speech: Speech, start_ns: int, *, directed: bool = True) -> None:
        self._flow.spoke(speech, start_ns)
        event = self._timeline.record(
            "speaks",
            "caller",
            t_ns=start_ns,
            call=self.number,
            utterance=self._repertoire.add(speech),
            text=speech.text,
            duration_ns=speech.duration_ns,
        )
        if not directed:
            event.fields["directed"] = False

    # Noises

    async def makes_noise(
        self,
        name: str,
        *,
        level: float | None = None,
        seconds: float | None = None,
        wait: bool = True,
    ) -> Noise:
        """Let something be heard that is not speech; returns when it is over.

        Args:
            name: one of :data:`simkit.audio.noise.NAMES`.
            level: RMS of its loudest 20 ms, in dBFS; None: as loud as such a noise is.
            seconds: how long; None: as long as such a noise is.
            wait: False returns at once, while it goes on.

        Raises:
            CallFailed: the call has ended.
            ValueError: another name, level or length; says which there are.
        """
        self._check_line("make a noise", name)
        made = self._noises.make(name, level, seconds)
        if wait:
            await self._clock.sleep_until(round(made.end * 1e9))
        return made

    def background(self, name: str | None, *, level: float | None = None) -> None:
        """Put a noise under the rest of the call, in place of the one before; None ends it.

        Args:
            name: one of :data:`simkit.audio.noise.NAMES`.
            level: RMS of its loudest 20 ms, in dBFS; None: as loud as such a noise is.

        Raises:
            CallFailed: the call has ended.
            ValueError: another name or level; says which there are.
        """
        self._check_line("put in the background", name or "nothing")
        self._noises.surround(name, level)

    def _check_line(self, verb: str, what: str) -> None:
        if self._flow.ended.is_set():
            raise CallFailed(f"cannot {verb} {what!r}: call {self.number} is {self.status}")

    # Listening

    async def hears(self, text: str, *, timeout: float = 30.0) -> float:  # noqa: ASYNC109
        """Wait until the caller has heard these words, to the end of the last one.

        Words that an earlier ``hears`` returned for do not count again. Case and punctuation do
        not matter. On a line that loses packets, words of which four fifths were heard count.
        Callers who do not act at once return later: ``sim.twilio.settings.reaction``.

        Args:
            text: words of one utterance, in their order.
            timeout: virtual seconds to wait.

        Returns:
            The instant, in seconds, at which the last word had been heard.

        Raises:
            NotHeard: time ran out or the call ended first; says what was heard instead.
            ValueError: there is no word in ``text``.
        """
        if not isinstance(text, str) or not any(letter.isalnum() for letter in text):
            raise ValueError(f"hears: words to wait for; found {text!r}")
        heard = await self._listener.text(text, timeout)
        if self._settings.reaction:
            await asyncio.sleep(self._reactions.uniform(0, self._settings.reaction))
        return heard

    async def hears_utterance(self, *, timeout: float = 30.0) -> HeardUtterance:  # noqa: ASYNC109
        """Wait for the end of what is being said to the caller, or of what will be said next.

        It ends when all of it was heard, or when nothing more of it came for 200 ms.

        Raises:
            NotHeard: time ran out or the call ended first.
        """
        return await self._listener.utterance(timeout)

    async def hears_sound(self, *, timeout: float = 30.0) -> float:  # noqa: ASYNC109
        """Wait for the first sound of any kind from now on, above -58 dBFS; returns its instant."""
        return await self._listener.sound(timeout)

    async def hears_silence(self, seconds: float = 1.0, *, timeout: float = 30.0) -> float:  # noqa: ASYNC109
        """Wait until the caller has heard nothing for so long; silence so far counts.

        Returns:
            The instant, in seconds, since which all was silent (at most ``seconds`` ago).

        Raises:
            NotHeard: time ran out or the call ended first.
        """
        return await self._listener.silence(seconds, timeout)

    async def until(self, kind: str, *, timeout: float = 30.0, **fields: Any) -> Event:  # noqa: ASYNC109
        """Wait for the next event of this call in the timeline, at the instant it is dated.

        Vapi's events count when they are of the Vapi call that this one is bridged to; before any
        sound has crossed between the two, of any that may still turn out to be it. Runs of media
        count when they begin.

        Args:
            kind: as the timeline has it: ``clear``, ``hears``, ``user-interrupted``, ...
            timeout: virtual seconds to wait.
            fields: what the event must say, as in ``role="user"``; ``source`` and ``target`` too.

        Raises:
            NotHappened: time ran out or the call ended first; shows the timeline's end.
        """
        return await self._listener.event(kind, timeout, fields)

    @property
    def heard(self) -> Heard:
        """What reached the ear so far."""
        return self._listener.heard

    @property
    def barge_ins(self) -> list[BargeIn]:
        """Each time the caller began to speak while hearing the agent, measured."""
        self.settle()
        return barge_ins(self._timeline, self.number)

    @property
    def measures(self) -> CallMeasures:
        """What the call was like so far: see :class:`simkit.CallMeasures`."""
        self.settle()
        return measures(self._timeline, self.number)

    def settle(self) -> None:
        """Bring the timeline up to date with what was heard."""
        self._listener.settle()

    # The line

    @property
    def line(self) -> Line:
        """The carrier leg between the phone and Twilio, to turn its knobs."""
        return self._flow.line

    async def presses(
        self, keys: str, *, hold: float = 0.06, gap: float = 0.04, in_band: bool | None = None
    ) -> None:
        """Press keys one after the other; returns when the last one has been released.

        The defaults are short of what people do and long enough for ITU-T Q.24, by which
        receivers take tones and pauses of 40 ms.

        Args:
            keys: 0-9, ``*``, ``#``, A-D; ``w`` pauses for half a second, ``W`` for one.
            hold: seconds for which each key is down.
            gap: seconds after it.
            in_band: the tones are in the caller's sound, too; None: as
                ``sim.twilio.settings.dtmf_tones`` says.

        Raises:
            CallFailed: the call has ended.
            ValueError: there is no such key or time; nothing was pressed.
        """
        check_presses(keys, hold, gap)
        audible = self._settings.dtmf_tones if in_band is None else in_band
        for key in keys:
            if key in PAUSES:
                await asyncio.sleep(PAUSES[key])
                continue
            self._check_line("press", key)
            self._flow.press(key)
            if audible:
                self._flow.mouth.place(key_tone(key, hold), self._clock.now_ns)
            await asyncio.sleep(hold + gap)

    async def stays_silent(self, seconds: float) -> None:
        """Let time pass."""
        await asyncio.sleep(seconds)

    async def hangs_up(self, *, at: float | None = None, after: float = 0.0) -> None:
        """Hang up; returns when Twilio has closed the call.

        Args:
            at: second of the simulation at which to; None: now.
            after: seconds to wait besides.

        Raises:
            ValueError: that is in the past.
        """
        now_ns = self._clock.now_ns
        due_ns = (now_ns if at is None else round(at * 1e9)) + round(after * 1e9)
        if due_ns < now_ns:
            raise ValueError(
                f"cannot hang up in the past, it is {now_ns / 1e9:g}: found at={at}, after={after}"
            )
        await self._clock.sleep_until(due_ns)
        self._flow.hang_up("caller")
        await self._flow.ended.wait()

    async def hangs_up_when(
        self,
        kind: str,
        *,
        after: float = 0.0,
        timeout: float = 30.0,  # noqa: ASYNC109
        **fields: Any,
    ) -> Event:
        """Hang up at the next event of a kind, or so many seconds after it; returns the event.

        Raises:
            NotHappened: time ran out or the call ended first.
        """
        event = await self.until(kind, timeout=timeout, **fields)
        await self.hangs_up(after=after)
        return event

    async def ends(self, *, timeout: float = 60.0) -> None:  # noqa: ASYNC109
        """Wait until the call is over, by whichever side.

        Raises:
            TimeoutError: it is not over after ``timeout`` virtual seconds.
        """
        try:
            async with asyncio.timeout(timeout):
                await self._flow.ended.wait()
        except TimeoutError:
            now = f"now {self._clock.now_ns / 1e9:.3f} s"
            raise TimeoutError(
                f"call {self.number} was not over within {timeout:g} s ({now})"
            ) from None

    def sound(self, until_ns: int | None = None) -> tuple[Samples, Samples]:
        """Return both sides of the call so far, mouth and ear, on one clock at 8 kHz.

        Args:
            until_ns: virtual instant of their end; None: now.
        """
        ear = self._flow.ear
        if ear is None:
            silence = np.zeros(0, dtype=np.int16)
            return silence, silence
        heard = ear.samples(self._clock.now_ns if until_ns is None else until_ns)
        return self._flow.mouth.samples(len(heard)), heard

    @property
    def ear(self) -> Ear | None:
        """The ear, once the call is answered."""
        return self._flow.ear
