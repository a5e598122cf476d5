"""Scenarios of the beginning, against bridges that begin badly."""

from __future__ import annotations

import pytest

from simkit.bridge import CallCore
from simkit.scenarios import find, simulate
from tests.scenarios.wrong import wrong
from tests.zoo import bridges


class GreetsTwice(CallCore):
    """Passes each piece of agent audio on twice."""

    def _on_agent_frame(self, data, now_ns):
        return super()._on_agent_frame(data, now_ns) * 2


class SaysNothingWithoutVapi(CallCore):
    """Waits for Vapi as long as the caller does."""

    def _farewell(self, now_ns):
        return []


@pytest.mark.parametrize(
    ("name", "settings", "core", "sentence"),
    [
        ("greeting", {}, GreetsTwice, "the caller did not hear 'Good morning"),
        ("cold-start", {"late": 0.2}, bridges.DropsUntilReady, "and Vapi understood"),
        ("cold-start", {"late": 3.0}, bridges.DropsUntilReady, "the caller did not hear 'A table"),
        ("vapi-never-opens", {"trouble": "refused"}, SaysNothingWithoutVapi, "25 s after the"),
        ("slow-configure", {}, bridges.DropsUntilReady, "the caller did not hear 'A table"),
    ],
)
def test_a_wrong_bridge_is_told_what_it_gets_wrong(name, settings, core, sentence):
    outcome = simulate(find(name), settings, app=wrong(core))
    assert sentence in outcome.failure
