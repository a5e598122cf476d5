"""Speaking: a reply on its way to the client, in chunks, as fast as the service makes them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from ..audio import Speech, mulaw
from ..timeline import Clock
from ..wire.vapi import AudioFormat


def encoded(speech: Speech, audio: AudioFormat) -> bytes:
    """Return speech as it is sent."""
    samples = speech.at_rate(audio.sample_rate)
    return mulaw.encode(samples) if audio.format == "mulaw" else samples.astype("<i2").tobytes()


def bytes_per_second(audio: AudioFormat) -> int:
    """Return how many bytes a second of audio has."""
    return audio.sample_rate * (1 if audio.format == "mulaw" else 2)


class Speaking:
    """Sends one reply at a time, each chunk at an absolute deadline.

    Unlike a phone line, most services make speech faster than it plays, and send nothing between
    replies.

    Args:
        send: takes a chunk.
        done: told when all of a reply was sent.
    """

    def __init__(
        self, send: Callable[[bytes], object], done: Callable[[], object], *, clock: Clock
    ) -> None:
        self._send = send
        self._done = done
        self._clock = clock
        self._timer: asyncio.TimerHandle | None = None
        self._sound = b""
        self._sent = 0
        self._chunk = 1
        self._start_ns = 0
        self._step_ns = 0

    def speak(self, sound: bytes, chunk: int, step_ns: int) -> None:
        """Send ``chunk`` bytes of ``sound`` now, and as many after every ``step_ns``."""
        self.stop()
        self._sound, self._sent, self._chunk = sound, 0, chunk
        self._start_ns, self._step_ns = self._clock.read_ns(), step_ns
        self._next()

    def stop(self) -> None:
        """Send nothing more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._sound = b""

    def _next(self) -> None:
        self._timer = None
        while self._sent < len(self._sound):
            due_ns = self._start_ns + self._sent // self._chunk * self._step_ns
            if due_ns > self._clock.read_ns():
                self._timer = self._clock.call_at(due_ns, self._next)
                return
            first, self._sent = self._sent, self._sent + self._chunk
            self._send(self._sound[first : self._sent])
        if self._sound:
            self._sound = b""
            self._done()
