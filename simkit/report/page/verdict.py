"""The verdict on a run, in sentences."""

from __future__ import annotations

from collections.abc import Iterator

from ...checks import NOT_JUDGED, not_judged
from ...timeline import BargeIn
from ..outcome import Outcome

_MOST = 5
"""Broken promises that have a sentence of their own."""
_MOST_NAMES = 3
_MOST_BARGE_INS = 2
"""That have a sentence each; of more the table tells."""


def verdict(outcome: Outcome) -> Iterator[str]:
    """Yield what a person should know of a run, the most important first."""
    broken = [check for check in outcome.checks if check.failed]
    if outcome.inapplicable:
        yield f"This says nothing of the bridge: {outcome.inapplicable}."
    if outcome.failure:
        first = outcome.failure.partition("\n")[0]
        yield f"It failed: {first.removesuffix(' The timeline ends with:')}"
    if broken:
        names = ", ".join(check.name for check in broken[:_MOST_NAMES])
        names += " and others" if len(broken) > _MOST_NAMES else ""
        was = f"{len(broken)} of {len(outcome.checks)} promises {'were' if broken[1:] else 'was'}"
        yield f"{was} broken: {names}."
    for check in broken[:_MOST]:
        yield f"{check.name}: {check.sentence}"
    if len(broken) > _MOST:
        yield f"... and {len(broken) - _MOST} more."
    judged = [check for check in outcome.checks if check.word != "not judged"]
    if not judged:
        yield "No promise was looked at."
    elif not broken:
        those = "promises" if len(judged) == len(outcome.checks) else "promises that were looked at"
        yield f"All {len(judged)} {those} were kept."
    if unseen := not_judged(outcome.checks):
        yield f"{NOT_JUDGED.capitalize()}: {'; '.join(unseen)}."
    yield from _barge_ins(outcome.barge_ins)
    pacing = outcome.measures.pacing_error_ms
    if pacing is not None and not pacing.is_small:
        yield "The machine was so busy, and the run so late, that no figure here can be trusted."


def _barge_ins(found: list[BargeIn]) -> Iterator[str]:
    if len(found) > _MOST_BARGE_INS:
        yield f"The caller interrupted {len(found)} times; the agent {_stops(found)}."
        return
    for one in found:
        at = f"{one.onset_ns / 1e9:.3f} s"
        yield f"At {at} the caller interrupted, and the agent {_stops([one])}."


def _stops(found: list[BargeIn]) -> str:
    stops = sorted(one.time_to_stop_ms for one in found if one.time_to_stop_ms is not None)
    if not stops:
        return "never fell silent"
    least, most = (f"{stop:.0f}" for stop in (stops[0], stops[-1]))
    told = f"fell silent after {least if least == most else f'{least} to {most}'} ms"
    never = len(found) - len(stops)
    return told + (f", and {never} times never" if never else "")
