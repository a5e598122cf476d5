"""What failed in real time while the machine was late: run again, and not judged at last."""

from __future__ import annotations

import json
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from msgspec.structs import replace

from simkit.cli import main
from simkit.cli.wall import doubt, settled
from simkit.recording import read
from simkit.recording.divergence import Divergence
from simkit.recording.replay import Replay
from simkit.report import Outcome
from simkit.timeline import PacingError, Timeline, measures

RECORDING = str(Path(__file__).parents[2] / "recordings" / "pricing-question")


def an_outcome(
    passed: bool,
    p99_ms: float | None = None,
    max_ms: float = 90.0,
    bridge_ms: float | None = None,
    **more,
) -> Outcome:
    """What a run showed that did not last, on a machine that was so late."""
    timeline = Timeline()
    if p99_ms is not None:
        late = {"p50_ms": 0.1, "p95_ms": 1.0, "p99_ms": p99_ms, "max_ms": max_ms}
        waited = {} if bridge_ms is None else {"bridge_p99_ms": 2.0, "bridge_max_ms": bridge_ms}
        timeline.record("pacing", "simkit", deadlines=9, **late | waited)
    told = {"timeline": timeline, "barge_ins": [], "measures": measures(timeline), "checks": []}
    told |= {"sound": lambda: (np.zeros(0, np.int16),) * 2, "call_seconds": 0.0, "cpu_seconds": 0.0}
    return Outcome(failure="" if passed else "the line dropped", **told | more)


@pytest.mark.parametrize(
    ("runs", "passes", "number"),
    [
        ([(True, 80.0)], True, 1),
        ([(False, 9.0, 39.0)], False, 1),
        ([(False,)], False, 1),
        ([(False, 9.0, 41.0), (True, 9.0)], True, 2),
        ([(False, 11.0, 20.0), (False, 2.0, 20.0)], False, 2),
        ([(False, 9.0, 9.0, 39.0)], False, 1),
        ([(False, 9.0, 9.0, 41.0), (True, 9.0)], True, 2),
        ([(False, 9.0)] * 3, False, 3),
        ([(False, 11.0)] * 3, False, 3),
    ],
)
def test_what_failed_while_the_machine_was_late_is_run_again(runs, passes, number):
    waiting = [an_outcome(*run) for run in runs]
    outcome, times = settled(lambda: waiting.pop(0))
    assert (outcome.passed, times) == (passes, number)
    assert not waiting


def test_a_failure_is_doubted_only_where_the_machine_was_too_busy():
    assert doubt(an_outcome(False)) == doubt(an_outcome(False, 9.0)) == ""
    assert doubt(an_outcome(True, 80.0)) == ""
    assert doubt(an_outcome(False, 80.0, inapplicable="no browser door")) == ""
    late = "this machine served deadlines 80 ms late (p99), which tells nothing"
    assert doubt(an_outcome(False, 80.0)) == late
    assert doubt(an_outcome(False, 9.0, 9.0, 90.0)) == ""
    waits = an_outcome(False)
    waits.measures = replace(
        waits.measures,
        pacing_error_ms=PacingError(
            deadlines=9,
            p50_ms=0.1,
            p95_ms=1.0,
            p99_ms=2.0,
            max_ms=3.0,
            bridge_p99_ms=12.0,
            bridge_max_ms=30.0,
        ),
    )
    late = "this machine let the bridge wait 12 ms for a processor (p99), which tells nothing"
    assert doubt(waits) == late


def replayed(outcome: Outcome) -> Replay:
    """The same of a recording."""
    nothing = Divergence(compared=[], tolerance_ms=50.0, causes=[])
    return Replay(**vars(outcome), recording=read(RECORDING), divergence=nothing)


@pytest.fixture(params=["run", "replay"])
def command(request, monkeypatch):
    """Runs a command that sees outcomes as if they came of runs in real time."""
    module, plays, what = {
        "run": ("scenarios", "play", "dtmf"),
        "replay": ("replay", "replay", RECORDING),
    }[request.param]

    def run(outcomes, *args):
        waiting = [replayed(one) if module == "replay" else one for one in outcomes]
        here = f"simkit.cli.{module}"
        monkeypatch.setattr(f"{here}.open_wall", lambda *_, **__: nullcontext(object()))
        monkeypatch.setattr(f"{here}.{plays}", lambda *_, **__: waiting.pop(0))
        return CliRunner().invoke(main, [request.param, what, "--wall", *args])

    return run


def test_run_and_replay_try_again_and_say_so(command):
    result = command([an_outcome(False, 11.0), an_outcome(True, 2.0)])
    assert result.exit_code == 0, result.output
    assert "run 2 times: it failed while this machine was late\n" in result.stdout


def test_a_third_failure_is_not_judged_and_exits_with_2(command):
    result = command([an_outcome(False, 11.0) for _ in range(3)], "--json")
    assert result.exit_code == 2, result.output
    found = json.loads(result.stdout)
    assert (found["runs"], found["passed"]) == (3, False)
    assert found["not_judged"].startswith("this machine served deadlines 11 ms late (p99)")
