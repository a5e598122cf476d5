"""``simkit init``: what it says, what it writes, and what it leaves alone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from simkit.cli import init_project, main
from simkit.starting import Attempt, Found, Ran
from simkit.starting.witness import Told

FASTAPI = (Path(__file__).parents[2] / "examples" / "fastapi-bridge" / "bridge.py").read_text()
NEVER_CLEARS = FASTAPI.replace('{"event": "clear", "streamSid": stream_sid}', "{}")
GREETED = Found(attempts=[Attempt("greeted", "POST", "/incoming", stream="wss://a.example/media")])


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def init(project, monkeypatch):
    """Run it on files, without a process of the application's own: what that finds is given."""

    def init(files, *options, found=GREETED, answers=None):
        for name, text in files.items():
            (project / name).parent.mkdir(exist_ok=True)
            (project / name).write_text(text)
        results = iter(found if isinstance(found, list) else [found])
        orders = []

        def try_out(order, folder):
            orders.append(order)
            return next(results)

        monkeypatch.setattr(init_project, "try_out", try_out)
        if answers is not None:
            monkeypatch.setattr(click, "prompt", lambda *args, **options: answers.pop(0))
            monkeypatch.setattr(init_project, "is_person", lambda: True)
        result = CliRunner().invoke(main, ["init", *options], catch_exceptions=False)
        return result, orders

    return init


def files_in(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def run(*options):
    """Run it as a person does, in the working directory."""
    inherited = {name: value for name, value in os.environ.items() if "XDIST" not in name}
    root = str(Path(__file__).parents[2])
    environment = inherited | {
        "PYTHONPATH": os.pathsep.join([root, os.environ.get("PYTHONPATH", "")]),
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "PYTEST_PLUGINS": "simkit.pytest_plugin,syrupy",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    command = [sys.executable, "-m", "simkit", "init", *options]
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, stdin=subprocess.DEVNULL
    )


def test_a_bridge_with_a_bug_gets_the_test_and_the_finding_and_no_snapshot(project):
    (project / "my_app.py").write_text(NEVER_CLEARS)
    done = run("--app", "my_app:app")
    assert done.returncode == 1, done.stdout + done.stderr
    assert 'FOUND         the agent went on for 3032 ms when the caller said "wait,' in done.stdout
    assert "    1.900  vapi     > bridge   user-interrupted" in done.stdout
    assert "test_barge_in.py stays, and is red until it is mended" in done.stdout
    assert not (project / "__snapshots__").exists()
    assert (project / "test_barge_in.py").exists()


def test_an_empty_directory_has_no_application(init, project):
    result, _ = init({})
    assert result.exit_code == 2
    assert f"no application was found in {project.name}: 0 files of Python" in result.stderr
    assert "simkit init --app my_app:app" in result.stderr


def test_a_file_that_is_no_python_is_named_with_its_line(init):
    result, _ = init({"my_app.py": "from fastapi import FastAPI\napp = FastAPI(\n"})
    assert result.exit_code == 2
    assert "my_app.py:2: '(' was never closed" in result.stderr


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--app", "my_app"], "--app my_app: expected module:attribute, as in my_app:app"),
        (["--app", 'a:b"); x('], "expected module:attribute"),
        (["--webhook", "voice"], "--webhook voice: expected a path, as in /incoming-call"),
        (["nowhere"], "nowhere: there is no such folder"),
    ],
)
def test_options_of_no_use_are_refused(init, options, told):
    result, orders = init({"my_app.py": FASTAPI}, *options)
    assert (result.exit_code, orders) == (2, [])
    assert told in result.stderr


def test_of_several_applications_none_is_taken_unasked(init):
    result, orders = init({"one.py": FASTAPI, "two.py": FASTAPI})
    assert (result.exit_code, orders) == (2, [])
    assert "say which is the bridge with --app" in result.stderr
    assert "2  two:app  (FastAPI, two.py:12)" in result.stderr


