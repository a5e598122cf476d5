"""Wrong bridges: each is ours with one decision changed, and must fail the test of its race."""

from __future__ import annotations

from typing import Any, ClassVar

from simkit.bridge import CallCore, Config
from simkit.bridge.events import Action
from simkit.wire import twilio
from tests.zoo.bug import SCENARIO, bug


@bug("barge-in", "stops-when-interrupted", lead=60.0, silence_frames=False)
class NeverClears(CallCore):
    """Drops what still arrives, but leaves what Twilio has queued."""

    def _cut_off(self, now_ns: int) -> list[Action]:
        return [action for action in super()._cut_off(now_ns) if type(action) is not twilio.Clear]


@bug("cold-start", "caller-audio-complete", late=1.2)
class DropsUntilReady(CallCore):
    """Throws caller audio away while Vapi's socket is not open."""

    def _on_caller_frame(self, frame: bytes) -> list[Action]:
        return super()._on_caller_frame(frame) if self._vapi_is_ready else []


class ForgetsVapiAtTheEnd(CallCore):
    """Ends the call without a word to Vapi."""

    def _on_stop(self, event: object, now_ns: int) -> list[Action]:
        return self._end([], "forgotten")


@bug("stop-mid-tts", "no-cross-talk")
class SharesAgentAudio(CallCore):
    """Keeps agent audio in one buffer for all calls, and sends what is in it to whoever is next."""

    _shared: ClassVar[list[bytes]] = []

    def _on_agent_frame(self, data: bytes, now_ns: int) -> list[Action]:
        self._shared.append(data)
        if len(self._shared) < 30:
            return []
        return super()._on_agent_frame(self._shared.pop(0), now_ns)


@bug("rapid-interrupts", SCENARIO, says="clears for one reply")
class ClearsAtEveryHint(CallCore):
    """No debounce: every message that tells of the caller's voice makes a clear."""

    def _cut_off(self, now_ns: int) -> list[Action]:
        super()._cut_off(now_ns)
        return [twilio.Clear(self._stream_sid)]

    _on_caller_started = CallCore._on_interrupted  # type: ignore[assignment]


@bug("out-of-order", "caller-audio-complete", leg="caller")
class IgnoresChunkNumbers(CallCore):
    """Takes caller frames as they come."""

    def _on_media(self, event: twilio.Media, now_ns: int) -> list[Action]:
        self._caller_order.next = twilio.number(event.media.chunk)
        return super()._on_media(event, now_ns)


@bug("out-of-order", "agent-audio-intact", leg="agent")
class IgnoresAgentNumbers(CallCore):
    """Takes agent frames as they come."""

    def _on_agent_audio(self, event: Any, now_ns: int) -> list[Action]:
        return self._on_agent_frame(event.data, now_ns)


@bug("second-barge-in", "stops-when-interrupted", depth=2, latency=0.15)
class LosesMarksToLateEchoes(CallCore):
    """A mark for every piece of audio and a list of them, as in Twilio's own sample.

    Whatever comes back takes the oldest off the list; an interruption clears it, and is passed over
    while it is empty. But echoes of what was flushed come after the clear, and take marks of the
    next reply off the list: the agent seems to have fallen silent while it speaks.
    """

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self._marks: list[str] = []

    def _on_agent_frame(self, data: bytes, now_ns: int) -> list[Action]:
        actions = super()._on_agent_frame(data, now_ns)
        if any(type(action) is twilio.SendMedia for action in actions):
            self._marks.append("responsePart")
            actions.append(twilio.SendMark(self._stream_sid, twilio.MarkBody("responsePart")))
        return actions

    def _mark_if_needed(self) -> list[Action]:
        return []

    def _on_mark(self, event: twilio.Mark, now_ns: int) -> list[Action]:
        if self._marks:
            self._marks.pop(0)
        return []

    def _cut_off(self, now_ns: int) -> list[Action]:
        if not self._marks:
            return []
        self._marks.clear()
        self._agent.interrupt(now_ns)
        return [twilio.Clear(self._stream_sid)]
