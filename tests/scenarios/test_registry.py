"""The registry: names, parameters, and what is said of wrong ones."""

from __future__ import annotations

import pytest

from simkit.scenarios import REGISTRY, Count, ScenarioError, Seconds, expect, find, scenario
from simkit.scenarios.registry import missing


@pytest.fixture(autouse=True)
def _registry_as_it_was():
    before = dict(REGISTRY)
    yield
    REGISTRY.clear()
    REGISTRY.update(before)


def settings(name: str, *assignments: str) -> dict:
    return find(name).settings(assignments)


def test_values_have_the_types_of_the_signature():
    found = settings("barge-in", "lead=0.15", "silence_frames=false", "late_frames=25")
    assert found == {"lead": 0.15, "silence_frames": False, "late_frames": 25}
    assert [type(value) for value in found.values()] == [float, bool, int]


def test_a_whole_number_of_seconds_is_a_number():
    assert settings("cold-start", "late=3") == {"late": 3.0}


@pytest.mark.parametrize(
    ("name", "assignment", "message"),
    [
        ("barge-in", "lead", "barge-in: expected name=value, found 'lead'"),
        (
            "barge-in",
            "latency=1",
            "barge-in: no parameter 'latency'; there are: announcement=appointment, at=0.0, lead=",
        ),
        ("greeting", "x=1", "greeting: no parameter 'x'; it has none"),
        ("cold-start", "late=soon", "cold-start: late: expected a number, found 'soon'"),
        ("cold-start", "late=-1", "cold-start: late: expected a number >= 0.0, found '-1'"),
        ("cold-start", "late=1e9", "cold-start: late: expected a number <= 600.0, found '1e9'"),
        ("cold-start", "late=nan", "cold-start: late: expected a number >= 0.0, found 'nan'"),
        ("cold-start", "late=", "cold-start: late: expected a number, found ''"),
        (
            "barge-in",
            "late_frames=1.5",
            "barge-in: late_frames: expected a whole number, found '1.5'",
        ),
        ("barge-in", "silence_frames=2", "silence_frames: expected true or false, found '2'"),
    ],
)
def test_a_wrong_setting_is_told(name, assignment, message):
    with pytest.raises(ScenarioError) as caught:
        settings(name, assignment)
    assert message in str(caught.value)


def test_an_unknown_scenario_is_told_with_the_one_that_may_be_meant():
    with pytest.raises(ScenarioError, match="did you mean barge-in"):
        find("barge_in")
    with pytest.raises(ScenarioError, match="no scenario 'x'; `simkit scenarios` lists them"):
        find("x")


def test_a_scenario_of_ones_own_has_its_name_and_parameters():
    @scenario()
    async def long_pause(sim, *, latency: Seconds = 0.1, times: Count = 2):
        """The caller pauses.

        What a right bridge does.
        """

    found = find("long-pause")
    assert found.summary == "The caller pauses."
    assert found.description.endswith("What a right bridge does.")
    assert found.needs == ("agent",)
    assert [p.describe() for p in found.parameters.values()] == ["latency=0.1", "times=2"]
    assert [p.range for p in found.parameters.values()] == ["0 to 600", "1 to 100"]


def test_what_is_no_number_is_none_where_any_number_would_do_either():
    @scenario()
    async def any_number(sim, *, much: float = 0.0):
        """Something."""

    assert settings("any-number", "much=-1e9") == {"much": -1e9}
    with pytest.raises(ScenarioError, match="any-number: much: expected a number, found 'nan'"):
        settings("any-number", "much=nan")


def test_a_name_is_given_once():
    async def greeting(sim):
        """Another one."""

    with pytest.raises(ScenarioError, match="there is a scenario 'greeting' already"):
        scenario()(greeting)


def test_a_scenario_must_say_what_happens():
    async def mute(sim):
        pass

    with pytest.raises(ScenarioError, match="mute: a scenario says in its docstring"):
        scenario()(mute)


def test_a_parameter_has_a_default():
    async def bare(sim, *, much: Seconds):
        """Something."""

    with pytest.raises(ScenarioError, match="bare: much: a parameter has a default"):
        scenario()(bare)


def test_what_is_expected_is_told_when_it_is_not_so():
    expect(True, "never said")
    with pytest.raises(AssertionError, match="the caller heard nothing"):
        expect(False, "the caller heard nothing")


@pytest.mark.parametrize("name", REGISTRY)
def test_every_scenario_says_what_a_right_bridge_does(name):
    description = find(name).description
    assert "right bridge" in description
    assert len(find(name).summary) <= 100


def test_variants_and_waivers_name_what_there_is():
    async def wrong(sim, *, late: Seconds = 0.0):
        """Something happens."""

    with pytest.raises(ScenarioError, match="wrong: no parameter 'early'"):
        scenario(variants=[{"late": 1.0}, {"early": 1.0}])(wrong)
    with pytest.raises(ScenarioError, match="wrong: no check 'on-time'; there are: twiml-in-time,"):
        scenario(waives={"on-time": "nobody waits"})(wrong)
    assert "wrong" not in REGISTRY


@pytest.mark.parametrize(
    ("needs", "is_vapi", "is_virtual", "lack"),
    [
        ((), False, False, ""),
        (("vapi", "simulation"), True, True, ""),
        (("vapi", "simulation"), False, True, "it is about Vapi's own ways"),
        (("vapi", "simulation"), True, False, "it needs a simulation"),
    ],
)
def test_what_it_cannot_do_without_is_told(needs, is_vapi, is_virtual, lack):
    @scenario(needs=needs)
    async def needy(sim):
        """Something happens."""

    assert missing(find("needy"), is_vapi=is_vapi, is_virtual=is_virtual) == lack
