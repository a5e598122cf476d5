"""The page of a scenario in both worlds: which events are told, and where they are in each."""

from __future__ import annotations

import pytest

from simkit.cli.fidelity_page import page_of_both
from simkit.cli.outcome import ENVIRONMENT
from simkit.scenarios import Scenario, leaves, simulate
from simkit.timeline.difference import difference


async def one_word(sim):
    """The caller hears a word."""
    sim.vapi.assistant(first_message="Yes.", first_message_delay=0.1)
    call = await sim.twilio.call(to="+15550100")
    await call.hears("Yes.")
    await leaves(call)


async def two_words(sim):
    """The caller says one, too."""
    sim.vapi.assistant(first_message="Yes.", first_message_delay=0.1)
    call = await sim.twilio.call(to="+15550100")
    await call.hears("Yes.")
    await call.says("No.")
    await leaves(call)


@pytest.fixture(autouse=True)
def _environment(monkeypatch):
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)


def page(prepare=None, *, function=one_word):
    virtual = simulate(Scenario("one", one_word, (), 10.0))
    wall = simulate(Scenario("other", function, (), 10.0), prepare=prepare)
    found = difference(virtual.timeline, wall.timeline, tolerance_ms=15.0)
    return page_of_both("one-word", virtual, wall, found, limit_ms=15.0, same=True)


def test_worlds_that_agree_are_shown_one_above_the_other():
    told = page()
    assert [panel.title for panel in told.panels] == ["simulated", "in real time"]
    assert (told.differences, told.passed) == ([], True)
    assert told.verdict[0].endswith("are within 15 ms of the simulation, in the same order.")


def test_what_is_late_is_told_with_its_instants_in_both():
    def slow(sim):
        sim.vapi.open_delay = 0.2

    told = page(slow)
    first = told.differences[0]
    assert (first.number, first.cause) == (1, None)
    assert first.sentence == "vapi > bridge open: 200 ms later in real time"
    assert first.above is not None
    assert first.below == first.above + 200_000
    for panel, at in zip(told.panels, (first.above, first.below), strict=True):
        kinds = [panel.kinds[kind] for kind in panel.events.kind]
        assert panel.events.t[kinds.index("open")] == pytest.approx(at, abs=1)
    assert [one.number for one in told.differences] == [*range(1, len(told.differences) + 1)]


def test_what_only_one_world_has_is_told_of_that_one():
    told = page(function=two_words)
    found = [one for one in told.differences if one.above is None]
    assert found[0].sentence.startswith('only in real time: caller speaks "No."')
    assert found[0].below is not None
    assert "in another order." in told.verdict[0]


def test_how_the_loopback_cuts_is_no_disturbance():
    def alike(sim):
        link = sim.link("api.vapi.ai", "bridge.example.com")
        link.mss, link.bandwidth = 32_768, 10e9

    virtual = simulate(Scenario("one", one_word, (), 10.0), prepare=alike)
    found = difference(virtual.timeline, virtual.timeline)
    told = page_of_both("one", virtual, virtual, found, limit_ms=15.0, same=True)
    assert not [span for span in told.panels[0].spans if span.row == "disturbance"]
    assert [span for span in told.panels[1].spans if span.row == "disturbance"]
