"""Bugs in beginnings and ends: of calls, of sockets, of the patience with either."""

from __future__ import annotations

import asyncio
import base64
import contextlib
from collections.abc import Iterator
from typing import ClassVar

from starlette.requests import Request
from starlette.responses import Response

from simkit.bridge import Bridge, CallCore, Config
from simkit.bridge.events import (
    Action,
    CallEnded,
    CloseTwilio,
    CoreEvent,
    EndVapi,
    TwilioGone,
    VapiGone,
)
from simkit.bridge.reconnect import Reconnects
from simkit.bridge.server import Running
from simkit.bridge.session import Session
from simkit.bridge.stream import StreamSocket
from simkit.bridge.vapi_leg import VapiLeg
from simkit.wire import twilio
from tests.zoo.bug import SCENARIO, bug
from tests.zoo.sound import changed


@bug("greeting", "clean-teardown")
class LeavesVapiOpen(Session):
    """Forgets Vapi's socket with the call."""

    async def _clean_up(self, *tasks: asyncio.Task[None] | None) -> None:
        self._vapi.close = lambda: asyncio.sleep(0)  # type: ignore[method-assign]
        await super()._clean_up(*tasks)

    def _do(self, action: Action) -> None:
        if not isinstance(action, EndVapi):
            super()._do(action)


@bug("greeting", "clean-teardown")
class WaitsForClose(Session):
    """Waits for an event ``close`` on the stream, which Twilio never sends."""

    def _handle(self, event: CoreEvent) -> None:
        if not isinstance(event, twilio.Stop | TwilioGone):
            super()._handle(event)

    async def _clean_up(self, *tasks: asyncio.Task[None] | None) -> None:
        await asyncio.Event().wait()


@bug("greeting", "agent-audio-intact")
class RetriesAfterSuccess(VapiLeg):
    """Creates the call once more though the answer to the first request came: two agents speak."""

    async def _open(self, attempt: int, greets: bool) -> None:
        await super()._open(attempt, greets)
        self._call = None
        await super()._open(attempt, greets)


@bug("twilio-reset", "clean-teardown")
class WaitsForStop(Session):
    """Takes nothing but ``stop`` for the end of a stream."""

    def _handle(self, event: CoreEvent) -> None:
        if not isinstance(event, TwilioGone):
            super()._handle(event)

    async def _clean_up(self, *tasks: asyncio.Task[None] | None) -> None:
        while not self._core.is_over:
            await asyncio.sleep(1)
        await super()._clean_up(*tasks)


@bug("stop-missing", SCENARIO, depth=1, grade="1 in 3", silence=120.0)
class BelievesInSilence(CallCore):
    """A stream from which nothing comes is alive as long as its socket is open."""

    def _on_stream_timer(self, now_ns: int) -> list[Action]:
        return []


@bug("hangup-everywhere", "clean-teardown", when="connecting")
class LeavesTheRequestUnderWay(VapiLeg):
    """Who hangs up while Vapi's socket is being opened leaves it open: it is nobody's."""

    def end(self) -> None:
        if self._socket is not None and self._socket.is_open:
            super().end()

    async def close(self) -> None:
        if self._task is None or self._task.done():
            await super().close()


@bug("greeting", "clean-teardown")
class LeavesATimerBehind(Session):
    """A timer that is to end a call which lasts too long is pending after it."""

    async def run(self, socket: StreamSocket, start: twilio.Start) -> None:
        self._loop.call_later(600.0, self.end, "it lasts too long")
        await super().run(socket, start)


@bug("greeting", "clean-teardown")
class LeavesTasksBehind(Session):
    """A task that reports on the call's state outlives it."""

    async def run(self, socket: StreamSocket, start: twilio.Start) -> None:
        self._reports = self._loop.create_task(self._report(), name="reports")
        await super().run(socket, start)

    async def _report(self) -> None:
        while True:
            await asyncio.sleep(0.5)


@bug("stop-mid-tts", "liveness", says="the caller did not hear 'Hello, next caller.'")
class FiresIntoTheNextCall(Session):
    """The timer that clears up after a call ends the one that runs by then."""

    running: ClassVar[list[Session]] = []

    async def run(self, socket: StreamSocket, start: twilio.Start) -> None:
        self.running.append(self)
        await super().run(socket, start)
        self._loop.call_later(0.8, lambda: self.running[-1].end("cleared up"))


