"""Talking: what the assistant says, one utterance after another, until the caller interrupts."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from msgspec import UNSET

from ..audio import Repertoire, Speech, voice
from ..timeline import Clock, Timeline
from ..wire import vapi
from .assistant import Assistant
from .history import Said, words_until
from .line import Line
from .speaking import Speaking
from .timers import Timers


@dataclass(frozen=True)
class Utterance:
    """What the assistant is about to say."""

    speech: str | Speech
    interruptible: bool = True
    ends_call: bool = False
    """The call ends once it was said in full."""
    answers: bool = False
    """The model's: dropped if the caller goes on before it begins."""
    continues: bool = False
    """Follows the one before as if it were one."""


@dataclass(frozen=True)
class _Current:
    """What the assistant is saying."""

    utterance: Utterance
    reply: int
    key: int
    speech: Speech


@dataclass(frozen=True)
class Mouth:
    """Whom talking tells what."""

    announced: Callable[[], object]
    """An utterance is about to begin."""
    stopped: Callable[[], object]
    """No utterance is being said any more."""
    said: Callable[[Said], object]
    """What was said, once its transcript is due."""
    finished: Callable[[], object]
    """An utterance that ends the call was said."""


class Talking:
    """Says utterances in turn: announces each, sends its audio, tells what was said of it.

    Args:
        session: number of the call in the timeline.
        line: where audio goes.
        audio: its format.
        tell: takes messages.
        mouth: whom to tell of what.
        draw: makes the assistant's utterances unlike any other.
    """

    def __init__(
        self,
        session: int,
        assistant: Assistant,
        line: Line,
        audio: vapi.AudioFormat,
        tell: Callable[[vapi.ServerMessage], object],
        mouth: Mouth,
        *,
        clock: Clock,
        timers: Timers,
        timeline: Timeline,
        repertoire: Repertoire,
        draw: random.Random,
    ) -> None:
        self._session = session
        self._assistant = assistant
        self._line = line
        self._tell = tell
        self._mouth = mouth
        self._clock = clock
        self._timers = timers
        self._timeline = timeline
        self._repertoire = repertoire
        self._draw = draw
        self.voice = Speaking(audio, assistant, line.send_audio, clock=clock)
        self.on_its_way: Callable[[Speech], Speech] = lambda speech: speech
        """What goes out for something said."""
        self.turn = 0
        """Number of the turn that is being answered."""
        self._pending: asyncio.TimerHandle | None = None
        self._pending_answers = False
        self._queue: deque[Utterance] = deque()
        self._current: _Current | None = None
        self._replies = 0
        self._untold: list[Said] = []
        self._silent_until_ns = 0
        self._partial: asyncio.TimerHandle | None = None
        # What is left of an interruption.
        self._steps: list[str] = []
        self._step: asyncio.TimerHandle | None = None
        self._cut: Said | None = None
        self.turn_id: str | None = None
        """The model's name for the turn; goes with ``user-interrupted``."""
        self._is_open = False

    @property
    def can_be_interrupted(self) -> bool:
        """True while it speaks what may be interrupted, and was not yet."""
        return self.voice.is_speaking and not self._steps and not self.goes_on

    @property
    def goes_on(self) -> bool:
        """True while it says what may not be interrupted."""
        return self._current is not None and not self._current.utterance.interruptible

    @property
    def is_busy(self) -> bool:
        """True while something is being said or about to be."""
        return self._current is not None or self._pending is not None

    def open(self) -> None:
        """Begin the stream."""
        self._is_open = True
        self.voice.idle()

    def close(self) -> list[Said]:
        """Stop for good; returns what was said and not yet told."""
        self._is_open = False
        self._end(interrupted=True)
        self.voice.close()
        left, self._untold = self._untold, []
        return left

    # What comes

    def schedule(self, utterance: Utterance, audio_ns: int, *, blocked: bool = True) -> None:
        """Say ``utterance`` from ``audio_ns`` on, in place of what is said by then.

        It takes the place of an answer that waits, and waits for anything else that does.

        Args:
            blocked: the silence after an interruption holds it back.
        """
        if self._pending is not None and not self._pending_answers:
            self._queue.append(utterance)
            return
        self._drop_pending()
        if blocked:
            audio_ns = max(audio_ns, self._silent_until_ns)
        audio_ns = max(audio_ns, self._clock.now_ns)
        started_ns = audio_ns - round(self._assistant.started_before_audio * 1e9)
        self._pending = self._timers.at(started_ns, self._announce, utterance, audio_ns)
        self._pending_answers = utterance.answers

    def queue(self, utterance: Utterance) -> None:
        """Say ``utterance`` once everything before it was said."""
        if self.is_busy:
            self._queue.append(utterance)
        else:
            ready = self._assistant.started_before_audio
            if not utterance.continues:
                ready = max(ready, self._assistant.tts)
            self.schedule(utterance, self._clock.now_ns + round(ready * 1e9))

    def replace(self, utterance: Utterance) -> None:
        """Say ``utterance`` instead of whatever is being said or waits."""
        self.cancel()
        self.queue(utterance)

    def cancel(self) -> None:
        """Stop what is being said, and say nothing of what waits."""
        self._drop_pending()
        self._queue.clear()
        self._end(interrupted=True)

    def drop_answer(self) -> None:
        """Do not give an answer that has not begun; what was to be said besides is said."""
        if self._pending is not None and self._pending_answers:
            self._drop_pending()
        if self._queue and self._current is None:
            self._queue = deque(waits for waits in self._queue if not waits.answers)
            self._say_next()

    def _drop_pending(self) -> None:
        if self._pending is not None:
            self._pending.cancel()
            self._pending = None

    def _say_next(self) -> None:
        if self._queue and not self.is_busy:
            ready_ns = round(self._assistant.started_before_audio * 1e9)
            self.schedule(self._queue.popleft(), self._clock.now_ns + ready_ns)

    def interrupt(self) -> None:
        """Stop because the caller speaks."""
        assistant = self._assistant
        self._silent_until_ns = self._clock.now_ns + round(assistant.backoff_seconds * 1e9)
        self._queue.clear()
        self._steps = assistant.interrupt_order.split(", ")
        if assistant.interrupt_delay:
            self._step = self._timers.after(assistant.interrupt_delay, self._next_step)
        else:
            self._next_step()

    def _next_step(self) -> None:
        """Take the next step of an interruption, and the rest when there is no time between."""
        self._step = None
        self._take_step()
        gap = self._assistant.interrupt_gap
        if self._steps and gap:
            self._step = self._timers.after(gap, self._next_step)
        elif self._steps:
            self._next_step()

    def _take_step(self) -> None:
        step = self._steps.pop(0)
        if step == "message":
            turn_id = UNSET if self.turn_id is None else self.turn_id
            if self._is_open:
                self._tell(vapi.UserInterrupted(turn_id=turn_id))
        elif step == "audio":
            self.voice.finish_frames(self._assistant.audio_after_interrupt)
            self._cut = self._stop_audio(interrupted=True)
        else:
            self._tell_stopped()
        if not self._steps:
            said, self._cut = self._cut, None
            self._tell_later(said)

    def _finish_interruption(self) -> None:
        if self._step is not None:
            self._step.cancel()
            self._step = None
        while self._steps:
            self._take_step()

    # What is being said

    def _announce(self, utterance: Utterance, audio_ns: int) -> None:
        if self.goes_on:
            self._pending = None
            self._queue.append(utterance)
            return
        self._finish_interruption()
        self._mouth.announced()
        self._tell(vapi.SpeechUpdate("started", "assistant", self.turn))
        self._pending = self._timers.at(audio_ns, self._speak, utterance)

    def _speak(self, utterance: Utterance) -> None:
        self._pending = None
        self._end(interrupted=True)
        said = utterance.speech
        speech = self._voiced(said) if isinstance(said, str) else said
        self._replies += 1
        key = self._repertoire.add(speech)
        self._current = _Current(utterance, self._replies, key, speech)
        event = self._timeline.record(
            "replies",
            "agent",
            session=self._session,
            reply=self._replies,
            utterance=key,
            text=speech.text,
            duration_ns=speech.duration_ns,
        )
        self.voice.speak(self.on_its_way(speech))
        event.arrived_ns = self._line.arrival_ns
        over_ns = self.voice.end_ns + round(self._assistant.stopped_after_audio * 1e9)
        self._timers.at(over_ns, self._finish, self._current)
        if self._assistant.assistant_partials:
            self._partial = self._timers.after(
                self._assistant.assistant_partial_lag, self._tell_partial, self._current, ""
            )

    def _voiced(self, text: str) -> Speech:
        rate = self._assistant.speech_rate
        if rate == 1:
            return voice.speak(text, self._draw)
        shortest = voice.SHORTEST_WORD_S * len(text.split())
        seconds = max(shortest, voice.usual_duration(text) / rate)
        return voice.speak(text, self._draw, seconds=seconds)

    def _tell_partial(self, current: _Current, last: str) -> None:
        """Tell of the words that have begun, if they are more than last time."""
        if self._current is not current:
            return
        assistant = self._assistant
        heard_ns = self._clock.now_ns - round(assistant.assistant_partial_lag * 1e9)
        samples = (heard_ns - self.voice.start_ns) // 125_000
        words = [word.text for word in current.speech.words if word.start <= samples]
        text = " ".join(words)
        if text != last:
            self._tell(self._transcript("partial", text))
        self._partial = self._timers.after(
            assistant.assistant_partial_every, self._tell_partial, current, text
        )

    def _transcript(self, kind: Literal["partial", "final"], text: str) -> vapi.Transcript:
        assistant = self._assistant
        return vapi.Transcript(
            "assistant",
            kind,
            text,
            assistant_id=assistant.assistant_id or UNSET,
            assistant_name=assistant.assistant_name or UNSET,
        )

    def _finish(self, current: _Current) -> None:
        if self._current is not current or self._steps:
            return
        if self._queue and self._queue[0].continues and self._pending is None:
            self._tell_later(self._stop_audio(interrupted=False))
            self._speak(self._queue.popleft())
            return
        self._end(interrupted=False)
        if current.utterance.ends_call:
            self._timers.after(self._assistant.transcript_after_stopped, self._mouth.finished)
        else:
            self._say_next()

    def _end(self, *, interrupted: bool) -> None:
        self._finish_interruption()
        if self._current is not None:
            said = self._stop_audio(interrupted=interrupted)
            self._tell_stopped()
            self._tell_later(said)

    def _stop_audio(self, *, interrupted: bool) -> Said | None:
        """Stop the audio; returns what was said."""
        if self._current is None:
            return None
        current, self._current = self._current, None
        if self._partial is not None:
            self._partial.cancel()
            self._partial = None
        speech = current.speech
        sent_ns = self.voice.sent_ns
        if interrupted:
            self.voice.stop()
        self._timeline.record(
            "replied",
            "agent",
            session=self._session,
            reply=current.reply,
            utterance=current.key,
            interrupted=interrupted,
            audio_ns=min(sent_ns, speech.spoken * 125_000),
        )
        self._mouth.stopped()
        # What was sent ahead of time and not yet due does not count as spoken.
        start_ns = self.voice.start_ns
        spoken_ns = min(sent_ns, self._clock.now_ns - start_ns)
        text = words_until(speech, spoken_ns) if interrupted else speech.text
        end_ns = start_ns + min(spoken_ns, speech.spoken * 125_000)
        return Said("assistant", text, start_ns, end_ns) if text else None

    def _tell_stopped(self) -> None:
        if self._is_open:
            self._tell(vapi.SpeechUpdate("stopped", "assistant", self.turn))

    def _tell_later(self, said: Said | None) -> None:
        if said is None:
            return
        self._untold.append(said)
        if self._is_open:
            self._timers.after(self._assistant.transcript_after_stopped, self._tell_said, said)

    def _tell_said(self, said: Said) -> None:
        self._untold.remove(said)
        self._tell(self._transcript("final", said.text))
        self._mouth.said(said)
