"""From a project's files to a test that runs: for each way in which bridges are written."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from unittest import mock

import pytest

from simkit.starting import Orders, pages, survey, values
from simkit.starting.trial import call_here
from tests.starting import projects

FASTAPI = Path(__file__).parents[2] / "examples" / "fastapi-bridge" / "bridge.py"
BARE = projects.WEBSOCKETS.partition("async def main")[0]
STARLETTE = {"__init__": "", "vapi": projects.VAPI, "app": projects.STARLETTE}
SOCKETS = {"server": projects.WEBSOCKETS, "vapi": projects.VAPI}


@pytest.fixture
def apart(monkeypatch):
    """Leave this process as it was."""
    before = set(sys.modules)
    monkeypatch.setattr(sys, "path", list(sys.path))
    with mock.patch.dict(os.environ):
        yield
    for name in set(sys.modules) - before:
        del sys.modules[name]


@pytest.fixture
def begin(pytester, apart, monkeypatch):
    """Write a project; return how it was reached, and its two files."""

    def begin(files, *, openai=False):
        for name, text in files.items():
            path = pytester.path / f"{name}.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            for known in [m for m in sys.modules if m.partition(".")[0] == name]:
                monkeypatch.delitem(sys.modules, known)  # as of Vapi's SDK, which is called vapi
        found = survey(pytester.path)
        app = found.candidates[0].spec
        accounts = values(found.variables(app))
        routes = [(route.method, route.path) for route in found.routes(app)]
        paths = [str(pytester.path), str(pytester.path / "src")]
        environment = {value.name: value.text for value in accounts}
        orders = Orders(app, paths, environment, routes, found.sockets(app), openai)
        tried = call_here(orders)
        if tried.failure:
            return tried, "", ""
        assert tried.best is not None
        fixture, test = pages(
            app,
            tried.best,
            accounts,
            module="conftest",
            port=tried.port,
            source="src" if (pytester.path / "src").is_dir() else None,
            openai=openai,
        )
        return tried, fixture, test

    return begin


@pytest.mark.parametrize(
    ("files", "reached", "served"),
    [
        ({"my_app": FASTAPI.read_text()}, ("POST", "/voice/inbound"), 'serve("my_app:app")'),
        ({"my_app": projects.OWN}, ("POST", "/voice/inbound"), 'serve("my_app:app")'),
        (
            {f"src/calls/{name}": text for name, text in STARLETTE.items()},
            ("POST", "/twilio/incoming-call"),
            'serve("calls.app:make_app")',
        ),
        ({"bridge": projects.AIOHTTP}, ("POST", "/calls/answer"), 'serve("bridge:app")'),
        (SOCKETS, ("", "/"), 'serve("server:main", port=8765)'),
        (
            {"server": BARE + projects.ANSWERS_GET, "vapi": projects.VAPI},
            ("GET", "/voice"),
            'host("bridge.example.com", "bridge.ngrok.app").serve("server:main", port=8765)',
        ),
    ],
    ids=["fastapi", "own", "starlette", "aiohttp", "websockets", "websockets-get"],
)
@pytest.mark.filterwarnings("ignore::simkit.network.openings.LeftOpenWarning")
def test_a_bridge_is_called_and_gets_a_test_that_passes(pytester, begin, files, reached, served):
    tried, fixture, test = begin(files)
    call = tried.best
    assert (call.went, call.method, call.path) == ("greeted", *reached)
    assert served in fixture
    pytester.makeconftest(fixture)
    pytester.makepyfile(test_barge_in=test)
    for name in [name for name in sys.modules if name.partition(".")[0] in ("my_app", "calls")]:
        del sys.modules[name]  # as a process of its own has them
    result = pytester.runpytest_inprocess("-p", "no:asyncio", "--snapshot-update")
    result.assert_outcomes(passed=1)
    [snapshot] = pytester.path.rglob("test_caller_interrupts.txt")
    assert "caller   hears      silence" in snapshot.read_text()


def test_a_bridge_that_speaks_to_openai_is_given_that_service(pytester, begin):
    tried, fixture, test = begin({"main": projects.OPENAI}, openai=True)
    assert (tried.best.went, tried.best.path) == ("greeted", "/incoming-call")
    pytester.makeconftest(fixture)
    pytester.makepyfile(test_barge_in=test)
    result = pytester.runpytest_inprocess("-p", "no:asyncio", "--snapshot-update")
    result.assert_outcomes(passed=1)


def test_a_bridge_whose_agent_waits_for_the_caller_gets_a_test_in_which_they_say_hello(
    pytester, begin
):
    shy = projects.OPENAI.replace(
        """        await openai.send(json.dumps({"type": "response.create"}))\n""", ""
    ).replace("<Connect>", "<Say>One moment please, you can talk soon.</Say><Connect>")
    tried, fixture, test = begin({"main": shy}, openai=True)
    assert (tried.best.went, tried.best.is_shy) == ("greeted", True)
    assert 'await call.says("hello, when is my appointment?")' in test
    pytester.makeconftest(fixture)
    pytester.makepyfile(test_barge_in=test)
    result = pytester.runpytest_inprocess("-p", "no:asyncio", "--snapshot-update")
    result.assert_outcomes(passed=1)


def test_what_a_bridge_raises_when_it_has_its_stream_is_told_with_its_line(begin):
    broken = projects.OPENAI.replace("additional_headers", "extra_headers")
    tried, _, _ = begin({"main": broken}, openai=True)
    assert tried.best.went == "connected"
    assert "; the bridge raised TypeError: " in tried.best.told
    line = broken[: broken.index("extra_headers")].count("\n") + 1
    assert f"main.py:{line} in " in tried.best.told


def test_a_call_that_is_refused_says_how_it_was_answered(begin):
    source = "from starlette.applications import Starlette\napp = Starlette()"
    tried, _, _ = begin({"my_app": source})
    told = [(attempt.went, attempt.method, attempt.told) for attempt in tried.attempts]
    assert told[0][2].startswith("answered with HTTP 404; if the voice webhook is elsewhere,")
    assert told == [
        ("refused", "POST", tried.attempts[0].told),
        (
            "refused",
            "",
            "the bridge did not accept the stream: upgrade refused with HTTP 403",
        ),
    ]


def test_a_webhook_that_raises_is_told_with_its_error_and_its_line(begin):
    source = """
