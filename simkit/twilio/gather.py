"""``<Gather>``: keys and speech, while prompts play."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from ..audio import RATE, Speech
from .channel import Channel
from .twiml import Verb

_NS = 1_000_000_000
_SAMPLE_NS = _NS // RATE
_LONGEST = 3600


class Gather:
    """Listens until it has what its verb asks for.

    What the caller says is known exactly: the recogniser of the fake makes no mistakes.
    """

    def __init__(self, verb: Verb, channel: Channel, warnings: list[str]) -> None:
        self._channel = channel
        modes = verb.attributes.get("input", "dtmf").split()
        unknown = sorted(set(modes) - {"dtmf", "speech"})
        if unknown or not modes:
            warnings.append(f"<Gather input>: expected dtmf, speech or both, found {modes!r}")
            modes = [mode for mode in modes if mode not in unknown] or ["dtmf"]
        self._modes = modes
        self._num_digits = verb.whole("numDigits", 0, 1_000_000, warnings)
        self._finish_on = verb.attributes.get("finishOnKey", "#")
        self._timeout_ns = _seconds(verb, "timeout", 5, warnings) * _NS
        speech_timeout = verb.attributes.get("speechTimeout", "").strip()
        if speech_timeout == "auto":
            self._speech_timeout_ns = round(channel.settings.speech_end * _NS)
        else:
            default = self._timeout_ns // _NS
            self._speech_timeout_ns = _seconds(verb, "speechTimeout", default, warnings) * _NS
        self._barge_in = verb.attributes.get("bargeIn", "true").strip().lower() != "false"
        self._begun_ns = channel.clock.now_ns
        self._prompted_ns: int | None = None
        self._digits = ""
        self._last_key_ns = 0
        self._finished = False
        self._changed = asyncio.Event()
        self._stop = asyncio.Event()

    async def listen(self, prompt: Callable[[asyncio.Event], Awaitable[None]]) -> dict[str, str]:
        """Play prompts and listen; returns what the action is told, nothing when nothing came.

        Args:
            prompt: plays what is nested in the verb, until the event is set.
        """
        channel = self._channel
        channel.on_key, channel.on_speech = self._on_key, self._changed.set
        prompting = asyncio.ensure_future(self._prompt(prompt))
        try:
            while not channel.interrupted.is_set():
                self._changed.clear()
                result, due_ns = self._judge(channel.clock.now_ns)
                if result is not None:
                    return result
                seconds = None if due_ns is None else (due_ns - channel.clock.now_ns) / 1e9
                await channel.until(self._changed, seconds=seconds)
            return {}
        finally:
            channel.on_key = channel.on_speech = None
            self._stop.set()
            await prompting

    async def _prompt(self, prompt: Callable[[asyncio.Event], Awaitable[None]]) -> None:
        await prompt(self._stop)
        self._prompted_ns = self._channel.clock.now_ns
        self._changed.set()

    def _on_key(self, digit: str) -> None:
        if "dtmf" not in self._modes or self._finished:
            return
        self._stop.set()
        if digit in self._finish_on:
            self._finished = True
        else:
            self._digits += digit
            self._finished = len(self._digits) == self._num_digits
        self._last_key_ns = self._channel.clock.now_ns
        self._changed.set()

    def _judge(self, now_ns: int) -> tuple[dict[str, str] | None, int | None]:
        """Return the result, or None and when to look again if nothing happens before."""
        if self._finished or self._digits:
            due_ns = self._last_key_ns + self._timeout_ns
            if self._finished or now_ns >= due_ns:
                return ({"Digits": self._digits} if self._digits else {}), None
            return None, due_ns
        said, end_ns, next_ns = self._heard(now_ns)
        if said:
            if self._barge_in:
                self._stop.set()
            due_ns = end_ns + self._speech_timeout_ns
            if now_ns >= due_ns:
                confidence = str(self._channel.settings.speech_confidence)
                return {"SpeechResult": said, "Confidence": confidence}, None
            return None, due_ns if next_ns is None else min(due_ns, next_ns)
        due = [] if next_ns is None else [next_ns]
        if self._prompted_ns is not None:
            due.append(self._prompted_ns + self._timeout_ns)
            if now_ns >= due[-1]:
                return {}, None
        return None, min(due, default=None)

    def _heard(self, now_ns: int) -> tuple[str, int, int | None]:
        """Return the words that have begun by now, their end, and when more of them begin."""
        said, end_ns, next_ns = [], 0, None
        if "speech" in self._modes:
            for speech, start_ns in self._channel.utterances:
                text = _since(speech, (self._begun_ns - start_ns) // _SAMPLE_NS)
                if not text:
                    continue
                if start_ns > now_ns:
                    next_ns = start_ns if next_ns is None else min(next_ns, start_ns)
                else:
                    said.append(text)
                    end_ns = max(end_ns, start_ns + speech.spoken * _SAMPLE_NS)
        return " ".join(said), end_ns, next_ns


def _since(speech: Speech, sample: int) -> str:
    """Return the words that begin at a sample or later."""
    if sample <= 0:
        return speech.text.strip()
    return " ".join(word.text for word in speech.words if word.start >= sample)


def _seconds(verb: Verb, attribute: str, default: int, warnings: list[str]) -> int:
    if verb.attributes.get(attribute, "").strip() == "auto":
        return default
    return verb.whole(attribute, default, _LONGEST, warnings)
