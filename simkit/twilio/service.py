"""The fake Twilio: numbers, calls, and the knobs of both."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine
from typing import Any

from ..audio import Repertoire
from ..timeline import Clock, Timeline
from ..wire.disorder import Disorder
from ..wire.websocket import address_of
from .call import CallFailed, CallFlow, Leg
from .phone import Call
from .settings import TwilioSettings
from .webhooks import Webhooks

AUTH_TOKEN = "simkit-twilio-auth-token"  # noqa: S105 - a simulated account
"""The account's primary auth token, unless another is given."""

ACCOUNT_SID = "AC" + "5e" * 16
"""The account."""

ANY_CALLER = "+15550199"

Spawn = Callable[[Coroutine[Any, Any, Any], str], "asyncio.Task[Any]"]


class Twilio:
    """A simulated Twilio account.

    Args:
        clock: time.
        timeline: where everything is recorded.
        repertoire: everything anyone says.
        random_for: a seeded generator for each named purpose.
        spawn: runs a coroutine on Twilio's machine.
        ssl: passed to connections over TLS; True for the loop's default.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        timeline: Timeline,
        repertoire: Repertoire,
        random_for: Callable[[str], random.Random],
        spawn: Spawn,
        ssl: Any = True,
        auth_token: str = AUTH_TOKEN,
    ) -> None:
        self._clock = clock
        self._timeline = timeline
        self._repertoire = repertoire
        self._random_for = random_for
        self._spawn = spawn
        self._ssl = ssl
        self._ids = random_for("twilio ids")
        self._voice_urls: dict[str, str] = {}
        self._swap = 0.0
        self._duplicate = 0.0
        self.auth_token = auth_token
        self.account_sid = ACCOUNT_SID
        self.settings = TwilioSettings()
        self.default_voice_url: str | None = None
        """Where numbers point that were not configured."""
        self.calls: list[Call] = []
        """Every call that was placed, in order."""

    def number(self, number: str, *, voice_url: str) -> None:
        """Point a phone number at a voice webhook.

        Raises:
            ValueError: no http or https URL with a host.
        """
        address_of(voice_url)
        self._voice_urls[number] = voice_url

    def disorder(self, *, swap: float = 0.0, duplicate: float = 0.0) -> None:
        """Let media messages of later calls leave out of order or twice, as shares from 0 to 1.

        Raises:
            ValueError: a share outside that range.
        """
        Disorder[bytes](self._random_for("check"), swap=swap, duplicate=duplicate)
        self._swap, self._duplicate = swap, duplicate

    async def call(self, to: str, from_: str = ANY_CALLER) -> Call:
        """Place a phone call; returns when it is answered, that is when audio flows.

        Raises:
            CallFailed: the bridge did not connect it; says how it answered.
            ValueError: nobody said where the number points.
        """
        voice_url = self._voice_urls.get(to, self.default_voice_url)
        if voice_url is None:
            raise ValueError(
                f"the number {to} points nowhere: serve a bridge with sim.host(name).serve(app), "
                f"or say sim.twilio.number({to!r}, voice_url='https://.../voice/inbound')"
            )
        number = len(self.calls) + 1
        purpose = f"twilio call {number}"
        flow = CallFlow(
            Leg(number, self._make_sid("CA"), self.account_sid, from_, to, voice_url),
            clock=self._clock,
            timeline=self._timeline,
            repertoire=self._repertoire,
            settings=self.settings,
            webhooks=Webhooks(
                clock=self._clock,
                timeline=self._timeline,
                settings=self.settings,
                auth_token=self.auth_token,
                draw=self._random_for(f"{purpose} webhooks"),
                ssl=self._ssl,
            ),
            draw=self._random_for(f"{purpose} say"),
            make_sid=self._make_sid,
            make_disorder=lambda: self._make_disorder(purpose),
            ssl=self._ssl,
        )
        call = Call(
            flow,
            clock=self._clock,
            timeline=self._timeline,
            repertoire=self._repertoire,
            draw=self._random_for(f"{purpose} caller"),
        )
        self.calls.append(call)
        self._spawn(flow.run(), f"twilio call {number}")
        await flow._either(flow.answered, flow.ended)
        if not flow.answered.is_set():
            raise CallFailed(f"call {number} to {to} was not connected: {flow.failure}")
        return call

    def settle(self) -> None:
        """Bring the timeline up to date with what every caller heard."""
        for call in self.calls:
            call.settle()

    def _make_sid(self, prefix: str) -> str:
        return prefix + self._ids.randbytes(16).hex()

    def _make_disorder(self, purpose: str) -> Disorder[bytes] | None:
        if not self._swap and not self._duplicate:
            return None
        draw = self._random_for(f"{purpose} disorder")
        return Disorder(draw, swap=self._swap, duplicate=self._duplicate)
