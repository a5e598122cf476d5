"""Scenarios of delivery, where they do not apply."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest

from simkit.scenarios import find, simulate
from simkit.scenarios.playing import _play
from tests.scenarios.wrong import wrong


@pytest.mark.parametrize("name", ["jitter", "stale-burst"])
def test_a_world_in_real_time_has_no_network_to_stall(name):
    world = SimpleNamespace(twilio=SimpleNamespace(calls=[]))
    _, inapplicable = asyncio.run(_play(find(name), world, {}))
    assert inapplicable == "it needs a simulation"


def test_a_bridge_on_vapis_transport_has_no_numbers_to_order_by():
    outcome = simulate(find("out-of-order"), {"leg": "agent"}, app=wrong())
    assert "no numbers on its transport" in outcome.inapplicable
