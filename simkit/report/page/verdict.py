"""The verdict on a run, in sentences."""

from __future__ import annotations

from collections.abc import Iterator

from ...timeline import BargeIn
from ..outcome import Outcome

_MOST = 5
"""Broken promises, and barge-ins, that have a sentence of their own."""


def verdict(outcome: Outcome) -> Iterator[str]:
    """Yield what a person should know of a run, the most important first."""
    broken = [check for check in outcome.checks if not check.passed]
    if outcome.inapplicable:
        yield f"This says nothing of the bridge: {outcome.inapplicable}."
    if outcome.failure:
        yield f"It failed: {outcome.failure}"
    if broken:
        of = len(outcome.checks)
        yield f"{len(broken)} of {of} promises {'were' if len(broken) > 1 else 'was'} broken."
    for check in broken[:_MOST]:
        yield f"{check.name}: {check.sentence}"
    if len(broken) > _MOST:
        yield f"... and {len(broken) - _MOST} more."
    if not outcome.checks:
        yield "No promise was looked at."
    elif not broken:
        yield f"All {len(outcome.checks)} promises were kept."
    yield from _barge_ins(outcome.barge_ins)
    pacing = outcome.measures.pacing_error_ms
    if pacing is not None and not pacing.is_small:
        yield "The run was so late for its own deadlines that no figure here can be trusted."


def _barge_ins(found: list[BargeIn]) -> Iterator[str]:
    for one in found[:_MOST]:
        at = f"At {one.onset_ns / 1e9:.3f} s the caller interrupted"
        if one.time_to_stop_ms is None:
            yield f"{at}, and the agent never fell silent."
        else:
            yield f"{at}, and the agent fell silent after {one.time_to_stop_ms:.0f} ms."
    if len(found) > _MOST:
        yield f"The caller interrupted {len(found) - _MOST} times more."
