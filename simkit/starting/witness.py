"""A pytest plugin that writes down how the first test went: ``-p simkit.starting.witness``."""

from __future__ import annotations

import os
import re
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

if TYPE_CHECKING:
    from ..simulation import Simulation
    from ..timeline import BargeIn

VARIABLE = "SIMKIT_WITNESS"
"""Of the environment: the file that it writes."""
_MOST_LINES = 12
_AROUND = 0.1
_BESIDE = re.compile(r" media x| transcript | conversation-update|speech-update|agent +stops")


class Told(msgspec.Struct):
    """How a test went."""

    passed: bool
    sentences: list[str] = []
    """What is wrong, the first thing first."""
    lines: list[str] = []
    """Of the timeline: what shows it."""
    time_to_stop_ms: float | None = None
    call_seconds: float = 0.0
    strangers: list[str] = []
    """Hosts that were asked for, and are not part of the world."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Look at the world of a test before it is taken down."""
    report = yield
    if call.when == "call" or report.failed:
        sim: Any = getattr(item, "funcargs", {}).get("sim")
        told = _told(sim, call) if sim is not None else Told(False, [str(report.longrepr)])
        told.passed = report.passed
        place = Path(os.environ[VARIABLE])
        if call.when == "call" or not place.exists():
            place.write_bytes(msgspec.json.encode(told))
    return report


def _told(sim: Simulation, call: pytest.CallInfo[None]) -> Told:
    from ..checks.turns import STOPS_WHEN_INTERRUPTED
    from ..timeline import barge_ins

    found = barge_ins(sim.timeline)
    told = Told(True, call_seconds=sim.now)
    refused = [event.fields["name"] for event in sim.timeline.of("outside-world")]
    told.strangers = list(dict.fromkeys(refused))
    told.time_to_stop_ms = found[0].time_to_stop_ms if found else None
    if call.excinfo is None:
        return told
    raised = call.excinfo.value
    broken = sim.checks.broken()
    if isinstance(raised, AssertionError) and not str(raised).startswith("assert "):
        first = str(raised).partition("\n")[0]
        told.sentences.append(first.removesuffix(" The timeline ends with:"))
    elif found and isinstance(raised, AssertionError) and "time_to_stop_ms" in str(raised):
        told.sentences.append(_slow(found[0]))
        broken = [check for check in broken if check.name != STOPS_WHEN_INTERRUPTED.name]
        told.lines = _around(sim, found[0])
    elif not isinstance(raised, pytest.fail.Exception):
        told.sentences.append(call.excinfo.exconly().partition("\n")[0])
    told.sentences += [f"{check.name}: {check.sentence}" for check in broken]
    if not told.lines:
        evidence = broken[0].violations[0].evidence if broken else []
        told.lines = evidence or str(sim.timeline).splitlines()[-_MOST_LINES:]
    return told


def _slow(barge_in: BargeIn) -> str:
    stop_ms = barge_in.time_to_stop_ms
    how = "did not fall silent" if stop_ms is None else f"went on for {stop_ms:.0f} ms"
    return f'the agent {how} when the caller said "{barge_in.text}"'


def _around(sim: Simulation, barge_in: BargeIn) -> list[str]:
    """Return what happened while both spoke."""
    begin = barge_in.onset_ns / 1e9 - _AROUND
    end = begin + (barge_in.time_to_stop_ms or 2000.0) / 1e3 + 2 * _AROUND
    lines = str(sim.timeline).splitlines()
    inside = [line for line in lines if begin <= float(line[:9]) <= end]
    telling = [line for line in inside if not _BESIDE.search(line)]
    return telling[:_MOST_LINES]
