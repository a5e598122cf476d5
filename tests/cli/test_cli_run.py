"""``simkit scenarios`` and ``simkit run`` from the command line."""

from __future__ import annotations

import json
import os
import re
import sys

import pytest
import soundfile
from click.testing import CliRunner, Result
from rich.console import Console

from simkit.checks import ALL
from simkit.cli import main
from simkit.cli.outcome import ENVIRONMENT
from simkit.cli.scenarios import list_scenarios
from simkit.scenarios import REGISTRY
from tests.report.page.pages import data_in

NEVER_CLEARS = """
from simkit.bridge import Bridge, CallCore, Config
from tests.zoo.bridges import NeverClears

app = Bridge(Config.from_env(), make_core=NeverClears).app()
"""


@pytest.fixture(autouse=True)
def _environment(monkeypatch):
    for name in ENVIRONMENT:
        monkeypatch.setenv(name, "to be replaced")
    monkeypatch.setattr(sys, "path", [*sys.path])


def invoke(*args: str) -> Result:
    return CliRunner().invoke(main, [*args], catch_exceptions=False)


def refused(*args: str) -> str:
    result = invoke("run", *args)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.startswith("simkit: ")
    assert result.stderr.count("\n") == 1
    return result.stderr.removeprefix("simkit: ").rstrip("\n")


def test_the_list_has_a_line_for_each_scenario():
    lines = invoke("scenarios").stdout.splitlines()
    assert [line.split()[0] for line in lines] == list(REGISTRY)
    [line] = [line for line in lines if line.startswith("cold-start ")]
    assert "Vapi's socket opens late." in line
    assert line.split()[-1] == "late=0.4"


@pytest.mark.parametrize("columns", [80, 120])
def test_on_a_terminal_the_list_is_read_in_sentences(monkeypatch, columns):
    shown = Console(width=columns, force_terminal=True, no_color=True)
    monkeypatch.setattr("simkit.cli.scenarios.console", lambda: shown)
    with shown.capture() as told:
        list_scenarios(None, as_json=False)
    lines = [re.sub(r"\x1b\[[0-9;]*m", "", line).rstrip() for line in told.get().splitlines()]
    assert "``" not in told.get()
    assert max(map(len, lines)) <= columns
    assert len(lines) <= (2 if columns == 120 else 3) * len(REGISTRY) + 2
    at = next(number for number, line in enumerate(lines) if line.startswith("crowd "))
    assert "callers=6 per_minute=600.0 lines=3" in " ".join(lines[at + 1 : at + 3])
    assert lines[-1] == "`simkit scenarios NAME` tells how to win one."


def test_one_is_told_with_how_to_win_it_and_what_can_be_set():
    text = invoke("scenarios", "second-barge-in").stdout
    assert text.startswith("Second barge-in\n\n")
    assert "\nHow to get it right\n\n" in text
    assert "](" not in text
    assert "What the caller hears" not in text
    assert re.search(r"^--set  latency=0.02  0 to \d+$", text, re.MULTILINE)
    [entry] = json.loads(invoke("scenarios", "crowd", "--json").stdout)
    assert entry["name"] == "crowd"
    assert "mid-thought" in invoke("scenarios", "pooled-connection").stdout
    wrong = invoke("scenarios", "crowds")
    assert wrong.exit_code == 2
    assert wrong.stderr == (
        "simkit: no scenario 'crowds'; did you mean crowd?; `simkit scenarios` lists them\n"
    )


def test_the_list_for_programs_has_descriptions_and_defaults():
    entries = json.loads(invoke("scenarios", "--json").stdout)
    [entry] = [entry for entry in entries if entry["name"] == "barge-in"]
    assert entry["parameters"] == {
        "announcement": "appointment",
        "at": 0.0,
        "lead": 0.0,
        "silence_frames": True,
        "late_frames": 0,
    }
    assert "right bridge" in entry["description"]
    assert entry["needs"] == ["agent"]


def test_a_scenario_is_reported_as_a_replay_is(tmp_path):
    audio = tmp_path / "call.wav"
    result = invoke("run", "barge-in", "--set", "lead=60", "--audio", str(audio))
    assert (result.exit_code, result.stderr) == (0, "")
    timeline, barge_ins, measures, checks, speed = result.stdout.split("\n\n")
    assert 'caller   speaks     "wait, can we do Thursday instead?"' in timeline
    assert "290 ms" in barge_ins
    assert "never heard" in measures
    assert checks == "16 checks held"
    assert speed.startswith(f"the call's sound: {audio}\n")
    assert "s of call in " in speed
    assert soundfile.info(audio).channels == 2


def test_every_check_is_named_where_that_is_asked_for():
    *_, checks, _ = invoke("run", "greeting", "--checks").stdout.split("\n\n")
    assert [line.split()[:2] for line in checks.splitlines()] == [
        ["passed", check.name] for check in ALL
    ]


def test_every_call_can_be_listened_to_and_a_page_of_the_saved_run_has_them_all(tmp_path):
    audio, page = tmp_path / "calls.flac", tmp_path / "page.html"
    written = [str(tmp_path / name) for name in ("calls.flac", "calls-2.flac")]
    result = invoke("run", "stop-mid-tts", "--audio", str(audio))
    assert f"sound of 2 calls: {written[0]} to {written[1]}, by their numbers\n" in result.stdout
    before = [soundfile.read(name, dtype="int16")[0] for name in written]
    assert len(before[0]) != len(before[1])
    result = invoke("run", "stop-mid-tts", "--audio", str(audio), "--html", str(page), "--json")
    told = json.loads(result.stdout)["audio"]
    assert [(one["call"], one["file"]) for one in told] == list(enumerate(written, 1))
    assert told[0]["starts_ns"] < told[1]["starts_ns"]
    saved, again = tmp_path / "run.json", tmp_path / "again.html"
    saved.write_text(result.stdout)
    assert invoke("report", str(saved), "--audio", str(audio), "-o", str(again)).exit_code == 0
    sounds = [
        [panel["sound"] for panel in data_in(path.read_text())["panels"]] for path in (page, again)
    ]
    assert sounds[0] == sounds[1]
    assert len(sounds[0]) == 1
    os.unlink(written[1])
    assert invoke("report", str(saved), "--audio", str(audio), "-o", str(again)).exit_code == 0
    told = data_in(again.read_text())["remarks"]
    assert "there is no sound of call 2: calls-2.flac was not kept" in told


