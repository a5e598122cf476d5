"""The catalogue: every check there is."""

from __future__ import annotations

from collections.abc import Mapping

from ..timeline import Timeline
from .buffers import BOUNDED_BUFFERS
from .caller_audio import CALLER_AUDIO_COMPLETE
from .check import CheckResult
from .conduct import (
    CLEAN_TEARDOWN,
    NO_BLOCKING,
    NO_OUTSIDE_WORLD,
    NO_UNHANDLED_ERROR,
    PROTOCOL_CONFORMANCE,
    TWIML_IN_TIME,
)
from .intruders import SIGNATURE_REQUIRED
from .liveness import LIVENESS
from .replies import ONE_REPLY_PER_TURN
from .sound import AGENT_AUDIO_INTACT, NO_CROSS_TALK, NO_STALE_AUDIO
from .turns import KEEPS_TALKING_WHEN_NOT, STOPS_WHEN_INTERRUPTED

ALL = (
    TWIML_IN_TIME,
    CALLER_AUDIO_COMPLETE,
    AGENT_AUDIO_INTACT,
    STOPS_WHEN_INTERRUPTED,
    KEEPS_TALKING_WHEN_NOT,
    NO_STALE_AUDIO,
    ONE_REPLY_PER_TURN,
    LIVENESS,
    NO_CROSS_TALK,
    BOUNDED_BUFFERS,
    PROTOCOL_CONFORMANCE,
    SIGNATURE_REQUIRED,
    NO_UNHANDLED_ERROR,
    NO_BLOCKING,
    NO_OUTSIDE_WORLD,
    CLEAN_TEARDOWN,
)
"""Every check, in the order of reporting: what the caller hears, what peers and machine get, and
last what is left when the call is over."""


def run(
    timeline: Timeline,
    waived: Mapping[str, str] | None = None,
    limits: Mapping[str, Mapping[str, float]] | None = None,
    *,
    in_real_time: bool = False,
) -> list[CheckResult]:
    """Judge every check.

    Args:
        timeline: what happened.
        waived: checks that are of no account, each with the reason.
        limits: limits that are not to be as by default, by check and by name.
        in_real_time: the bridge was a process of its own, which shows less than a simulation.
    """
    waived, limits = waived or {}, limits or {}
    return [
        check.judge(
            timeline,
            waived.get(check.name, ""),
            limits.get(check.name),
            in_real_time=in_real_time,
        )
        for check in ALL
    ]
