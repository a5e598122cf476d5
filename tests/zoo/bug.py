"""The zoo's register: wrong bridges, ours with one thing overridden, and what must catch each."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from simkit.bridge import Bridge, CallCore, Config
from simkit.bridge.session import Session
from simkit.bridge.vapi_leg import VapiLeg
from simkit.scenarios import find
from simkit.twilio import AUTH_TOKEN

Grade = Literal["every run", "1 in 3", "1 in 30", "1 in 300", "1 in 1,000"]
"""How many varied runs of its scenario a bug spoils, about; ``every run``: unvaried ones, too."""

SCENARIO = "scenario"
"""In place of a check's name: what the scenario itself expects catches it."""

T = TypeVar("T", bound=type)


@dataclass(frozen=True)
class Bug:
    """A wrong bridge."""

    name: str
    sentence: str
    """What it gets wrong."""
    part: type
    """What stands in place of a part of ours: a core, a session, a leg to Vapi, or all of it."""
    scenario: str
    settings: Mapping[str, Any]
    check: str
    """What must catch it: a check, or ``scenario``."""
    depth: int
    """How many orderings must come together, besides the scenario's own course."""
    grade: Grade
    config: Mapping[str, Any] = field(default_factory=dict)
    """Keys of the bridge's configuration."""
    says: str = ""
    """Words of the scenario's own that tell what is wrong; it may have none of its own."""

    def app(self) -> Any:
        """Return the wrong bridge, as an application."""
        return serve(self.part, **{**find(self.scenario).offered(self.settings), **self.config})


BUGS: dict[str, Bug] = {}
"""Every bug by its name."""


def bug(
    scenario: str,
    check: str,
    *,
    depth: int = 0,
    grade: Grade = "every run",
    config: Mapping[str, Any] | None = None,
    says: str = "",
    **settings: Any,
) -> Callable[[T], T]:
    """Enter a wrong part under its own name; the first line of its docstring is the sentence."""

    def enter(part: T) -> T:
        name = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=A)(?=[A-Z])", "-", part.__name__).lower()
        sentence = (part.__doc__ or "").partition("\n")[0]
        found = Bug(
            name, sentence, part, scenario, settings, check, depth, grade, config or {}, says
        )
        assert sentence
        assert name not in BUGS
        BUGS[name] = found
        return part

    return enter


def serve(part: type, **settings: Any) -> Any:
    """Return our bridge with another core, session, leg to Vapi, or altogether another one."""
    # What is kept for all calls is kept for those of one world.
    kept = {
        name: type(value)(value)
        for owner in reversed(part.__mro__)
        for name, value in vars(owner).items()
        if isinstance(value, list | dict) and not name.startswith("__")
    }
    part = type(part.__name__, (part,), kept)
    config = Config(
        public_url="https://bridge.example.com",
        twilio_auth_token=AUTH_TOKEN,
        vapi_api_key="key",
        vapi_assistant_id="recorded-assistant",
        **settings,
    )
    if issubclass(part, Bridge):
        return part(config).app()
    if issubclass(part, CallCore):
        return Bridge(config, part).app()
    bridge = Bridge(config)
    if issubclass(part, VapiLeg):
        part = type("", (Session,), {"leg": part})
    bridge.session = part
    return bridge.app()
