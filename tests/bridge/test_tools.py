"""Tools: functions of the deployment, and what Vapi gets for each call of one."""

from __future__ import annotations

import asyncio
import datetime
import json
import sys
from typing import Literal

import pytest
from click.testing import CliRunner

from simkit.bridge import Config, ConfigError, ToolError
from simkit.bridge.metrics import Metrics
from simkit.bridge.tools import Tool, Tools, load_tools, text_of
from simkit.cli import main


def asked(name, arguments=None, key="1"):
    return {"id": key, "type": "function", "function": {"name": name, "arguments": arguments or {}}}


def tools_of(*functions, timeout=10.0):
    named = {function.__name__: function for function in functions}
    return Tools(named, timeout=timeout, metrics=Metrics())


async def weather(city: str, days: int = 1) -> str:
    return f"{city} {days}"


async def answer(tools, *calls):
    found = await tools.answer("call", calls)
    await tools.close()
    return found


@pytest.mark.parametrize(
    "call",
    [
        asked("weather", {"city": "Rome", "days": 2}),
        asked("weather", '{"city": "Rome", "days": 2}'),
        {"id": "1", "name": "weather", "parameters": {"city": "Rome", "days": 2}},
        {"id": "1", "name": "weather", "arguments": '{"city": "Rome", "days": "2"}'},
        {"name": "x", "toolCall": asked("weather", {"city": "Rome", "days": 2})},
    ],
)
async def test_nested_and_flat_calls_with_objects_and_texts_are_the_same(sim, call):
    [found] = await answer(tools_of(weather), call)
    assert found == {"toolCallId": "1", "name": "weather", "result": "Rome 2"}


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"city": 3}, "wrong arguments: Expected `str`, got `int`"),
        ({}, "missing required field `city`"),
        ({"city": "Rome", "days": "two"}, "Expected `int`"),
        ({"city": "Rome", "hours": 3}, "unknown field `hours`"),
        ("{", "arguments: "),
        ("[1]", "arguments: expected an object, found list"),
        ([1], "arguments: expected an object, found list"),
        ("[" * 100_000, "arguments: "),
    ],
)
async def test_arguments_that_the_function_does_not_take_are_an_error(sim, arguments, problem):
    [found] = await answer(tools_of(weather), asked("weather", arguments))
    assert set(found) == {"toolCallId", "name", "error"}
    assert problem in found["error"]


@pytest.mark.parametrize(
    ("call", "problem"),
    [
        (asked("wether"), "there is no tool 'wether' here; there are: weather"),
        (7, "expected an object, found int"),
        ({"id": "1"}, "name: expected a text, found nothing"),
        ({"name": "weather"}, "weather: the tool call has no id"),
        ({"id": ["1"], "function": {"name": "weather"}}, "weather: the tool call has no id"),
    ],
)
async def test_a_call_of_nothing_is_an_error(sim, call, problem):
    [found] = await answer(tools_of(weather), call)
    assert problem in found["error"]


@pytest.mark.parametrize(
    ("result", "text"),
    [
        ("one\r\n\n  two\u2028three ", "one two three"),
        ({"a": [1, "x\ny"]}, '{"a":[1,"x\\ny"]}'),
        (datetime.date(2029, 1, 2), '"2029-01-02"'),
        (3.5, "3.5"),
        (True, "true"),
        (None, "done"),
        ("", ""),
    ],
)
def test_a_result_is_one_line_of_text(result, text):
    assert text_of(result) == text


async def test_calls_of_one_message_run_side_by_side(sim):
    async def slow(seconds: float) -> float:
        await asyncio.sleep(seconds)
        return seconds

    began = sim.now
    calls = [asked("slow", {"seconds": each}, str(each)) for each in (3, 1, 2)]
    found = await answer(tools_of(slow), *calls)
    assert [each["result"] for each in found] == ["3.0", "1.0", "2.0"]
    assert sim.now - began == 3


