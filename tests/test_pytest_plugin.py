"""The plugin, by runs of pytest itself: in this process, but for those that keep snapshots."""

from __future__ import annotations

import re

import pytest

# What the runs import has to be there before: what a run in this process imports is forgotten
# afterwards, and some of it can be imported only once.
import simkit.bridge.server
import simkit.pytest_plugin
import simkit.simulation
import simkit.twilio
import simkit.vapi  # noqa: F401

CONFTEST = """
import pytest
from simkit.bridge import Config, create_app
from simkit.twilio import AUTH_TOKEN

@pytest.fixture
def bridge(sim):
    config = Config(
        public_url="https://bridge.example.com", twilio_auth_token=AUTH_TOKEN, vapi_api_key="key"
    )
    sim.host("bridge.example.com").serve(create_app(config))
"""

CALL = """
async def test_caller_interrupts(sim, bridge, snapshot):
    sim.vapi.assistant(
        first_message="Your appointment is scheduled for Tuesday at 3 PM",
        replies=["Thursday it is."],
    )
    call = await sim.twilio.call(to="+15550100")
    await call.hears("Your appointment")
    await call.says("wait, can we do Thursday instead?")
    await call.hears("Thursday it is.")
    await call.hangs_up()
    assert call.barge_ins[0].time_to_stop_ms < 300
    assert sim.timeline == snapshot
"""


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    pytester.makeconftest(CONFTEST)
    return pytester


def run(project: pytest.Pytester, *args: str) -> pytest.RunResult:
    """Run pytest in this process; without syrupy, which can keep the snapshots of one run only."""
    scope = "asyncio_default_fixture_loop_scope=function"
    return project.runpytest_inprocess("-p", "no:syrupy", "-o", scope, *args)


def test_snapshots_are_written_compared_and_their_loss_noticed(project, monkeypatch):
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)
    plugins = ("-p", "simkit.pytest_plugin", "-p", "syrupy")
    project.makepyfile(
        test_barge_in=CALL,
        test_value="def test_another_value(sim, snapshot):\n    assert {'a': 1} == snapshot\n",
        test_plain="def test_without_sim(snapshot):\n    assert [1, 2] == snapshot\n",
    )
    project.runpytest_subprocess(*plugins, "--snapshot-update").assert_outcomes(passed=3)
    kept = {path.name: path for path in (project.path / "__snapshots__").rglob("*.*")}
    # That of the test without `sim` is syrupy's own.
    assert sorted(kept) == [
        "test_another_value.txt",
        "test_caller_interrupts.txt",
        "test_plain.ambr",
    ]
    text = kept["test_caller_interrupts.txt"].read_text()
    assert text.startswith("    0.060  twilio   > bridge   POST /voice/inbound")
    assert "'a': 1" in kept["test_another_value.txt"].read_text()
    project.runpytest_subprocess(*plugins).assert_outcomes(passed=3)
    kept["test_caller_interrupts.txt"].write_text(text.replace("clear", "cleared"))
    kept["test_another_value.txt"].unlink()
    result = project.runpytest_subprocess(*plugins)
    result.assert_outcomes(failed=2, passed=1)
    result.stdout.fnmatch_lines(["*bridge   > twilio   clear*", "*2 snapshots failed.*"])


