"""The registry: scenarios by name, with their parameters and what they need."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta

from ..checks import ALL
from ..twilio import Call
from ..vapi.calls import is_user_final
from ..wire.vapi import Transcript
from ..world import World

CHECKS = tuple(check.name for check in ALL)

Need = Literal["agent", "vapi", "simulation"]
"""What a scenario cannot do without: an agent that says replies, whose service it may be; a bridge
whose other side is Vapi; the virtual world."""

Own = Mapping[str, Any] | Callable[[Mapping[str, Any]], Mapping[str, Any]]
"""Keys of our own bridge's configuration, or what returns them for the scenario's settings."""

Seconds = Annotated[float, Meta(ge=0, le=600)]
Count = Annotated[int, Meta(ge=1, le=100)]


class ScenarioError(ValueError):
    """There is no such scenario, or it has no such parameter; says which there are."""


class NotApplicable(Exception):  # noqa: N818 - nothing is wrong with the bridge
    """The bridge does not offer what a scenario is about; says what it looked for and found."""


@dataclass(frozen=True)
class Parameter:
    """A number that a scenario can be run with."""

    name: str
    type: Any
    default: Any

    def parse(self, text: str) -> Any:
        """Read a value from the command line.

        Raises:
            ValueError: it is of another type, or out of range; says what was expected.
        """
        if self.type is bool and text not in ("true", "false"):
            raise ValueError(f"expected true or false, found {text!r}")
        try:
            value = msgspec.convert(text, self.type, strict=False)
        except msgspec.ValidationError as error:
            expected = str(error).partition(", got")[0].replace("`", "").replace("E", "e", 1)
            for name, plain in (("float", "a number"), ("int", "a whole number")):
                expected = expected.replace(f"expected {name}", f"expected {plain}")
            raise ValueError(f"{expected}, found {text!r}") from None
        if value != value:
            raise ValueError(f"expected a number, found {text!r}")
        return value

    def describe(self) -> str:
        """Return the default as it is written on a command line."""
        shown = str(self.default).lower() if isinstance(self.default, bool) else self.default
        return f"{self.name}={shown}"

    @property
    def range(self) -> str:
        """The least and the most that it may be, or the words; empty for a switch."""
        if get_origin(self.type) is Literal:
            return ", ".join(map(str, get_args(self.type)))
        limits = [meta for meta in get_args(self.type)[1:] if isinstance(meta, Meta)]
        return f"{limits[0].ge:g} to {limits[0].le:g}" if limits else ""


@dataclass(frozen=True)
class Scenario:
    """One way in which a call may go, to be run against any bridge."""

    name: str
    function: Callable[..., Awaitable[Any]]
    """Takes the world, and the parameters by keyword."""
    needs: tuple[Need, ...]
    limit: float
    """Seconds after which a run is given up."""
    variants: Sequence[Mapping[str, Any]] = ({},)
    """Settings with which it is to be run when a bridge is judged as a whole."""
    waives: Mapping[str, str] = field(default_factory=dict)
    """Checks that say nothing here, each with the reason."""
    own: Own = field(default_factory=dict)
    """What simkit's own bridge needs to offer what this is about."""

    @property
    def summary(self) -> str:
        """The first line of what it says about itself."""
        return self.description.partition("\n")[0]

    @property
    def description(self) -> str:
        """What happens in production, and what a right bridge does."""
        return inspect.cleandoc(self.function.__doc__ or "")

    @property
    def parameters(self) -> dict[str, Parameter]:
        """What can be set, by name."""
        hints = get_type_hints(self.function, include_extras=True)
        return {
            name: Parameter(name, hints[name], parameter.default)
            for name, parameter in inspect.signature(self.function).parameters.items()
            if parameter.kind is parameter.KEYWORD_ONLY
        }

    def offered(self, settings: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return how simkit's own bridge is configured where the scenario has these settings."""
        return self.own(settings) if callable(self.own) else self.own

    def settings(self, assignments: Iterable[str]) -> dict[str, Any]:
        """Read ``name=value`` assignments.

        Raises:
            ScenarioError: no such parameter, or a value that it does not take.
        """
        found = {}
        for assignment in assignments:
            name, equals, text = assignment.partition("=")
            if not equals:
                raise ScenarioError(f"{self.name}: expected name=value, found {assignment!r}")
            parameter = self.parameters.get(name)
            if parameter is None:
                known = ", ".join(one.describe() for one in self.parameters.values())
                there = f"there are: {known}" if known else "it has none"
                raise ScenarioError(f"{self.name}: no parameter {name!r}; {there}")
            try:
                found[name] = parameter.parse(text)
            except ValueError as error:
                raise ScenarioError(f"{self.name}: {name}: {error}") from None
        return found


REGISTRY: dict[str, Scenario] = {}
"""Every scenario by its name, in the order of their definition."""


def scenario(
    *,
    needs: tuple[Need, ...] = ("agent",),
    limit: float = 300.0,
    variants: Sequence[Mapping[str, Any]] = ({},),
    waives: Mapping[str, str] | None = None,
    own: Own | None = None,
) -> Callable[[Callable[..., Awaitable[Any]]], Callable[..., Awaitable[Any]]]:
    """Register an async function as a scenario, under its own name with hyphens.

    Its first argument is the world; the parameters are keyword-only, typed, and have defaults. Its
    docstring says what happens in production and what a right bridge does.

    Args:
        needs: what it cannot do without.
        limit: seconds of the world after which a run is given up.
        variants: settings with which it is to be run when a bridge is judged as a whole.
        waives: checks that say nothing here, each with the reason.
        own: what simkit's own bridge needs to offer what this is about: keys of its configuration,
            or a function that returns them for the scenario's settings.

    Raises:
        ScenarioError: there is one of this name, it says nothing about itself, or speaks of a
            parameter or a check that there is not.
    """

    def register(function: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        name = function.__name__.replace("_", "-")
        if name in REGISTRY and REGISTRY[name].function.__module__ != function.__module__:
            raise ScenarioError(f"there is a scenario {name!r} already")
        made = Scenario(name, function, needs, limit, variants, waives or {}, own or {})
        if not made.summary:
            raise ScenarioError(f"{name}: a scenario says in its docstring what happens")
        for parameter in made.parameters.values():
            if parameter.default is inspect.Parameter.empty:
                raise ScenarioError(f"{name}: {parameter.name}: a parameter has a default")
        for parameter_name in (key for settings in variants for key in settings):
            if parameter_name not in made.parameters:
                raise ScenarioError(f"{name}: no parameter {parameter_name!r}")
        for check in made.waives:
            if check not in CHECKS:
                raise ScenarioError(f"{name}: no check {check!r}; there are: {', '.join(CHECKS)}")
        REGISTRY[name] = made
        return function

    return register


def find(name: str) -> Scenario:
    """Return the scenario of this name.

    Raises:
        ScenarioError: there is none.
    """
    if name not in REGISTRY:
        meant = get_close_matches(name, REGISTRY, 1)
        guess = f"; did you mean {meant[0]}?" if meant else ""
        raise ScenarioError(f"no scenario {name!r}{guess}; `simkit scenarios` lists them")
    return REGISTRY[name]


def missing(scenario: Scenario, *, is_vapi: bool, is_virtual: bool) -> str:
    """Return what a scenario cannot do without and does not have, if any.

    Args:
        scenario: which.
        is_vapi: the bridge's other side is Vapi.
        is_virtual: the world is a simulation.
    """
    if not is_vapi and "vapi" in scenario.needs:
        return "it is about Vapi's own ways"
    if not is_virtual and "simulation" in scenario.needs:
        return "it needs a simulation"
    return ""


def expect(holds: bool, otherwise: str) -> None:
    """End the scenario with a sentence for people, unless something holds.

    Raises:
        AssertionError: it does not.
    """
    if not holds:
        raise AssertionError(otherwise)


async def leaves(call: Call, *, after: float = 0.5) -> None:
    """Hang up, as people do: not in the very instant in which the last word ends.

    What the bridge and Vapi say about the end of a reply would race with it.
    """
    await call.stays_silent(after)
    await call.hangs_up()


def understood(world: World) -> list[str]:
    """Return what Vapi took the callers to have said, turn by turn, whomever it told."""
    return [
        entry.message.transcript
        for call in world.vapi.calls
        for entry in call.log
        if isinstance(entry.message, Transcript) and is_user_final(entry.message)
    ]