from starlette.applications import Starlette
from starlette.routing import Route


async def voice(request):
    raise KeyError("CallSid")


app = Starlette(routes=[Route("/voice", voice, methods=["POST"])])
"""
    tried, _, _ = begin({"my_app": source})
    assert tried.attempts[0].told == (
        "answered with HTTP 500; the application raised KeyError: 'CallSid' (my_app.py, line 7)"
    )


def test_hosts_that_are_asked_for_in_vain_are_named(begin):
    source = FASTAPI.read_text().replace("api.vapi.ai", "api.example.org")
    tried, _, _ = begin({"my_app": source})
    assert (tried.best.went, tried.best.strangers) == ("connected", ["api.example.org"])


APP = "from starlette.applications import Starlette\napp = Starlette()\n"


@pytest.mark.parametrize(
    ("source", "failure"),
    [
        (f"{APP}raise RuntimeError('lost')", "importing it failed: RuntimeError: lost"),
        (f"{APP}import os\nname = 'DSN'\nos.environ[name]", "importing it failed: KeyError: 'DSN'"),
        (
            "import websockets\nasync def main():\n    if 0: websockets.serve()",
            "my_app:main listens on no port of its host",
        ),
    ],
)
def test_an_application_that_does_not_start_says_why(begin, source, failure):
    tried, _, _ = begin({"my_app": source})
    assert failure in tried.failure
