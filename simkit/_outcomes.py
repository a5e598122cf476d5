"""What came of a world, gathered while it is still there."""

from __future__ import annotations

from functools import partial

import numpy as np

from .audio import Samples
from .checks import CheckResult
from .report import Outcome
from .report.outcome import Sides
from .timeline import Timeline, barge_ins, measures
from .twilio import Call
from .world import World


def outcome_of(
    world: World,
    timeline: Timeline,
    checks: list[CheckResult],
    *,
    call_seconds: float,
    cpu_seconds: float = 0.0,
    failure: str = "",
    inapplicable: str = "",
) -> Outcome:
    """Return what a world shows now."""
    calls = world.twilio.calls
    ear = calls[0].ear if calls else None
    now_ns = world.now_ns

    def sound() -> tuple[Samples, Samples]:
        return calls[0].sound(now_ns) if calls else (np.zeros(0, np.int16), np.zeros(0, np.int16))

    return Outcome(
        timeline=timeline,
        barge_ins=barge_ins(timeline),
        measures=measures(timeline),
        checks=checks,
        sound=sound,
        sound_starts_ns=0 if ear is None else ear.origin_ns,
        other_sounds={
            call.number: partial(_sides, call, call.ear.origin_ns, world.now_ns)
            for call in calls[1:]
            if call.ear is not None
        },
        call_seconds=call_seconds,
        cpu_seconds=cpu_seconds,
        failure=failure,
        inapplicable=inapplicable,
    )


def _sides(call: Call, starts_ns: int, until_ns: int) -> Sides:
    mouth, ear = call.sound(until_ns)
    return Sides(mouth, ear, starts_ns)