@pytest.mark.parametrize(
    ("options", "answers", "app"), [(["--yes"], None, "one"), ([], [2], "two")]
)
def test_of_several_applications_the_first_is_taken_or_the_one_that_is_chosen(
    init, options, answers, app
):
    lost = Found("it did not start")
    _, [order] = init({"one.py": FASTAPI, "two.py": FASTAPI}, *options, found=lost, answers=answers)
    assert order.app == f"{app}:app"


def test_an_application_that_does_not_start_leaves_nothing_behind(init, project):
    lost = Found("app 'my_app:app': importing it failed: ModuleNotFoundError: No module named 'x'")
    result, _ = init({"my_app.py": FASTAPI}, found=lost)
    assert result.exit_code == 2
    assert "that is, with " in result.stderr
    assert files_in(project) == ["my_app.py"]


def test_a_variable_that_only_running_shows_is_set_to_a_guess(init):
    lost = Found("app 'my_app:app': importing it failed: KeyError: 'DB_DSN'")
    result, orders = init({"my_app.py": FASTAPI}, found=[lost, Found("no")])
    assert [order.environment.get("DB_DSN") for order in orders] == [None, "simulated"]
    assert result.stderr.startswith("simkit: no\n")


def test_who_has_no_webhook_is_told_what_was_tried(init, project):
    refused = Found(attempts=[Attempt("refused", "POST", "/a", "answered with HTTP 404")])
    result, _ = init({"my_app.py": FASTAPI}, found=refused)
    assert result.exit_code == 2
    assert "POST /a: answered with HTTP 404" in result.stderr
    assert "simkit init --webhook /incoming-call" in result.stderr
    assert files_in(project) == ["my_app.py"]


def test_a_bridge_that_refuses_the_signature_is_told_what_it_has_to_know(init):
    refused = Found(attempts=[Attempt("refused", "POST", "/a", "answered with HTTP 403")])
    result, _ = init({"my_app.py": FASTAPI}, found=refused)
    assert "simkit.twilio.AUTH_TOKEN" in result.stderr


def test_a_person_is_asked_for_the_webhook(init):
    refused = Found(attempts=[Attempt("refused", "POST", "/a", "answered with HTTP 404")])
    _, orders = init({"my_app.py": FASTAPI}, found=[refused, Found("no")], answers=["elsewhere"])
    assert orders[1].routes == [("POST", "/elsewhere"), ("GET", "/elsewhere")]


@pytest.mark.parametrize("name", ["conftest.py", "test_barge_in.py"])
def test_a_file_that_is_there_is_left_alone_and_what_it_lacks_is_shown(init, project, name):
    result, _ = init({"my_app.py": FASTAPI, name: "# mine\n"})
    assert result.exit_code == 2
    assert (project / name).read_text() == "# mine\n"
    assert files_in(project) == sorted(["my_app.py", name])
    assert f"{name} is there, and was left alone" in result.stderr
    fixture = 'sim.twilio.default_voice_url = "https://bridge.example.com/incoming"'
    assert (fixture in result.stdout) == (name == "conftest.py")


def test_a_fixture_that_is_there_is_used(init, project, monkeypatch):
    fixture = "import pytest\n\n@pytest.fixture\ndef bridge(sim):\n    ...\n"
    passed = Ran(Told(passed=True, time_to_stop_ms=275.0, call_seconds=7.0), [])
    monkeypatch.setattr(init_project, "run_test", lambda *args, **options: passed)
    result, _ = init({"my_app.py": FASTAPI, "conftest.py": fixture})
    assert result.exit_code == 0
    assert "fixture       conftest.py has one called bridge: it is used" in result.stdout
    assert "wrote         test_barge_in.py\n" in result.stdout
    assert (
        "passed        a caller interrupts, and the agent is silent after 275 ms" in result.stdout
    )
    assert "simkit conformance --app my_app:app" in result.stdout
    assert (project / "conftest.py").read_text() == fixture


