"""Notices: what a call does when nothing happens for long."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from ..timeline import Clock
from .assistant import Assistant
from .timers import Timers


class Notices:
    """Tells of an answer that is late, speaks into a long silence, and ends a call that is over.

    Args:
        is_busy: whether somebody speaks or an answer is on its way.
        hang: tells that the answer is late.
        say: says an idle message.
        end: ends the call for a reason.
    """

    def __init__(
        self,
        assistant: Assistant,
        is_busy: Callable[[], bool],
        hang: Callable[[], object],
        say: Callable[[str], object],
        end: Callable[[str], object],
        *,
        clock: Clock,
        timers: Timers,
    ) -> None:
        self._assistant = assistant
        self._is_busy = is_busy
        self._hang = hang
        self._say = say
        self._end = end
        self._clock = clock
        self._timers = timers
        self._answer: asyncio.TimerHandle | None = None
        self._idle_ns = 0
        self._silent_ns = 0
        self._idle_messages = 0
        self._says_idle = False

    def open(self) -> None:
        """The call begins."""
        assistant = self._assistant
        self._idle_ns = self._silent_ns = self._clock.now_ns
        if assistant.max_duration is not None:
            self._timers.after(assistant.max_duration, self._end, "exceeded-max-duration")
        if assistant.silence_timeout is not None:
            self._timers.after(assistant.silence_timeout, self._look_for_silence)
        if assistant.idle_messages:
            self._timers.after(assistant.idle_timeout, self._look_for_idle)

    # An answer that is late

    def expect_answer(self) -> None:
        """The caller's words are final."""
        self.expect_no_answer()
        if self._assistant.hang_after is not None:
            self._answer = self._timers.after(self._assistant.hang_after, self._hang)

    def expect_no_answer(self) -> None:
        """The answer came, or none will."""
        if self._answer is not None:
            self._answer.cancel()
            self._answer = None

    # Silence

    def caller_spoke(self, now_ns: int) -> None:
        """There was voice of the caller, up to now."""
        self._idle_ns = self._silent_ns = now_ns
        self._idle_messages = 0

    def assistant_spoke(self) -> None:
        """The assistant has just stopped speaking."""
        self._idle_ns = self._clock.now_ns
        if not self._says_idle:
            self._silent_ns = self._idle_ns
        self._says_idle = False

    def _look_for_silence(self) -> None:
        timeout_ns = round((self._assistant.silence_timeout or 0.0) * 1e9)
        if self._says_idle or not self._is_busy():
            due_ns = self._silent_ns + timeout_ns
            if due_ns <= self._clock.now_ns:
                self._end("silence-timed-out")
                return
        else:
            self._silent_ns = self._clock.now_ns
            due_ns = self._silent_ns + timeout_ns
        self._timers.at(due_ns, self._look_for_silence)

    def _look_for_idle(self) -> None:
        assistant = self._assistant
        timeout_ns = round(assistant.idle_timeout * 1e9)
        if self._is_busy():
            self._idle_ns = self._clock.now_ns
        due_ns = self._idle_ns + timeout_ns
        if due_ns <= self._clock.now_ns:
            due_ns = self._clock.now_ns + timeout_ns
            if self._idle_messages < assistant.idle_message_max:
                texts = assistant.idle_messages
                self._says_idle = True
                self._say(texts[self._idle_messages % len(texts)])
                self._idle_messages += 1
        self._timers.at(due_ns, self._look_for_idle)
