"""``simkit conformance`` from the command line."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from xml.etree import ElementTree

import msgspec
import pytest
from click.testing import CliRunner, Result

from simkit.cli import main
from simkit.cli.junit import junit
from simkit.explore.conformance import judged, plan, rows
from simkit.scenarios import Job, Verdict, judge
from tests.full_disk import little_place

SENTENCE = "caller heard 340 ms of reply 1 after the clear at 3.112\nand more"
VERDICTS = [
    Verdict(Job("greeting"), "passed", first_words_lost_ms=0.0, leaks=0, cpu_seconds=0.5),
    Verdict(Job("barge-in"), "passed", time_to_stop_ms=290.0, leaks=0),
    Verdict(
        Job("barge-in", {"lead": 60.0}),
        "failed",
        [("no-stale-audio", SENTENCE), ("liveness", "nobody spoke \x1b<&\ufffe")],
        time_to_stop_ms=2000.0,
        leaks=1,
    ),
    Verdict(Job("dtmf"), "not applicable", reason="no keys"),
    Verdict(Job("idle"), "error", [("scenario", "there is no module 'x'")]),
]


class Told:
    """A crew that tells what it was told to tell, last job first."""

    found: list[Verdict]
    """Of these a scenario's other variants go as its first one does."""
    interrupted_after = 100

    def __init__(self, workers: int | None, *, real_limit: float, pages: Path | None) -> None:
        self.pages = pages

    def run(self, jobs, *, share: int):
        known = {verdict.job.scenario: verdict for verdict in reversed(self.found)}
        for number, job in enumerate(reversed(list(jobs))):
            if number == self.interrupted_after:
                raise KeyboardInterrupt
            told = known.get(job.scenario, Verdict(job, "passed"))
            yield msgspec.structs.replace(told, job=job)

    def __enter__(self):
        return self

    def __exit__(self, *exc_info) -> None:
        pass


@pytest.fixture(autouse=True)
def crew(monkeypatch):
    monkeypatch.setattr("simkit.cli.conformance.Crew", Told)
    monkeypatch.setattr(Told, "found", VERDICTS, raising=False)
    handler = signal.getsignal(signal.SIGTERM)
    yield Told
    signal.signal(signal.SIGTERM, handler)


def invoke(*args: str) -> Result:
    return CliRunner().invoke(main, ["conformance", *args], catch_exceptions=False)


def only(*names: str) -> list[str]:
    return [word for name in names for word in ("--scenario", name)]


def test_the_table_has_a_row_for_each_scenario_with_its_worst_variant():
    result = invoke(*only("greeting", "dtmf", "idle"))
    header, *found = [line.rstrip() for line in result.stdout.splitlines()]
    assert header.split("  ")[0] == "scenario"
    assert [line.split("  ")[0] for line in found[:3]] == ["greeting", "dtmf", "idle"]
    assert "not applicable" in found[1]
    assert found[1].endswith("no keys")
    assert "ERROR" in found[2]
    assert found[2].endswith("there is no module 'x'")
    assert found[4] == "3 scenarios: 1 passed, 1 error, 1 not applicable"
    assert result.exit_code == 2


def test_a_row_has_the_figures_and_what_was_run_stands_below():
    result = invoke(*only("barge-in"))
    runs = len(plan(["barge-in"]))
    _, row, _, told, last = [line.rstrip() for line in result.stdout.splitlines()]
    assert re.split(r"\s{2,}", row) == ["barge-in", "passed", f"{runs}/{runs}", "290 ms", "0"]
    assert (told, last) == ("1 scenario: 1 passed", f"{runs} runs, 0 s of calls")


def test_a_row_is_as_good_as_its_worst_variant():
    row = rows([verdict.job for verdict in VERDICTS], reversed(VERDICTS))[1]
    assert (row.scenario, row.result, row.passed, len(row.verdicts)) == ("barge-in", "failed", 1, 2)
    assert row.sentence.startswith("lead=60.0: no-stale-audio: caller heard 340 ms")
    assert (row.most("time_to_stop_ms"), row.most("leaks")) == (2000.0, 1)
    assert row.most("first_words_lost_ms") is None


