"""What a page is told of a run: everything that follows from its outcome."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ...checks import CheckResult
from ...timeline import BargeIn, calls_of
from ...timeline.text import printable
from ..outcome import Outcome, Sides
from ..terminal import measured
from .curves import curves
from .events import CallEvents, columns, lanes, microseconds
from .meanings import MEANINGS
from .model import FORMAT, Page, Panel, Promise, Proof, Stretch
from .plain import clipped
from .sounds import sounds, wave
from .spans import Replies, brackets, spans
from .verdict import verdict

_MOST_OTHERS = 20
"""Calls beside the first that a page shows."""
_MOST_LINES = 100
"""Of why a run failed."""
_MOST_PROOFS = 50
"""Of one promise."""
_AFTERWARDS = 500_000
"""Microseconds that are shown of a call after all that is known of it, where others go on."""


def page_of(outcome: Outcome, title: str, remarks: Sequence[str] = (), *, panels: int = 1) -> Page:
    """Return what a page is told of a run.

    Args:
        outcome: what came of it.
        title: what was run, for people.
        remarks: what else is to be known.
        panels: how many calls will stand on it above each other.
    """
    timeline = outcome.timeline
    calls = calls_of(timeline) or [1]
    told = [clipped(printable(" ".join(remark.split()))) for remark in remarks]
    shown = [CallEvents(timeline, call) for call in calls[: _MOST_OTHERS + 1]]
    there = {one.call: _panel(one, outcome.barge_ins, f"call {one.call}") for one in shown}
    told += _give_sound(outcome, there, panels)
    if len(shown) < len(calls):
        told.append(f"shown are {len(shown)} calls of {len(calls)}")
    if not len(timeline):
        told.append("nothing happened: the timeline is empty")
    promises = [_promise(check, shown) for check in outcome.checks]
    first, *others = there.values()
    for number, panel in enumerate(there.values()) if others else ():
        panel.duration = min(panel.duration, _known_until(panel, number, promises) + _AFTERWARDS)
    return Page(
        format=FORMAT,
        title=clipped(printable(title)),
        passed=_passed(outcome),
        verdict=[clipped(printable(" ".join(said.split()))) for said in verdict(outcome)],
        measures=[
            (name, value, MEANINGS.get(name, "")) for name, value in measured(outcome.measures)
        ],
        promises=promises,
        panels=[first],
        others=others,
        differences=[],
        failure=_lines(outcome.failure),
        remarks=told,
    )


def _lines(failure: str) -> list[str]:
    lines = [clipped(printable(line)) for line in failure.splitlines()]
    return lines[:_MOST_LINES] if len(lines) > 1 else []


def _passed(outcome: Outcome) -> bool | None:
    judged = any(check.word != "not judged" for check in outcome.checks)
    if outcome.inapplicable or not (judged or outcome.failure):
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


def _known_until(panel: Panel, number: int, promises: list[Promise]) -> int:
    proofs = (proof for promise in promises for proof in promise.proofs if proof.call == number)
    ends = [span.end for span in panel.spans] + [proof.at for proof in proofs]
    return max([0, *panel.events.t, *panel.events.arrived, *ends])


def _give_sound(outcome: Outcome, there: dict[int, Panel], panels: int) -> Iterator[str]:
    """Give each call that was answered its sound, and yield what is to be known of it."""
    mouth, ear = outcome.sound()
    found = {min(there): Sides(mouth, ear, outcome.sound_starts_ns)}
    if panels == 1:
        found |= {call: sides() for call, sides in outcome.other_sounds.items() if call in there}
    found = {call: sides for call, sides in found.items() if len(sides.mouth)}
    files = sounds([*found.values()], panels)
    for (call, sides), file in zip(found.items(), files, strict=True):
        waves = {"mouth": wave(sides.mouth, file.start), "ear": wave(sides.ear, file.start)}
        there[call].waves, there[call].sound = waves, file
    if not found:
        was_heard = outcome.timeline.of("speaks", "hears")
        yield f"there is no sound: {'it was not kept' if was_heard else 'no call was answered'}"
    elif not any(side.any() for sides in found.values() for side in sides[:2]):
        yield "nobody said anything: the sound is silence"
    elif panels == 1 and len(found) < len(there):
        yield "without sound: " + ", ".join(
            there[call].title for call in there if call not in found
        )


def _promise(check: CheckResult, shown: list[CallEvents]) -> Promise:
    proofs = []
    for violation in check.violations[:_MOST_PROOFS]:
        each = [events.places(violation.events) for events in shown]
        about = {sound.call for sound in violation.sounds}
        call = max(
            range(len(each)), key=lambda number: (shown[number].call in about, len(each[number]))
        )
        proofs.append(
            Proof(
                at=microseconds(violation.at_ns),
                sentence=clipped(violation.sentence),
                call=call,
                events=each[call],
                lines=[clipped(line) for line in violation.evidence],
                sounds=[
                    Stretch(
                        row=sound.row,
                        start=microseconds(sound.start_ns),
                        end=microseconds(sound.end_ns),
                    )
                    for sound in violation.sounds
                    if sound.call == shown[call].call
                ],
            )
        )
    return Promise(
        name=check.name,
        promise=check.promise,
        passed=not check.failed,
        waived=clipped(printable(check.waived)) if check.violations else "",
        proofs=proofs,
        not_judged="" if check.violations else check.not_judged,
    )
