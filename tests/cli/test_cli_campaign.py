"""``simkit campaign`` from the command line."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from simkit.cli import main
from simkit.explore import Campaign, CrewError
from simkit.scenarios import Job, Verdict, judge


class HereInstead:
    """A crew that runs jobs in this process, in the other order."""

    def __init__(self, workers: int, *, real_limit: float, pages: Path | None = None) -> None:
        self.workers, self.pages = workers, pages

    def run(self, jobs, *, share: int = 1):
        for job in reversed(list(jobs)):
            yield self.judged(job) if self.pages is None else judge(job, pages=self.pages)

    def judged(self, job: Job) -> Verdict:
        if job.scenario == "idle":
            return Verdict(job, "failed", [("liveness", "nobody\nspoke")], call_seconds=1.0)
        return judge(job)

    def __enter__(self):
        return self

    def __exit__(self, *exc_info) -> None:
        pass


@pytest.fixture(autouse=True)
def _here(monkeypatch):
    monkeypatch.setattr("simkit.cli.campaign.Crew", HereInstead)
    handler = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, handler)


def invoke(*args: str) -> Result:
    return CliRunner().invoke(main, ["campaign", *args], catch_exceptions=False)


def test_a_campaign_prints_a_table_and_each_kind_of_failure_with_its_command():
    result = invoke("--scenarios", "cold-start,idle", "--seeds", "4-5")
    lines = result.stdout.splitlines()
    assert result.exit_code == 1
    assert lines[0].split() == ["scenario", "passed", "failed", "error", "not", "applicable"]
    numbers = [(name, str(len(Campaign([name], 4, 2)))) for name in ("cold-start", "idle")]
    assert [tuple(line.split()) for line in lines[1:3]] == numbers
    columns = [lines[0].index(result) for result in ("passed", "failed")]
    for (_, number), line, at in zip(numbers, lines[1:3], columns, strict=True):
        assert line[: at + 6].endswith(f" {number}")
    assert f"{len(Campaign(['idle'], 4, 2))} x idle: liveness  nobody" in lines
    [command] = [line for line in lines if line.startswith("    simkit run idle")]
    assert command.endswith(" --seed 4 --varied")
    assert any(line.startswith("digest ") for line in lines)


def test_a_campaign_is_written_as_a_page(tmp_path):
    path = tmp_path / "campaign.html"
    result = invoke("--scenarios", "idle,idle", "--seeds", "4-5", "--html", str(path))
    assert result.exit_code == 1
    assert result.stdout.splitlines()[-1] == f"the page: {path}"
    text = path.read_text("utf-8")
    assert "1 of 1 race lost" in text
    # The first of the kind, and each that is folded up; a race that is named twice is one row.
    assert text.count("simkit run idle") == 1 + 2 * len(Campaign(["idle"], 4, 2))
    # It is shown how the first of the kind looks.
    assert text.count('<svg class="timed"') == 1
    assert "the caller speaks" in text


@pytest.mark.parametrize("where", ["Crew", "Cluster"])
def test_whoever_runs_it_is_told_of_the_limit(monkeypatch, where):
    told = []

    class Told(HereInstead):
        def __init__(self, workers: int | str, *, real_limit: float) -> None:
            told.append((workers, real_limit))
            super().__init__(1, real_limit=real_limit)

    monkeypatch.setattr(f"simkit.cli.campaign.{where}", Told)
    workers = ("-n", "3") if where == "Crew" else ("--dask", "tcp://centre:8786")
    invoke("--scenarios", "idle", "--seeds", "1", *workers, "--limit", "7")
    assert told == [(3 if where == "Crew" else "tcp://centre:8786", 7.0)]


def test_what_could_not_be_run_exits_with_2_whatever_else_failed(tmp_path, monkeypatch):
    source = "def serve(sim):\n    raise ValueError('it does not start today')\n"
    (tmp_path / "not_today.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    args = ("--scenarios", "greeting,idle", "--seeds", "1", "--app", "not_today:serve")
    result = invoke(*args)
    assert result.exit_code == 2
    assert "1 x greeting: scenario  " in result.stdout
    assert "it does not start today" in result.stdout


@pytest.mark.parametrize(
    ("app", "told"),
    [("no_such:app", "there is no module 'no_such'"), ("my_app", "expected 'package.module:attr")],
)
def test_an_app_that_is_not_there_is_one_line_and_no_campaign(app, told, monkeypatch):
    monkeypatch.setattr(HereInstead, "judged", lambda self, job: judge(job))
    result = invoke("--scenarios", "greeting,idle", "--app", app)
    assert (result.exit_code, result.stdout) == (2, "")
    assert f"simkit: app '{app}': {told}" in result.stderr.splitlines()[-1]


def test_how_much_there_is_to_do_is_said_before_and_how_long_it_takes_after_a_while(monkeypatch):
    clock = iter(range(0, 1000, 3))
    monkeypatch.setattr("simkit.cli.campaign.time.monotonic", lambda: float(next(clock)))
    result = invoke("--scenarios", "idle", "--seeds", "50", "-n", "2")
    first, second = result.stderr.splitlines()
    assert first == "simkit: 100 runs on 2 at a time (1 scenario, 2 variants, 50 seeds)"
    assert second == "about 5 minutes more, at 0.3 runs a second"


def test_what_was_done_before_is_told_apart_from_what_is_done_now(tmp_path):
    options = ("--scenarios", "idle", "--output", str(tmp_path / "verdicts.jsonl"))
    number = len(Campaign(["idle"], 0, 1))
    for now, more in ((number, []), (0, ["--resume"])):
        lines = invoke(*options, "--seeds", "1", *more).stdout.splitlines()
        assert f"{number} runs, {number} s of calls" in lines
        assert lines[-1].startswith(f"{now} of them now, in ")


def test_a_campaign_goes_on_where_it_was_interrupted(tmp_path):
    path = tmp_path / "verdicts.jsonl"
    options = ("--scenarios", "cold-start", "--seeds", "3", "--json")
    whole = json.loads(invoke(*options, "--output", str(path)).stdout)
    kept = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(kept[:-1]) + kept[-1][:20])
    again = invoke(*options, "--output", str(path), "--resume")
    assert json.loads(again.stdout) == whole
    assert again.exit_code == 0
    assert whole["results"]["cold-start"]["passed"] == whole["runs"] >= 3


def test_who_interrupts_gets_what_there_is(monkeypatch):
    def judged(self, job: Job) -> Verdict:
        if job.seed == 0:
            raise KeyboardInterrupt
        return Verdict(job, "passed")

    monkeypatch.setattr(HereInstead, "judged", judged)
    result = invoke("--scenarios", "greeting", "--seeds", "3")
    assert result.exit_code == 130
    assert result.stdout.endswith("interrupted: 2 of 3 runs were done\n")


@pytest.mark.parametrize(
    ("args", "line"),
    [
        (("--scenarios", "idle,x"), "no scenario 'x'; `simkit scenarios` lists"),
        (("--resume",), "--resume: goes with --output"),
        (("--html", "campaign.txt"), "--html campaign.txt: expected a file ending in .html"),
        (("--output", "/no/such/file"), "--output /no/such/file: No such file or directory"),
        (("--dask", "tcp://127.0.0.1:1"), "a Dask cluster takes the extra dask: simkit[dask]"),
    ],
)
def test_input_of_no_use_is_one_line_and_exits_with_2(args, line, monkeypatch):
    def no_dask(*args, **kwargs):
        raise CrewError("a Dask cluster takes the extra dask: simkit[dask]")

    monkeypatch.setattr("simkit.cli.campaign.Cluster", no_dask)
    result = invoke(*args)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(f"simkit: {line}")
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("seeds", ["0", "5-4", "-1", "x", "1-", "1e3"])
def test_seeds_are_a_number_or_a_range(seeds):
    result = invoke(f"--seeds={seeds}")
    assert result.exit_code == 2
    assert f"expected a number, or first-last; found {seeds!r}" in result.stderr


def test_ctrl_c_ends_every_process_and_the_file_can_be_gone_on_with(tmp_path):
    path = tmp_path / "verdicts.jsonl"
    command = [sys.executable, "-c", "from simkit.cli import main; main()", "campaign"]
    command += ["--scenarios", "cold-start", "-n", "1", "--output", str(path)]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as process:
        while not path.exists() or path.read_bytes().count(b"\n") < 2:
            assert process.poll() is None
            time.sleep(0.02)
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        assert children
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert f"; --output {path} --resume goes on\n" in out
    assert "Traceback" not in err
    assert not any(Path(f"/proc/{child}/stat").exists() for child in children)
    assert path.read_bytes().endswith(b"\n")
