"""Scenarios: ways in which a call may go, to be run against any bridge.

Each is an async function over a world, registered by its name, with its numbers as parameters. It
uses only what the simulation and the real-time world have in common, and so runs in both.
"""

from ..recording.own_bridge import knows_own_line
from . import beginnings, conversations, deliveries, endings, interruptions, intruders, strains
from .job import Job, Verdict, judge
from .playing import play, simulate
from .registry import (
    REGISTRY,
    Count,
    NotApplicable,
    Parameter,
    Scenario,
    ScenarioError,
    Seconds,
    expect,
    find,
    leaves,
    scenario,
    understood,
)

__all__ = [
    "REGISTRY",
    "Count",
    "Job",
    "NotApplicable",
    "Parameter",
    "Scenario",
    "ScenarioError",
    "Seconds",
    "Verdict",
    "beginnings",
    "conversations",
    "deliveries",
    "endings",
    "expect",
    "find",
    "interruptions",
    "intruders",
    "judge",
    "knows_own_line",
    "leaves",
    "play",
    "scenario",
    "simulate",
    "strains",
    "understood",
]
