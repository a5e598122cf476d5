"""Wrong bridges: each is ours with one decision changed, and must fail the test of its race."""

from __future__ import annotations

from typing import Any, ClassVar

from simkit.bridge import CallCore
from simkit.bridge.events import Action
from simkit.wire import twilio


class NeverClears(CallCore):
    """Drops what still arrives, but leaves what Twilio has queued."""

    def _cut_off(self, now_ns: int) -> list[Action]:
        return [action for action in super()._cut_off(now_ns) if type(action) is not twilio.Clear]


class DropsUntilReady(CallCore):
    """Throws caller audio away while Vapi's socket is not open."""

    def _on_caller_frame(self, frame: bytes) -> list[Action]:
        return super()._on_caller_frame(frame) if self._vapi_is_ready else []


class ForgetsVapiAtTheEnd(CallCore):
    """Ends the call without a word to Vapi."""

    def _on_stop(self, event: object, now_ns: int) -> list[Action]:
        return self._end([])


class SharesAgentAudio(CallCore):
    """Keeps agent audio in one buffer for all calls, and sends what is in it to whoever is next."""

    _shared: ClassVar[list[bytes]] = []

    def _on_agent_frame(self, data: bytes, now_ns: int) -> list[Action]:
        self._shared.append(data)
        if len(self._shared) < 30:
            return []
        return super()._on_agent_frame(self._shared.pop(0), now_ns)


class ClearsAtEveryHint(CallCore):
    """No debounce: every message that tells of the caller's voice makes a clear."""

    def _cut_off(self, now_ns: int) -> list[Action]:
        super()._cut_off(now_ns)
        return [twilio.Clear(self._stream_sid)]

    _on_caller_started = CallCore._on_interrupted  # type: ignore[assignment]


class IgnoresChunkNumbers(CallCore):
    """Takes caller frames as they come."""

    def _on_media(self, event: twilio.Media, now_ns: int) -> list[Action]:
        self._caller_order._next = twilio.number(event.media.chunk)
        return super()._on_media(event, now_ns)


class IgnoresAgentNumbers(CallCore):
    """Takes agent frames as they come."""

    def _on_agent_audio(self, event: Any, now_ns: int) -> list[Action]:
        return self._on_agent_frame(event.data, now_ns)
