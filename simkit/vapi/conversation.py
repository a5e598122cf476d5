"""A conversation: hearing, thinking and talking put together, for one call."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any, get_args, get_type_hints

from ..audio import Repertoire
from ..timeline import Clock, Timeline
from ..wire import vapi
from .assistant import Assistant
from .hearing import Ears, Hearing
from .history import Said
from .talking import Line, Talking, Utterance
from .timers import Timers

CONTROLS: tuple[str, ...] = get_args(get_type_hints(vapi.Control)["control"])
"""What :meth:`Conversation.control` can be asked."""


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
        self._assistant = assistant
        self._line = line
        self._clock = clock
        self._timers = Timers(clock)
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
        self._talking = Talking(
            session,
            assistant,
            line,
            self.tell,
            self._remember,
            self._on_last_words,
            clock=clock,
            timers=self._timers,
            timeline=timeline,
            repertoire=repertoire,
            draw=draw,
        )
        self.on_message: Callable[[vapi.ServerMessage], object] = _ignore
        """Called with every message for the client as it is made, before it is sent."""
        self.history: list[Said] = []
        """What was really said, in the order in which it was told."""
        self._turn = 0
        self._asked = 0
        self._is_open = False

    def open(self) -> None:
        """The socket is open: begin."""
        assistant = self._assistant
        self._is_open = True
        self._timers.after(assistant.in_progress_delay, self.tell, vapi.StatusUpdate("in-progress"))
        self._talking.open()
        if assistant.first_message is not None:
            audio_ns = self._clock.now_ns + round(assistant.first_message_delay * 1e9)
            self._talking.schedule(Utterance(assistant.first_message), audio_ns)

    def close(self) -> None:
        """The call is over."""
        if not self._is_open:
            return
        self._is_open = False
        self.history += self._talking.close()
        self.hearing.stop()
        self._timers.cancel_all()

    def tell(self, message: vapi.ServerMessage) -> None:
        """Send the client a message; ``on_message`` gets it even when the socket is closed."""
        self.on_message(message)
        self._line.tell(message)

    # What a client or the control URL asks for; once the call is over, nothing comes of it.

    def say(
        self,
        text: str,
        *,
        end_call_after: bool = False,
        interruptions_enabled: bool = True,
        interrupt_assistant: bool = False,
    ) -> None:
        """Say ``text`` after what is being said, or instead of it.

        Args:
            end_call_after: the call ends once this was said in full.
            interruptions_enabled: the caller may interrupt it.
            interrupt_assistant: stop what is being said, and say nothing of what waits.

        Raises:
            ValueError: there is no word in ``text``.
        """
        if not text.split():
            raise ValueError(f"say: a text with words in it; found {text!r}")
        if not self._is_open:
            return
        utterance = Utterance(text, interruptions_enabled, end_call_after)
        if interrupt_assistant:
            self._talking.replace(utterance)
        else:
            self._talking.queue(utterance)

    def add_message(self, role: str, content: str, *, trigger_response: bool = True) -> None:
        """Put a message into the history, and answer it unless told not to."""
        if not self._is_open:
            return
        now_ns = self._clock.now_ns
        self._remember(Said(role, content, now_ns, now_ns))
        if trigger_response:
            self._answer(content, ended_ns=now_ns)

    def control(self, action: str) -> None:
        """Mute or unmute a side, or say the first message.

        Raises:
            ValueError: no such action.
        """
        if action not in CONTROLS:
            raise ValueError(f"control: one of {', '.join(CONTROLS)}; found {action!r}")
        if not self._is_open:
            return
        if action == "say-first-message":
            if self._assistant.first_message is not None:
                self._talking.queue(Utterance(self._assistant.first_message))
        elif action.endswith("assistant"):
            self._talking.voice.is_muted = action.startswith("mute")
        else:
            self.hearing.is_muted = action.startswith("mute")

    def transfer(self, destination: dict[str, Any]) -> None:
        """Hand the call to ``destination``: for this socket it is over."""
        if not self._is_open:
            return
        self.tell(vapi.TransferUpdate(destination=destination))
        self.end("assistant-forwarded-call")

    def end(self, reason: str) -> None:
        """End the call from Vapi's side, for ``reason``, an ``endedReason``."""
        if self._is_open:
            self._line.end(reason)

    # Hearing

    def _on_voice(self, seconds: float) -> None:
        assistant = self._assistant
        talking = self._talking
        if talking.voice.is_speaking:
            # Voice from before the assistant began to speak does not interrupt it.
            seconds = min(seconds, (self._clock.now_ns - talking.voice.start_ns) / 1e9)
        if seconds + 1e-9 < assistant.voice_seconds:
            return
        if self._turn:
            # The caller goes on before the answer began: it would answer half a sentence.
            talking.drop_pending()
        if assistant.num_words == 0 and talking.can_be_interrupted:
            talking.interrupt()

    def _on_started(self) -> None:
        self.tell(vapi.SpeechUpdate("started", "user", self._turn))

    def _on_stopped(self) -> None:
        self.tell(vapi.SpeechUpdate("stopped", "user", max(0, self._turn - 1)))

    def _on_partial(self, text: str) -> None:
        self.tell(vapi.Transcript("user", "partial", text))
        words = len(text.split())
        if 0 < self._assistant.num_words <= words and self._talking.can_be_interrupted:
            self._talking.interrupt()

    def _on_final(self, text: str) -> None:
        hearing = self.hearing
        self._remember(Said("user", text, hearing.onset_ns, hearing.ended_ns))
        self.tell(vapi.Transcript("user", "final", text))
        self._talking.turn = self._turn
        self._turn += 1
        self._answer(text, ended_ns=hearing.ended_ns)

    # Answering

    def _answer(self, text: str, *, ended_ns: int) -> None:
        assistant = self._assistant
        reply = assistant.reply_to(text, self._asked)
        self._asked += 1
        if reply is None:
            return
        if reply.latency is not None:
            audio_ns = ended_ns + round(reply.latency * 1e9)
            self._talking.schedule(Utterance(reply.speech), audio_ns, blocked=False)
            return
        ready = max(assistant.llm + assistant.tts, assistant.wait_seconds)
        delay = ready + assistant.started_before_audio
        self._talking.schedule(Utterance(reply.speech), self._clock.now_ns + round(delay * 1e9))

    def _on_last_words(self) -> None:
        self.end("assistant-ended-call-after-message-spoken")

    def _remember(self, said: Said) -> None:
        self.history.append(said)
        known = [{"role": entry.role, "content": entry.text} for entry in self.history]
        self.tell(vapi.ConversationUpdate(conversation=known))


def _ignore(message: vapi.ServerMessage) -> None:
    pass
