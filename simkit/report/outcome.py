"""What came of a run: the timeline, and all that is read from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from ..checks import CheckResult
from ..timeline import BargeIn, CallMeasures, Timeline

if TYPE_CHECKING:
    from .page import Page

Sound = npt.NDArray[np.int16]


class Sides(NamedTuple):
    """Both sides of a call, 8 kHz, on one clock."""

    mouth: Sound
    ear: Sound
    starts_ns: int
    """Instant of their first sample."""


@dataclass(kw_only=True)
class Outcome:
    """What a run showed."""

    timeline: Timeline
    barge_ins: list[BargeIn]
    measures: CallMeasures
    checks: list[CheckResult]
    sound: Callable[[], tuple[Sound, Sound]]
    """Returns :attr:`mouth` and :attr:`ear`, which are put together when somebody asks: an hour of
    them is 115 MB."""
    sound_starts_ns: int = 0
    """Instant of their first sample."""
    other_sounds: Mapping[int, Callable[[], Sides]] = field(default_factory=dict)
    """Of the calls beside the first that were answered, by number."""
    call_seconds: float
    cpu_seconds: float
    failure: str = ""
    """Why it did not go as it should have, besides the checks; empty when it did."""
    inapplicable: str = ""
    """Why the run says nothing of the bridge: it does not offer what the run was about."""

    @property
    def mouth(self) -> Sound:
        """The first caller's side, 8 kHz."""
        return self.sound()[0]

    @property
    def ear(self) -> Sound:
        """What that caller heard, on the same clock."""
        return self.sound()[1]

    @property
    def passed(self) -> bool:
        """True when nothing failed and no promise was broken, as far as anybody could look."""
        return not self.failure and not any(check.failed for check in self.checks)

    @property
    def is_failed(self) -> bool:
        """True when it did not pass, and says something of the bridge."""
        return not self.passed and not self.inapplicable

    @property
    def worst_call(self) -> int:
        """Number of the call in which a promise was broken first; the first call if none was."""
        events = (
            event
            for check in self.checks
            if check.failed
            for violation in check.violations
            for event in violation.events
        )
        return next((event.call for event in events if event.call is not None), 1)

    @property
    def speed(self) -> float:
        """Call-seconds per CPU-second."""
        return self.call_seconds / max(self.cpu_seconds, 1e-9)

    def page(self, title: str, remarks: Sequence[str] = (), *, panels: int = 1) -> Page:
        """Return what a page is told of it.

        Args:
            title: what was run, for people.
            remarks: what else is to be known.
            panels: how many calls will stand on it above each other.
        """
        from .page import page_of

        return page_of(self, title, remarks, panels=panels)
