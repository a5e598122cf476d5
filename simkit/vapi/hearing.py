"""Hearing: what the assistant makes of the audio that really arrives.

Voice activity is judged by loudness, 20 ms at a time. Words are transcribed by provenance: a word
counts only if its audio arrived intact, so that frames lost on the way are words lost in the
transcript, and audio of the wrong rate or format is silence.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..audio import RATE, Repertoire, Samples, Span, Tracker, mulaw
from ..audio.resample import Linear
from ..timeline import Clock, Timeline
from ..wire.vapi import AudioFormat
from . import vad
from .assistant import Assistant
from .instants import BLOCK_NS, SAMPLE_NS
from .receiving import Received
from .tapes import Tape
from .words import words_in

_RUN_GAP_NS = 120_000_000
"""A pause this long ends a run of voice: what interrupts must be continuous."""
_FORGET_NS = 500_000_000
"""Silence this long is not looked at for words."""
_UNFINISHED_NS = 500_000_000
_LEAD_IN = 15
"""Blocks before the onset of voice that are looked at for words: 300 ms."""
_SILENCE_SAMPLES = RATE // 50
_PCM = np.dtype("<i2")
_SILENCE: Samples = np.zeros(_SILENCE_SAMPLES, dtype=np.int16)


@dataclass
class Ears:
    """Whom hearing tells what."""

    voice: Callable[[float], object]
    """Continuous voice so far, in seconds; at every voiced block."""
    started: Callable[[], object]
    partial: Callable[[str], object]
    final: Callable[[str], object]
    stopped: Callable[[], object]
    nothing: Callable[[], object]
    """The voice is over and there was no word in it."""


class Hearing:
    """Listens to one call.

    Args:
        session: number of the call in the timeline.
        audio: format of the frames that :meth:`feed` gets.
        ears: whom to tell.
        lane: who listens, in the timeline.
    """

    def __init__(
        self,
        session: int,
        audio: AudioFormat,
        assistant: Assistant,
        ears: Ears,
        *,
        clock: Clock,
        timeline: Timeline,
        repertoire: Repertoire,
        lane: str = "vapi",
    ) -> None:
        self._is_mulaw = audio.format == "mulaw"
        self._rate = audio.sample_rate
        self._to_8k: Linear | None = None
        if not self._rate or self._rate % RATE:
            self._to_8k = Linear(max(1, self._rate), RATE)
            self._rate = RATE
        self._assistant = assistant
        self._ears = ears
        self._clock = clock
        self._repertoire = repertoire
        self._tracker = Tracker(repertoire)
        self.tape: Tape | None = None
        """Keeps what is fed, for a recording."""
        self._block = self._rate // 50
        self._stride = self._rate // RATE
        self._silent_block = (
            bytes([mulaw.SILENCE]) * self._block if self._is_mulaw else bytes(2 * self._block)
        )
        self._loud = assistant.loudness_to_energy(self._block)
        self._has_voice = vad.webrtc(assistant.vad_mode) if assistant.vad == "webrtc" else None
        self._hangover_ns = round(assistant.vad_hangover * 1e9)
        self._loud_ns = -self._hangover_ns  # when there was voice last, without the hangover
        self._odd = b""
        self._rest: Samples = np.zeros(0, dtype=np.int16)
        self._is_even = self._to_8k is None  # nothing is left over of what was fed
        self._position = 0  # 8 kHz samples received so far
        self._received = Received(session, lane, timeline=timeline, repertoire=repertoire)
        self._sent_ns: int | None = None
        self._quiet: deque[Samples] = deque(maxlen=_LEAD_IN)
        self._timers: dict[str, asyncio.TimerHandle] = {}
        # The turn: from the onset of voice until its final transcript.
        self._in_turn = False
        self._turn_position = 0
        self._heard_until = 0  # position up to which turns have ended
        self.onset_ns = 0
        """When the voice of this turn, or of the last one, began to arrive."""
        self._blocks: list[int] = []  # arrival of each block of the turn
        self._last_voice_ns = -_FORGET_NS
        self._run_ns = 0
        self._last_partial = ""
        self._own_partials: list[tuple[str, int]] | None = None
        self.is_muted = False
        """What arrives is taken for silence."""

    @property
    def in_turn(self) -> bool:
        """True from the onset of voice until it is final, or turned out to be nothing."""
        return self._in_turn

    @property
    def received_ns(self) -> int:
        """How much audio has arrived, in whole blocks of 20 ms."""
        return self._position * SAMPLE_NS

    @property
    def ended_ns(self) -> int:
        """When the caller's last word had arrived; to the sample where it was recognised."""
        last, complete = self._last_span()
        if last is None or not complete:
            return self._last_voice_ns
        spoken = self._repertoire[last.key or 0].spoken
        return self._arrival_ns(last.start - last.offset + spoken)

    def _arrival_ns(self, position: int) -> int:
        """Return when a sample of this turn arrived, as if blocks came sample by sample."""
        since = position - self._turn_position
        block = min(max(0, since // _SILENCE_SAMPLES), len(self._blocks) - 1)
        return self._blocks[block] - BLOCK_NS + (since - block * _SILENCE_SAMPLES) * SAMPLE_NS

    def _last_span(self) -> tuple[Span | None, bool]:
        """Return what was recognised last in this turn, and whether its last word was."""
        spans = [span for span in self._turn_spans() if span.key is not None]
        if not spans:
            return None, False
        last = spans[-1]
        spoken = self._repertoire[last.key or 0].spoken
        return last, last.offset + last.end - last.start >= spoken - _SILENCE_SAMPLES

    def feed(self, data: bytes, sent_ns: int | None = None) -> None:
        """Take a frame of any size, which left the far end at ``sent_ns``; None: just now."""
        self._sent_ns = sent_ns
        if self.tape is not None:
            self.tape.add(self._clock.read_ns(), data)
        if self._is_even and len(data) == len(self._silent_block):
            # One block, as nearly always, and nothing is left of what came before.
            if data == self._silent_block:
                self._judge(None)
            else:
                self._judge(mulaw.decode(data) if self._is_mulaw else np.frombuffer(data, _PCM))
            return
        if self._is_mulaw:
            samples = mulaw.decode(data)
        else:
            data = self._odd + data
            whole = len(data) & ~1
            self._odd = data[whole:]
            samples = np.frombuffer(data, _PCM, whole // 2)
        if self._to_8k is not None:
            samples = self._to_8k.process(samples)
        samples = np.concatenate((self._rest, samples))
        blocks = len(samples) // self._block
        for number in range(blocks):
            self._judge(samples[number * self._block : (number + 1) * self._block])
        self._rest = samples[blocks * self._block :]
        self._is_even = not (len(self._rest) or self._odd or self._to_8k)

    def _judge(self, block: Samples | None) -> None:
        """Take 20 ms; None is silence."""
        now_ns = self._clock.read_ns()
        voiced = False
        if self.is_muted:
            block = None
        if block is not None and self._has_voice is None:
            exact = block.astype(np.float64)
            voiced = bool(exact.dot(exact) >= self._loud)
        sound = _SILENCE if block is None else block[:: self._stride]
        if self._has_voice is not None:
            voiced = self._has_voice(sound)
        if self._hangover_ns:
            if voiced:
                self._loud_ns = now_ns
            voiced = voiced or now_ns - self._loud_ns < self._hangover_ns
        self._received.add(
            self._position, now_ns, now_ns if self._sent_ns is None else self._sent_ns
        )
        self._position += _SILENCE_SAMPLES
        if now_ns - self._last_voice_ns < _FORGET_NS:
            self._tracker.feed(sound)
        elif voiced:
            # Speech begins more quietly than what counts as voice.
            before = _SILENCE_SAMPLES * (len(self._quiet) + 1)
            self._tracker.skip_to(self._position - before)
            for quiet in self._quiet:
                self._tracker.feed(quiet)
            self._quiet.clear()
            self._tracker.feed(sound)
        else:
            self._quiet.append(sound)
        if self._in_turn:
            self._blocks.append(now_ns)
        if voiced:
            self._on_voice(now_ns)

    def _on_voice(self, now_ns: int) -> None:
        if now_ns - self._last_voice_ns > _RUN_GAP_NS:
            self._run_ns = 0
        self._run_ns += BLOCK_NS
        self._last_voice_ns = now_ns
        if not self._in_turn:
            self._begin_turn(now_ns)
        if self._own_partials is None and now_ns - self.onset_ns <= _FORGET_NS:
            self._recognise()
        self._ears.voice(self._run_ns / 1e9)

    def _begin_turn(self, now_ns: int) -> None:
        assistant = self._assistant
        self._in_turn = True
        # The block that just arrived ends now; it began 20 ms ago.
        self.onset_ns = now_ns - BLOCK_NS
        self._turn_position = self._position - _SILENCE_SAMPLES
        self._blocks = [now_ns]
        self._last_partial = ""
        self._own_partials = None
        self._at("started", self.onset_ns + round(assistant.speech_started_after * 1e9))
        self._at("partial", self.onset_ns + round(assistant.first_partial_after * 1e9))
        # The voice may have ended anywhere in its last block.
        self._at("final", self.onset_ns + round(assistant.final_after * 1e9))

    def _recognise(self) -> None:
        """Follow the transcript times of a recording, once its words are recognised."""
        spans = [span for span in self._turn_spans() if span.key is not None]
        if not spans:
            return
        schedule = self._repertoire[spans[0].key or 0].partials
        self._own_partials = []
        if schedule:
            start_ns = self._arrival_ns(spans[0].start - spans[0].offset)
            self._timers.pop("partial").cancel()
            self._own_partials = [(text, start_ns + round(after * 1e9)) for text, after in schedule]
            self._at("own-partial", self._own_partials[0][1])

    # Timers

    def _at(self, name: str, when_ns: int) -> None:
        found = self._timers.pop(name, None)
        if found is not None:
            found.cancel()
        due_ns = max(when_ns, self._clock.read_ns())
        self._timers[name] = self._clock.call_at(due_ns, self._due, name)

    def _due(self, name: str) -> None:
        del self._timers[name]
        now_ns = self._clock.read_ns()
        if name == "started":
            # Noise that is over by now was not speech.
            if now_ns - self._last_voice_ns < _RUN_GAP_NS * 2 or self._words():
                self._ears.started()
        elif name == "partial":
            self._tell_partial(self._words())
            self._at("partial", now_ns + round(self._assistant.partial_every * 1e9))
        elif name == "own-partial":
            self._tell_own_partial()
        elif name == "final":
            self._maybe_final(now_ns)
        elif name == "stopped":
            self._ears.stopped()

    def _tell_partial(self, text: str) -> None:
        if text and text != self._last_partial:
            self._last_partial = text
            self._ears.partial(text)

    def _tell_own_partial(self) -> None:
        """Tell a partial that a recording dates, if its audio arrived."""
        if not self._own_partials:
            return
        text, _ = self._own_partials.pop(0)
        if any(span.key is not None for span in self._turn_spans()):
            self._tell_partial(text)
        if self._own_partials:
            self._at("own-partial", self._own_partials[0][1])

    def _maybe_final(self, now_ns: int) -> None:
        after_ns = round(self._assistant.final_after * 1e9)
        last, complete = self._last_span()
        due_ns = self.ended_ns + after_ns
        if last is not None and not complete:
            # Half a sentence is waited on for longer, as smart endpointing does.
            due_ns = max(due_ns, self._last_voice_ns + _UNFINISHED_NS)
        if now_ns < due_ns:
            goes_on = now_ns - self._last_voice_ns <= 2 * BLOCK_NS
            look_ns = now_ns + (after_ns if goes_on else BLOCK_NS)
            self._at("final", due_ns if complete else min(due_ns, look_ns))
            return
        self.end_turn()

    def end_turn(self) -> None:
        """End the turn now: what came of it is its final transcript."""
        self._in_turn = False
        for name in ("partial", "own-partial", "final"):
            timer = self._timers.pop(name, None)
            if timer is not None:
                timer.cancel()
        text = self._words()
        self._heard_until = self._position
        if text:
            started = self._timers.pop("started", None)
            if started is not None:
                # Nobody is told what was said, and then that somebody begins to speak.
                started.cancel()
                self._ears.started()
            self._ears.final(text)
            stopped_ns = self.ended_ns + round(self._assistant.stopped_after * 1e9)
            self._at("stopped", stopped_ns)
        else:
            self._ears.nothing()

    def forget(self) -> None:
        """Forget what was not transcribed yet."""
        self.stop()
        self._in_turn = False
        self._heard_until = self._position

    def stop(self) -> None:
        """Hear no more."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    # Words

    def _turn_spans(self) -> list[Span]:
        first = self._turn_position - _LEAD_IN * _SILENCE_SAMPLES
        return [
            span
            for span in self._tracker.update()
            if span.end > self._turn_position or span.start >= max(first, self._heard_until)
        ]

    def _words(self) -> str:
        return words_in(self._turn_spans(), self._repertoire)

    def settle(self) -> None:
        """Bring the timeline up to date with what was received."""
        self._received.settle(self._tracker.update())

    def take_words(self) -> str:
        """End the turn now, without telling anyone; returns its words."""
        text = self._words() if self._in_turn else ""
        self._in_turn = False
        self._heard_until = self._position
        self.stop()
        return text
