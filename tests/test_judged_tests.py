"""Promises at the end of a test, by runs of pytest itself in this process."""

from __future__ import annotations

import pytest

# What the runs import has to be there before; see test_pytest_plugin.
import simkit.bridge.server
import simkit.pytest_plugin
import simkit.simulation
import simkit.twilio
import simkit.vapi  # noqa: F401

BLOCKS = """
import time
import pytest
from simkit.bridge import Config, create_app
from simkit.twilio import AUTH_TOKEN

@pytest.fixture
def bridge(sim):
    config = Config(
        public_url="https://bridge.example.com", twilio_auth_token=AUTH_TOKEN, vapi_api_key="key"
    )
    app = create_app(config)

    async def slow(scope, receive, send):
        if scope["type"] == "http":
            time.sleep(0.03)
        await app(scope, receive, send)

    sim.host("bridge.example.com").serve(slow)

async def call_for(sim):
    call = await sim.twilio.call(to="+15550100")
    await call.stays_silent(1)
    await call.hangs_up()
"""
PLAIN = """
async def test_it(sim, bridge):
    await call_for(sim)
"""


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    pytester.makeini(
        "[pytest]\nasyncio_default_fixture_loop_scope = function\naddopts = -p no:syrupy"
    )
    return pytester


def test_a_broken_promise_fails_a_test_with_sentence_and_evidence(project):
    project.makepyfile(BLOCKS + PLAIN)
    result = project.runpytest_inprocess()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "simkit: 1 promise was broken",
            "no-blocking: the promise is that the loop was never blocked for over 20 ms",
            "    the loop was blocked for 30 ms at 0.060*",
            "        0.060  bridge.example.com stall  duration_ns=30000000",
            '*sim.checks.waive("no-blocking", reason="..."?',
        ]
    )


@pytest.mark.parametrize(
    "said",
    [
        'sim.checks.waive("no-blocking", reason="meant to be so")',
        'sim.checks.adjust("no-blocking", over_ms=30)',
    ],
)
def test_a_test_may_waive_and_adjust(project, said):
    project.makepyfile(BLOCKS + PLAIN.replace("await call", f"{said}; await call"))
    project.runpytest_inprocess().assert_outcomes(passed=1)


@pytest.mark.parametrize("told", ["checks='off'", "waives={'no-blocking': 'meant to be so'}"])
def test_so_may_its_marker(project, told):
    marked = PLAIN.replace("async def", f"@pytest.mark.simkit({told})\nasync def")
    project.makepyfile(BLOCKS + marked)
    project.runpytest_inprocess().assert_outcomes(passed=1)


def test_a_folder_says_it_for_its_tests_and_the_command_line_for_all_others(project):
    project.makepyfile(test_here=BLOCKS + PLAIN)
    folder = project.mkpydir("toys")
    (folder / "test_there.py").write_text(BLOCKS + PLAIN)
    (folder / "conftest.py").write_text(
        "import pytest\n@pytest.fixture\ndef simkit_checks():\n    return 'off'\n"
    )
    project.runpytest_inprocess().assert_outcomes(failed=1, passed=1)
    result = project.runpytest_inprocess("--simkit-checks=report")
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["*simkit checks*", "test_here.py::test_it", "    no-blocking: *"])


def test_what_the_ini_file_says_is_looked_at(project):
    project.makepyfile(BLOCKS + PLAIN)
    project.runpytest_inprocess("-o", "simkit_checks=off").assert_outcomes(passed=1)
    result = project.runpytest_inprocess("-o", "simkit_checks=maybe")
    result.stdout.fnmatch_lines(
        ["*simkit_checks, ini file: expected fail, report, off; found 'maybe'*"]
    )


def test_a_test_without_calls_or_that_expects_a_deadlock_is_left_alone(project):
    project.makepyfile(
        BLOCKS
        + """
import asyncio, simkit

def test_without_a_call(sim):
    sim.run(asyncio.sleep(1))

def test_which_hangs(sim):
    sim.host("bridge.example.com")
    with pytest.raises(simkit.CallFailed):
        sim.run(call_for(sim))
    with pytest.raises(simkit.DeadlockError):
        sim.run(sim.loop.create_future())
"""
    )
    project.runpytest_inprocess("-k", "test_without_a_call").assert_outcomes(passed=1, deselected=1)
    # The webhook failed, which the test expects and the promise does not.
    result = project.runpytest_inprocess("-k", "hangs")
    result.assert_outcomes(failed=1, deselected=1)
    result.stdout.fnmatch_lines(["twiml-in-time: *"])


def test_a_bridge_that_the_test_itself_serves_leaves_nothing_by_serving(project):
    inside = PLAIN.replace("sim, bridge", "sim").replace(
        "    await", "    sim.host('bridge.example.com').serve(make()); await"
    )
    make = (
        "def make():\n    return create_app(Config(public_url='https://bridge.example.com', "
        "twilio_auth_token=AUTH_TOKEN, vapi_api_key='key'))\n"
    )
    project.makepyfile(BLOCKS + make + inside)
    project.runpytest_inprocess().assert_outcomes(passed=1)
