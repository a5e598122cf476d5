"""A conversation: hearing, thinking and speaking put together, for one call."""

from __future__ import annotations

import asyncio
import random
from typing import Protocol

from ..audio import Repertoire, Speech, voice
from ..timeline import Clock, Timeline
from ..wire import vapi
from .assistant import Assistant, Reply
from .hearing import Ears, Hearing
from .speaking import Speaking


class Line(Protocol):
    """The client's end of a conversation, in whichever dialect it speaks."""

    audio: vapi.AudioFormat

    def send_audio(self, sound: bytes) -> None:
        """Send one frame."""

    def tell(self, message: vapi.ServerMessage) -> None:
        """Send a message."""

    @property
    def arrival_ns(self) -> int:
        """When what was sent last reaches the client."""


class Conversation:
    """Takes turns with a caller: listens, answers from the script, lets itself be interrupted.

    Args:
        session: number of the call in the timeline.
        line: where audio and messages go.
        draw: makes the assistant's utterances unlike any other.
    """

    def __init__(
        self,
        session: int,
        assistant: Assistant,
        line: Line,
        *,
        clock: Clock,
        timeline: Timeline,
        repertoire: Repertoire,
        draw: random.Random,
    ) -> None:
        self._session = session
        self._assistant = assistant
        self._line = line
        self._clock = clock
        self._timeline = timeline
        self._repertoire = repertoire
        self._draw = draw
        self.hearing = Hearing(
            session,
            line.audio,
            assistant,
            Ears(
                voice=self._on_voice,
                started=self._on_started,
                partial=self._on_partial,
                final=self._on_final,
                stopped=self._on_stopped,
            ),
            clock=clock,
            timeline=timeline,
            repertoire=repertoire,
        )
        self._speaking = Speaking(line.audio, assistant, line.send_audio, clock=clock)
        self._timers: set[asyncio.TimerHandle] = set()
        self._pending: asyncio.TimerHandle | None = None
        self._turn = 0
        self._finals = 0
        self._reply = 0
        self._current: tuple[int, int, Speech] | None = None  # reply, utterance, speech
        self._silent_until_ns = 0
        self._history: list[dict[str, str]] = []
        self._is_open = False

    def open(self) -> None:
        """The socket is open: begin."""
        assistant = self._assistant
        now_ns = self._clock.now_ns
        self._is_open = True
        self._after(assistant.in_progress_delay, self._tell_in_progress)
        self._speaking.idle()
        if assistant.first_message is not None:
            delay = assistant.first_message_delay
            self._schedule(Reply(assistant.first_message), now_ns + round(delay * 1e9))

    def close(self) -> None:
        """The call is over."""
        if not self._is_open:
            return
        self._is_open = False
        self._end_reply(interrupted=True)
        self._speaking.close()
        self.hearing.stop()
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()

    def _tell_in_progress(self) -> None:
        self._line.tell(vapi.StatusUpdate("in-progress"))

    # Hearing

    def _on_voice(self, seconds: float) -> None:
        assistant = self._assistant
        if self._speaking.is_speaking:
            # Voice from before the assistant began to speak does not interrupt it.
            seconds = min(seconds, (self._clock.now_ns - self._speaking.start_ns) / 1e9)
        if seconds + 1e-9 < assistant.voice_seconds:
            return
        if self._pending is not None and self._finals:
            # The caller goes on before the answer began: it would answer half a sentence.
            self._pending.cancel()
            self._pending = None
        if assistant.num_words == 0 and self._speaking.is_speaking:
            self._interrupt()

    def _on_started(self) -> None:
        self._line.tell(vapi.SpeechUpdate("started", "user", self._turn))

    def _on_stopped(self) -> None:
        self._line.tell(vapi.SpeechUpdate("stopped", "user", max(0, self._turn - 1)))

    def _on_partial(self, text: str) -> None:
        self._line.tell(vapi.Transcript("user", "partial", text))
        words = len(text.split())
        if 0 < self._assistant.num_words <= words and self._speaking.is_speaking:
            self._interrupt()

    def _on_final(self, text: str) -> None:
        self._remember("user", text)
        self._line.tell(vapi.Transcript("user", "final", text))
        reply = self._assistant.reply_to(text, self._finals)
        self._finals += 1
        self._turn += 1
        if reply is None:
            return
        now_ns = self._clock.now_ns
        if reply.latency is not None:
            audio_ns = self.hearing.ended_ns + round(reply.latency * 1e9)
        else:
            assistant = self._assistant
            ready = max(assistant.llm + assistant.tts, assistant.wait_seconds)
            audio_ns = now_ns + round((ready + assistant.started_before_audio) * 1e9)
            audio_ns = max(audio_ns, self._silent_until_ns)
        self._schedule(reply, max(now_ns, audio_ns))

    def _interrupt(self) -> None:
        """Stop speaking because the caller does."""
        assistant = self._assistant
        self._silent_until_ns = self._clock.now_ns + round(assistant.backoff_seconds * 1e9)
        self._line.tell(vapi.UserInterrupted())
        self._speaking.finish_frames(assistant.audio_after_interrupt)
        self._end_reply(interrupted=True)

    # Speaking

    def _schedule(self, reply: Reply, audio_ns: int) -> None:
        started_ns = audio_ns - round(self._assistant.started_before_audio * 1e9)
        self._pending = self._at(started_ns, self._announce, reply, audio_ns)

    def _announce(self, reply: Reply, audio_ns: int) -> None:
        self._line.tell(vapi.SpeechUpdate("started", "assistant", max(0, self._turn - 1)))
        self._pending = self._at(audio_ns, self._speak, reply)

    def _speak(self, reply: Reply) -> None:
        self._pending = None
        if self._current is not None:
            self._end_reply(interrupted=True)
        said = reply.speech
        speech = voice.speak(said, self._draw) if isinstance(said, str) else said
        self._reply += 1
        utterance = self._repertoire.add(speech)
        self._current = (self._reply, utterance, speech)
        event = self._timeline.record(
            "replies",
            "agent",
            session=self._session,
            reply=self._reply,
            utterance=utterance,
            text=speech.text,
            duration_ns=speech.duration_ns,
        )
        self._speaking.speak(speech)
        event.arrived_ns = self._line.arrival_ns
        self._after(
            speech.duration + self._assistant.stopped_after_audio, self._finish, self._reply
        )

    def _finish(self, reply: int) -> None:
        if self._current is not None and self._current[0] == reply:
            self._end_reply(interrupted=False)

    def _end_reply(self, *, interrupted: bool) -> None:
        if self._current is None:
            return
        reply, utterance, speech = self._current
        self._current = None
        sent_ns = self._speaking.sent_ns
        if interrupted:
            self._speaking.stop()
        self._timeline.record(
            "replied",
            "agent",
            session=self._session,
            reply=reply,
            utterance=utterance,
            interrupted=interrupted,
            audio_ns=min(sent_ns, speech.spoken * 125_000),
        )
        if not self._is_open:
            return
        self._line.tell(vapi.SpeechUpdate("stopped", "assistant", max(0, self._turn - 1)))
        # What was sent ahead of time and not yet due does not count as spoken.
        spoken_ns = min(sent_ns, self._clock.now_ns - self._speaking.start_ns)
        spoken = " ".join(word.text for word in speech.words if word.end * 125_000 <= spoken_ns)
        text = spoken if interrupted else speech.text
        if text:
            self._after(self._assistant.transcript_after_stopped, self._tell_said, text)

    def _tell_said(self, text: str) -> None:
        self._line.tell(vapi.Transcript("assistant", "final", text))
        self._remember("assistant", text)

    def _remember(self, role: str, text: str) -> None:
        self._history.append({"role": role, "content": text})
        self._line.tell(vapi.ConversationUpdate(conversation=list(self._history)))

    # Timers

    def _after(self, seconds: float, callback, *args: object) -> asyncio.TimerHandle:  # type: ignore[no-untyped-def]
        return self._at(self._clock.now_ns + round(seconds * 1e9), callback, *args)

    def _at(self, when_ns: int, callback, *args: object) -> asyncio.TimerHandle:  # type: ignore[no-untyped-def]
        def run() -> None:
            self._timers.discard(timer)
            callback(*args)

        timer = self._clock.call_at(max(when_ns, self._clock.now_ns), run)
        self._timers.add(timer)
        return timer
