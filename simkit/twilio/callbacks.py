"""Status callbacks: what Twilio tells a bridge's URLs of a call's course and of its streams."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

from .callee import SIP_CODES
from .channel import Channel
from .legs import Leg
from .webhooks import Ask, WebhookError, Webhooks

_HELD_SECONDS = 2.0
"""How long a callback waits for the next one, to be overtaken by it, before it goes alone."""

Spawn = Callable[[Coroutine[Any, Any, Any], str], "asyncio.Task[Any]"]


class Callbacks:
    """Delivers one call's status callbacks, each as a request of its own.

    Nobody waits for them. Settings make them late, doubled and out of order.
    """

    def __init__(
        self, channel: Channel, webhooks: Webhooks, *, draw: random.Random, spawn: Spawn
    ) -> None:
        self._channel = channel
        self._webhooks = webhooks
        self._draw = draw
        self._spawn = spawn
        self._held: list[asyncio.Event] = []

    def tell(self, ask: Ask, params: dict[str, str]) -> asyncio.Task[None]:
        """Deliver a callback; returns the task that does."""
        settings = self._channel.settings
        held, self._held = self._held, []
        release = None
        if settings.callback_swap and self._draw.random() < settings.callback_swap:
            release = asyncio.Event()
            self._held.append(release)
        twice = bool(settings.callback_duplicate) and (
            self._draw.random() < settings.callback_duplicate
        )
        first = self._deliver(ask, params, release)
        if twice:
            self._deliver(ask, params, release)
        for earlier in held:
            earlier.set()
        return first

    def _deliver(
        self, ask: Ask, params: dict[str, str], release: asyncio.Event | None
    ) -> asyncio.Task[None]:
        delay = self._channel.settings.callback_delay
        late = self._draw.uniform(0.0, delay) if delay else 0.0
        name = f"twilio call {self._channel.number} callback"
        return self._spawn(self._send(ask, params, late, release), name)

    async def _send(
        self, ask: Ask, params: dict[str, str], late: float, release: asyncio.Event | None
    ) -> None:
        if release is not None:
            try:
                async with asyncio.timeout(_HELD_SECONDS):
                    await release.wait()
            except TimeoutError:
                pass
            else:
                # The one that was waited for leaves first.
                await asyncio.sleep(0.001)
        if late:
            await asyncio.sleep(late)
        try:
            await self._webhooks.request(ask, params, call=self._channel.number)
        except WebhookError as error:
            code = 15003 if error.code == 11200 else error.code
            self._channel.note("warning", code=code, reason=f"status callback: {error}")


class Progress:
    """Tells of one call's progress whoever wants to know."""

    def __init__(self, leg: Leg, callbacks: Callbacks) -> None:
        self._leg = leg
        self._callbacks = callbacks
        self._sequence = 0

    def tell(self, event: str, status: str, seconds: int = 0) -> None:
        """Tell of an event, when it is wanted.

        Args:
            event: ``initiated``, ``ringing``, ``answered`` or ``completed``.
            status: of the call.
            seconds: how long it lasted, once it is over.
        """
        reports = self._leg.reports
        if reports.url is None or event not in reports.events:
            return
        params = self._leg.params(status) | {
            "CallbackSource": "call-progress-events",
            "SequenceNumber": str(self._sequence),
            "Timestamp": format_datetime(datetime.fromtimestamp(int(time.time()), UTC)),
        }
        self._sequence += 1
        if event == "completed":
            params |= {
                "SipResponseCode": str(SIP_CODES[status]),
                "Duration": str(-(-seconds // 60)),
                "CallDuration": str(seconds),
            }
        self._callbacks.tell(Ask(reports.url, reports.method), params)
