"""What a page is told of a run: everything that follows from its outcome."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...checks import CheckResult
from ...timeline import BargeIn, calls_of
from ...timeline.text import printable
from ..outcome import Outcome
from ..terminal import measured
from .curves import curves
from .events import CallEvents, columns, lanes, microseconds
from .meanings import MEANINGS
from .model import FORMAT, Page, Panel, Promise, Proof, Sound, Wave
from .plain import clipped
from .sounds import sound, wave
from .spans import Replies, brackets, spans
from .verdict import verdict

_MOST_OTHERS = 20
"""Calls beside the first that a page shows."""
_MOST_PROOFS = 50
"""Of one promise."""


def page_of(outcome: Outcome, title: str, remarks: Sequence[str] = ()) -> Page:
    """Return what a page is told of a run.

    Args:
        outcome: what came of it.
        title: what was run, for people.
        remarks: what else is to be known.
    """
    timeline = outcome.timeline
    calls = calls_of(timeline) or [1]
    told = [clipped(printable(" ".join(remark.split()))) for remark in remarks]
    waves, file = _sounds(outcome, told)
    shown = [CallEvents(timeline, call) for call in calls[: _MOST_OTHERS + 1]]
    if len(shown) < len(calls):
        told.append(f"shown are {len(shown)} calls of {len(calls)}")
    if not len(timeline):
        told.append("nothing happened: the timeline is empty")
    panels = [_panel(events, outcome.barge_ins, f"call {events.call}") for events in shown]
    panels[0].waves, panels[0].sound = waves, file
    return Page(
        format=FORMAT,
        title=clipped(printable(title)),
        passed=_passed(outcome),
        verdict=[clipped(printable(" ".join(said.split()))) for said in verdict(outcome)],
        measures=[
            (name, value, MEANINGS.get(name, "")) for name, value in measured(outcome.measures)
        ],
        promises=[_promise(check, shown) for check in outcome.checks],
        panels=panels[:1],
        others=panels[1:],
        differences=[],
        remarks=told,
    )


def _passed(outcome: Outcome) -> bool | None:
    if outcome.inapplicable or not (outcome.checks or outcome.failure):
        return None
    return outcome.passed


def _panel(events: CallEvents, found: list[BargeIn], title: str) -> Panel:
    timeline, replies = events.timeline, Replies(events.timeline)
    there = lanes(events)
    kinds, told = columns(events, there)
    return Panel(
        title=title,
        duration=microseconds(timeline.duration_ns),
        lanes=there,
        kinds=kinds,
        events=told,
        spans=spans(events, replies),
        curves=curves(timeline, events.call, [lane.id for lane in there]),
        brackets=brackets(timeline, found, events.call, replies),
        waves={},
        sound=None,
    )


def _sounds(outcome: Outcome, remarks: list[str]) -> tuple[dict[str, Wave], Sound | None]:
    """Return outlines and file of the first call's sound; what is missing goes to the remarks."""
    mouth, ear = outcome.sound()
    if not len(mouth):
        remarks.append("there is no sound: no call was answered")
        return {}, None
    if not (mouth.any() or ear.any()):
        remarks.append("nobody said anything: the sound is silence")
    start = microseconds(outcome.sound_starts_ns)
    waves = {"mouth": wave(np.asarray(mouth), start), "ear": wave(np.asarray(ear), start)}
    return waves, sound(mouth, ear, start)


def _promise(check: CheckResult, shown: list[CallEvents]) -> Promise:
    proofs = []
    for violation in check.violations[:_MOST_PROOFS]:
        each = [events.places(violation.events) for events in shown]
        call = max(range(len(each)), key=lambda number: len(each[number]))
        proofs.append(
            Proof(
                at=microseconds(violation.at_ns),
                sentence=clipped(violation.sentence),
                call=call,
                events=each[call],
                lines=[clipped(line) for line in violation.evidence],
            )
        )
    return Promise(
        name=check.name,
        promise=check.promise,
        passed=check.passed,
        waived=clipped(printable(check.waived)) if check.violations else "",
        proofs=proofs,
    )
