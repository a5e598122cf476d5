"""``simkit replay --app``: somebody else's bridge, good or broken."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from simkit.cli import main
from simkit.cli.outcome import ENVIRONMENT

THREE = str(Path(__file__).parents[2] / "recordings" / "three-interruptions")

GOOD = """
import os
from simkit.bridge import Bridge, Config

assert os.environ["PUBLIC_URL"] == "https://bridge.example.com"
app = Bridge(Config.from_env()).app()

def create():
    return Bridge(Config.from_env()).app()

class Group:
    nested = app
"""
NEVER_CLEARS = """
from simkit.bridge import Bridge, CallCore, Config

class NeverClears(CallCore):
    def _cut_off(self, now_ns):
        return []

app = Bridge(Config.from_env(), make_core=NeverClears).app()
"""
NO_ROUTE = """
from starlette.applications import Starlette
app = Starlette()
"""
NO_START = """
import contextlib
from starlette.applications import Starlette

@contextlib.asynccontextmanager
async def lifespan(app):
    raise RuntimeError("no database")
    yield

app = Starlette(lifespan=lifespan)
"""

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path, monkeypatch) -> Iterator[Run]:
    """Write a module into the working directory and replay against what is in it."""
    for name in ENVIRONMENT:
        monkeypatch.setenv(name, "to be replaced")
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry])
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def run(source: str, attribute: str = "app", *options: str) -> Result:
        (tmp_path / "their_bridge.py").write_text(source)
        args = ["replay", THREE, "--app", f"their_bridge:{attribute}", *options]
        return CliRunner().invoke(main, args, catch_exceptions=False)

    yield run
    sys.modules.pop("their_bridge", None)


def refused(result: Result) -> str:
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    return result.stderr


@pytest.mark.parametrize("attribute", ["app", "create", "Group.nested"])
def test_an_app_in_the_working_directory_is_replayed_against(run, attribute):
    result = run(GOOD, attribute)
    assert result.exit_code == 0
    assert "FAILED" not in result.stdout


def test_a_bridge_that_breaks_a_promise_exits_with_1(run):
    result = run(NEVER_CLEARS)
    assert result.exit_code == 1
    assert "FAILED  stops-when-interrupted  caller interrupted at 1.274" in result.stdout
    assert "15 checks held\n" in result.stdout


def test_json_tells_of_every_violation_and_null_is_no_number(run):
    result = run(NEVER_CLEARS, "app", "--json")
    assert result.exit_code == 1
    data = json.loads(result.stdout)
    assert not data["passed"]
    assert data["failure"] is None
    [failed] = [check for check in data["checks"] if check["name"] == "stops-when-interrupted"]
    assert not failed["passed"]
    assert failed["sentence"].startswith(failed["violations"][0])
    assert data["barge_ins"][0]["react_ms"] is None
    assert data["barge_ins"][0]["tail_ms"] is None
    assert data["barge_ins"][0]["detect_ms"] == 200.0


def test_the_simulated_accounts_are_in_the_environment(run):
    assert run(GOOD).exit_code == 0
    assert {name: os.environ[name] for name in ENVIRONMENT} == ENVIRONMENT


def test_a_missing_module_is_told(run):
    result = CliRunner().invoke(main, ["replay", THREE, "--app", "no_such_module_at_all:app"])
    assert refused(result) == (
        "simkit: app 'no_such_module_at_all:app': there is no module 'no_such_module_at_all', "
        "neither in this folder nor installed: go to the folder that holds it\n"
    )


def test_a_missing_attribute_is_told(run):
    assert refused(run(NO_ROUTE, "bridge")) == (
        "simkit: app 'their_bridge:bridge': module 'their_bridge' has no 'bridge'; did you "
        "mean 'app'?\n"
    )


@pytest.mark.parametrize("spec", ["their_bridge", ":app", "their_bridge:", ":"])
def test_a_name_without_module_or_attribute_is_told(run, spec):
    result = CliRunner().invoke(main, ["replay", THREE, "--app", spec])
    assert "expected 'package.module:attribute'" in refused(result)


def test_something_that_is_no_application_is_told(run):
    assert "expected an ASGI application, found int" in refused(run("app = 3"))


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("raise RuntimeError('no\\nway')", "importing it failed: RuntimeError: no way"),
        ("import no_such_module_at_all", "importing it failed: ModuleNotFoundError: No module"),
        ("def (", "importing it failed: SyntaxError: invalid syntax"),
    ],
)
def test_an_import_that_raises_is_told(run, source, reason):
    assert reason in refused(run(source))


def test_an_app_that_exits_while_it_is_imported_is_told(run):
    assert "PUBLIC_URL is not set" in refused(run("import sys\nsys.exit('PUBLIC_URL is not set')"))


def test_a_start_up_that_fails_is_told(run):
    assert refused(run(NO_START)) == (
        "simkit: their_bridge:app failed to start: RuntimeError: no database\n"
    )


def test_a_factory_that_raises_is_told(run):
    source = "def app():\n    raise ValueError('no key')\n"
    assert refused(run(source)) == (
        "simkit: their_bridge:app failed to start: ValueError: no key\n"
    )


def test_an_app_without_the_route_fails_the_call_and_says_why(run):
    result = run(NO_ROUTE)
    assert result.exit_code == 1
    assert result.stderr == ""
    assert (
        "the call failed: call 1 to +15550100 was not connected: POST "
        "https://bridge.example.com/voice/inbound was answered with HTTP 404; if the voice webhook "
        "is elsewhere, say where: sim.twilio.number('+15550100', "
        "voice_url='https://.../voice/inbound') in a test; for --app in a function of sim, as in "
        "the conftest.py that `simkit init` writes: --app conftest:serve\n"
    ) in result.stdout
    assert "FAILED  twiml-in-time" in result.stdout


LEAVES_OPEN = (
    GOOD
    + """
import asyncio

async def lifespan(scope, receive, send):
    if scope["type"] == "lifespan":
        await asyncio.get_running_loop().create_server(asyncio.Protocol, port=9000)
    await app(scope, receive, send)
"""
)


def test_what_a_program_left_open_is_no_warning_of_pythons(run):
    result = run(LEAVES_OPEN, "lifespan")
    assert (result.exit_code, result.stderr) == (0, "")


def test_the_failure_is_in_the_json_too(run):
    result = run(NO_ROUTE, "app", "--json")
    assert result.exit_code == 1
    assert '"failure": "call 1 to +15550100 was not connected' in result.stdout


def test_a_call_that_failed_has_no_sound_and_no_traceback(run, tmp_path):
    result = run(NO_ROUTE, "app", "--audio", str(tmp_path / "out.wav"))
    assert result.exit_code == 1


def test_an_app_that_raises_is_told_with_its_error_and_its_line(run):
    result = run("async def app(scope, receive, send):\n    raise ValueError('no session')\n")
    assert result.exit_code == 1
    told = "answered with HTTP 500; the application raised ValueError: no session (their_bridge.py,"
    assert told in result.stdout
