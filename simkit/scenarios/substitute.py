"""Another service in Vapi's place: what a scenario asks of Vapi's assistant, asked of its agent.

Most scenarios need somebody who says replies and gives way, whoever it is. One that turns a knob
which only Vapi has says nothing about a bridge to another service.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..network.serve import AppError, load
from ..simulation import Simulation
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
        self.vapi = _Account(service, sim.upstream(self._host, dialect))

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


class _Account:
    """What scenarios may say to ``sim.vapi``, and every service understands."""

    def __init__(self, service: str, upstream: Upstream) -> None:
        self._service = service
        self._upstream = upstream

    def __getattr__(self, name: str) -> Any:
        raise NotApplicable(f"{self._service} has no vapi.{name}")

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
        return self._upstream.agent(
            first_message=first_message, replies=replies, answers_silence=False, **pace
        )


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
            if role == "user"
        ]
