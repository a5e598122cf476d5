"""A run as a job: its verdict, and that both can be sent about."""

from __future__ import annotations

import os
import pickle
import re

import msgspec
import pytest

from simkit.scenarios import Job, ScenarioError, Verdict, judge
from simkit.scenarios.job import RealTime, verdict_on
from tests.report.page.pages import outcome
from tests.timeline.stories import interrupted

APP = "job_bridge:app"
WRONG = """
from simkit.bridge import Bridge, Config
from tests.zoo.bridges import NeverClears

print("imported")
app = Bridge(Config.from_env(), make_core=NeverClears).app()
"""


LEAVES_OPEN = "from tests.zoo.catalogue import BUGS; app = BUGS['leaves-vapi-open'].app()"


@pytest.fixture(autouse=True)
def _bridge(tmp_path, monkeypatch):
    (tmp_path / "job_bridge.py").write_text(WRONG)
    (tmp_path / "leaving_bridge.py").write_text(LEAVES_OPEN)
    monkeypatch.syspath_prepend(tmp_path)


def test_a_right_bridge_passes_and_is_measured():
    verdict = judge(Job("barge-in", {"lead": 60.0}))
    assert (verdict.result, verdict.failures, verdict.sentence) == ("passed", [], "")
    assert 0 < verdict.time_to_stop_ms < 300
    assert (verdict.first_words_lost_ms, verdict.leaks) == (0, 0)
    assert verdict.call_seconds > 5
    assert verdict.cpu_seconds > 0


def test_the_same_job_has_the_same_digest_and_another_one_has_not():
    digests = [judge(Job("cold-start", {"late": late})).digest for late in (0.2, 0.2, 0.4)]
    assert digests[0] == digests[1] != digests[2]


def test_a_wrong_bridge_fails_by_name_and_prints_nothing_to_stdout(capsys):
    job = Job("barge-in", {"lead": 60.0, "silence_frames": False}, seed=3, app=APP)
    before = dict(os.environ)
    verdict = judge(job)
    assert verdict.result == "failed"
    assert "stops-when-interrupted" in [check for check, _ in verdict.failures]
    assert verdict.sentence.startswith("stops-when-interrupted: caller interrupted")
    assert capsys.readouterr() == ("", "imported\n")
    assert dict(os.environ) == before


def test_what_is_left_open_is_told_by_its_check_and_by_no_warning():
    verdict = judge(Job("greeting", app="leaving_bridge:app"))
    assert verdict.result == "failed"
    assert [check for check, _ in verdict.failures] == ["clean-teardown"]


@pytest.mark.parametrize(
    ("app", "why"),
    [
        ("no_such_app:app", "there is no module 'no_such_app'"),
        ("job_bridge:nothing", "module 'job_bridge' has no 'nothing'"),
    ],
)
def test_what_cannot_be_run_is_an_error_with_the_reason(app, why):
    verdict = judge(Job("greeting", app=app))
    assert verdict.result == "error"
    assert why in verdict.sentence


def test_so_is_what_the_scenario_does_not_take():
    verdict = judge(Job("greeting", {"late": 1.0}))
    assert verdict.result == "error"
    assert re.match("TypeError: .* unexpected keyword argument 'late'", verdict.sentence)


def test_half_a_letter_that_a_bridge_says_is_told_and_can_be_sent_about():
    story = interrupted()
    story.timeline.record("unhandled-error", "bridge", what="half a \ud83d letter")
    verdict = verdict_on(Job("greeting"), outcome(story.timeline, failure="half a \ud83d letter"))
    assert verdict.sentence == "half a ? letter"
    assert msgspec.json.decode(msgspec.json.encode(verdict), type=Verdict) == verdict
    assert len(verdict.digest) == 16


def test_a_scenario_that_there_is_not_is_told():
    with pytest.raises(ScenarioError, match="no scenario 'barge_in'"):
        judge(Job("barge_in"))


def test_jobs_and_verdicts_can_be_sent_about():
    job = Job("barge-in", {"lead": 60.0, "silence_frames": False}, 3, "my_app:app", True)
    verdict = Verdict(job, "failed", [("no-blocking", "the loop was blocked")], digest="ab")
    for one in (job, verdict):
        assert pickle.loads(pickle.dumps(one)) == one
        assert msgspec.json.decode(msgspec.json.encode(one), type=type(one)) == one


def test_a_job_says_how_it_is_repeated():
    job = Job("barge-in", {"lead": 60.0, "silence_frames": False}, 3, "my_app:app", True)
    assert job.command() == (
        "simkit run barge-in --set lead=60.0 --set silence_frames=false --seed 3 --varied "
        "--app my_app:app"
    )
    assert Job("greeting").command() == "simkit run greeting"
    there = RealTime("http://127.0.0.1:3000/voice", "node server.js")
    assert Job("dtmf", {"hold": 0.2}, wall=there).command() == (
        "simkit run dtmf --set hold=0.2 --wall --bridge http://127.0.0.1:3000/voice "
        "--exec 'node server.js'"
    )
    own = Job("dtmf", app="my_app:app", wall=RealTime())
    assert own.command() == "simkit run dtmf --app my_app:app --wall"
    assert own.key != Job("dtmf", app="my_app:app").key
