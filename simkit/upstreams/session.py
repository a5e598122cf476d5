"""A session: what simkit does for a dialect on one socket, and what the dialect can ask for."""

from __future__ import annotations

import asyncio
import random
import string
from collections.abc import Callable
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from ..audio import Repertoire, Speech, voice
from ..timeline import Clock, Timeline
from ..vapi.assistant import Assistant, Reply
from ..vapi.hearing import Ears, Hearing
from ..wire.vapi import AudioFormat
from .agent import Agent
from .dialect import Dialect, Messages, Said
from .speaking import Speaking, bytes_per_second, encoded

if TYPE_CHECKING:
    from .socket import UpstreamSocket

_NEVER = 1e6
_ID = string.ascii_letters + string.digits


class Session:
    """Listens, takes turns and speaks on one socket.

    Attributes:
        number: of the session in the timeline.
        agent: what it says and when; a copy, which the client's settings may change.
    """

    def __init__(
        self,
        number: int,
        dialect: Dialect,
        agent: Agent,
        line: UpstreamSocket,
        *,
        clock: Clock,
        timeline: Timeline,
        repertoire: Repertoire,
        random_for: Callable[[str], random.Random],
    ) -> None:
        self.number = number
        self.agent = agent
        self._dialect = dialect
        self._line = line
        self._clock = clock
        self._timeline = timeline
        self._repertoire = repertoire
        self._voice = random_for(f"{dialect.name} session {number} voice")
        self._ids = random_for(f"{dialect.name} session {number} ids")
        self._speaking = Speaking(self._send_audio, self._all_sent, clock=clock)
        self._pending: asyncio.TimerHandle | None = None
        self._current: Said | None = None
        self._playing: tuple[Said, int] | None = None  # and until when, if played as it is sent
        self._sent_per_second = 0  # bytes; the format may change while a reply is sent
        self._said = 0
        self._answers = 0
        self._prompt = ""
        self._in_speech = False
        self._last_voice_ns = 0
        self._has_heard = False
        self._past_ns = 0  # received by former hearings
        self._hearings: list[Hearing] = []
        self._log: list[tuple[str, str | Said]] = []
        self._is_over = False
        self.use()

    # What a dialect can ask for

    @property
    def heard_ns(self) -> int:
        """How much audio has arrived, in whole blocks of 20 ms."""
        return self._past_ns + self._hearing.received_ns

    @property
    def current(self) -> Said | None:
        """What is being made or sent."""
        return self._current

    @property
    def has_replied(self) -> bool:
        """A reply was asked for, at least."""
        return self._said > 0

    @property
    def history(self) -> list[tuple[str, str]]:
        """Roles and texts, as the model knows them: what was truncated was not said."""
        return [
            (role, said if isinstance(said, str) else said.known_text)
            for role, said in self._log
            if isinstance(said, str) or said.utterance is not None
        ]

    def use(self, *, input: AudioFormat | None = None, output: AudioFormat | None = None) -> None:  # noqa: A002
        """Take audio in this format from now on, and send it in that one; begin to listen anew.

        Call it as well when ``agent.vad_threshold`` has changed.
        """
        dialect = self._dialect
        dialect.input = input or dialect.input
        dialect.output = output or dialect.output
        if self._hearings:
            self._past_ns += self._hearing.received_ns
            self._hearing.stop()
        ears: dict[str, Any] = dict.fromkeys((entry.name for entry in fields(Ears)), _nothing)
        self._hearing: Hearing = Hearing(
            self.number,
            dialect.input,
            # Turns are told here, by how much silence arrived: no timer of hearing's may end one.
            Assistant(
                vad_threshold=self.agent.vad_threshold,
                speech_started_after=_NEVER,
                first_partial_after=_NEVER,
                final_after=_NEVER,
            ),
            Ears(**ears | {"voice": self._on_voice}),
            clock=self._clock,
            timeline=self._timeline,
            repertoire=self._repertoire,
            lane=dialect.name,
        )
        self._hearings.append(self._hearing)
        self._last_voice_ns = self._past_ns
        self._in_speech = False

    def hear(self, sound: bytes) -> None:
        """Take audio from the client."""
        audio = self._dialect.input
        self._timeline.frame(
            "bridge",
            self._dialect.name,
            self._line.sent_ns,
            len(sound) * 1_000_000_000 // bytes_per_second(audio),
            session=self.number,
        )
        self._hearing.feed(sound, self._line.first_sent_ns)
        if self.heard_ns - self._last_voice_ns < round(self.agent.silence_seconds * 1e9):
            return
        if self._in_speech:
            self._speech_stops()
        elif self._has_heard and self.agent.listens_for_turns:
            # A click, too short for a turn: what it may have said is forgotten.
            self._has_heard = False
            self._hearing.take_words()

    def end_turn(self, *, answer: bool | None = None) -> str:
        """End the caller's turn here and now; returns its words.

        Args:
            answer: whether to answer; None: as ``agent.answers`` says.
        """
        ended_ns = self._hearing.ended_ns if self._has_heard else self._clock.now_ns
        self._in_speech = self._has_heard = False
        text = self._hearing.take_words()
        if text:
            self._log.append(("user", text))
            # Without a word for it on the wire, the timeline still knows what was understood.
            fields: dict[str, Any] = {"role": "user", "transcript_type": "final", "text": text}
            messages = self._dialect.transcript(text)
            if not self._tell("transcript", messages, **fields):
                self._timeline.record(
                    "transcript", self._dialect.name, session=self.number, **fields
                )
        if self.agent.answers if answer is None else answer:
            self._answer(text, ended_ns, was_heard=bool(text))
        return text

    def forget(self) -> None:
        """Forget what was heard in this turn; it did not happen."""
        self._in_speech = self._has_heard = False
        self._hearing.take_words()

    def reply(self) -> Said | None:
        """Say what comes next in the script; returns it, None when there is nothing to say."""
        prompt, self._prompt = self._prompt, ""
        return self._answer(prompt, self._clock.now_ns, was_heard=False)

    def prompt(self, text: str) -> None:
        """Take text from the client: what :meth:`reply` says next answers it, not the caller."""
        self._prompt = text
        self.note("prompt", text=text)

    def say(self, speech: str | Speech, latency: float | None = None) -> Said:
        """Say something that is in no script, in place of what is being said.

        Args:
            latency: seconds until its first audio; None: as ``agent.latency`` says.
        """
        return self._make(Reply(speech, latency=latency), self._clock.now_ns)

    def stop_reply(self, reason: str = "cancelled") -> bool:
        """Send nothing more of the current reply; False when there is none."""
        if self._current is None:
            return False
        self._end(reason)
        return True

    def truncate(self, said: Said, audio_ms: int) -> None:
        """Take the client's word for how much of ``said`` the caller has heard."""
        said.kept_ns = audio_ms * 1_000_000
        self.note("truncate", reply=said.number, utterance=said.utterance, audio_ns=said.kept_ns)

    def send(self, messages: Messages, *, show: str | None = None, **fields: Any) -> None:
        """Send messages of the dialect's own; the timeline has them as one event, ``show``.

        Without ``show`` it does not mention them.
        """
        if show is None:
            self._line.emit(messages)
        else:
            self._tell(show, messages, **fields)

    def note(self, kind: str, **fields: Any) -> None:
        """Let the timeline mention a message from the client."""
        self._timeline.record(
            kind,
            "bridge",
            self._dialect.name,
            t_ns=self._line.sent_ns,
            session=self.number,
            sent_ns=self._line.sent_ns,
            arrived_ns=self._clock.now_ns,
            **fields,
        )

    def warn(self, reason: str) -> None:
        """Let the timeline, and the check of conformance, know of what the client did wrong."""
        self._timeline.record("warning", self._dialect.name, session=self.number, reason=reason)

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Close the socket from this side."""
        self._line.close(code, reason)

    def new_id(self, prefix: str, length: int = 21) -> str:
        """Return an id that nobody had before; it follows from the seed."""
        return prefix + "".join(self._ids.choices(_ID, k=length))

    # The socket

    def settle(self) -> None:
        """Bring the timeline up to date with what was received."""
        for hearing in self._hearings:
            hearing.settle()

    def over(self) -> None:
        """The socket is gone."""
        self._is_over = True
        if self._current is not None:
            self._end("closed")
        self._hearing.stop()

    # Turns

    def _on_voice(self, seconds: float) -> None:
        self._last_voice_ns = self.heard_ns
        self._has_heard = True
        agent = self.agent
        if self._in_speech or not agent.listens_for_turns or seconds + 1e-9 < agent.voice_seconds:
            return
        self._in_speech = True
        onset_ns = self.heard_ns - round(seconds * 1e9)
        messages = self._dialect.speech_started(onset_ns // 1_000_000)
        self._tell("speech-update", messages, role="user", status="started")
        if not agent.gives_way:
            return
        if self._current is not None:
            said = self._current
            self._end("interrupted")
        elif self._playing is not None and self._clock.now_ns < self._playing[1]:
            said = self._playing[0]
        else:
            return
        if said.utterance is not None:
            self._tell("user-interrupted", self._dialect.interrupted(said))
        self._playing = None

    def _speech_stops(self) -> None:
        messages = self._dialect.speech_stopped(self.heard_ns // 1_000_000)
        self._tell("speech-update", messages, role="user", status="stopped")
        self.end_turn()

    # Replies

    def _answer(self, heard: str, ended_ns: int, *, was_heard: bool) -> Said | None:
        agent = self.agent
        if agent.first_message is not None and not was_heard and not self._said:
            return self._make(Reply(agent.first_message), ended_ns)
        reply = agent.reply_to(heard, self._answers)
        self._answers += reply is not None
        return None if reply is None else self._make(reply, ended_ns)

    def _make(self, reply: Reply, ended_ns: int) -> Said:
        """Begin to make a reply; what is said now ends."""
        self.stop_reply("replaced")
        speech = reply.speech
        self._said += 1
        said = Said(
            self._said, voice.speak(speech, self._voice) if isinstance(speech, str) else speech
        )
        self._log.append(("assistant", said))
        self._current = said
        self._line.emit(self._dialect.thinks(said))
        now_ns = self._clock.now_ns
        if reply.latency is None:
            due_ns = now_ns + round(self.agent.latency * 1e9)
        else:
            due_ns = max(now_ns, ended_ns + round(reply.latency * 1e9))
        self._pending = self._clock.call_at(due_ns, self._speak, said)
        return said

    def _speak(self, said: Said) -> None:
        self._pending = None
        speech, agent, audio = said.speech, self.agent, self._dialect.output
        said.utterance = self._repertoire.add(speech)
        event = self._timeline.record(
            "replies",
            "agent",
            session=self.number,
            reply=said.number,
            utterance=said.utterance,
            text=speech.text,
            duration_ns=speech.duration_ns,
        )
        event.arrived_ns = self._line.arrival_ns
        self._playing = said, self._clock.now_ns + speech.duration_ns
        messages = self._dialect.begins(said)
        if self._tell("speech-update", messages, role="assistant", status="started"):
            event.arrived_ns = self._line.arrival_ns
        samples = round(agent.chunk * audio.sample_rate)
        self._sent_per_second = bytes_per_second(audio)
        chunk = max(1, samples) * (self._sent_per_second // audio.sample_rate)
        step_ns = round(agent.chunk / agent.speed * 1e9)
        self._speaking.speak(encoded(speech, audio), chunk, step_ns)

    def _send_audio(self, sound: bytes) -> None:
        said = self._current
        assert said is not None
        audio_ns = len(sound) * 1_000_000_000 // self._sent_per_second
        from_ns, said.sent_ns = said.sent_ns, said.sent_ns + audio_ns
        if self._line.emit(self._dialect.audio(said, sound, said.words(said.sent_ns, from_ns))):
            self._timeline.frame(
                self._dialect.name, "bridge", self._line.arrival_ns, audio_ns, session=self.number
            )

    def _all_sent(self) -> None:
        self._end("completed")

    def _end(self, reason: str) -> None:
        said = self._current
        assert said is not None
        self._current = None
        said.is_over = True
        self._speaking.stop()
        if self._pending is not None:
            self._pending.cancel()
            self._pending = None
        if said.utterance is not None:
            self._timeline.record(
                "replied",
                "agent",
                session=self.number,
                reply=said.number,
                utterance=said.utterance,
                interrupted=reason != "completed",
                audio_ns=min(said.sent_ns, said.speech.spoken * 125_000),
            )
        if self._is_over:
            return
        messages = self._dialect.ends(said, reason)
        if said.utterance is None:
            self._line.emit(messages)
        else:
            self._tell("speech-update", messages, role="assistant", status="stopped")

    def _tell(self, kind: str, messages: Messages, **fields: Any) -> bool:
        """Send messages and record them as one event; False when there were none."""
        now_ns = self._clock.now_ns
        if not self._line.emit(messages):
            return False
        self._timeline.record(
            kind,
            self._dialect.name,
            "bridge",
            t_ns=self._line.arrival_ns,
            session=self.number,
            sent_ns=now_ns,
            arrived_ns=self._line.arrival_ns,
            **fields,
        )
        return True


def _nothing(*_: object) -> None:
    """What hearing tells by its own timers is not used."""
