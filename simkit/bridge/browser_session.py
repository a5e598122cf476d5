"""A browser's session: its socket and Vapi's around its core. Moves bytes, decides nothing."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any

from ..wire import WireError, browser
from .browser_core import BrowserCore
from .browser_events import BrowserAction, BrowserEvent, BrowserGone, CloseBrowser
from .config import Config
from .events import (
    CancelReply,
    Count,
    EndVapi,
    Malformed,
    Note,
    OpenVapi,
    SendCallerAudio,
    SetTimer,
    SlowReader,
    TimerDue,
)
from .metrics import Metrics
from .outbound import Outbound
from .stream import Stream
from .vapi_leg import Dialect, VapiLeg

log = logging.getLogger("simkit.bridge")

_FLUSH_SECONDS = 5.0
"""For what was sent before a close, where the page reads slowly."""


class BrowserSession:
    """Runs one page's session, from the opening of its socket to the end of both.

    Whatever goes wrong on the way is the end of this session, and of nothing else.
    """

    def __init__(
        self, config: Config, dialect: Dialect, core: BrowserCore, metrics: Metrics, name: str
    ) -> None:
        self._core = core
        self._metrics = metrics
        self._loop = asyncio.get_running_loop()
        self._out = Outbound(config.queue_limit_bytes, self._on_slow)
        self._vapi = VapiLeg(config, dialect, self._handle, metrics)
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._reader: asyncio.Task[None] | None = None
        self._writer: asyncio.Task[None] | None = None
        self._flush_limit: asyncio.TimerHandle | None = None
        self._close_code = 1000
        self.call_sid = name
        """What the session is called; no SID of Twilio's."""
        self._acts: dict[type, Callable[[Any], object]] = {
            browser.Interrupt: self._interrupt,
            CloseBrowser: self._close,
            SetTimer: self._set_timer,
            OpenVapi: lambda action: self._vapi.open(action.call_sid, action.attempt),
            SendCallerAudio: lambda action: self._vapi.send_audio(action.data),
            CancelReply: lambda action: self._vapi.cancel_reply(),
            EndVapi: lambda action: self._vapi.end(),
            Note: self._note,
            Count: lambda action: metrics.count(
                action.name, action.amount, **({"reason": action.label} if action.label else {})
            ),
        }

    @property
    def buffered(self) -> int:
        """Bytes that wait to be sent, on both legs."""
        return self._out.size + self._vapi.waiting_bytes

    async def run(self, socket: Stream) -> None:
        """Carry the session; returns when both sockets are closed."""

        async def send(message: bytes) -> None:
            await socket.send({"type": "websocket.send", "text": message.decode()})

        name = self.call_sid
        self._writer = writer = self._loop.create_task(
            self._out.run(send, socket.write), name=f"to {name}"
        )
        try:
            self._do_all(self._core.begin(time.monotonic_ns()))
            self._reader = reader = self._loop.create_task(self._read(socket), name=f"from {name}")
            try:
                done, _ = await asyncio.wait((reader, writer), return_when=asyncio.FIRST_COMPLETED)
            finally:
                reader.cancel()
            for task in done:
                error = None if task.cancelled() else task.exception()
                if error is not None and not self._core.is_over:
                    log.error("browser %s: %r", name, error)
            if writer.done():
                await socket.close(self._close_code)
        finally:
            self._handle(BrowserGone())
            await self._clean_up(writer)

    async def _clean_up(self, writer: asyncio.Task[None]) -> None:
        timers = [*self._timers.values(), *([self._flush_limit] if self._flush_limit else [])]
        for timer in timers:
            timer.cancel()
        self._timers.clear()
        writer.cancel()
        if not writer.done():
            await asyncio.gather(writer, return_exceptions=True)
        await self._vapi.close()

    async def _read(self, socket: Stream) -> None:
        await socket.read(self._hear)
        if self._core.is_over and self._writer is not None and not socket.is_closed:
            # What says why is on its way out; nothing more is listened to.
            await asyncio.wait((self._writer,))

    def _hear(self, message: str | bytes) -> bool:
        """Take a message from the page; returns whether more are wanted."""
        event: BrowserEvent
        try:
            if isinstance(message, bytes):
                raise WireError("message from the page: a binary frame")
            event = browser.decode(message)
        except WireError as error:
            event = Malformed(str(error))
        self._handle(event)
        return not self._core.is_over

    def tell(self, event: BrowserEvent) -> None:
        """Hand on what was heard of this session elsewhere."""
        self._handle(event)

    def end(self, reason: str) -> None:
        """End the session from outside."""
        log.warning("browser %s: ended: %s", self.call_sid, reason)
        self._handle(BrowserGone())
        self._out.finish()

    def _handle(self, event: BrowserEvent) -> None:
        """Tell the core, and do what it says."""
        try:
            self._do_all(self._core.handle(event, time.monotonic_ns()))
        except Exception:
            log.exception("browser %s: failed", self.call_sid)
            self._do_all([EndVapi(), CloseBrowser(1011)])

    def _do_all(self, actions: list[BrowserAction]) -> None:
        for action in actions:
            act = self._acts.get(type(action))
            if act is not None:
                act(action)
            else:
                is_audio = isinstance(action, browser.Audio)
                self._out.put(browser.encode(action), droppable=is_audio)

    def _interrupt(self, action: browser.Interrupt) -> None:
        """Send it ahead of the audio that it is about."""
        self._out.discard()
        self._out.put(browser.encode(action))

    def _close(self, action: CloseBrowser) -> None:
        self._close_code = action.code
        self._out.finish()
        if self._writer is not None and self._flush_limit is None:
            self._flush_limit = self._loop.call_later(_FLUSH_SECONDS, self._writer.cancel)

    def _set_timer(self, action: SetTimer) -> None:
        old = self._timers.pop(action.name, None)
        if old is not None:
            old.cancel()
        delay = max(0.0, (action.at_ns - time.monotonic_ns()) / 1e9)
        self._timers[action.name] = self._loop.call_later(delay, self._timer_due, action.name)

    def _timer_due(self, name: str) -> None:
        self._timers.pop(name, None)
        self._handle(TimerDue(name))

    def _on_slow(self, waiting: int, refused: bool) -> None:
        self._handle(SlowReader("browser", waiting, refused))

    def _note(self, action: Note) -> None:
        level = logging.WARNING if action.is_warning else logging.INFO
        log.log(level, "browser %s: %s", self.call_sid, action.text)
