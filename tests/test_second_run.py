"""``pytest --simkit-verify``, by runs of pytest itself.

Each run costs a second or more: one of a whole project answers most questions.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).parents[1]

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

NAMES = """
import asyncio

async def test_walks_a_set_of_names(sim):
    await asyncio.sleep(2)
    for name in {f"session {number}" for number in range(64)}:
        sim.timeline.record("found", "test", name=name)
"""

PROJECT = {
    "conftest.py": CONFTEST,
    "test_1_only_the_other_run.py": """
import pytest
from pathlib import Path

# As often as it takes to stop the other run, if failures could.
@pytest.mark.parametrize("number", range(6))
def test_fails_in_the_other_run(number):
    ran = Path(f"ran-{number}")
    existed = ran.exists()
    ran.touch()
    assert existed
""",
    "test_2_names.py": NAMES,
    "test_3_failing.py": NAMES.replace("names", "names_and_fails")
    + "    assert sim.now == 3\n\nasync def test_fails(sim):\n    assert sim.now == 3\n",
    "test_4_addresses.py": """
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
""",
    "test_5_only_this_run.py": """
import pytest
from pathlib import Path

ran = Path("ran")
if not ran.exists():
    ran.touch()
    pytest.skip("not today", allow_module_level=True)

async def test_is_not_in_the_other_run(sim):
    pass
""",
    "test_6_calls.py": """
import asyncio, os, pytest, random
from pathlib import Path

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
    with Path("runs").open("a") as file:
        file.write(f"{os.getpid()} {os.environ.get('PYTHONHASHSEED')}\\n")

def test_others_are_left_alone():
    pass
""",
}


def pytest_in(folder: Path, *arguments: str) -> pytest.RunResult:
    """Run pytest with simkit's plugin and no other but those that are named."""
    paths = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "simkit.pytest_plugin", *arguments],
        cwd=folder,
        env=os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
    )
    return pytest.RunResult(done.returncode, done.stdout.splitlines(), done.stderr.splitlines(), 0)


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).write_text(text)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project")
    write(folder, PROJECT)
    return folder


@pytest.fixture(scope="module")
def verified(folder: Path) -> pytest.RunResult:
    """The whole project, verified; stopped by six failures, which only the other run has."""
    return pytest_in(folder, "-rs", "--simkit-verify", "--maxfail=6", "--junitxml=report.xml")


@pytest.fixture(scope="module")
def failures(folder: Path, verified: pytest.RunResult) -> dict[str, str]:
    """What the report says about each test that ran; nothing where it passed."""
    cases = ElementTree.parse(folder / "report.xml").iter("testcase")
    return {case.attrib["name"]: case.findtext("failure") or "" for case in cases}


def fails_with(text: str, *lines: str) -> None:
    pytest.LineMatcher(text.splitlines()).fnmatch_lines(lines)


def test_a_test_that_follows_the_hashes_of_strings_is_found_out(failures):
    fails_with(
        failures["test_walks_a_set_of_names"],
        "DivergenceError: two runs with the same seed diverged at 2.000000 s of virtual time*",
        "    both  * step *",
        ">   first  * event *found  name=*",
        ">   second * event *found  name=*",
        "The timeline differs*",
    )


def test_a_test_that_follows_addresses_is_found_out(failures):
    fails_with(
        failures["test_walks_a_set_of_objects"], "DivergenceError:*", "The calendar differs*"
    )


def test_calls_through_a_bridge_are_the_same_in_two_processes(failures):
    assert failures["test_caller_interrupts[wait]"] == ""
    assert failures["test_caller_interrupts[no, not that one]"] == ""


def test_plain_tests_are_compared_and_those_without_a_simulation_left_alone(failures):
    assert failures["test_a_plain_test_is_compared_too"] == ""
    assert failures["test_others_are_left_alone"] == ""


def test_a_failing_test_shows_its_divergence_besides_its_failure(failures, verified):
    assert "assert 2.0 == 3" in failures["test_walks_a_set_of_names_and_fails"]
    verified.stdout.fnmatch_lines(["*assert 2.0 == 3*", "*simkit divergence*", "DivergenceError:*"])


def test_a_test_that_fails_the_same_way_twice_just_fails(failures, verified):
    assert "assert 0.0 == 3" in failures["test_fails"]
    shown = verified.stdout.str()
    assert "DivergenceError" not in shown[shown.index("_ test_fails _") :].split("\n____")[0]


def test_a_test_that_only_one_of_the_runs_got_to_fails_and_tells_why(failures):
    fails_with(
        failures["test_is_not_in_the_other_run"],
        "*the second run did not get to this test*",
        "*not today*",
    )


def test_failures_of_the_other_run_are_neither_shown_nor_do_they_stop_it(failures, verified):
    assert [failures[f"test_fails_in_the_other_run[{number}]"] for number in range(6)] == [""] * 6
    verified.assert_outcomes(failed=5, passed=10)


def test_each_test_runs_once_in_each_process_whatever_the_options(folder, verified):
    runs = [line.split() for line in (folder / "runs").read_text().splitlines()]
    assert len(runs) == 2
    assert runs[0][0] != runs[1][0]
    assert runs[0][1] != runs[1][1]


def test_collecting_runs_nothing(tmp_path):
    write(tmp_path, {"test_it.py": "from pathlib import Path\nPath('count').open('a').write('x')"})
    pytest_in(tmp_path, "--simkit-verify", "--collect-only")
    assert (tmp_path / "count").read_text() == "x"


@pytest.mark.skipif(importlib.util.find_spec("xdist") is None, reason="needs pytest-xdist")
def test_workers_of_both_runs_are_compared_test_by_test(tmp_path):
    fine = "async def test_fine(sim):\n    pass\n"
    write(tmp_path, {"test_names.py": NAMES, "test_fine.py": fine})
    result = pytest_in(tmp_path, "-p", "xdist", "-n", "1", "--simkit-verify")
    result.assert_outcomes(failed=1, passed=1)
    result.stdout.fnmatch_lines(["DivergenceError:*", ">   first  * event *found  name=*"])


def test_without_the_option_no_trail_is_kept(tmp_path):
    write(tmp_path, {"test_it.py": NAMES + "    assert sim.trail is None\n"})
    pytest_in(tmp_path).assert_outcomes(passed=1)
