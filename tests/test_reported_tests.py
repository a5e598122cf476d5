"""Pages of tests, by runs of pytest itself in this process."""

from __future__ import annotations

from pathlib import Path

import pytest

# What the runs import has to be there before; see test_pytest_plugin.
import simkit.bridge.server
import simkit.pytest_plugin
import simkit.simulation
import simkit.twilio
import simkit.vapi  # noqa: F401
from simkit._reported_tests import file_name
from tests.report.page.pages import data_in
from tests.test_judged_tests import BLOCKS

RECORDINGS = Path(__file__).parents[1] / "recordings"
CALLS = (
    BLOCKS.replace("time.sleep(0.03)", "pass")
    + """
@pytest.mark.parametrize("what", ["</script>", "../../etc"])
async def test_fails(sim, bridge, what):
    await sim.twilio.call(to="+15550100")
    assert what == "what is not"

async def test_passes(sim, bridge):
    call = await sim.twilio.call(to="+15550100")
    await call.hangs_up()

def test_makes_no_call(sim):
    pass

async def test_is_skipped(sim, bridge):
    await call_for(sim)
    pytest.skip("not today")
"""
)


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    pytester.makeini(
        "[pytest]\nasyncio_default_fixture_loop_scope = function\naddopts = -p no:syrupy"
    )
    return pytester


def told_in(project: pytest.Pytester, folder: str) -> dict[str, dict]:
    """What each page tells, by its title."""
    pages = [data_in(path.read_text()) for path in (project.path / folder).iterdir()]
    return {page["title"]: page for page in pages}


def test_failed_tests_get_a_page_whose_path_stands_under_the_failure(project):
    project.makepyfile(CALLS)
    result = project.runpytest_inprocess("--simkit-report=out/pages")
    result.assert_outcomes(failed=2, passed=2, skipped=1)
    told = told_in(project, "out/pages")
    assert len(told) == 2
    for title, page in told.items():
        assert title.startswith("test_failed_tests_get_a_page_whose_path_stands_under_the_failure")
        path = f"out/pages/{file_name(title)}.html"
        result.stdout.fnmatch_lines(["*Captured simkit page teardown*", path])
        assert page["verdict"][0].startswith("It failed: AssertionError: assert")
        assert page["remarks"][0].startswith("the test ended in the middle of a call")
        assert page["panels"][0]["events"]["t"]
    result.stdout.fnmatch_lines(["2 pages in out/pages"])


def test_all_tests_that_had_calls_get_one_when_asked_for(project):
    project.makepyfile(CALLS)
    project.runpytest_inprocess("--simkit-report=out", "--simkit-report-all")
    told = told_in(project, "out")
    assert sorted(title.partition("::")[2] for title in told) == [
        "test_fails[../../etc]",
        "test_fails[</script>]",
        "test_is_skipped",
        "test_passes",
    ]
    [passed] = [page for title, page in told.items() if title.endswith("test_passes")]
    assert passed["passed"] is True
    assert passed["verdict"][0] == "All 16 promises were kept."


def test_a_broken_promise_is_on_the_page_with_its_evidence(project):
    project.makepyfile(BLOCKS + "async def test_it(sim, bridge):\n    await call_for(sim)\n")
    project.runpytest_inprocess("--simkit-report=out").assert_outcomes(failed=1)
    [page] = told_in(project, "out").values()
    assert page["verdict"][0] == "1 of 16 promises was broken: no-blocking."
    [promise] = [promise for promise in page["promises"] if not promise["passed"]]
    assert promise["name"] == "no-blocking"
    events = page["panels"][0]["events"]
    [at] = promise["proofs"][0]["events"]
    assert page["panels"][0]["kinds"][events["kind"][at]] == "stall"


def test_a_replay_that_fails_is_shown_below_the_recording_with_the_reason(project):
    project.makepyfile(
        f"""
import pytest

@pytest.mark.recording({str(RECORDINGS / "barge-in")!r})
def test_it(replayed):
    assert replayed.barge_ins == []
"""
    )
    project.runpytest_inprocess("--simkit-report=out").assert_outcomes(failed=1)
    [page] = told_in(project, "out").values()
    assert [panel["title"] for panel in page["panels"]] == ["recorded: barge-in", "replayed"]
    assert any(remark.startswith("the test failed: AssertionError") for remark in page["remarks"])


def test_a_fixture_that_fails_after_a_call_leaves_a_page_too(project):
    project.makepyfile(
        BLOCKS.replace("time.sleep(0.03)", "pass")
        + """
@pytest.fixture
async def called(sim, bridge):
    await call_for(sim)
    raise ValueError("no")

def test_it(called):
    pass
"""
    )
    project.runpytest_inprocess("--simkit-report=out").assert_outcomes(errors=1)
    assert len(told_in(project, "out")) == 1


def test_nothing_is_written_when_nobody_asks(project):
    project.makepyfile(CALLS)
    before = set(project.path.iterdir())
    result = project.runpytest_inprocess()
    assert "simkit page" not in result.stdout.str()
    assert {path.suffix for path in set(project.path.iterdir()) - before} <= {""}


def test_a_place_that_is_no_folder_is_told_before_any_test_runs(project):
    project.makepyfile(CALLS)
    (project.path / "taken").write_text("")
    result = project.runpytest_inprocess("--simkit-report=taken")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: --simkit-report=taken: cannot be made: File exists"])


def test_all_of_nothing_is_told(project):
    result = project.runpytest_inprocess("--simkit-report-all")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: --simkit-report-all: add --simkit-report=FOLDER"])


def test_a_page_that_cannot_be_written_is_told_and_fails_nothing_else(project):
    project.makepyfile(CALLS)
    name = file_name(
        "test_a_page_that_cannot_be_written_is_told_and_fails_nothing_else.py::test_passes"
    )
    (project.path / "out" / f"{name}.html").mkdir(parents=True)
    result = project.runpytest_inprocess(
        "--simkit-report=out", "--simkit-report-all", "-k", "passes", "-rP"
    )
    result.assert_outcomes(passed=1, deselected=4)
    result.stdout.fnmatch_lines(["*test_passes*: cannot be written: found a folder*"])


@pytest.mark.parametrize(
    "nodeid", ["a.py::test[../../x]", "a.py::test[x\ud800]", "a/b.py::T::t[" + "x" * 400 + "]", ""]
)
def test_names_of_files_are_short_plain_and_stay_in_their_folder(nodeid):
    name = file_name(nodeid)
    assert name.isascii()
    assert len(name) <= 110
    assert not set(name) - set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.")
    assert not name.startswith((".", "-")) or not nodeid


def test_tests_whose_plain_names_agree_have_files_of_their_own():
    ids = ["a.py::test[a/b]", "a.py::test[a:b]", "x/a.py::test[a/b]"]
    assert len({file_name(nodeid) for nodeid in ids}) == 3