def test_a_test_that_goes_otherwise_the_second_time_is_told(init, monkeypatch):
    once = Ran(Told(passed=True, time_to_stop_ms=275.0), [], is_repeatable=False)
    monkeypatch.setattr(init_project, "run_test", lambda *args, **options: once)
    result, _ = init({"my_app.py": FASTAPI})
    assert "pytest --simkit-verify names what differs first" in result.stdout


def test_what_was_written_before_is_run_again(init, project, monkeypatch):
    passed = Ran(Told(passed=True, time_to_stop_ms=275.0, call_seconds=7.0), [])
    monkeypatch.setattr(init_project, "run_test", lambda *args, **options: passed)
    init({"my_app.py": FASTAPI})
    before = files_in(project)
    result, _ = init({})
    assert result.exit_code == 0
    assert "passed" in result.stdout
    assert "wrote         __snapshots__" in result.stdout
    assert "conftest.py, test" not in result.stdout
    assert files_in(project) == before


def test_what_pytest_cannot_run_is_taken_back_and_what_it_says_is_shown(init, project, monkeypatch):
    wrong = Ran(None, ["ERROR: unknown option --cov"])
    monkeypatch.setattr(init_project, "run_test", lambda *args, **options: wrong)
    result, _ = init({"my_app.py": FASTAPI})
    assert result.exit_code == 2
    assert "    ERROR: unknown option --cov" in result.stdout
    assert files_in(project) == ["my_app.py"]


def test_nothing_is_half_written(init, project, monkeypatch):
    def fails(*args, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fdopen", fails)
    result, _ = init({"my_app.py": FASTAPI})
    assert result.exit_code == 2
    assert "No space left on device" in result.stderr
    assert files_in(project) == ["my_app.py"]


def test_a_bridge_that_reaches_openai_by_a_library_is_tried_again_with_that_service(init):
    refused = Attempt(
        "refused", "POST", "/a", "answered with HTTP 500", strangers=["api.openai.com"]
    )
    _, orders = init({"my_app.py": FASTAPI}, found=[Found(attempts=[refused]), Found("no")])
    assert [order.openai for order in orders] == [False, True]


def test_a_service_that_simkit_does_not_know_is_told_with_what_to_write(init, monkeypatch):
    asked = Attempt("connected", "POST", "/a", strangers=["agent.deepgram.com"])
    silent = Ran(Told(passed=False, sentences=["the caller heard nothing"]), [])
    monkeypatch.setattr(init_project, "run_test", lambda *args, **options: silent)
    source = FASTAPI.lower().replace("vapi", "deepgram")
    result, _ = init({"my_app.py": source}, "--app", "my_app:app", found=Found(attempts=[asked]))
    assert "speaks to agent.deepgram.com, which simkit does not know" in result.stdout
    assert "docs/how-to/upstream.md" in result.stdout
    assert "--upstream agent.deepgram.com=MODULE:CLASS" in result.stdout


@pytest.mark.parametrize(
    ("told", "cure"),
    [
        ("the bridge did not accept the stream: refused", "simkit run greeting --app my_app:app"),
        ("answered with HTTP 404", "simkit init --webhook /incoming-call"),
    ],
)
def test_what_to_do_is_told_as_far_as_the_call_got(init, told, cure):
    refused = Found(attempts=[Attempt("refused", "POST", "/a", told)])
    result, _ = init({"my_app.py": FASTAPI}, found=refused)
    assert cure in result.stderr


def test_what_the_bridge_raised_is_told_with_its_line(init):
    told = "the caller did not hear it; the bridge raised KeyError: 'sid', at my_app.py:3 in media"
    raised = Found(attempts=[Attempt("connected", "POST", "/a", told)])
    result, _ = init({"my_app.py": FASTAPI}, found=raised)
    assert "raised        KeyError: 'sid', at my_app.py:3 in media\n" in result.stdout
