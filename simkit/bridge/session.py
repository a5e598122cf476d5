"""A session: the sockets of one call around its core. Moves bytes, decides nothing."""

from __future__ import annotations

import asyncio
import logging
import time

from starlette.websockets import WebSocket

from ..wire import WireError, twilio
from .config import Config
from .core import CallCore
from .events import (
    Action,
    CloseTwilio,
    CoreEvent,
    EndVapi,
    Note,
    OpenVapi,
    SendCallerAudio,
    SetTimer,
    TimerDue,
    TwilioGone,
)
from .metrics import Metrics
from .outbound import Outbound
from .vapi_leg import Dialect, VapiLeg

log = logging.getLogger("simkit.bridge")


class Session:
    """Runs one call from its stream's start to the end of both sockets."""

    def __init__(
        self, config: Config, dialect: Dialect, core: CallCore, metrics: Metrics | None = None
    ) -> None:
        self._core = core
        self._loop = asyncio.get_running_loop()
        self._to_twilio = Outbound(config.queue_limit_bytes)
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._vapi = VapiLeg(config, dialect, self._handle, metrics or Metrics())
        self._closing_twilio = False
        self.call_sid = ""

    async def run(self, socket: WebSocket, start: twilio.Start) -> None:
        """Carry the call; returns when both sockets are closed."""
        self.call_sid = start.start.call_sid
        writer = self._loop.create_task(
            self._to_twilio.run(lambda message: _send_text(socket, message)),
            name=f"to twilio {self.call_sid}",
        )
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
            if self._closing_twilio:
                await socket.close(1000)
        finally:
            self._handle(TwilioGone())
            await self._clean_up(writer)

    async def _clean_up(self, writer: asyncio.Task[None]) -> None:
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        writer.cancel()
        if not writer.done():
            await asyncio.gather(writer, return_exceptions=True)
        await self._vapi.close()

    async def _read_twilio(self, socket: WebSocket) -> None:
        while True:
            message = await socket.receive()
            if message["type"] == "websocket.disconnect":
                self._handle(TwilioGone())
                return
            text = message.get("text")
            try:
                if text is None:
                    raise WireError("message from Twilio: a binary frame")
                self._handle(twilio.decode(text))
            except WireError as error:
                log.warning("call %s: ignored: %s", self.call_sid, error)
            if self._core.is_over:
                return

    def _handle(self, event: CoreEvent) -> None:
        """Tell the core, and do what it says."""
        for action in self._core.handle(event, time.monotonic_ns()):
            self._do(action)

    def _do(self, action: Action) -> None:
        if isinstance(action, SendCallerAudio):
            self._vapi.send_audio(action.data)
        elif isinstance(action, twilio.SendMedia):
            self._to_twilio.put(twilio.encode(action).decode(), droppable=True)
        elif isinstance(action, (twilio.SendMark, twilio.Clear)):
            self._to_twilio.put(twilio.encode(action).decode())
        elif isinstance(action, SetTimer):
            self._set_timer(action)
        elif isinstance(action, OpenVapi):
            self._vapi.open(action.call_sid, action.attempt)
        elif isinstance(action, EndVapi):
            self._vapi.end()
        elif isinstance(action, CloseTwilio):
            self._closing_twilio = True
            self._to_twilio.finish()
        elif isinstance(action, Note):
            level = logging.WARNING if action.is_warning else logging.INFO
            log.log(level, "call %s: %s", self.call_sid, action.text)

    def _set_timer(self, action: SetTimer) -> None:
        old = self._timers.pop(action.name, None)
        if old is not None:
            old.cancel()
        delay = max(0.0, (action.at_ns - time.monotonic_ns()) / 1e9)
        self._timers[action.name] = self._loop.call_later(delay, self._timer_due, action.name)

    def _timer_due(self, name: str) -> None:
        self._timers.pop(name, None)
        self._handle(TimerDue(name))


async def _send_text(socket: WebSocket, message: str | bytes) -> None:
    await socket.send({"type": "websocket.send", "text": message})
