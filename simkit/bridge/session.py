"""A session: the sockets of one call around its core. Moves bytes, decides nothing."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from typing import Any

from starlette.websockets import WebSocketDisconnect

from ..wire import WireError, twilio
from .config import Config
from .core import CallCore
from .events import (
    Action,
    CancelReply,
    CloseTwilio,
    CoreEvent,
    Count,
    EndVapi,
    FallbackQueued,
    Malformed,
    Note,
    OpenVapi,
    PollVapi,
    SayFallback,
    SendCallerAudio,
    SetTimer,
    SlowReader,
    TellVapi,
    TimerDue,
    TwilioGone,
)
from .fallback import fallback_clip
from .metrics import Metrics
from .outbound import Outbound
from .stream import StreamSocket
from .tap import CallTap
from .vapi_leg import Dialect, VapiLeg

log = logging.getLogger("simkit.bridge")

_CLOSING_SECONDS = 1.0
_BYTE_NS = 125_000
_LABELS = {"calls": "outcome", "reconnects": "outcome"}
"""What a counter's label is called, where it is no reason."""


class Session:
    """Runs one call from its stream's start to the end of both sockets.

    Whatever goes wrong on the way is the end of this call, and of nothing else.
    """

    leg = VapiLeg
    """What carries it on to Vapi."""

    def __init__(
        self,
        config: Config,
        dialect: Dialect,
        core: CallCore,
        metrics: Metrics | None = None,
        tap: CallTap | None = None,
    ) -> None:
        self._config = config
        self._core = core
        self._metrics = metrics or Metrics()
        self._loop = asyncio.get_running_loop()
        self._to_twilio = Outbound(config.queue_limit_bytes, self._on_slow_twilio)
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._vapi = self.leg(config, dialect, self._handle, self._metrics, tap)
        self._writer: asyncio.Task[None] | None = None
        self._flush_limit: asyncio.TimerHandle | None = None
        self.call_sid = ""
        self._acts: dict[type, Callable[[Any], object]] = {
            twilio.SendMark: self._send,
            twilio.Clear: self._clear,
            SetTimer: self._set_timer,
            OpenVapi: lambda action: self._vapi.open(
                action.call_sid, action.attempt, greets=action.greets
            ),
            PollVapi: lambda action: self._vapi.poll(),
            CancelReply: lambda action: self._vapi.cancel_reply(),
            TellVapi: lambda action: self._vapi.tell(action.text),
            EndVapi: lambda action: self._vapi.end(),
            SayFallback: self._say_fallback,
            CloseTwilio: self._close_twilio,
            Note: self._note,
            Count: self._count,
        }

    @property
    def buffered(self) -> int:
        """Bytes that wait to be sent, on both legs."""
        return self._to_twilio.size + self._vapi.waiting_bytes

    async def run(self, socket: StreamSocket, start: twilio.Start) -> None:
        """Carry the call; returns when both sockets are closed."""
        self.call_sid = start.start.call_sid
        self._writer = writer = self._loop.create_task(
            self._to_twilio.run(lambda message: _send_text(socket, message), socket.write),
            name=f"to twilio {self.call_sid}",
        )
        reader = None
        try:
            self._handle(start)
            reader = self._loop.create_task(
                self._read_twilio(socket), name=f"from twilio {self.call_sid}"
            )
            done, _ = await asyncio.wait((reader, writer), return_when=asyncio.FIRST_COMPLETED)
            reader.cancel()
            for task in done:
                error = None if task.cancelled() else task.exception()
                if error is not None and not self._core.is_over:
                    log.error("call %s: %r", self.call_sid, error)
            if self._flush_limit is not None:
                await _close(socket)
        finally:
            self._handle(TwilioGone())
            await self._clean_up(writer, reader)

    def tell(self, event: CoreEvent) -> None:
        """Hand on what was heard of this call elsewhere."""
        self._handle(event)

    def end(self, reason: str) -> None:
        """End the call, whose socket may say nothing any more."""
        if not self._core.is_over:
            log.warning("call %s: over, though its socket is open: %s", self.call_sid, reason)
        self._handle(TwilioGone())
        self._close_twilio()

    async def _clean_up(self, *tasks: asyncio.Task[None] | None) -> None:
        for timer in (*self._timers.values(), self._flush_limit):
            if timer is not None:
                timer.cancel()
        self._timers.clear()
        # Without those that are done: over them gather takes a step more on Python 3.11.
        waiting = [task for task in tasks if task is not None and not task.done()]
        for task in waiting:
            task.cancel()
        if waiting:
            await asyncio.gather(*waiting, return_exceptions=True)
        await self._vapi.close()

    async def _read_twilio(self, socket: StreamSocket) -> None:
        await socket.read(self._hear)
        self._handle(TwilioGone())

    def _hear(self, message: str | bytes) -> bool:
        """Take a message from Twilio; returns whether more are wanted."""
        try:
            if isinstance(message, bytes):
                raise WireError("message from Twilio: a binary frame")
            self._handle(twilio.decode(message))
        except WireError as error:
            self._handle(Malformed(str(error)))
        return not self._core.is_over

    def _handle(self, event: CoreEvent) -> None:
        """Tell the core, and do what it says."""
        try:
            for action in self._core.handle(event, time.monotonic_ns()):
                self._do(action)
        except WireError as error:
            self._handle(Malformed(str(error)))
        except Exception:
            self._fail(event)

    def _fail(self, event: CoreEvent) -> None:
        """The core failed: what it knows of the call is worth nothing any more."""
        log.exception("call %s: error on %s; the call ends", self.call_sid, type(event).__name__)
        self._metrics.count("calls", outcome="error")
        self._core.is_over = True
        self._vapi.end()
        self._close_twilio()

    def _do(self, action: Action) -> None:
        if isinstance(action, SendCallerAudio):
            self._vapi.send_audio(action.data)
        elif isinstance(action, twilio.SendMedia):
            if not self._to_twilio.put(twilio.encode(action), droppable=True):
                self._metrics.count("dropped", reason="twilio reads slowly")
        else:
            self._acts[type(action)](action)

    # Twilio

    def _send(self, action: twilio.ToTwilio) -> None:
        self._to_twilio.put(twilio.encode(action))

    def _clear(self, action: twilio.Clear) -> None:
        """Clear what Twilio has; what waits here would only be cleared there."""
        self._to_twilio.discard()
        self._send(action)

    def _say_fallback(self, action: SayFallback) -> None:
        clip = fallback_clip(self._config)
        self._send(twilio.SendMedia(action.stream_sid, twilio.Payload(clip)))
        self._send(twilio.SendMark(action.stream_sid, twilio.MarkBody(action.mark)))
        self._handle(FallbackQueued(len(clip) * _BYTE_NS))

    def _close_twilio(self, action: CloseTwilio | None = None) -> None:
        """Let what was sent before leave, if the far end takes it, and close."""
        self._to_twilio.finish()
        if self._flush_limit is None and self._writer is not None:
            self._flush_limit = self._loop.call_later(_CLOSING_SECONDS, self._writer.cancel)

    def _on_slow_twilio(self, waiting: int, refused: bool) -> None:
        self._handle(SlowReader("twilio", waiting, refused))

    # Timers, log and metrics

    def _set_timer(self, action: SetTimer) -> None:
        old = self._timers.pop(action.name, None)
        if old is not None:
            old.cancel()
        delay = max(0.0, (action.at_ns - time.monotonic_ns()) / 1e9)
        self._timers[action.name] = self._loop.call_later(delay, self._timer_due, action.name)

    def _timer_due(self, name: str) -> None:
        self._timers.pop(name, None)
        self._handle(TimerDue(name))

    def _note(self, action: Note) -> None:
        level = logging.WARNING if action.is_warning else logging.INFO
        log.log(level, "call %s: %s", self.call_sid, action.text)

    def _count(self, action: Count) -> None:
        label = {_LABELS.get(action.name, "reason"): action.label} if action.label else {}
        self._metrics.count(action.name, action.amount, **label)


async def _send_text(socket: StreamSocket, message: bytes) -> None:
    await socket.send({"type": "websocket.send", "text": message.decode()})


async def _close(socket: StreamSocket) -> None:
    with contextlib.suppress(TimeoutError, RuntimeError, OSError, WebSocketDisconnect):
        async with asyncio.timeout(_CLOSING_SECONDS):
            await socket.close(1000)