@bug("idle", "liveness", says="cannot say 'are you still there?': call 1 is completed")
class EndsWhoIsSilent(CallCore):
    """A call in which the caller says nothing for five seconds is taken to be over."""

    def __init__(self, config: Config) -> None:
        super().__init__(changed(config, stream_timeout=5.0))

    def _on_media(self, event: twilio.Media, now_ns: int) -> list[Action]:
        before = self._heard_ns
        actions = super()._on_media(event, now_ns)
        if len(set(base64.b64encode(event.media.payload))) < 10:
            self._heard_ns = before
        return actions


@bug("hang-means-delay", "liveness", says="the caller did not hear 'It is on Tuesday.'")
class TakesHangForTheEnd(CallCore):
    """Reads ``hang`` as what it sounds like."""

    def _on_delayed(self, event: object, now_ns: int) -> list[Action]:
        return self._end([EndVapi(), CloseTwilio()], "hang")


@bug("agent-hangs-up", "agent-audio-intact")
class HangsUpAtOnce(CallCore):
    """Ends the call with Vapi's, whatever is still to be heard."""

    def _hang_up_when_heard(self, why: str, outcome: str, now_ns: int) -> list[Action]:
        return self._end([EndVapi(), CloseTwilio()], outcome)


@bug("agent-hangs-up", "liveness")
class NeverHangsUp(CallCore):
    """Vapi is gone, and the caller is left with a dead line."""

    def _on_call_ended(self, event: CallEnded, now_ns: int) -> list[Action]:
        return []

    def _on_vapi_gone(self, event: VapiGone, now_ns: int) -> list[Action]:
        return []


class _NeverGivesUp(Reconnects):
    def lost(self, code: int | None, chance: float, now_ns: int) -> int | None:
        self.tries += 1
        return now_ns + 2**self.tries * 1_000_000_000


@bug(
    "vapi-never-opens",
    "liveness",
    says="25 s after the bridge answered, the caller had heard nothing",
)
class NeverGivesUp(CallCore):
    """Waits twice as long after each try, and never tells the caller."""

    def __init__(self, config: Config) -> None:
        super().__init__(changed(config, vapi_patience=600.0))
        self._reconnects = _NeverGivesUp()


class _CountsForGood(Reconnects):
    def __init__(self) -> None:
        super().__init__()
        self.tries = 1

    def opened(self, now_ns: int) -> None:
        pass


@bug("reconnect", SCENARIO, losses=3, says="cannot say 'question")
class CountsTriesForGood(CallCore):
    """Opens Vapi's socket three times in all, however long the call goes on."""

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self._reconnects = _CountsForGood()


@bug("reconnect", SCENARIO, phase="caller-speaks", says="Vapi's socket was opened 1 times")
class NeverReconnects(CallCore):
    """Gives a call up when Vapi's socket is lost, and does not say so."""

    def _on_vapi_gone(self, event: VapiGone, now_ns: int) -> list[Action]:
        self._vapi_is_ready = False
        return []


@bug("reconnect", "one-reply-per-turn", depth=1, phase="mid-greeting")
class GreetsAgain(CallCore):
    """Begins anew after a loss."""

    def _on_reconnect_timer(self, now_ns: int) -> list[Action]:
        self._agent.was_heard = False
        return super()._on_reconnect_timer(now_ns)


class _NotesStop(CallCore):
    was_told = False

    def _on_stop(self, event: object, now_ns: int) -> list[Action]:
        self.was_told = self.was_told or isinstance(event, twilio.Stop)
        return super()._on_stop(event, now_ns)


@bug("twilio-reset", "twiml-in-time", depth=1, grade="1 in 3")
class DiesOfOneCall(Bridge):
    """The error of a call whose socket is lost ends the loop that takes calls."""

    is_dead = False

    def __init__(self, config: Config) -> None:
        super().__init__(config, _NotesStop)

    async def voice(self, request: Request) -> Response:
        if self.is_dead:
            return Response(status_code=503)
        return await super().voice(request)

    @contextlib.contextmanager
    def running(self, session: Running) -> Iterator[None]:
        with super().running(session):
            yield
        assert isinstance(session, Session)
        assert isinstance(session._core, _NotesStop)
        self.is_dead = self.is_dead or not session._core.was_told


@bug("stop-mid-tts", "liveness", depth=1, grade="1 in 300")
class KeepsCallsByTwoDigits(Session):
    """Calls are kept under the last two digits of their sid, and stay there."""

    kept: ClassVar[dict[str, Session]] = {}

    async def run(self, socket: StreamSocket, start: twilio.Start) -> None:
        self._first = self.kept.setdefault(start.start.call_sid[-2:], self)
        await super().run(socket, start)

    def _do(self, action: Action) -> None:
        super(KeepsCallsByTwoDigits, self._first)._do(action)
