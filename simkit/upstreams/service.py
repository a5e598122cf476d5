"""An upstream service on its host: sockets, sessions and the agent that they talk to."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from ..audio import Repertoire, Speech
from ..timeline import Clock, Timeline
from ..wire.http import HttpRequest, HttpResponse, HttpServer
from .agent import Agent, Script
from .dialect import Dialect
from .session import Session
from .socket import UpstreamSocket

Handler = Callable[[HttpRequest], Awaitable[HttpResponse]]


async def _not_found(request: HttpRequest) -> HttpResponse:
    return HttpResponse(404, [("Content-Type", "text/plain")], b"not found\n")


class Upstream:
    """A simulated service that a bridge may use in place of Vapi.

    Attributes:
        open_delay: seconds that a socket's upgrade waits for its answer.
        sessions: every session that was opened, in order.
    """

    def __init__(
        self,
        dialect: Callable[[], Dialect],
        *,
        http: Handler | None = None,
        next_number: Callable[[], int],
        clock: Clock,
        timeline: Timeline,
        repertoire: Repertoire,
        random_for: Callable[[str], random.Random],
    ) -> None:
        self._dialect = dialect
        self._http = http or _not_found
        self._next_number = next_number
        self._clock = clock
        self._timeline = timeline
        self._repertoire = repertoire
        self._random_for = random_for
        self._agent = Agent()
        self.open_delay = 0.0
        self.sessions: list[Session] = []

    def agent(
        self,
        *,
        first_message: str | Speech | None = None,
        replies: Script = (),
        **settings: Any,
    ) -> Agent:
        """Set the agent that answers every session from now on, and return it.

        Args:
            first_message: said first, unless the caller was heard before.
            replies: said in turn, or a function of what was heard.
            settings: any other field of :class:`Agent`.

        Raises:
            ValueError: a setting outside its range.
            TypeError: an unknown setting.
        """
        self._agent = Agent(first_message=first_message, replies=replies, **settings)
        return self._agent

    def connection(self) -> asyncio.Protocol:
        """Make the protocol of one incoming connection."""
        return HttpServer(self._http, self._upgrade)

    def settle(self) -> None:
        """Bring the timeline up to date with what every session received."""
        for session in self.sessions:
            session.settle()

    def _upgrade(self, path: str) -> UpstreamSocket:
        return UpstreamSocket(
            self._dialect(),
            self._begin,
            clock=self._clock,
            timeline=self._timeline,
            open_delay_ns=round(self.open_delay * 1e9),
        )

    def _begin(self, socket: UpstreamSocket) -> Session:
        session = Session(
            self._next_number(),
            socket.dialect,
            replace(self._agent),
            socket,
            clock=self._clock,
            timeline=self._timeline,
            repertoire=self._repertoire,
            random_for=self._random_for,
        )
        self.sessions.append(session)
        return session
