"""A leg of the bridge in a simulation, and what it told."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

from simkit.bridge import Config
from simkit.bridge.events import VapiGone, VapiReady
from simkit.bridge.metrics import Metrics
from simkit.bridge.vapi_leg import Dialect, VapiLeg, open_dialect

SILENCE = bytes(640)


def config(**settings: Any) -> Config:
    return Config(
        public_url="https://bridge.example.com",
        twilio_auth_token="token",
        vapi_api_key="vapi-private-key",
        **settings,
    )


class Caller:
    """A leg, and what it told."""

    def __init__(self, settings: Config, dialect: Dialect) -> None:
        self.config = settings
        self.dialect = dialect
        self.metrics = Metrics()
        self.told: list[Any] = []
        self.came = asyncio.Event()
        self.leg = VapiLeg(settings, dialect, self.hear, self.metrics)

    def hear(self, event: Any) -> None:
        self.told.append(event)
        self.came.set()

    def of(self, kind: type) -> list[Any]:
        return [event for event in self.told if isinstance(event, kind)]

    async def until(self, kind: type, count: int = 1) -> Any:
        while len(self.of(kind)) < count:
            self.came.clear()
            await self.came.wait()
        return self.of(kind)[-1]

    async def opens(self, attempt: int = 0) -> Any:
        before = len(self.of(VapiReady)) + len(self.of(VapiGone))
        self.leg.open("CA1", attempt)
        while len(self.of(VapiReady)) + len(self.of(VapiGone)) == before:
            self.came.clear()
            await self.came.wait()
        return [event for event in self.told if isinstance(event, VapiReady | VapiGone)][-1]

    async def speaks(self, seconds: float) -> None:
        for _ in range(round(seconds * 50)):
            self.leg.send_audio(SILENCE)
            await asyncio.sleep(0.02)


@contextlib.asynccontextmanager
async def opened(**settings: Any) -> AsyncIterator[Caller]:
    """Yield a leg; nothing of it is left afterwards."""
    found = config(**settings)
    async with open_dialect(found) as dialect:
        caller = Caller(found, dialect)
        yield caller
        await caller.leg.close()
    names = [task.get_name() for task in asyncio.all_tasks()]
    assert not [name for name in names if "CA1" in name or name.split()[0] in ("end", "vapi")]
