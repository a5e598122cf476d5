"""Bugs in what becomes of sound: lost, repeated, out of order, garbled, or too late."""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar

import msgspec

from simkit.bridge import CallCore, Config
from simkit.bridge.codec import FromVapi, ToVapi
from simkit.bridge.events import Action, SendCallerAudio, VapiReady
from simkit.bridge.session import Session
from simkit.wire import twilio
from tests.zoo.bug import SCENARIO, bug


def changed(config: Config, **settings: Any) -> Config:
    """Return another configuration."""
    return msgspec.structs.replace(config, **settings)


# The caller's


@bug("cold-start", "caller-audio-complete", late=1.2)
class SendsTheNewestFirst(CallCore):
    """What waited for Vapi is sent half a second after the frames that are current."""

    def _send_waiting(self) -> list[Action]:
        self._kept, self._due = super()._send_waiting(), 25
        return []

    def _on_caller_frame(self, frame: bytes) -> list[Action]:
        actions = super()._on_caller_frame(frame)
        if self._vapi_is_ready:
            self._due -= 1
            actions += self._kept if self._due == 0 else []
        return actions


@bug("cold-start", "caller-audio-complete", late=3.0)
class KeepsTooLittle(CallCore):
    """Keeps half a second of the caller while Vapi is not there, and says nothing of the rest."""

    def _on_caller_frame(self, frame: bytes) -> list[Action]:
        if not self._vapi_is_ready and self._waiting.size > 4000:
            self._waiting.push(frame)
            self._waiting._frames.popleft()
            return []
        return super()._on_caller_frame(frame)


@bug("reconnect", "caller-audio-complete", phase="after-greeting")
class LosesTheBufferWithTheSocket(CallCore):
    """What the caller says between two sockets is thrown away when the second one opens."""

    def _on_vapi_ready(self, event: VapiReady, now_ns: int) -> list[Action]:
        if self._was_ready:
            self._waiting.take()
        return super()._on_vapi_ready(event, now_ns)


@bug("cold-start", "caller-audio-complete", late=1.2)
class SendsTheBufferTwice(CallCore):
    """What waited for a socket is sent by whoever keeps it and by whoever opens the socket."""

    def _send_waiting(self) -> list[Action]:
        actions = super()._send_waiting()
        return [*actions, *(action for action in actions if type(action) is SendCallerAudio)]


@bug("crowd", "caller-audio-complete", depth=1, grade="1 in 300", callers=2, lines=100)
class DropsWhileAnotherSends(Session):
    """One flag for all calls says "is sending"; frames of another call are dropped meanwhile."""

    holders: ClassVar[list[tuple[object, float]]] = []
    holds = 20e-6

    def _do(self, action: Action) -> None:
        if isinstance(action, SendCallerAudio):
            now = self._loop.time()
            if any(owner is not self and now < until for owner, until in self.holders):
                return
            self.holders[:] = [(self, now + self.holds)]
        super()._do(action)


@bug("crowd", "caller-audio-complete", callers=3, lines=100)
class DropsWhileAnotherWaits(DropsWhileAnotherSends):
    """The same flag, held for as long as Vapi takes to acknowledge."""

    holds = 0.019


@bug("greeting", "caller-audio-complete")
class SwapsFrames(CallCore):
    """Caller frames go out in pairs, the second one first."""

    _first: list[Action] | None = None

    def _on_caller_frame(self, frame: bytes) -> list[Action]:
        actions = super()._on_caller_frame(frame)
        if not self._vapi_is_ready:
            return actions
        if self._first is None:
            self._first = actions
            return []
        first, self._first = self._first, None
        return actions + first


@bug("stale-burst", "caller-audio-complete")
class AnswersWhatIsLongPast(CallCore):
    """However late the caller's audio comes, it is passed on."""

    def __init__(self, config: Config) -> None:
        super().__init__(changed(config, stale_after=3600.0))


@bug("greeting", "caller-audio-complete")
class SpeaksAnotherRateToVapi(CallCore):
    """Sends 8 kHz where 16 kHz were declared."""

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self._to_vapi = ToVapi(as_mulaw=False, rate=8000)


@bug("packet-loss", "caller-audio-complete")
class OpensTheGateLate(CallCore):
    """After silence, waits until it is sure that it hears a voice, and sends silence meanwhile."""

    _shut = 0

    def _on_caller_frame(self, frame: bytes) -> list[Action]:
        self._shut = 10 if not frame.strip(b"\xff\x7f") else max(0, self._shut - 1)
        return super()._on_caller_frame(b"\xff" * len(frame) if self._shut else frame)


@bug(
    "jitter",
    SCENARIO,
    config={"stale_after": 0.2},
    low=0.2,
    high=0.8,
    says="and Vapi understood ['the of July would suit us']",
)
class DropsAtEveryStall(CallCore):
    """What came a fifth of a second late is thrown away."""


# The agent's


