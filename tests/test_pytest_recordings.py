"""Recordings as tests, by runs of pytest itself."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

# As in test_pytest_plugin: what the runs import has to be there before.
import simkit.bridge.server
import simkit.pytest_plugin
import simkit.recording.legs  # noqa: F401

RECORDINGS = Path(__file__).parents[1] / "recordings"

WRONG_APP = """
from simkit.bridge import Bridge, CallCore, Config
from simkit.twilio import AUTH_TOKEN

class NeverClears(CallCore):
    def _cut_off(self, now_ns):
        return [a for a in super()._cut_off(now_ns) if type(a).__name__ != "Clear"]

def app():
    return Bridge(
        Config(
            public_url="https://bridge.example.com",
            twilio_auth_token=AUTH_TOKEN,
            vapi_api_key="any",
        ),
        NeverClears,
    ).app()
"""


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    shutil.copytree(RECORDINGS / "pricing-question", pytester.path / "calls" / "pricing")
    (pytester.path / "calls" / "sources").mkdir()
    pytester.makepyfile(wrong_app=WRONG_APP)
    return pytester


def run(project: pytest.Pytester, *args: str) -> pytest.RunResult:
    return project.runpytest_inprocess("-p", "no:syrupy", "-p", "no:asyncio", *args)


def test_a_test_gets_the_replay_of_the_recording_that_it_names(project):
    project.makepyfile(
        test_calls="""
        import os
        import pytest

        @pytest.mark.recording("calls/pricing")
        def test_as_recorded(replayed):
            assert replayed.passed
            assert replayed.barge_ins == []
            assert replayed.measures.calls == 1
            assert replayed.timeline.of("clear")
            assert replayed.divergence.is_none
            assert "VAPI_ASSISTANT_ID" not in os.environ

        @pytest.mark.recording("calls/pricing", app="wrong_app:app")
        def test_of_another_bridge(replayed):
            assert replayed.passed

        @pytest.mark.recording("calls/pricing", tolerance_ms=0)
        def test_to_the_millisecond(replayed):
            assert [one.sentence for one in replayed.divergence.causes] == [
                "clear sent 3 ms later than recorded"
            ]

        def test_without_marker(replayed):
            pass

        @pytest.mark.recording("calls/nowhere")
        def test_of_nothing(replayed):
            pass
        """
    )
    result = run(project, "--strict-markers")
    result.assert_outcomes(passed=2, failed=1, errors=2)
    for line in (
        "*<Replay of pricing: at 2.817: clear not sent>.passed",
        '*the fixture replayed needs @pytest.mark.recording("PATH")*',
        "*calls/nowhere: there is no such folder*",
    ):
        result.stdout.fnmatch_lines([line])


def test_each_recording_of_the_folder_is_a_test(project):
    shutil.copytree(project.path / "calls" / "pricing", project.path / "calls" / "broken")
    (project.path / "calls" / "broken" / "call.jsonl").write_text("{}\n")
    project.makeini("[pytest]\nsimkit_recordings = calls\n")
    result = run(project, "-v")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(
        ["calls/broken/call.jsonl::broken FAILED*", "calls/pricing/call.jsonl::pricing PASSED*"]
    )
    result.stdout.fnmatch_lines(["*call.jsonl:1: *source*"])


def test_a_recording_fails_with_the_sentences_and_is_found_beside_testpaths(project):
    project.makeini(
        "[pytest]\ntestpaths = tests\nsimkit_recordings = calls\nsimkit_app = wrong_app:app\n"
    )
    project.mkdir("tests")
    result = run(project)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["at 2.817: clear not sent"])
    assert "Traceback" not in result.stdout.str()


def test_a_timeline_beside_the_recording_is_compared(project):
    project.makeini("[pytest]\nsimkit_recordings = calls\n")
    run(project, "--simkit-update").assert_outcomes(passed=1)
    kept = project.path / "calls" / "pricing.timeline.txt"
    text = kept.read_text()
    assert text.startswith("    0.060  twilio   > bridge   POST /voice/inbound")
    run(project).assert_outcomes(passed=1)
    kept.write_text(text.replace("user-interrupted", "user-silent"))
    result = run(project)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["-*user-silent", "+*user-interrupted"])