@pytest.mark.parametrize(
    "options",
    [
        ("-o", "asyncio_mode=auto"),
        ("-o", "asyncio_mode=strict"),
        ("-p", "no:asyncio"),
        ("-o", "anyio_mode=auto"),
    ],
    ids=["asyncio auto", "asyncio strict", "no asyncio plugin", "anyio auto"],
)
def test_async_tests_with_sim_run_on_the_virtual_loop_in_any_company(project, options):
    project.makepyfile(
        """
        import asyncio, time, pytest

        async def test_an_hour_passes(sim):
            started = time.monotonic()
            await asyncio.sleep(3600)
            assert time.monotonic() - started == 3600

        @pytest.mark.asyncio
        async def test_a_marked_test_is_simulated_too(sim):
            await asyncio.sleep(3600)

        @pytest.fixture
        async def call(sim, bridge):
            sim.vapi.assistant(first_message="hello there")
            call = await sim.twilio.call(to="+15550100")
            yield call
            await call.hangs_up()
            await asyncio.sleep(10)

        @pytest.fixture
        async def later(sim):
            await asyncio.sleep(60)
            return sim.now

        class TestCall:
            async def test_an_async_fixture_runs_there_as_well(self, later, call):
                await call.hears("hello there")
                assert later >= 60

            @pytest.mark.parametrize("seconds", [1, 2])
            async def test_parameters_work(self, sim, seconds):
                await asyncio.sleep(seconds)
                assert sim.now == seconds

        def test_a_plain_test_runs_coroutines(sim):
            sim.run(asyncio.sleep(3600))
            assert sim.now == 3600
        """
    )
    result = run(project, "-W", "ignore", *options)
    result.assert_outcomes(passed=6)


def test_other_async_tests_stay_with_their_own_plugin(project):
    project.makepyfile(
        """
        import asyncio

        async def test_on_the_real_loop():
            assert "simkit" not in type(asyncio.get_running_loop()).__module__

        async def test_on_the_virtual_loop(sim):
            assert "simkit" in type(asyncio.get_running_loop()).__module__
        """
    )
    run(project, "-o", "asyncio_mode=auto").assert_outcomes(passed=2)


def test_failures_explain_themselves_and_seeds_are_obeyed(project):
    project.makepyfile(
        """
        import pytest

        async def test_failing(sim, bridge):
            call = await sim.twilio.call(to="+15550100")
            assert False

        async def test_without_app(sim):
            sim.host("bridge.example.com").serve("nowhere:app")

        def test_seed(sim):
            assert sim.seed == 7

        @pytest.mark.simkit(seed=3)
        def test_marked(sim):
            assert sim.seed == 3
        """
    )
    result = run(project, "--simkit-seed", "7")
    result.assert_outcomes(failed=2, passed=2)
    result.stdout.fnmatch_lines(["*simkit timeline*", "*POST /voice/inbound*"])
    result.stdout.fnmatch_lines(["*NotLoadedError*no module 'nowhere'*"])


def test_errors_that_newcomers_meet_have_a_note(project):
    project.makepyfile(
        """
        async def test_no_await(sim, bridge):
            call = sim.twilio.call(to="+15550100")
            try:
                call.hears("x")
            finally:
                call.close()

        async def test_no_snapshot(sim):
            assert False, "Snapshot 'test_no_snapshot' does not exist!"

        def test_without_sim():
            assert False, "Snapshot 'test_no_snapshot' does not exist!"
        """
    )
    # The traceback only: where CI is set, pytest repeats whole messages in its summary.
    shown = [line for line in run(project).outlines if re.match(r"E +simkit: ", line)]
    assert len(shown) == 2
    assert (
        "an await is missing, as in: call = await sim.twilio.call(to=...), in an async" in shown[0]
    )
    assert "pytest --snapshot-update writes it" in shown[1]


def test_who_runs_the_simulation_in_an_async_test_is_told_to_await(project):
    project.makepyfile(
        """
        import asyncio

        async def test_it(sim):
            sim.run(asyncio.sleep(1))
        """
    )
    result = run(project)
    result.stdout.fnmatch_lines(["*RuntimeError: sim.run: * in an async test * await instead"])
    result.stdout.fnmatch_lines(["test_*.py:4: RuntimeError"])


def test_an_async_method_of_a_test_case_is_refused_since_its_set_up_would_be_left_out(project):
    project.makepyfile(
        """
        import asyncio, pytest, unittest

        class TestIt(unittest.IsolatedAsyncioTestCase):
            @pytest.fixture(autouse=True)
            def _world(self, sim):
                self.sim = sim

            def setUp(self):
                self.seconds = 5

            async def test_async(self):
                await asyncio.sleep(self.seconds)

            def test_plain(self):
                self.sim.run(asyncio.sleep(self.seconds))
                assert self.sim.now == 5
        """
    )
    result = run(project)
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["simkit: an async method of a unittest.TestCase cannot use sim:*"])