async def test_a_tool_that_raises_tells_its_kind_and_keeps_its_words(sim, caplog):
    async def leaks() -> str:
        raise RuntimeError("https://user:secret@crm.example.com is down")

    async def refuses() -> str:
        raise ToolError("no such\ncity")

    async def leaves() -> str:
        raise SystemExit(2)

    async def gives_up() -> str:
        raise asyncio.CancelledError

    async def unspeakable() -> object:
        return object()

    functions = leaks, refuses, leaves, gives_up, unspeakable, weather
    calls = [
        asked(function.__name__, {"city": "Rome"}, str(n)) for n, function in enumerate(functions)
    ]
    for call in calls[:-1]:
        call["function"]["arguments"] = {}
    found = await answer(tools_of(*functions), *calls)
    assert [each.get("error") for each in found] == [
        "leaks failed: RuntimeError",
        "no such city",
        "leaves failed: SystemExit",
        "gives_up was cancelled",
        "unspeakable failed: TypeError",
        None,
    ]
    assert found[-1]["result"] == "Rome 1"
    assert "crm.example.com" in caplog.text


async def test_a_late_result_is_dropped_and_said(sim, caplog):
    async def slow() -> str:
        await asyncio.sleep(4)
        return "late"

    tools = tools_of(slow, weather, timeout=3.0)
    began = sim.now
    slow_one, quick = await tools.answer(
        "call", [asked("slow"), asked("weather", {"city": "Rome"}, "2")]
    )
    assert sim.now - began == 3
    assert (slow_one["error"], quick["result"]) == ("slow: no result within 3 s", "Rome 1")
    await asyncio.sleep(2)
    assert "tool slow has returned, too late: result dropped" in caplog.text


async def test_what_is_asked_again_is_not_run_again(sim):
    runs = []

    async def book() -> int:
        runs.append(sim.now)
        await asyncio.sleep(4)
        return len(runs)

    tools = tools_of(book, timeout=3.0)
    first, again = await asyncio.gather(
        tools.answer("call", [asked("book")]), tools.answer("call", [asked("book")])
    )
    assert "no result within" in first[0]["error"]
    assert "no result within" in again[0]["error"]
    assert (await tools.answer("call", [asked("book")]))[0]["result"] == "1"
    assert len(runs) == 1
    other = asyncio.create_task(tools.answer("another call", [asked("book")]))
    await asyncio.sleep(1)
    assert len(runs) == 2
    await tools.close()
    assert (await other)[0]["error"] == "book was cancelled"


async def test_a_tool_that_never_ends_is_ended(sim):
    ends = []

    async def hangs() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ends.append(sim.now)

    tools = tools_of(hangs, timeout=3.0)
    began = sim.now
    await tools.answer("call", [asked("hangs")])
    await asyncio.sleep(10)
    assert ends == [began + 6]


async def test_not_all_may_run_at_once(sim):
    async def waits() -> None:
        await asyncio.sleep(1)

    calls = [asked("waits", key=str(number)) for number in range(101)]
    found = await answer(tools_of(waits), *calls)
    assert sum("result" in each for each in found) == 100
    assert "too many tools are running" in found[-1]["error"]


async def test_what_is_remembered_is_bounded(sim):
    tools = tools_of(weather)
    for batch in range(22):
        calls = [asked("weather", {"city": "Rome"}, f"{batch} {number}") for number in range(50)]
        await tools.answer("call", calls)
    assert 1000 <= len(tools._tasks) < 1050
    await tools.close()


async def test_outcomes_are_counted(sim):
    metrics = Metrics()
    tools = Tools({"weather": weather}, timeout=1.0, metrics=metrics)
    await answer(tools, asked("weather", {"city": "Rome"}), asked("weather", {}, "2"), asked("x"))
    assert metrics.value("tool_calls", tool="weather", outcome="ok") == 1
    assert metrics.value("tool_calls", tool="weather", outcome="error") == 1
    assert metrics.value("tool_calls", tool="unknown", outcome="error") == 1


# Registering


def blocking(city: str) -> str:
    return city


async def positional(city: str, /) -> str:
    return city


async def variable(*cities: str) -> str:
    return ""


async def unknown_type(city: Nowhere) -> str:  # noqa: F821
    return ""


