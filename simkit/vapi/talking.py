"""Talking: what the assistant says, one utterance after another, until the caller interrupts."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from ..audio import Repertoire, Speech, voice
from ..timeline import Clock, Timeline
from ..wire import vapi
from .assistant import Assistant
from .history import Said, words_until
from .speaking import Speaking
from .timers import Timers


class Line(Protocol):
    """The client's end of a conversation, in whichever dialect it speaks."""

    audio: vapi.AudioFormat

    def send_audio(self, sound: bytes) -> None:
        """Send one frame."""

    def tell(self, message: vapi.ServerMessage) -> None:
        """Send a message."""

    def end(self, reason: str) -> None:
        """End the call from Vapi's side: tell the reason, then close."""

    @property
    def arrival_ns(self) -> int:
        """When what was sent last reaches the client."""


@dataclass(frozen=True)
class Utterance:
    """What the assistant is about to say."""

    speech: str | Speech
    interruptible: bool = True
    ends_call: bool = False
    """The call ends once it was said in full."""


@dataclass(frozen=True)
class _Current:
    """What the assistant is saying."""

    utterance: Utterance
    reply: int
    key: int
    speech: Speech


class Talking:
    """Says utterances in turn: announces each, sends its audio, tells what was said of it.

    Args:
        session: number of the call in the timeline.
        line: where audio goes.
        tell: takes messages.
        said: takes what was said, once its transcript is due.
        finished: called when an utterance that ends the call was said.
        draw: makes the assistant's utterances unlike any other.
    """

    def __init__(
        self,
        session: int,
        assistant: Assistant,
        line: Line,
        tell: Callable[[vapi.ServerMessage], object],
        said: Callable[[Said], object],
        finished: Callable[[], object],
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
        self._said = said
        self._finished = finished
        self._clock = clock
        self._timers = timers
        self._timeline = timeline
        self._repertoire = repertoire
        self._draw = draw
        self.voice = Speaking(line.audio, assistant, line.send_audio, clock=clock)
        self.turn = 0
        """Number of the turn that is being answered."""
        self._pending: asyncio.TimerHandle | None = None
        self._queue: deque[Utterance] = deque()
        self._current: _Current | None = None
        self._replies = 0
        self._untold: list[Said] = []
        self._silent_until_ns = 0
        self._is_open = False

    @property
    def can_be_interrupted(self) -> bool:
        """True while it speaks what may be interrupted."""
        return self.voice.is_speaking and (
            self._current is None or self._current.utterance.interruptible
        )

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

        Args:
            blocked: the silence after an interruption holds it back.
        """
        if blocked:
            audio_ns = max(audio_ns, self._silent_until_ns)
        audio_ns = max(audio_ns, self._clock.now_ns)
        started_ns = audio_ns - round(self._assistant.started_before_audio * 1e9)
        self._pending = self._timers.at(started_ns, self._announce, utterance, audio_ns)

    def queue(self, utterance: Utterance) -> None:
        """Say ``utterance`` once everything before it was said."""
        if self._current is not None or self._pending is not None:
            self._queue.append(utterance)
        else:
            ready = max(self._assistant.tts, self._assistant.started_before_audio)
            self.schedule(utterance, self._clock.now_ns + round(ready * 1e9))

    def replace(self, utterance: Utterance) -> None:
        """Say ``utterance`` instead of whatever is being said or waits."""
        self.drop_pending()
        self._queue.clear()
        self._end(interrupted=True)
        self.queue(utterance)

    def drop_pending(self) -> None:
        """Do not say what has not begun."""
        if self._pending is not None:
            self._pending.cancel()
            self._pending = None

    def interrupt(self) -> None:
        """Stop because the caller speaks."""
        assistant = self._assistant
        self._silent_until_ns = self._clock.now_ns + round(assistant.backoff_seconds * 1e9)
        self._queue.clear()
        self._tell(vapi.UserInterrupted())
        self.voice.finish_frames(assistant.audio_after_interrupt)
        self._end(interrupted=True)

    # What is being said

    def _announce(self, utterance: Utterance, audio_ns: int) -> None:
        if self._current is not None and not self._current.utterance.interruptible:
            self._pending = None
            self._queue.append(utterance)
            return
        self._tell(vapi.SpeechUpdate("started", "assistant", self.turn))
        self._pending = self._timers.at(audio_ns, self._speak, utterance)

    def _speak(self, utterance: Utterance) -> None:
        self._pending = None
        self._end(interrupted=True)
        said = utterance.speech
        speech = voice.speak(said, self._draw) if isinstance(said, str) else said
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
        self.voice.speak(speech)
        event.arrived_ns = self._line.arrival_ns
        over = speech.duration + self._assistant.stopped_after_audio
        self._timers.after(over, self._finish, self._current)

    def _finish(self, current: _Current) -> None:
        if self._current is not current:
            return
        self._end(interrupted=False)
        if current.utterance.ends_call:
            self._timers.after(self._assistant.transcript_after_stopped, self._finished)
        elif self._queue and self._pending is None:
            ready_ns = round(self._assistant.started_before_audio * 1e9)
            self.schedule(self._queue.popleft(), self._clock.now_ns + ready_ns)

    def _end(self, *, interrupted: bool) -> None:
        if self._current is None:
            return
        current, self._current = self._current, None
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
        if self._is_open:
            self._tell(vapi.SpeechUpdate("stopped", "assistant", self.turn))
        # What was sent ahead of time and not yet due does not count as spoken.
        start_ns = self.voice.start_ns
        spoken_ns = min(sent_ns, self._clock.now_ns - start_ns)
        text = words_until(speech, spoken_ns) if interrupted else speech.text
        if text:
            end_ns = start_ns + min(spoken_ns, speech.spoken * 125_000)
            said = Said("assistant", text, start_ns, end_ns)
            self._untold.append(said)
            if self._is_open:
                self._timers.after(self._assistant.transcript_after_stopped, self._tell_said, said)

    def _tell_said(self, said: Said) -> None:
        self._untold.remove(said)
        self._tell(vapi.Transcript("assistant", "final", said.text))
        self._said(said)
