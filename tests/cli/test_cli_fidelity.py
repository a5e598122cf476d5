"""``simkit fidelity`` from the command line."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from simkit.cli import fidelity, main
from simkit.cli.outcome import ENVIRONMENT
from simkit.scenarios import REGISTRY, Scenario, leaves, simulate
from simkit.timeline.difference import difference


async def one_word(sim):
    """The caller hears a word."""
    sim.vapi.assistant(first_message="Yes.", first_message_delay=0.1)
    call = await sim.twilio.call(to="+15550100")
    await call.hears("Yes.")
    await leaves(call)


@pytest.fixture(autouse=True)
def _environment(monkeypatch):
    for name in ENVIRONMENT:
        monkeypatch.setenv(name, "to be replaced")
    monkeypatch.setitem(REGISTRY, "one-word", Scenario("one-word", one_word, (), 10.0))


def test_both_worlds_are_compared(monkeypatch, tmp_path):
    monkeypatch.setattr(fidelity, "_WARM_UP", "one-word")
    place = tmp_path / "page.html"
    options = ["--limit", "1000", "--json", "--html", str(place)]
    result = CliRunner().invoke(main, ["fidelity", "one-word", *options])
    [found] = json.loads(result.stdout)
    assert (found["scenario"], found["runs"]) == ("one-word", 1)
    assert result.exit_code == (0 if found["same"] else 1)
    assert found["events"] == len(found["differences"][0]) > 10
    assert found["max_ms"] >= found["p95_ms"] >= found["p50_ms"] >= 0
    assert found["pacing_p95_ms"] > 0
    assert f"of {found['events']} events are within 1000 ms" in place.read_text()


def test_a_page_shows_one_scenario(tmp_path):
    for names in ([], ["greeting", "one-word"]):
        result = CliRunner().invoke(main, ["fidelity", *names, "--html", str(tmp_path / "x.html")])
        assert result.exit_code == 2
        assert result.stderr == "simkit: --html shows one scenario in both worlds: name one\n"


@pytest.mark.parametrize(
    ("args", "line"),
    [
        (("no-such",), "simkit: no scenario 'no-such'; `simkit scenarios` lists"),
        (("--app", "no_such_app:app", "greeting"), "simkit: the bridge ended with code "),
    ],
)
def test_input_of_no_use_exits_with_2(args, line):
    result = CliRunner().invoke(main, ["fidelity", *args])
    assert result.exit_code == 2
    assert result.stderr.startswith(line)


def test_a_limit_below_nothing_is_refused():
    assert CliRunner().invoke(main, ["fidelity", "--limit", "-1"]).exit_code == 2


def test_the_simulated_bridge_computes_as_told_or_as_measured():
    scenario = REGISTRY["one-word"]
    plain = simulate(scenario)
    assert str(fidelity.alike(scenario, plain, None, 0.0).timeline) == str(plain.timeline)
    told = fidelity.alike(scenario, plain, None, 0.001)
    measured = fidelity.alike(scenario, plain, None, None)
    for outcome in (told, measured):
        assert outcome.timeline.of("mark")[0].t_ns > plain.timeline.of("mark")[0].t_ns
        assert not difference(plain.timeline, outcome.timeline, tolerance_ms=50).order


def test_each_call_of_the_simulation_connects_as_late_as_the_real_one():
    async def two_calls(sim):
        """Two callers, one after the other; Vapi answers the second one more slowly."""
        await one_word(sim)
        sim.vapi.open_delay += second
        await one_word(sim)

    def waits(outcome):
        both = zip(outcome.timeline.of("start"), outcome.timeline.of("open"), strict=True)
        return [(opens.t_ns - starts.t_ns) / 1e9 for starts, opens in both]

    scenario = Scenario("two-calls", two_calls, (), 10.0)
    second = 0.3
    real = simulate(scenario)
    second = 0.0
    found = fidelity.alike(scenario, real, None, None)
    assert waits(real)[1] - waits(real)[0] > 0.2
    assert waits(found) == pytest.approx(waits(real), abs=0.001)