def verdict_of(number: int, *checks: str) -> Verdict:
    return Verdict(Job("barge-in", {"at": number}), "failed", [(check, check) for check in checks])


def test_the_row_shows_the_variant_that_broke_what_matters_most():
    found = [
        verdict_of(1, "no-blocking", "clean-teardown"),
        verdict_of(2, "no-stale-audio"),
        verdict_of(3, "no-stale-audio", "clean-teardown"),
        verdict_of(4, "protocol-conformance", "no-blocking", "clean-teardown"),
    ]
    [row] = rows([verdict.job for verdict in found], found)
    assert row.worst is found[2]
    words = verdict_of(5, "scenario", "clean-teardown")
    assert rows([words.job], [words])[0].gravity < row.gravity


def test_a_check_that_loses_several_races_by_itself_is_to_be_mended_first(monkeypatch, crew):
    teardown = [("clean-teardown", "a socket was left")]
    monkeypatch.setattr(
        crew, "found", [Verdict(Job(name), "failed", teardown) for name in ("greeting", "idle")]
    )
    told = invoke(*only("greeting", "idle", "dtmf")).stdout
    assert told.endswith("clean-teardown alone: 2 of the races that failed; mend that first\n")
    assert "alone" not in invoke(*only("greeting", "dtmf")).stdout


def test_nothing_that_matters_is_wrong_with_a_bridge_that_offers_less():
    result = invoke(*only("greeting", "dtmf"))
    assert result.exit_code == 0
    assert "2 scenarios: 1 passed, 1 not applicable\n" in result.stdout


def test_json_has_the_rows_with_every_variant_inside():
    result = invoke("--json", *only("greeting", "barge-in"), "--seed", "0")
    told = json.loads(result.stdout)
    assert (told["app"], told["seed"], told["interrupted"]) == (None, 0, False)
    assert sum(told["counts"].values()) == 2
    first = told["scenarios"][0]
    assert (first["scenario"], first["result"], first["leaks"]) == ("greeting", "passed", 0)
    jobs = plan(["barge-in"])
    assert [one["settings"] for one in told["scenarios"][1]["variants"]] == [
        job.settings for job in jobs
    ]
    assert told["scenarios"][1]["variants"][0]["command"] == jobs[0].command()


def test_who_interrupts_gets_the_table_so_far(monkeypatch, crew):
    runs = len(plan(["dtmf"]))
    monkeypatch.setattr(crew, "interrupted_after", runs)
    result = invoke(*only("greeting", "dtmf"))
    assert result.exit_code == 130
    assert "dtmf" in result.stdout
    assert "greeting" not in result.stdout
    assert result.stdout.endswith(f"interrupted: {runs} of {runs + 1} runs were done\n")


def test_an_app_that_is_not_there_is_one_line_and_no_table(monkeypatch, crew):
    result = invoke("--app", "my_app")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("simkit: app 'my_app': expected 'package.module:attribute'")
    verdict = judge(Job("greeting", app="no_such:app"))
    monkeypatch.setattr(crew, "found", [verdict])
    result = invoke("--app", "no_such:app", "--scenario", "greeting")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == f"simkit: {verdict.sentence}\n"
    assert "there is no module 'no_such'" in verdict.sentence


def test_when_runs_do_not_come_back_the_others_are_spared():
    hung = "no end after 60 s of real time, at my_app.py:3 in voice"

    class Hangs:
        def run(self, jobs, *, share: int):
            for job in jobs:
                yield Verdict(job, "failed", [("scenario", hung)])

    jobs = [Job("greeting", seed=seed) for seed in range(10)]
    found = list(judged(jobs, Hangs()))
    assert sorted(verdict.job.seed for verdict in found) == list(range(10))
    assert [verdict.result for verdict in found] == ["failed"] * 3 + ["error"] * 7
    assert found[-1].sentence == "not run: 3 runs before it did not come back"