@pytest.mark.parametrize(
    ("function", "problem"),
    [
        (blocking, r"tools\.t: expected an async function, found <function blocking"),
        (3, r"tools\.t: expected an async function, found 3"),
        (positional, r"tools\.t: argument 'city' has no name to Vapi"),
        (variable, r"tools\.t: argument 'cities' has no name to Vapi"),
        (unknown_type, r"tools\.t: name 'Nowhere' is not defined"),
    ],
)
def test_what_is_no_tool_is_refused_at_once(function, problem):
    with pytest.raises(ConfigError, match=problem):
        Tool("t", function)


async def test_anything_async_that_takes_arguments_by_name_is_a_tool(sim):
    class Object:
        async def __call__(self, kind: Literal["a", "b"]) -> str:
            return kind

    async def open_ended(first, **others) -> dict:
        return {"first": first} | others

    assert await Tool("t", Object())({"kind": "a"}) == "a"
    with pytest.raises(ToolError, match="Invalid enum value 'c'"):
        await Tool("t", Object())({"kind": "c"})
    found = await Tool("t", open_ended)({"first": 1, "second": 2})
    assert json.loads(found) == {"first": 1, "second": 2}


@pytest.mark.parametrize(
    ("place", "problem"),
    [
        ("json", r"tools\.t: expected module:function, found 'json'"),
        ("no.such.module:f", r"tools\.t: No module named 'no'"),
        ("json:nothing", r"tools\.t: module 'json' has no attribute 'nothing'"),
    ],
)
def test_a_tool_that_is_not_there_is_named(place, problem):
    with pytest.raises(ConfigError, match=problem):
        load_tools({"t": place})


def test_a_configuration_names_tools():
    found = load_tools({"weather": f"{__name__}:weather"})
    assert found["weather"].__name__ == "weather"


def test_what_is_found_has_to_be_a_tool():
    with pytest.raises(ConfigError, match=r"tools\.t: expected an async function"):
        load_tools({"t": "json:loads"})


def test_the_environment_names_tools_too():
    environ = {
        "PUBLIC_URL": "https://bridge.example.com",
        "TWILIO_AUTH_TOKEN": "token",
        "VAPI_API_KEY": "key",
        "SIMKIT_BRIDGE_VAPI_WEBHOOK_SECRET": "secret",
        "SIMKIT_BRIDGE_TOOLS": "weather=my_tools:weather, book = my_tools:book",
    }
    found = Config.from_env(environ).tools
    assert found == {"weather": "my_tools:weather", "book": "my_tools:book"}
    with pytest.raises(ConfigError, match=r"TOOLS: expected name=value, .*'weather'"):
        Config.from_env(environ | {"SIMKIT_BRIDGE_TOOLS": "weather"})


def test_tools_need_a_webhook_that_proves_itself():
    with pytest.raises(ConfigError, match="vapi_webhook_secret"):
        Config(
            public_url="https://bridge.example.com",
            twilio_auth_token="token",
            vapi_api_key="key",
            tools={"weather": "json:loads"},
        )


@pytest.mark.parametrize(
    ("source", "code", "said"),
    [
        ("async def weather(city: str): ...", 0, "{'weather': 'my_weather:weather'}"),
        ("def weather(city): ...", 2, "tools.weather: expected an async function"),
        ("", 2, "tools.weather: module 'my_weather' has no attribute 'weather'"),
    ],
)
def test_a_check_of_the_configuration_looks_at_its_tools(tmp_path, monkeypatch, source, code, said):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.delitem(sys.modules, "my_weather", raising=False)
    (tmp_path / "my_weather.py").write_text(source)
    table = '[bridge]\npublic_url = "https://bridge.example.com"\n[bridge.tools]\n'
    (tmp_path / "bridge.toml").write_text(table + 'weather = "my_weather:weather"\n')
    environ = {"TWILIO_AUTH_TOKEN": "t", "VAPI_API_KEY": "k"}
    environ["SIMKIT_BRIDGE_VAPI_WEBHOOK_SECRET"] = "s"
    done = CliRunner(env=environ).invoke(main, ["bridge", "--config", "bridge.toml", "--check"])
    monkeypatch.delitem(sys.modules, "my_weather", raising=False)
    assert done.exit_code == code
    assert said in done.output
