"""A conversation: hearing, thinking and talking put together, for one call."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Any, get_args, get_type_hints

from msgspec.structs import replace

from ..audio import Repertoire, Speech
from ..timeline import Clock, Timeline
from ..wire import vapi
from .assistant import SPEAKS_WITH_MODEL, WAITS_FOR_USER, Assistant
from .faults import CallFaults, Faults
from .hearing import Ears, Hearing
from .history import Said
from .line import Line
from .notices import Notices
from .plans import endpointing_seconds, interrupts
from .talking import Mouth, Talking, Utterance
from .thinking import Thinking
from .timers import Timers
from .trouble import DullEars, Tongue

CONTROLS: tuple[str, ...] = get_args(get_type_hints(vapi.Control)["control"])
"""What :meth:`Conversation.control` can be asked."""


class Conversation:
    """Takes turns with a caller: listens, answers from the script, lets itself be interrupted.

    Args:
        session: number of the call in the timeline.
        line: where audio and messages go.
        draw: makes the assistant's utterances unlike any other.
        faults: what goes wrong; None for nothing.
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
        faults: CallFaults | None = None,
    ) -> None:
        if faults is None:
            faults = CallFaults(Faults(), session, timeline=timeline, draw=random.Random(session))
        self._session = session
        self._assistant = assistant
        self._line = line
        self._clock = clock
        self._timers = Timers(clock)
        ears = Ears(
            voice=self._on_voice,
            started=self._on_started,
            partial=self._on_partial,
            final=self._on_final,
            stopped=self._on_stopped,
            nothing=self._on_nothing,
        )
        dull = DullEars(ears, faults, self._is_greeting, clock=clock, timers=self._timers)
        self.hearing = dull.hearing = Hearing(
            session,
            line.audio,
            assistant,
            dull.ears(),
            clock=clock,
            timeline=timeline,
            repertoire=repertoire,
        )
        self._tongue = Tongue(faults, self.tell, clock=clock, timers=self._timers, draw=faults.draw)
        rate = faults.take("other_rate") or line.audio.sample_rate
        self._talking = Talking(
            session,
            assistant,
            line,
            replace(line.audio, sample_rate=rate),
            self.tell,
            Mouth(
                announced=self._on_announced,
                stopped=self._on_said,
                said=self._remember,
                finished=self._on_last_words,
            ),
            clock=clock,
            timers=self._timers,
            timeline=timeline,
            repertoire=repertoire,
            draw=draw,
        )
        self._talking.on_its_way = self._tongue.clipped
        self._notices = Notices(
            assistant,
            self._is_busy,
            lambda: self.tell(vapi.Hang()),
            lambda text: self._talking.queue(Utterance(text)),
            self.end,
            clock=clock,
            timers=self._timers,
        )
        self._thinking = Thinking(
            session,
            assistant,
            self._talking,
            self._tongue,
            self.tell,
            self._notices.expect_no_answer,
            clock=clock,
            timers=self._timers,
        )
        self.on_message: Callable[[vapi.ServerMessage], object] = _ignore
        """Called with every message for the client as it is made, before it is sent."""
        self.history: list[Said] = []
        """What was really said, in the order in which it was told."""
        self._turn = 0
        self._greets_later = False  # the first message waits for the caller
        # What the caller said and the model was not asked yet, and when it is to be asked.
        self._unanswered: list[str] = []
        self._patience = 0.0
        self._endpoint: asyncio.TimerHandle | None = None
        self._is_open = False

    def open(self) -> None:
        """The socket is open: begin."""
        assistant = self._assistant
        self._is_open = True
        self._timers.after(assistant.in_progress_delay, self.tell, vapi.StatusUpdate("in-progress"))
        self._talking.open()
        self._notices.open()
        if assistant.first_message_mode == SPEAKS_WITH_MODEL:
            self._timers.after(assistant.in_progress_delay, self._think, self._clock.now_ns)
        elif assistant.first_message is None:
            pass
        elif assistant.first_message_mode == WAITS_FOR_USER:
            self._greets_later = True
        elif not self._tongue.drops():
            audio_ns = self._clock.now_ns + round(assistant.first_message_delay * 1e9)
            self._talking.schedule(self._greeting(assistant.first_message), audio_ns)

    def _greeting(self, speech: str | Speech) -> Utterance:
        return Utterance(speech, interruptible=self._assistant.first_message_interruptions)

    def close(self) -> None:
        """The call is over."""
        if not self._is_open:
            return
        self._is_open = False
        self._thinking.drop()
        self.history += self._talking.close()
        self.hearing.stop()
        self._timers.cancel_all()

    @property
    def unsent(self) -> bytes:
        """What is left of the current reply, as it would be sent."""
        return self._talking.voice.unsent

    def tell(self, message: vapi.ServerMessage) -> None:
        """Send the client a message; ``on_message`` gets it even when the socket is closed."""
        self.on_message(message)
        if message.__struct_config__.tag in self._assistant.client_messages:
            self._line.tell(message)

    def asked(self, message: vapi.ClientMessage) -> bool:
        """Return whether a client's message is dealt with; else it is to be obeyed."""
        return False

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
        self.tell(vapi.VoiceInput(text, turn=self._talking.turn))
        if self._tongue.drops():
            return
        self._tongue.says(lambda: self._put(utterance, interrupts=interrupt_assistant))

    def _put(self, utterance: Utterance, *, interrupts: bool) -> None:
        if interrupts:
            self._thinking.drop()
            self._talking.replace(utterance)
        else:
            self._talking.queue(utterance)

    def cancel_response(self) -> None:
        """Stop what is being said, and drop what was to be said."""
        if self._is_open:
            self._thinking.drop()
            self._talking.cancel()

    def add_message(self, role: str, content: str, *, trigger_response: bool = True) -> None:
        """Put a message into the history, and answer it unless told not to."""
        if not self._is_open:
            return
        now_ns = self._clock.now_ns
        self._remember(Said(role, content, now_ns, now_ns))
        if trigger_response:
            self._unanswered.append(content)
            self._think(now_ns)

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
            self._greets_later = False
            if self._assistant.first_message is not None:
                self._talking.queue(self._greeting(self._assistant.first_message))
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

    def _is_greeting(self) -> bool:
        return self._turn == 0 and self._talking.voice.is_speaking

    def _on_voice(self, seconds: float) -> None:
        assistant = self._assistant
        talking = self._talking
        now_ns = self._clock.read_ns()
        self._notices.caller_spoke(now_ns)
        voice = talking.voice
        if voice.start_ns <= now_ns < voice.end_ns:
            # Voice from before the assistant began to speak does not interrupt it.
            seconds = min(seconds, (now_ns - voice.start_ns) / 1e9)
        if seconds + 1e-9 < assistant.voice_seconds:
            return
        if self._turn:
            # The caller goes on before the answer began: it would answer half a sentence.
            talking.drop_answer()
            if not voice.is_speaking:
                self._thinking.drop()
        if assistant.num_words == 0 and talking.can_be_interrupted:
            self._interrupt()

    def _interrupt(self) -> None:
        self._thinking.drop()
        self._talking.interrupt()

    def _on_started(self) -> None:
        self.tell(vapi.SpeechUpdate("started", "user", self._turn))

    def _on_stopped(self) -> None:
        self.tell(vapi.SpeechUpdate("stopped", "user", max(0, self._turn - 1)))

    def _on_partial(self, text: str) -> None:
        self.tell(vapi.Transcript("user", "partial", text))
        if (
            self._assistant.num_words
            and self._talking.can_be_interrupted
            and interrupts(self._assistant, text)
        ):
            self._interrupt()

    def _on_nothing(self) -> None:
        if self._unanswered and self._endpoint is None:
            self._wait_for_end(self.hearing.ended_ns)

    def _on_final(self, text: str) -> None:
        assistant = self._assistant
        ended_ns = self.hearing.ended_ns
        said = next((entry.text for entry in reversed(self.history) if entry.role != "user"), "")
        self._remember(Said("user", text, self.hearing.onset_ns, ended_ns))
        self.tell(vapi.Transcript("user", "final", text))
        self._talking.turn = self._turn
        self._turn += 1
        if self._is_absorbed(text):
            self._on_nothing()
            return
        if self._talking.can_be_interrupted:
            # The answer will cut off what is being said, however short the voice was.
            self._interrupt()
        self._notices.expect_answer()
        if self._greets_later and assistant.first_message is not None:
            self._greets_later = False
            after = assistant.first_message_after_final + assistant.started_before_audio
            audio_ns = self._clock.now_ns + round(after * 1e9)
            self._talking.schedule(self._greeting(assistant.first_message), audio_ns)
            return
        self._unanswered.append(text)
        self._patience = endpointing_seconds(assistant, " ".join(self._unanswered), said)
        self._wait_for_end(ended_ns)

    def _is_absorbed(self, text: str) -> bool:
        """Return whether the caller spoke into what goes on: an answer would cut it off."""
        if not self._talking.voice.is_speaking:
            return False
        if self._talking.goes_on:
            return True
        return bool(self._assistant.num_words) and not interrupts(self._assistant, text)

    # Answering

    def _wait_for_end(self, ended_ns: int) -> None:
        """Ask the model once the caller is taken to be done."""
        self._stop_waiting()
        if self._patience:
            self._endpoint = self._timers.after(self._patience, self._on_endpoint, ended_ns)
        else:
            self._think(ended_ns)

    def _on_endpoint(self, ended_ns: int) -> None:
        self._endpoint = None
        # Otherwise the caller goes on: what follows, or nothing, comes to an end of its own.
        if not self.hearing.in_turn:
            self._think(ended_ns)

    def _stop_waiting(self) -> None:
        if self._endpoint is not None:
            self._endpoint.cancel()
            self._endpoint = None

    def _think(self, ended_ns: int) -> None:
        self._stop_waiting()
        heard = " ".join(self._unanswered)
        self._unanswered.clear()
        self._thinking.ask(heard, ended_ns)

    # What was said

    def _is_busy(self) -> bool:
        return (
            self._talking.is_busy
            or self.hearing.in_turn
            or self._thinking.is_busy
            or bool(self._unanswered)
        )

    def _on_announced(self) -> None:
        self._notices.expect_no_answer()

    def _on_said(self) -> None:
        self._notices.assistant_spoke()

    def _on_last_words(self) -> None:
        self.end("assistant-ended-call-after-message-spoken")

    def _remember(self, said: Said) -> None:
        self.history.append(said)
        prompt = self._assistant.system_prompt
        known = [{"role": "system", "content": prompt}] if prompt else []
        known += [{"role": entry.role, "content": entry.text} for entry in self.history]
        self.tell(vapi.ConversationUpdate(conversation=known))


def _ignore(message: vapi.ServerMessage) -> None:
    pass