@pytest.mark.parametrize(("passing", "spared"), [(None, 7), (1, 0), (5, 7)])
def test_when_the_first_runs_end_with_the_same_error_the_others_are_spared(passing, spared):
    class Broken:
        def run(self, jobs, *, share: int):
            for job in jobs:
                result = "passed" if job.seed == passing else "error"
                yield Verdict(job, result, [("scenario", "there is no module 'x'")])

    jobs = [Job("greeting", seed=seed) for seed in range(10)]
    found = [verdict.sentence for verdict in judged(jobs, Broken())]
    assert len(found) == 10
    assert found.count("not run: 3 runs before it ended with the same error") == spared


def test_an_error_that_scenarios_share_is_told_once(monkeypatch, crew):
    names = ("greeting", "dtmf", "idle", "barge-in")
    told = ["there is no module 'x'", "there is no module 'x'", "another", "there is no module 'x'"]
    found = [
        Verdict(Job(name), "error", [("scenario", why)])
        for name, why in zip(names, told, strict=True)
    ]
    monkeypatch.setattr(crew, "found", found)
    _, *rows, _, counts, _ = invoke(*only(*names)).stdout.splitlines()
    assert [re.split(r"\s{2,}", row.rstrip())[0] for row in rows] == ["greeting", "idle", "2 more"]
    runs = len(plan(["dtmf", "barge-in"]))
    assert re.split(r"\s{2,}", rows[-1].rstrip())[1:] == ["ERROR", f"0/{runs}", "likewise"]
    assert counts == "4 scenarios: 4 error"


def test_junit_counts_and_tells_what_failed():
    text = junit(rows([verdict.job for verdict in VERDICTS], VERDICTS))
    top = ElementTree.fromstring(text)
    assert all(len(case) <= 1 for case in top.iter("testcase"))
    [suite] = top
    counts = {name: int(suite.get(name)) for name in ("tests", "failures", "errors", "skipped")}
    assert counts == {"tests": 5, "failures": 1, "errors": 1, "skipped": 1}
    [failure] = suite.iter("failure")
    assert failure.get("message") == "no-stale-audio: " + SENTENCE.partition("\n")[0]
    assert "liveness: nobody spoke \ufffd<&\ufffd" in failure.text
    assert failure.text.endswith("simkit run barge-in --set lead=60.0")
    assert [case.get("name") for case in suite][2] == "barge-in lead=60.0"


def test_what_was_not_looked_at_in_real_time_is_said_of_the_runs(monkeypatch, crew, tmp_path):
    unseen = ["no-blocking", "clean-teardown: tasks"]
    monkeypatch.setattr(crew, "found", [Verdict(Job("greeting"), "passed", not_judged=unseen)])
    path = tmp_path / "junit.xml"
    result = invoke(*only("greeting"), "--junit", str(path), "--html", str(tmp_path / "races.html"))
    told = "not judged (real time): no-blocking; clean-teardown: tasks"
    assert told in result.stdout.splitlines()
    assert ElementTree.parse(path).getroot().find(".//testcase/system-out").text == told
    assert f" · {told}</p>" in (tmp_path / "races.html").read_text()
    plain = json.loads(invoke(*only("greeting"), "--json").stdout)
    assert plain["not_judged"] == plain["scenarios"][0]["variants"][0]["not_judged"] == unseen


def test_junit_is_written_beside_the_table(tmp_path):
    path = tmp_path / "junit.xml"
    assert invoke(*only("greeting"), "--junit", str(path)).exit_code == 0
    assert ElementTree.parse(path).getroot().get("tests") == "1"


@pytest.mark.parametrize(
    ("place", "table", "calls"),
    [("out.html", "out.html", "out-calls"), ("new/out", "new/out/index.html", "new/out/calls")],
)
def test_pages_are_written_beside_the_table(tmp_path, place, table, calls):
    result = invoke(*only("greeting", "barge-in"), "--html", str(tmp_path / place))
    assert result.stdout.endswith(f"the page: {tmp_path / table}\n")
    text = (tmp_path / table).read_text()
    assert text.count("<tbody") == 2
    assert "simulated" in text
    assert "to None" not in text
    assert "Not complete" not in text
    assert (tmp_path / calls).is_dir()