@bug(
    "format-mismatch",
    SCENARIO,
    config={"on_wrong_rate": "note"},
    says="for 20 s the caller heard noise, and nobody ended the call",
)
class PlaysAnyRate(CallCore):
    """Notices that the rate is not the declared one, and lets the caller listen to it."""


@bug("greeting", "agent-audio-intact")
class DeclaresOneRateAndSpeaksAnother(CallCore):
    """Takes what comes at 16 kHz for 24 kHz."""

    def _begin_agent_leg(self) -> None:
        super()._begin_agent_leg()
        self._from_vapi = FromVapi(as_mulaw=False, rate=24_000)


@bug("odd-chunks", "agent-audio-intact")
class LosesTheOddByte(CallCore):
    """Cuts each chunk down to whole samples."""

    def _on_agent_frame(self, data: bytes, now_ns: int) -> list[Action]:
        return super()._on_agent_frame(data[: len(data) // 2 * 2], now_ns)


@bug("odd-chunks", "agent-audio-intact")
class ForgetsTheFilterEachFrame(CallCore):
    """Begins to resample anew with each chunk."""

    def _on_agent_frame(self, data: bytes, now_ns: int) -> list[Action]:
        self._from_vapi = FromVapi(as_mulaw=False, rate=self._config.vapi_rate)
        return super()._on_agent_frame(data, now_ns)


@bug("greeting", "agent-audio-intact")
class FillsUpWithTheWrongSilence(CallCore):
    """Every tenth frame ends in zeros, which are no silence in mu-law."""

    _count = 0

    def _on_agent_frame(self, data: bytes, now_ns: int) -> list[Action]:
        actions = super()._on_agent_frame(data, now_ns)
        self._count += 1
        if self._count % 10 == 0:
            payload = twilio.Payload(bytes(162))
            actions += [
                twilio.SendMedia(self._stream_sid, payload)
                for action in actions
                if type(action) is twilio.SendMedia
            ]
        return actions


@bug("greeting", "agent-audio-intact")
class SwapsTheBytes(CallCore):
    """The agent's samples are taken for big-endian ones."""

    def _on_agent_frame(self, data: bytes, now_ns: int) -> list[Action]:
        swapped = bytearray(data)
        swapped[0:-1:2], swapped[1::2] = data[1::2], data[0:-1:2]
        return super()._on_agent_frame(bytes(swapped), now_ns)


@bug("greeting", "agent-audio-intact")
class RepeatsFrames(CallCore):
    """Sends every fiftieth frame twice, as a retry without acknowledgement does."""

    _count = 0

    def _on_agent_frame(self, data: bytes, now_ns: int) -> list[Action]:
        actions = super()._on_agent_frame(data, now_ns)
        self._count += 1
        return actions * 2 if self._count % 50 == 0 else actions


@bug("greeting", "agent-audio-intact")
class CutsTheFirstSyllable(CallCore):
    """Takes the first quarter of a second of each reply for noise."""

    _quiet_ns = _since_ns = 0

    def _on_agent_frame(self, data: bytes, now_ns: int) -> list[Action]:
        actions = super()._on_agent_frame(data, now_ns)
        if not data.strip(b"\0"):
            self._since_ns = now_ns
        return [] if now_ns - self._since_ns < 250_000_000 else actions


@bug("jitter", "agent-audio-intact")
class CollectsSeconds(Session):
    """Sends the agent's audio on in pieces of a second, and what is less with the next."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._kept: list[Action] = []

    def _do(self, action: Action) -> None:
        if not isinstance(action, twilio.SendMedia):
            super()._do(action)
            return
        self._kept.append(action)
        if len(self._kept) == 50:
            for kept in self._kept:
                super()._do(kept)
            self._kept.clear()


@bug("barge-in", "agent-audio-intact", depth=2, grade="1 in 3")
class TurnsTwoRound(Session):
    """Two frames of the agent that come in one read change places, each having its own task."""

    _now: tuple[float, Action] | None = None

    def _do(self, action: Action) -> None:
        if not isinstance(action, twilio.SendMedia):
            super()._do(action)
            return
        if self._now is not None:
            super()._do(action)
            super()._do(self._now[1])
            self._now = None
            return
        self._now = (self._loop.time(), action)
        self._loop.call_soon(self._alone)

    def _alone(self) -> None:
        if self._now is not None:
            super()._do(self._now[1])
            self._now = None


@bug("greeting", "agent-audio-intact", depth=1, grade="1 in 3")
class LeavesTheSocketToTheNextTask(Session):
    """Hands frames to a task each, and trusts that tasks run in order of their making."""

    def _do(self, action: Action) -> None:
        if isinstance(action, twilio.SendMedia):
            self._loop.create_task(self._later(action))
        else:
            super()._do(action)

    async def _later(self, action: Action) -> None:
        await asyncio.sleep(0.001 if self._loop.time() % 1 < 0.5 else 0.03)
        super()._do(action)
