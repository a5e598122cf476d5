"""CPython's own tests of asyncio's synchronisation on simkit's loop, and what runs them."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from benchmarks import conformance

needs_cpythons_tests = pytest.mark.skipif(
    not conformance.available(), reason="this interpreter comes without CPython's own tests"
)


@needs_cpythons_tests
@pytest.mark.parametrize("name", ["test_locks", "test_queues", "test_timeouts", "test_taskgroups"])
def test_cpythons_own_tests_pass(name):
    outcomes = conformance.outcomes(name, "simkit")
    assert outcomes
    assert [test for test in outcomes.items() if test[1] not in ("passed", "skipped")] == []


@needs_cpythons_tests
def test_json_and_nothing_else_is_printed_when_it_was_asked_for():
    done = subprocess.run(
        [sys.executable, conformance.__file__, "test_context", "--json"],
        capture_output=True,
        text=True,
        check=True,
    )
    answer = json.loads(done.stdout)
    assert answer["total"] == {"run": 1, "stock": 1, "simkit": 1}
    assert answer["modules"] == [
        {"name": "test_context", "run": 1, "stock": 1, "simkit": 1, "failed": [], "reasons": {}}
    ]


def test_neither_a_hang_nor_a_crash_costs_more_than_its_own_test():
    started = []
    outcomes = conformance.outcomes("tests.kernel.awkward", "stock", 2.0, started.append)
    assert [outcome for _, outcome in sorted(outcomes.items())] == [
        "passed",
        "AssertionError: as it should",
        "AssertionError: in part",
        "skipped",
        "passed",
        "passed, and was expected to fail",
        "ended after 2 s",
        "the process died",
        "passed",
        "passed",
        "was not run",
    ]
    assert len(started) == 10


def test_what_passes_on_the_stock_loop_only_is_named_with_its_reason():
    module = conformance.compare("tests.kernel.awkward.OnStock")
    name = "tests.kernel.awkward.OnStock.test_every_loop_is_asyncios"
    assert (module.run, module.stock, module.simkit) == (2, 2, 1)
    assert module.failed == [name]
    assert module.reasons == {name: "AssertionError: SimLoop"}
