"""People whom a bridge has Twilio call, and what they do when it rings."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from .phone import Call

Outcome = Literal["answers", "busy", "no-answer", "failed"]

SIP_CODES = {"completed": 200, "busy": 486, "no-answer": 487, "canceled": 487, "failed": 404}
"""``SipResponseCode`` of a call that ended so."""


@dataclass
class Person:
    """Somebody with a telephone.

    Attributes:
        number: where they can be called.
        answers_after: seconds that it rings before they pick up, or decline.
        outcome: what comes of a call to them.
    """

    number: str
    answers_after: float = 2.0
    outcome: Outcome = "answers"
    _picked_up: asyncio.Queue[Call] = field(default_factory=asyncio.Queue, repr=False)

    async def answers(self, *, timeout: float = 60.0) -> Call:  # noqa: ASYNC109
        """Wait until they have picked up; returns the call, to speak with.

        Each call is returned once.

        Raises:
            TimeoutError: they did not pick up within ``timeout`` virtual seconds.
        """
        try:
            async with asyncio.timeout(timeout):
                return await self._picked_up.get()
        except TimeoutError:
            raise TimeoutError(
                f"{self.number} did not pick up a call within {timeout:g} s: {self.outcome!r} is "
                "their outcome, if the bridge called them at all"
            ) from None

    def picks_up(self, call: Call) -> None:
        """Hand over a call that they answered."""
        self._picked_up.put_nowait(call)
