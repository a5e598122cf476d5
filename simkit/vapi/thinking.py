"""Thinking: from what was heard to what is said, and the time that takes."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from functools import partial

from msgspec import UNSET

from ..timeline import Clock
from ..wire import vapi
from .assistant import Assistant, Reply
from .model import Model
from .talking import Talking, Utterance
from .timers import Timers
from .trouble import Tongue

_TURNS = uuid.UUID("5f4d7f0e-2f0c-4c55-9a53-0d3a4b1c7e11")
_SENTENCE_ENDS = (".", "?", "!")
_MS = 1_000_000  # from the model's output to the voice's input; recorded


class Thinking:
    """Asks the model, and has its answer spoken when model, voice and plan allow.

    Args:
        session: number of the call in the timeline.
        tongue: what becomes of an answer.
        tell: takes messages.
        silent: called when there is no answer.
    """

    def __init__(
        self,
        session: int,
        assistant: Assistant,
        talking: Talking,
        tongue: Tongue,
        tell: Callable[[vapi.ServerMessage], object],
        silent: Callable[[], object],
        *,
        clock: Clock,
        timers: Timers,
    ) -> None:
        self._session = session
        self._assistant = assistant
        self._talking = talking
        self._tongue = tongue
        self._tell = tell
        self._silent = silent
        self._clock = clock
        self._timers = timers
        self._model = Model(assistant)
        self._coming: list[asyncio.TimerHandle] = []
        self._asked = 0
        self._pieces = 0

    @property
    def is_busy(self) -> bool:
        """True while an answer may still come."""
        return self._model.is_thinking

    def ask(self, heard: str, ended_ns: int) -> None:
        """Answer ``heard``, which ended at ``ended_ns``; empty: begin."""
        self.drop()
        self._asked += 1
        self._pieces = 0
        if "model-output" in self._assistant.client_messages:
            self._talking.turn_id = str(uuid.uuid5(_TURNS, f"{self._session} {self._asked}"))
        self._model.ask(heard, partial(self._take, self._clock.now_ns, ended_ns))

    def drop(self) -> None:
        """Forget what the model was about to say."""
        self._model.cancel()
        for timer in self._coming:
            timer.cancel()
        self._coming.clear()

    def _take(self, asked_ns: int, ended_ns: int, reply: Reply | None, took_time: bool) -> None:
        """Have an answer spoken, or a piece of it."""
        if reply is None:
            self._silent()
            return
        assistant = self._assistant
        self._pieces += 1
        first_ns = self._clock.now_ns
        if not took_time:
            first_ns += round(assistant.llm * 1e9)
        storm_ns = self._tongue.storms(reply.text) if self._pieces == 1 else 0
        first_ns += storm_ns
        sentence_ns = self._put_out(reply, first_ns)
        if not reply.spoken or self._tongue.drops():
            return
        speech, held_ns = (
            self._tongue.holds(reply.speech) if self._pieces == 1 else (reply.speech, 0)
        )
        utterance = Utterance(speech, answers=True, continues=self._pieces > 1)
        voice_ns = sentence_ns + round(assistant.tts * 1e9)
        if self._pieces > 1:
            self._coming.append(self._timers.at(voice_ns, self._talking.queue, utterance))
            return
        if reply.latency is not None:
            audio_ns = ended_ns + storm_ns + held_ns + round(reply.latency * 1e9)
            self._talking.schedule(utterance, audio_ns, blocked=False)
            return
        wait_ns = round(assistant.wait_seconds * 1e9)
        if assistant.wait_from == "voice":
            audio_ns = voice_ns + wait_ns
        else:
            audio_ns = max(voice_ns, asked_ns + wait_ns)
        audio_ns += held_ns + round(assistant.started_before_audio * 1e9)
        self._talking.schedule(utterance, audio_ns)

    def _put_out(self, reply: Reply, first_ns: int) -> int:
        """Tell what the model says; returns when its first sentence is complete."""
        every_ns = round(self._assistant.token_every * 1e9)
        turn_id = self._talking.turn_id or UNSET
        text = reply.text if reply.output is None else reply.output
        tokens = [word + " " for word in text.split()] if every_ns else [text]
        ends = [number for number, token in enumerate(tokens) if token[-2:-1] in _SENTENCE_ENDS]
        sentence_ns = first_ns + (ends[0] if ends else len(tokens) - 1) * every_ns
        told: list[tuple[int, vapi.ServerMessage]] = [
            (first_ns + number * every_ns, vapi.ModelOutput(token, turn_id=turn_id))
            for number, token in enumerate(tokens)
        ]
        told.append((sentence_ns + _MS, vapi.VoiceInput(reply.text, turn=self._talking.turn)))
        for when_ns, message in told:
            self._coming.append(self._timers.at(when_ns, self._tell, message))
        return sentence_ns