def test_who_interrupts_gets_a_page_that_says_that_it_is_not_complete(tmp_path, monkeypatch, crew):
    monkeypatch.setattr(crew, "interrupted_after", 1)
    half = tmp_path / "calls" / ".dtmf-1.html.part"
    half.parent.mkdir()
    half.write_text("<!doc")
    result = invoke(*only("greeting", "backchannel"), "--html", str(tmp_path))
    assert result.exit_code == 130
    text = (tmp_path / "index.html").read_text()
    runs = len(plan(["greeting", "backchannel"]))
    assert f"Not complete: interrupted when 1 of {runs} runs were done." in text
    assert 'id="idle"' not in text
    assert not half.exists()


def test_tests_are_written_and_never_over_others(tmp_path, monkeypatch, crew):
    lost = Verdict(Job("dtmf", app="my_app:app"), "failed", [("scenario", "it went wrong")])
    monkeypatch.setattr(crew, "found", [lost])
    options = [*only("dtmf", "idle"), "--app", "my_app:app", "--write-tests", str(tmp_path / "new")]
    place = tmp_path / "new" / "test_races.py"
    result = invoke(*options)
    assert result.exit_code == 1
    assert result.stdout.endswith(
        f"{place}: a test of each: 1 lost race, {len(plan(['dtmf']))} variants in all\n"
    )
    text = place.read_text()
    assert "async def test_dtmf" in text
    place.write_text("# mine\n")
    again = invoke(*options)
    assert (again.exit_code, place.read_text()) == (2, "# mine\n")
    assert again.stderr == f"simkit: {place}: is there; --force writes over it\n"
    invoke(*options, "--force")
    assert place.read_text() == text


def test_where_nothing_failed_no_test_is_written(tmp_path):
    result = invoke(*only("greeting", "dtmf"), "--write-tests", str(tmp_path / "new"))
    assert result.exit_code == 0
    assert "failing tests" not in result.stdout
    assert list((tmp_path / "new").iterdir()) == []


@pytest.mark.parametrize(
    ("args", "line"),
    [
        (("--scenario", "x"), "no scenario 'x'; `simkit scenarios` lists"),
        (("--exec", "node"), "--exec: goes with --wall only"),
        (("--wall", "--upstream", "openai-realtime"), "--upstream is part of a simulated world"),
        (
            ("--junit", "/no/such/file", *only("dtmf")),
            "--junit /no/such/file: there is no folder /no/such",
        ),
        (("--wall", "--write-tests", "."), "--write-tests writes tests that run in a simulation"),
        (("--write-tests", "/proc/no"), "--write-tests /proc/no: No such file or directory"),
        (("--html", "/proc/no"), "--html /proc/no: No such file or directory"),
        (("--html", "/proc/no/x.html"), "--html /proc/no/x.html: No such file or directory"),
        (("--html", "/dev/null"), "--html /dev/null: Not a directory"),
    ],
)
def test_input_of_no_use_is_one_line_and_exits_with_2(args, line):
    result = invoke(*args)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(f"simkit: {line}")
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("option", ["--junit", "--html"])
def test_on_a_full_disk_the_table_is_told_all_the_same(tmp_path, option):
    place = tmp_path / "out.html"
    with little_place(100):
        result = invoke(*only("greeting", "dtmf"), option, str(place))
    assert result.exit_code == 2
    assert "2 scenarios: " in result.stdout
    assert result.stderr == f"simkit: {option} {place}: cannot be written: File too large\n"
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == []


@pytest.mark.parametrize("option", ["--app", "--upstream", "--bridge", "--exec"])
def test_what_is_no_text_is_refused(option):
    result = invoke(option, "\udcff:app", *only("dtmf"))
    assert result.exit_code == 2
    said = f"Error: Invalid value for '{option}': expected text in UTF-8; found '\\udcff:app'\n"
    assert result.stderr.endswith(said)


def test_who_is_told_to_stop_leaves_nobody_behind():
    command = [sys.executable, "-c", "from simkit.cli import main; main()", "conformance"]
    with subprocess.Popen(
        [*command, "-n", "1"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        tasks = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        while not (children := tasks.read_text().split()):
            assert process.poll() is None
            time.sleep(0.02)
        process.terminate()
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (143, "", "")
    assert not any(Path(f"/proc/{child}").exists() for child in children)
