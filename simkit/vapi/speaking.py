"""Speaking: the assistant's voice on its way to the client, frame by frame."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from functools import cache

import numpy as np

from ..audio import Samples, Speech, mulaw, noise
from ..audio.resample import at_rate
from ..timeline import Clock
from ..wire.vapi import AudioFormat
from .assistant import Assistant

_AT_ONCE = float("inf")
_LOOP_SECONDS = 8.0
"""After which a background begins again."""


class Speaking:
    """Sends audio by absolute deadlines: speech when there is some, else silence if asked to.

    Args:
        audio: format of the frames.
        send: takes one frame.
    """

    def __init__(
        self,
        audio: AudioFormat,
        assistant: Assistant,
        send: Callable[[bytes], object],
        *,
        clock: Clock,
    ) -> None:
        self._is_mulaw = audio.format == "mulaw"
        self._rate = audio.sample_rate
        self._width = 1 if self._is_mulaw else 2
        self._assistant = assistant
        self._send = send
        self._clock = clock
        self._frame_ns = round(assistant.frame * 1e9)
        silent = bytes([mulaw.SILENCE]) if self._is_mulaw else b"\0"
        # A frame has as many samples as its time holds: one more or less at some rates.
        self._silence = silent * (self._bytes_until(1) + self._width)
        self._background = _background(assistant.background_sound, self._rate)
        self._at_background = 0  # samples
        self._idle = 0  # frames of silence since the last reply
        self._frames = 0  # of the current reply that were sent
        self._timer: asyncio.TimerHandle | None = None
        self._sound = b""
        self._sent = 0
        self._late = 0  # frames of silence sent because the voice was behind
        self.start_ns = 0
        """When the current or last reply began."""
        self.end_ns = 0
        """When it would have played in real time, or was stopped."""
        self.is_muted = False
        """Silence goes out in place of speech, which counts as spoken all the same."""

    @property
    def is_speaking(self) -> bool:
        """True from the first audio of a reply until it would have played in real time."""
        return self.start_ns <= self._clock.read_ns() < self.end_ns

    @property
    def sent_ns(self) -> int:
        """How much of the current or last reply was sent, in ns of audio."""
        return min(self._sent, len(self._sound)) // self._width * 1_000_000_000 // self._rate

    def _bytes_until(self, frames: int) -> int:
        """Return how many bytes the first frames of a stream have."""
        return frames * self._frame_ns * self._rate // 1_000_000_000 * self._width

    @property
    def unsent(self) -> bytes:
        """What of the current reply was not sent."""
        return self._sound[self._sent :]

    def idle(self) -> None:
        """Begin the stream without a word."""
        self._idle = 0
        if self._assistant.silence_frames:
            self._next_silence(self._clock.read_ns())

    def speak(self, speech: Speech) -> None:
        """Send a reply, from now on."""
        samples = speech.at_rate(self._rate)
        if self._assistant.silence_frames:
            # A continuous stream has frames of one size.
            frames = -(-len(samples) * 1_000_000_000 // (self._frame_ns * self._rate))
            whole = self._bytes_until(frames) // self._width
            samples = np.concatenate((samples, np.zeros(whole - len(samples), np.int16)))
        self._sound = self._encoded(self._over_background(samples))
        self._frames = 0
        self._sent = self._late = 0
        self.start_ns = self._clock.read_ns()
        slower = max(1.0, 1 / self._assistant.tts_speed)
        self.end_ns = self.start_ns + round(speech.duration_ns * slower)
        self._cancel()
        self._next_frames()

    def stop(self) -> None:
        """Send nothing more of the current reply."""
        self.end_ns = min(self.end_ns, self._clock.read_ns())
        self._sound = self._sound[: self._sent]
        self._cancel()
        self.idle()

    def finish_frames(self, count: int) -> None:
        """Send that many more frames of the current reply at once."""
        for _ in range(count):
            if self._sent < len(self._sound):
                self._send_one()

    def close(self) -> None:
        """Send nothing any more."""
        self.end_ns = min(self.end_ns, self._clock.read_ns())
        self._cancel()

    def _next_frames(self) -> None:
        """Send the frames that are due, and wait for the next."""
        now_ns = self._clock.read_ns()
        assistant = self._assistant
        lead_ns = assistant.lead * 1e9
        chunk_ns = round(assistant.tts_chunk * 1e9) if assistant.tts_chunk else 0
        speed = assistant.tts_speed
        while self._sent < len(self._sound):
            after_ns = self._frames * self._frame_ns
            if chunk_ns:
                after_ns -= after_ns % chunk_ns
            due_ns = play_ns = self.start_ns + after_ns + self._late * self._frame_ns
            if lead_ns:
                due_ns -= round(min(lead_ns, after_ns))
            if speed != _AT_ONCE:
                made_ns = self.start_ns + round(after_ns / speed)
                due_ns = max(due_ns, made_ns)
                if made_ns > play_ns and assistant.silence_frames:
                    # A continuous stream goes on while the voice is behind.
                    if play_ns <= now_ns:
                        self._send(self._silence[: self._bytes_until(1)])
                        self._late += 1
                        continue
                    due_ns = play_ns
            if due_ns > now_ns:
                self._timer = self._clock.call_again(self._timer, due_ns, self._next_frames)
                return
            self._send_one()
        frames = self._frames + self._late
        after_ns = max(self.end_ns, self.start_ns + frames * self._frame_ns)
        if self._assistant.silence_frames:
            self._idle = 0
            self._timer = self._clock.call_at(after_ns, self._next_silence, after_ns)

    def _send_one(self) -> None:
        self._frames += 1
        until = self._bytes_until(self._frames)
        frame = self._sound[self._sent : until]
        if frame:
            self._send(self._silence[: len(frame)] if self.is_muted else frame)
        self._sent = until

    def _next_silence(self, due_ns: int) -> None:
        size = self._bytes_until(self._idle + 1) - self._bytes_until(self._idle)
        self._idle += 1
        if self._background is not None and not self.is_muted:
            nothing = np.zeros(size // self._width, np.int16)
            self._send(self._encoded(self._over_background(nothing)))
        elif size:
            self._send(self._silence[:size])
        due_ns += self._frame_ns
        timer = self._timer
        self._timer = self._clock.call_again(timer, due_ns, self._next_silence, due_ns)

    def _over_background(self, samples: Samples) -> Samples:
        """Return samples with the room's sound under them."""
        if self._background is None:
            return samples
        at = np.arange(self._at_background, self._at_background + len(samples))
        self._at_background += len(samples)
        room = self._background[at % len(self._background)]
        total = samples.astype(np.int32) + room
        mixed: Samples = np.clip(total, -32768, 32767).astype(np.int16)
        return mixed

    def _encoded(self, samples: Samples) -> bytes:
        if self._is_mulaw:
            return mulaw.encode(samples)
        return samples.astype("<i2").tobytes()

    def _cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


@cache
def _background(name: str, rate: int) -> Samples | None:
    """Return the sound of a room, to be repeated; the same in every call, as a file would be."""
    if name == "off":
        return None
    draw = random.Random(name)
    voices = noise.make("cafe", draw, level=-55.0, seconds=_LOOP_SECONDS)
    keys = noise.make("keyboard", draw, level=-50.0, seconds=_LOOP_SECONDS)
    room: Samples = voices + keys
    return at_rate(room, rate)
