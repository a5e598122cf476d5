"""A crew: every job gets its verdict, whatever a bridge does to the process that runs it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from simkit.explore import Crew, CrewError, crew, worker
from simkit.scenarios import Job, judge

HOSTILE = "tests.explore.hostile:"


KILLED_ONCE = """
import os, pathlib, signal
from simkit.recording import own_bridge

before = pathlib.Path(__file__).with_suffix(".killed")
if not before.exists():
    before.touch()
    os.kill(os.getpid(), signal.SIGKILL)
app = own_bridge()
"""
AT_IMPORT = {
    "killed_once": KILLED_ONCE,
    "ends": "import os; os._exit(4)",
    "sleeps": "import time; time.sleep(1e6)",
    "is_stuck": "from tests.explore import hostile; hostile.stuck()",
    "exits": "raise SystemExit(1)",
}


@pytest.fixture(scope="module")
def one(tmp_path_factory):
    """A crew of one worker."""
    folder = tmp_path_factory.mktemp("apps")
    for name, source in AT_IMPORT.items():
        (folder / f"{name}_at_import.py").write_text(f"{source}\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        with Crew(1, real_limit=3.0, pages=tmp_path_factory.mktemp("pages")) as made:
            yield made


def test_verdicts_are_those_of_a_run_in_this_process(one):
    jobs = [Job("cold-start", {"late": late}) for late in (0.2, 0.4, 1.2)]
    verdicts = list(one.run(jobs, share=2))
    assert [verdict.job for verdict in verdicts] == jobs
    assert [verdict.digest for verdict in verdicts] == [judge(job).digest for job in jobs]
    assert {verdict.result for verdict in verdicts} == {"passed"}


def test_two_workers_share_what_there_is_to_do():
    jobs = [Job("greeting", seed=seed) for seed in range(8)]
    with Crew(2) as made:
        verdicts = list(made.run(jobs))
        assert len(made._workers) == 2
    assert sorted(verdict.job.seed for verdict in verdicts) == list(range(8))
    assert {verdict.result for verdict in verdicts} == {"passed"}


def test_the_page_of_each_call_is_there_when_its_verdict_comes(one, tmp_path_factory):
    folder = tmp_path_factory.getbasetemp() / "pages0"
    found, lost = one.run([Job("greeting"), Job("dtmf", app=HOSTILE + "exits")])
    assert (folder / found.page).read_text().startswith("<!doctype html>")
    assert found.strip.startswith("<svg")
    assert (lost.page, lost.strip) == ("", "")


@pytest.mark.parametrize(
    ("app", "result", "why"),
    [
        ("exits", "failed", "the process was ended with code 3 in the middle of the run"),
        ("segfaults", "failed", "the process was ended by SIGSEGV in the middle of the run"),
        ("killed", "failed", "the process was ended by SIGKILL in the middle of the run"),
        ("hangs_in_c", "failed", "no end after 6 s of real time, at explore/hostile.py:17 in stuc"),
        ("there_is_none", "error", "module 'tests.explore.hostile' has no 'there_is_none'"),
    ],
)
def test_a_bridge_that_ends_or_keeps_its_process_is_told_of_and_the_next_run_is_as_ever(
    one, app, result, why
):
    verdicts = {v.job.app: v for v in one.run([Job("dtmf", app=HOSTILE + app), Job("dtmf")])}
    assert verdicts[HOSTILE + app].result == result
    assert why in verdicts[HOSTILE + app].sentence
    assert verdicts[None].result == "passed"


@pytest.mark.parametrize(
    ("how", "result", "why"),
    [
        ("ends", "failed", "the process was ended with code 4"),
        ("sleeps", "error", "no end after 3 s of real time, at "),
        ("is_stuck", "failed", "no end after 6 s of real time, at explore/hostile.py:17 in stuck"),
        ("exits", "error", "importing it failed: SystemExit: 1"),
    ],
)
def test_so_is_one_that_does_so_as_it_is_imported(one, how, result, why):
    [verdict] = one.run([Job("dtmf", app=f"{how}_at_import:app")])
    assert verdict.result == result
    assert why in verdict.sentence


def test_one_that_the_system_killed_is_run_again(one):
    [verdict] = one.run([Job("greeting", app="killed_once_at_import:app")])
    assert verdict.result == "passed"


def test_what_an_application_keeps_is_not_there_in_the_next_run(one):
    verdicts = list(one.run([Job("dtmf", app=HOSTILE + "remembers")] * 3))
    assert len({verdict.digest for verdict in verdicts}) == 1
    assert all("did not hear 'Good morning'" in verdict.sentence for verdict in verdicts)


def test_jobs_are_drawn_as_they_are_needed(one):
    drawn = []

    def endless():
        while True:
            drawn.append(Job("cold-start", seed=len(drawn)))
            yield drawn[-1]

    verdicts = one.run(endless())
    next(verdicts)
    assert len(drawn) <= 3
    verdicts.close()
    assert [verdict.job for verdict in one.run([Job("dtmf")])] == [Job("dtmf")]


def test_workers_that_do_not_start_are_told_of(monkeypatch):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    why = "a worker process ended with code 1 at its start"
    with Crew(1) as made, pytest.raises(CrewError, match=why):
        list(made.run([Job("dtmf")]))


def test_workers_end_with_whoever_started_them():
    source = (
        "from simkit.explore import Crew\n"
        "from simkit.scenarios import Job\n"
        "made = Crew(1)\n"
        "runs = made.run([Job('dtmf')] * 9)\n"
        "next(runs)\n"
        "print(made._workers[0]._process.pid, flush=True)\n"
        "import os, signal; os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL
    deadline = time.monotonic() + 20
    while _is_there(int(done.stdout)):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_fork_that_stands_still_is_ended(monkeypatch):
    monkeypatch.setattr(worker, "_GRACE", 0.01)
    monkeypatch.setattr(worker, "_LOOK", 0.01)
    told, telling = os.pipe()
    pid = os.posix_spawn("/bin/sleep", ["sleep", "1000"], {})
    made = worker.Worker(worker.Orders([], 0.01), telling)
    with made._out, made._trace:
        assert made._listen(told, pid) == (0, -signal.SIGKILL)
    os.close(told)


def _is_there(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_processors_are_those_that_this_process_may_use(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 2}, raising=False)
    assert crew.processors() == 2


def test_a_job_that_costs_a_worker_is_run_by_another_one_and_given_up_then(one):
    app = HOSTILE + "worker_killed"
    verdicts = list(one.run([Job("dtmf"), Job("dtmf", app=app)]))
    assert [verdict.result for verdict in verdicts] == ["passed", "failed"]
    assert verdicts[-1].sentence == "2 worker processes were lost over it"
