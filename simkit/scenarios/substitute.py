"""Another service in Vapi's place: what a scenario asks of Vapi's assistant, asked of its agent.

Most scenarios need somebody who says replies and gives way, whoever it is. One that turns a knob
which only Vapi has says nothing about a bridge to another service.

Vapi's assistants greet by themselves. Other agents often speak only when they are spoken to, unless
the bridge asks for a greeting: then the caller says hello first.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

from ..checks.check import named
from ..network.serve import AppError, load
from ..simulation import Simulation
from ..twilio import Call, CallFailed, NotHappened
from ..upstreams import Dialect, OpenAIRealtime, Session, Upstream
from ..vapi import HOST as VAPI_HOST
from ..vapi import Assistant
from ..vapi.calls import Logged
from ..wire.vapi import Transcript
from ..world import WorldLink
from .registry import NotApplicable

KNOWN: dict[str, tuple[str, Callable[[], Dialect]]] = {
    "openai-realtime": ("api.openai.com", OpenAIRealtime)
}
"""Host and dialect of services, by name."""
ACCOUNTS = {"OPENAI_API_KEY": "simulated-key"}
"""What bridges to them look for in their environment."""

_PLAIN = Assistant()
_HELLO = "hello"
_SHY = 2.0
"""Seconds without a greeting, after which callers say hello."""


class Substitute:
    """A simulation in which ``vapi`` is another service, as far as it can be.

    Args:
        sim: the simulation.
        service: a name from :data:`KNOWN`, or ``host=module:attribute`` with a dialect.

    Raises:
        AppError: there is no such service.
    """

    def __init__(self, sim: Simulation, service: str) -> None:
        self._sim = sim
        self._host, dialect = _find(service)
        self.service = named(dialect().name)
        """What it is called, in sentences."""
        self.vapi = _Account(service, sim.upstream(self._host, dialect))
        self.twilio = _Callers(sim, self.vapi)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sim, name)

    def link(self, a: str, b: str) -> WorldLink:
        """Return the link between two hosts; what leads to Vapi leads to the service."""
        names = [self._host if name == VAPI_HOST else name for name in (a, b)]
        return self._sim.link(*names)


def _find(service: str) -> tuple[str, Callable[[], Dialect]]:
    if service in KNOWN:
        return KNOWN[service]
    host, equals, dialect = service.partition("=")
    if not host or not equals:
        raise AppError(
            f"upstream {service!r}: expected {', '.join(KNOWN)} or host=module:attribute, as in "
            "'api.example.com=my_dialects:Example'"
        )
    return host, load(dialect)


class _Callers:
    """Twilio, whose callers say hello to an agent that was to greet them and is silent."""

    def __init__(self, sim: Simulation, account: _Account) -> None:
        self._sim = sim
        self._account = account

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sim.twilio, name)

    async def call(self, *args: Any, **options: Any) -> Call:
        """Place a call, as :meth:`simkit.twilio.Twilio.call` does."""
        return self._attended(await self._sim.twilio.call(*args, **options))

    def rings(self, *args: Any, **options: Any) -> Call:
        """Place a call, as :meth:`simkit.twilio.Twilio.rings` does."""
        return self._attended(self._sim.twilio.rings(*args, **options))

    def _attended(self, call: Call) -> Call:
        if self._account.greeting is not None:
            self._account.waiting.append(asyncio.ensure_future(self._say_hello(call)))
        return call

    async def _say_hello(self, call: Call) -> None:
        with contextlib.suppress(NotHappened, CallFailed):
            if not self._sim.timeline.of("start", call=call.number):
                await call.until("start", timeout=60.0)
            try:
                await call.until("replies", timeout=_SHY + self._account.open_delay)
            except NotHappened:
                if self._account.begins_at_hello():
                    await call.says(_HELLO)


class _Account:
    """What scenarios may say to ``sim.vapi``, and every service understands."""

    def __init__(self, service: str, upstream: Upstream) -> None:
        self._service = service
        self._upstream = upstream
        self.greeting: Any = None
        """What the agent is to say first."""
        self.waiting: list[asyncio.Future[None]] = []
        """Callers who wait for it, and say hello if it does not come."""

    def __getattr__(self, name: str) -> Any:
        raise NotApplicable(f"{self._service} has no vapi.{name}")

    def begins_at_hello(self) -> bool:
        """Let agents that have said nothing greet in answer; False if all have."""
        silent = [one for one in self._upstream.sessions if not one.has_replied]
        for session in silent:
            agent = session.agent
            if agent.first_message is not None:
                agent.replies = _after(agent.first_message, agent.replies)
                agent.first_message = None
        return bool(silent)

    @property
    def calls(self) -> list[_Session]:
        """What stands in for calls: every session that was opened."""
        return [_Session(self._service, session) for session in self._upstream.sessions]

    @property
    def open_delay(self) -> float:
        """Seconds that a socket's upgrade waits for its answer."""
        return self._upstream.open_delay

    @open_delay.setter
    def open_delay(self, seconds: float) -> None:
        self._upstream.open_delay = seconds

    def assistant(
        self,
        *,
        first_message: Any = None,
        replies: Any = (),
        lead: float = 0.0,
        silence_frames: bool = True,
        **settings: Any,
    ) -> Any:
        """Let the service's agent say what the assistant was to say.

        Audio comes at its own pace unless it is asked for ahead of time: then all at once. Between
        replies no service but Vapi sends silence, whatever is asked for.

        Raises:
            NotApplicable: a setting that changes something, and that only Vapi has.
        """
        for name, value in settings.items():
            if getattr(_PLAIN, name, None) != value:
                raise NotApplicable(f"{self._service} has no vapi.assistant setting {name}")
        pace = {"speed": float("inf")} if lead else {}
        self.greeting = first_message
        return self._upstream.agent(
            first_message=first_message, replies=replies, answers_silence=False, **pace
        )


def _after(greeting: Any, replies: Any) -> Any:
    """Return a script that begins with a greeting."""
    if not callable(replies):
        return [greeting, *replies]
    return lambda heard: greeting if heard == _HELLO else replies(heard)


class _Session:
    """What scenarios may ask of one of ``sim.vapi.calls``, and every service's session knows."""

    def __init__(self, service: str, session: Session) -> None:
        self._service = service
        self._session = session

    def __getattr__(self, name: str) -> Any:
        raise NotApplicable(f"{self._service} has no vapi.calls[].{name}")

    @property
    def log(self) -> list[Logged]:
        """What the caller was taken to have said, undated."""
        return [
            Logged(0, Transcript("user", "final", text))
            for role, text in self._session.history
            if role == "user" and text != _HELLO
        ]
