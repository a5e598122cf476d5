"""``pytest --simkit-verify``, by runs of pytest itself."""

from __future__ import annotations

import importlib.util

import pytest

HASH_ORDER = """
import asyncio

async def test_walks_a_set_of_names(sim):
    await asyncio.sleep(2)
    for name in {f"session {number}" for number in range(64)}:
        sim.timeline.record("found", "test", name=name)
"""


def run(pytester: pytest.Pytester, *args: str) -> pytest.RunResult:
    return pytester.runpytest_subprocess(
        "-p", "no:cacheprovider", "-o", "asyncio_default_fixture_loop_scope=function", *args
    )


def test_a_test_that_follows_the_hashes_of_strings_is_found_out(pytester):
    pytester.makepyfile(HASH_ORDER)
    run(pytester).assert_outcomes(passed=1)
    result = run(pytester, "--simkit-verify")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "DivergenceError: two runs with the same seed diverged at 2.000000 s of virtual time*",
            "    both  * step *",
            ">   first  * event *found  name=*",
            ">   second * event *found  name=*",
            "The timeline differs*",
        ]
    )


def test_a_test_that_follows_addresses_is_found_out(pytester):
    pytester.makepyfile(
        """
        import asyncio

        class Session:
            def __init__(self, number):
                self.number = number

        def test_walks_a_set_of_objects(sim):
            sessions = {Session(number) for number in range(64)}

            async def main():
                for session in sessions:
                    await asyncio.sleep(session.number)

            sim.run(main())
        """
    )
    result = run(pytester, "--simkit-verify")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["DivergenceError:*", "The calendar differs*"])


def test_calls_through_a_bridge_are_the_same_in_two_processes(pytester):
    pytester.makeconftest(
        """
        import pytest
        from simkit.bridge import Config, create_app
        from simkit.twilio import AUTH_TOKEN

        @pytest.fixture
        def bridge(sim):
            config = Config(
                public_url="https://bridge.example.com",
                twilio_auth_token=AUTH_TOKEN,
                vapi_api_key="key",
            )
            sim.host("bridge.example.com").serve(create_app(config))
        """
    )
    pytester.makepyfile(
        """
        import asyncio, pytest, random

        @pytest.mark.parametrize("words", ["wait", "no, not that one"])
        async def test_caller_interrupts(sim, bridge, words):
            sim.vapi.assistant(first_message="Your appointment is on Tuesday.", replies=["Fine."])
            call = await sim.twilio.call(to="+15550100")
            await call.hears("Your appointment")
            await call.says(words)
            await call.hears("Fine.")
            await call.hangs_up()

        @pytest.fixture
        async def later(sim):
            await asyncio.sleep(60)

        def test_a_plain_test_is_compared_too(sim, later):
            async def main():
                await asyncio.sleep(random.random())

            sim.run(main())

        def test_others_are_left_alone():
            pass
        """
    )
    run(pytester, "--simkit-verify").assert_outcomes(passed=4)


def test_a_failing_test_shows_its_divergence_besides_its_failure(pytester):
    pytester.makepyfile(HASH_ORDER + "    assert sim.now == 3\n")
    result = run(pytester, "--simkit-verify")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*assert 2.0 == 3*", "*simkit divergence*", "DivergenceError:*"])


def test_a_test_that_fails_the_same_way_twice_just_fails(pytester):
    pytester.makepyfile("async def test_fails(sim):\n    assert sim.now == 3\n")
    result = run(pytester, "--simkit-verify", "-x")
    result.assert_outcomes(failed=1)
    result.stdout.no_fnmatch_line("*DivergenceError*")


def test_a_test_that_only_one_of_the_runs_got_to_fails_and_tells_why(pytester):
    pytester.makepyfile(
        """
        import os, pytest
        from pathlib import Path

        ran = Path("ran")
        if not ran.exists():
            ran.touch()
            pytest.fail("not today")

        async def test_it(sim):
            pass
        """
    )
    result = run(pytester, "--simkit-verify")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*the second run did not get to this test*", "*not today*"])


def test_each_test_runs_once_in_each_process_whatever_the_options(pytester):
    pytester.makepyfile(
        """
        import os
        from pathlib import Path

        async def test_it(sim):
            with Path("runs").open("a") as file:
                file.write(f"{os.getpid()} {os.environ.get('PYTHONHASHSEED')}\\n")
            assert False

        async def test_another(sim):
            pass
        """
    )
    result = run(pytester, "--simkit-verify", "--maxfail=2", "--junitxml=report.xml")
    result.assert_outcomes(failed=1, passed=1)
    runs = [line.split() for line in (pytester.path / "runs").read_text().splitlines()]
    assert len(runs) == 2
    assert runs[0][0] != runs[1][0]
    assert runs[0][1] != runs[1][1]


def test_collecting_runs_nothing(pytester):
    pytester.makepyfile("from pathlib import Path\nPath('count').open('a').write('x')\n")
    run(pytester, "--simkit-verify", "--collect-only")
    assert (pytester.path / "count").read_text() == "x"


@pytest.mark.skipif(importlib.util.find_spec("xdist") is None, reason="needs pytest-xdist")
def test_tests_spread_over_processes_are_refused(pytester):
    pytester.makepyfile("def test_fine(sim):\n    pass\n")
    result = run(pytester, "--simkit-verify", "-n", "2")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*does not go with -n of pytest-xdist*"])


def test_without_the_option_no_trail_is_kept(pytester):
    pytester.makepyfile("def test_it(sim):\n    assert sim.trail is None\n")
    run(pytester).assert_outcomes(passed=1)