def test_json_says_what_was_run():
    result = invoke("run", "rapid-interrupts", "--seed", "7", "--json")
    data = json.loads(result.stdout)
    assert (data["scenario"], data["settings"], data["seed"]) == ("rapid-interrupts", {}, 7)
    assert (data["passed"], data["failure"]) == (True, None)
    assert [event["kind"] for event in data["timeline"][:2]] == ["clip", "request"]


def test_what_a_bridge_prints_is_not_part_of_the_report(tmp_path, monkeypatch):
    told = "from simkit.bridge import create_app\nprint('up')\napp = create_app()\n"
    (tmp_path / "talkative.py").write_text(told)
    monkeypatch.syspath_prepend(tmp_path)
    result = invoke("run", "dtmf", "--app", "talkative:app", "--json")
    assert json.loads(result.stdout)["passed"] is True
    assert "up\n" in result.stderr


def test_a_wrong_bridge_exits_with_1(tmp_path, monkeypatch):
    (tmp_path / "never_clears.py").write_text(NEVER_CLEARS)
    monkeypatch.syspath_prepend(tmp_path)
    settings = ("--set", "lead=60", "--set", "silence_frames=false")
    result = invoke("run", "barge-in", *settings, "--app", "never_clears:app")
    assert result.exit_code == 1
    assert "FAILED  stops-when-interrupted" in result.stdout


def test_a_failure_of_several_lines_keeps_them(tmp_path, monkeypatch):
    (tmp_path / "says_nothing.py").write_text(
        "from tests.scenarios import apps\napp = apps.app()\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    result = invoke("run", "greeting", "--app", "says_nothing:app")
    assert result.exit_code == 1
    assert "\nthe call failed: the caller did not hear 'Good morning" in result.stdout
    assert "\n    0.060  twilio   > bridge   POST" in result.stdout.partition("the call failed")[2]


@pytest.mark.parametrize(
    ("args", "line"),
    [
        (("no-such",), "no scenario 'no-such'; `simkit scenarios` lists"),
        (("barge-in", "--set", "lead"), "barge-in: expected name=value, found 'lead'"),
        (("barge-in", "--set", "lead=x"), "barge-in: lead: expected a number, found 'x'"),
        (("greeting", "--app", "no_such_app:app"), "app 'no_such_app:app': there is no module"),
        (("greeting", "--svg", "call.png"), "--svg call.png: expected a file ending in .svg"),
        (("greeting", "--audio", "call.mp3"), "--audio call.mp3: expected a file ending in .wav"),
        (("greeting", "--bridge", "http://127.0.0.1:1"), "--bridge: goes with --wall only"),
        (("greeting", "--wall", "--exec", "/no/such"), "/no/such: cannot be started: No such file"),
        (
            ("greeting", "--wall", "--exec", f"{sys.executable} -c 'print(\"no key\")'"),
            "the bridge ended with code 0 before it answered: no key",
        ),
    ],
)
def test_input_of_no_use_is_one_line_and_exits_with_2(args, line):
    assert refused(*args).startswith(line)


def test_a_seed_varies_the_world_but_not_the_real_one():
    plain, varied = (invoke("run", "greeting", "--seed", "3", *o) for o in ((), ("--varied",)))
    assert plain.exit_code == varied.exit_code == 0
    assert plain.stdout != varied.stdout
    assert "--varied changes a simulated world" in refused("greeting", "--varied", "--wall")


def test_a_run_is_drawn_and_traced_the_same_each_time(tmp_path):
    written = []
    for name in ("a", "b"):
        trace, picture = tmp_path / f"{name}.json", tmp_path / f"{name}.svg"
        result = invoke("run", "barge-in", "--trace", str(trace), "--svg", str(picture))
        assert result.exit_code == 0
        written.append((trace.read_bytes(), picture.read_bytes()))
    assert written[0] == written[1]
    assert {event["ph"] for event in json.loads(written[0][0])["traceEvents"]} >= set("MXisfC")
    assert b">barge-in: passed</text>" in written[0][1]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--svg", "no/out.svg"], "--svg no/out.svg: there is no folder no; make it first"),
        (
            ["--trace", "o.svg", "--svg", "o.svg"],
            "--svg o.svg: --trace writes to it, too; give each its",
        ),
        (["--from", "1"], "--from and --to choose a part of the picture: add --svg FILE"),
        (["--svg", "a.svg", "--from", "3", "--to", "2"], "--to 2: expected more than --from 3"),
        (
            ["--svg", "a.svg", "--from", "99"],
            "--svg a.svg: a picture from 99 s on ends later; found",
        ),
    ],
)
def test_what_cannot_be_drawn_is_refused_in_a_line(tmp_path, monkeypatch, options, told):
    monkeypatch.chdir(tmp_path)
    result = invoke("run", "greeting", *options)
    assert result.exit_code == 2
    assert result.stderr.startswith(f"simkit: {told}")
    assert result.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())