def test_anyios_backends_are_in_no_name(project):
    project.makepyfile(
        """
        import pytest

        @pytest.mark.parametrize("seconds", [1, 2])
        async def test_many(sim, seconds):
            pass

        async def test_one(sim):
            pass
        """
    )
    result = run(project, "-o", "anyio_mode=auto", "-v")
    result.assert_outcomes(passed=3)
    names = sorted(re.findall(r"::(test_\S+) PASSED", result.stdout.str()))
    assert names == ["test_many[1]", "test_many[2]", "test_one"]


def test_a_test_that_is_repeated_has_one_snapshot(project, monkeypatch):
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)
    # As pytest-repeat does it.
    project.makepyfile(
        """
        import pytest

        def repeated(function):
            ids = ["1-2", "2-2"]
            return pytest.mark.parametrize("__pytest_repeat_step_number", [0, 1], ids=ids)(function)

        @repeated
        def test_one(sim, snapshot, __pytest_repeat_step_number):
            assert sim.timeline == snapshot

        @repeated
        @pytest.mark.parametrize("what", ["a-b", "1-2"])
        def test_some(sim, snapshot, what, __pytest_repeat_step_number):
            assert what == snapshot
            assert what == snapshot
        """
    )
    plugins = ("-p", "simkit.pytest_plugin", "-p", "syrupy")
    project.runpytest_subprocess(*plugins, "--snapshot-update").assert_outcomes(passed=6)
    assert sorted(path.name for path in (project.path / "__snapshots__").rglob("*.*")) == [
        "test_one.txt",
        "test_some[1-2].1.txt",
        "test_some[1-2].txt",
        "test_some[a-b].1.txt",
        "test_some[a-b].txt",
    ]
    project.runpytest_subprocess(*plugins).assert_outcomes(passed=6)


def test_what_simkit_refuses_is_shown_at_the_line_of_the_test(project):
    project.makepyfile(
        """
        async def speaks(sim):
            call = await sim.twilio.call(to="+15550100")
            await call.hears("nothing of that", timeout=1)

        async def test_awaits(sim, bridge):
            await speaks(sim)

        def test_runs(sim, bridge):
            sim.run(speaks)

        def test_is_wrong(sim):
            sim.vapi.assistant(first_mesage="Hello")

        def test_has_a_wrong_value(sim):
            sim.vapi.assistant(first_message="")

        def test_meets_a_bug(sim, monkeypatch):
            monkeypatch.setattr(sim.vapi, "calls", None)
            sim.vapi.rest._calls = None
            sim.vapi.ids_of(5)
        """
    )
    result = run(project)
    shown = result.stdout.str()
    assert "/simkit/" not in shown
    places = re.findall(r"^test_\w+\.py:(\d+): (\w*)", shown, re.MULTILINE)
    assert places == [
        *[("6", ""), ("3", "NotHeard"), ("9", ""), ("3", "NotHeard"), ("12", "TypeError")],
        *[("15", "ValueError"), ("20", "AttributeError")],
    ]
    assert "simkit/twilio/listening.py" in run(project, "--full-trace").stdout.str()


@pytest.mark.parametrize(("marked", "found"), [("sed=1", "found sed"), ("5", "found 5")])
def test_a_marker_that_says_what_nobody_knows_is_refused(project, marked, found):
    project.makepyfile(
        f"""
        import pytest

        @pytest.mark.simkit({marked})
        async def test_it(sim):
            pass
        """
    )
    shown = run(project).stdout.str()
    assert "test_it: marker simkit: expected seed=..., time_limit=..., checks=..., " in shown
    assert found in shown
