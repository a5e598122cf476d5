"""The verdict on a replay: what is kept of it when many are run, and how a test tells of it."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from .replay import Replay


class Verdict(Struct, frozen=True, kw_only=True):
    """What came of one recording."""

    name: str
    duration_ms: float | None = None
    checks: int = 0
    """How many there were."""
    failed_checks: list[str] = []
    diverges: int = 0
    """Number of things that the bridge does otherwise, their consequences not counted."""
    sentence: str = ""
    """The first thing that is wrong; empty when nothing is."""
    error: str | None = None
    """Why it could not be replayed."""

    @property
    def exit_code(self) -> int:
        """0: as recorded and every check holds; 1: not so; 2: it could not be replayed."""
        if self.error is not None:
            return 2
        return 1 if self.sentence else 0


def verdict(result: Replay) -> Verdict:
    """Sum a replay up."""
    return Verdict(
        name=result.recording.name,
        duration_ms=result.recording.duration_ms,
        checks=len(result.checks),
        failed_checks=[check.name for check in result.checks if not check.passed],
        diverges=len(result.divergence.causes),
        sentence=next(faults(result), ""),
    )


def faults(result: Replay) -> Iterator[str]:
    """Yield, in sentences, everything that a replay fails for: first how it differs, then why."""
    if result.failure:
        yield f"the call failed: {result.failure}"
    for cause in result.divergence.causes:
        told = "; ".join(one.sentence for one in (cause, *cause.consequences))
        yield f"at {cause.t_ns / 1e9:.3f}: {told}"
    for check in result.checks:
        if not check.passed:
            for violation in check.violations:
                yield f"{check.name}: {violation.sentence}"
