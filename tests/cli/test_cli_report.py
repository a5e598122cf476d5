"""``--html`` and ``simkit report`` from the command line."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from simkit.cli import main
from simkit.cli.outcome import ENVIRONMENT
from simkit.scenarios.substitute import ACCOUNTS
from tests.report.page.pages import data_in

RECORDINGS = Path(__file__).parents[2] / "recordings"


@pytest.fixture(autouse=True)
def _environment(monkeypatch):
    for name in ENVIRONMENT:
        monkeypatch.setenv(name, "to be replaced")
    monkeypatch.setattr(sys, "path", [*sys.path])


def invoke(*args: object) -> Result:
    return CliRunner().invoke(main, [str(arg) for arg in args], catch_exceptions=False)


def refused(*args: object) -> str:
    result = invoke(*args)
    assert result.exit_code == 2
    assert result.stderr.startswith("simkit: ")
    assert result.stderr.count("\n") == 1
    return result.stderr.removeprefix("simkit: ").rstrip("\n")


def test_a_run_writes_a_page_beside_what_it_prints(tmp_path):
    page = tmp_path / "out.html"
    result = invoke("run", "barge-in", "--html", page)
    assert result.exit_code == 0
    assert "silence, 290 ms after onset" in result.stdout
    told = data_in(page.read_text(encoding="utf-8"))
    assert told["title"] == "barge-in"
    assert told["passed"] is True
    assert told["panels"][0]["sound"]["mime"] == "audio/flac"
    assert os.listdir(tmp_path) == ["out.html"]


def test_the_same_run_writes_the_same_page(tmp_path):
    pages = [tmp_path / name for name in ("one.html", "two.html")]
    for page in pages:
        invoke("run", "greeting", "--html", page, "--seed", "3")
    one, two = (page.read_bytes() for page in pages)
    assert one == two


def test_the_title_is_what_repeats_the_run(tmp_path):
    page = tmp_path / "out.html"
    invoke("run", "greeting", "--seed", "3", "--html", page)
    assert data_in(page.read_text())["title"] == "greeting seed 3"


def test_a_replay_writes_a_page_that_says_what_it_says(tmp_path):
    page = tmp_path / "out.HTM"
    result = invoke("replay", RECORDINGS / "barge-in", "--html", page)
    assert result.exit_code == 0
    told = data_in(page.read_text())
    assert told["title"] == "barge-in"
    assert "as recorded: what came from twilio and vapi" in told["remarks"]


def test_a_page_has_one_of_two_endings():
    assert refused("run", "barge-in", "--html", "out.txt") == (
        "--html out.txt: expected a file ending in .html"
    )
    assert refused("report", RECORDINGS / "barge-in", "-o", "out.txt") == (
        "-o out.txt: expected a file ending in .html"
    )


def test_where_no_page_can_be_is_told_before_anything_runs(tmp_path):
    place = tmp_path / "no" / "out.html"
    assert f"--html {place}: there is no folder" in refused(
        "run", "nothing-like-it", "--html", place
    )
    folder = tmp_path / "folder.html"
    folder.mkdir()
    result = invoke("run", "greeting", "--html", folder)
    assert result.exit_code == 2
    assert "is a directory" in result.stderr


def test_many_replays_make_no_page():
    assert "--html: does not go with --all" in refused(
        "replay", RECORDINGS, "--all", "--html", "x.html"
    )


def test_a_recording_is_shown_as_it_is(tmp_path):
    page = tmp_path / "out.html"
    result = invoke("report", RECORDINGS / "barge-in", "-o", page)
    assert (result.exit_code, result.stdout) == (0, f"{page}\n")
    told = data_in(page.read_text())
    assert told["title"] == "barge-in, as recorded"
    assert told["passed"] is None
    assert told["verdict"][0].startswith("This is the call as it was recorded: no bridge was run")
    assert told["panels"][0]["brackets"]


def test_what_cannot_be_read_of_a_damaged_recording_is_told_first(tmp_path):
    folder, page = tmp_path / "call", tmp_path / "out.html"
    shutil.copytree(RECORDINGS / "barge-in", folder)
    events = folder / "call.jsonl"
    lines = events.read_bytes().splitlines(keepends=True)
    lines[20] = b"\x00\xff</script>\n"
    events.write_bytes(b"".join(lines))
    assert invoke("report", folder, "-o", page).exit_code == 0
    told = data_in(page.read_text())
    assert told["verdict"][0].startswith("This recording is not whole: ")
    assert "call.jsonl:21: expected one JSON object" in told["verdict"][0]
    assert not any("not whole" in remark for remark in told["remarks"])


@pytest.mark.parametrize("name", ["call.jsonl", "caller.raw"])
def test_what_a_crash_left_at_once_makes_a_page_that_says_so(tmp_path, name):
    folder, page = tmp_path / "call", tmp_path / "out.html"
    folder.mkdir()
    (folder / name).write_bytes(b"")
    assert invoke("report", folder, "-o", page).exit_code == 0
    verdict = data_in(page.read_text())["verdict"]
    assert verdict[0].startswith("This recording is not whole: ")
    assert "Nothing happened in it." in verdict


def test_a_recording_in_which_nothing_happened_says_so_first(tmp_path):
    folder, page = tmp_path / "call", tmp_path / "out.html"
    folder.mkdir()
    header = (RECORDINGS / "barge-in" / "call.jsonl").read_bytes().splitlines(keepends=True)[0]
    (folder / "call.jsonl").write_bytes(header)
    assert invoke("report", folder, "-o", page).exit_code == 0
    assert "Nothing happened in it." in data_in(page.read_text())["verdict"]


def test_a_folder_that_has_nothing_to_do_with_a_call_is_refused(tmp_path):
    assert "there is no call.jsonl in it, so it is no recording" in refused(
        "report", tmp_path, "-o", tmp_path / "out.html"
    )
    assert os.listdir(tmp_path) == []


@pytest.fixture(scope="module")
def saved(tmp_path_factory) -> tuple[Path, Path, Path]:
    """A run as JSON, its sound, and its page."""
    folder = tmp_path_factory.mktemp("saved")
    run, sound, page = (folder / name for name in ("run.json", "run.flac", "run.html"))
    files = ("--audio", sound, "--html", page)
    with pytest.MonkeyPatch.context() as patch:  # this comes before what each test restores
        for name in ENVIRONMENT | ACCOUNTS:
            patch.setenv(name, "to be replaced")
        patch.setattr(sys, "path", [*sys.path])
        result = invoke("run", "dtmf", "--app", "tests.cli.slow_app:app", "--json", *files)
    assert result.exit_code == 1
    run.write_text(result.stdout)
    return run, sound, page


def test_a_saved_run_makes_the_page_that_the_run_made_but_for_what_was_not_saved(saved, tmp_path):
    run, sound, page = saved
    again = tmp_path / "again.html"
    assert invoke("report", run, "--audio", sound, "-o", again).exit_code == 0
    before, after = (data_in(path.read_text()) for path in (page, again))
    assert after["remarks"].pop(0).startswith("a run that was saved as JSON")
    assert before["remarks"].pop(0) == "again: simkit run dtmf --app tests.cli.slow_app:app"
    panels = before["panels"][0], after["panels"][0]
    for panel in panels:
        panel.pop("curves")
    assert before == after


def test_a_saved_run_without_its_sound_says_so(saved, tmp_path):
    run, _, _ = saved
    again = tmp_path / "again.html"
    assert invoke("report", run, "-o", again).exit_code == 0
    told = data_in(again.read_text())
    assert told["panels"][0]["sound"] is None
    assert told["remarks"][-1] == "there is no sound: it was not kept"
    assert told["passed"] is False


def test_what_is_neither_a_recording_nor_a_run_is_refused(tmp_path, saved):
    out = tmp_path / "out.html"
    assert "there is no such file or folder" in refused("report", tmp_path / "no", "-o", out)
    other = tmp_path / "run.json"
    for text, expected in (
        ("", "what --json printed of a run: Input data was truncated"),
        ("[]", "what --json printed of a run: Expected `object`, got `array`"),
        ('{"timeline": []}', "what --json printed of a run: Object missing required field"),
    ):
        other.write_text(text)
        assert expected in refused("report", other, "-o", out)
    run = json.loads(saved[0].read_text())
    del next(e for e in run["timeline"] if e["kind"] == "media")["fields"]["frames"]
    other.write_text(json.dumps(run))
    assert f"{other}: not as --json printed it: KeyError: 'frames'" in refused(
        "report", other, "-o", out
    )
    assert not out.exists()


def test_sound_that_goes_with_nothing_or_is_none_is_refused(tmp_path, saved):
    out = tmp_path / "out.html"
    assert "goes with a RUN only" in refused(
        "report", RECORDINGS / "barge-in", "--audio", "x.flac", "-o", out
    )
    assert "not a readable sound file" in refused(
        "report", saved[0], "--audio", saved[0], "-o", out
    )
