"""Scenarios of delivery, against bridges that take it as it comes."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest

from simkit.bridge import CallCore
from simkit.bridge.codec import FromVapi
from simkit.bridge.events import AgentAudio
from simkit.scenarios import find, simulate
from simkit.scenarios.playing import _play
from tests.scenarios.wrong import wrong
from tests.zoo import bridges


class LosesOddBytes(CallCore):
    """Drops half a sample where the other half comes with the next frame."""

    def _on_agent_audio(self, event, now_ns):
        whole = event.data[: len(event.data) // 2 * 2]
        return super()._on_agent_audio(AgentAudio(whole, event.number), now_ns)


class ForgetsBetweenFrames(CallCore):
    """Converts each frame by itself, as if there had been none before it."""

    def _on_agent_frame(self, data, now_ns):
        self._begin_agent_leg()
        return super()._on_agent_frame(data[: len(data) // 2 * 2], now_ns)


class TakesItFor24000(CallCore):
    """Reads the agent's audio at another rate than it declared."""

    def _begin_agent_leg(self):
        super()._begin_agent_leg()
        self._from_vapi = FromVapi(as_mulaw=False, rate=24_000)


class OpensTheGateLate(CallCore):
    """After silence, waits until it is sure that it hears a voice, and sends silence meanwhile."""

    _shut = 0

    def _on_caller_frame(self, frame):
        self._shut = 10 if not frame.strip(b"\xff\x7f") else max(0, self._shut - 1)
        return super()._on_caller_frame(b"\xff" * len(frame) if self._shut else frame)


@pytest.mark.parametrize(
    ("name", "settings", "app", "failed"),
    [
        ("out-of-order", {}, wrong(bridges.IgnoresChunkNumbers), "caller-audio-complete"),
        (
            "out-of-order",
            {"leg": "agent"},
            wrong(bridges.IgnoresAgentNumbers, vapi_dialect="seed"),
            "agent-audio-intact",
        ),
        ("jitter", {"low": 0.2, "high": 0.8}, wrong(stale_after=0.2), "Vapi understood"),
        ("stale-burst", {}, wrong(stale_after=60.0), "Vapi understood"),
        ("packet-loss", {}, wrong(OpensTheGateLate), "words that the caller said"),
        ("odd-chunks", {"size": 1}, wrong(LosesOddBytes), "did not hear 'Hello.'"),
        ("odd-chunks", {"size": 37}, wrong(LosesOddBytes), "did not hear 'Good morning"),
        ("odd-chunks", {"size": 333}, wrong(ForgetsBetweenFrames), "agent-audio-intact"),
        ("odd-chunks", {"size": 32_001}, wrong(TakesItFor24000), "did not hear 'Good morning"),
        ("format-mismatch", {}, wrong(), "for 20 s the caller heard noise, and nobody ended"),
        ("format-mismatch", {"rate": 32_000}, wrong(), "for 20 s the caller heard noise"),
    ],
)
def test_a_wrong_bridge_is_told_what_it_gets_wrong(name, settings, app, failed):
    outcome = simulate(find(name), settings, app=app)
    assert not outcome.passed
    names = [check.name for check in outcome.checks if not check.passed]
    assert failed in names or failed in outcome.failure


@pytest.mark.parametrize("name", ["jitter", "stale-burst"])
def test_a_world_in_real_time_has_no_network_to_stall(name):
    world = SimpleNamespace(twilio=SimpleNamespace(calls=[]))
    _, inapplicable = asyncio.run(_play(find(name), world, {}))
    assert inapplicable == "it needs a simulation"


def test_a_bridge_on_vapis_transport_has_no_numbers_to_order_by():
    outcome = simulate(find("out-of-order"), {"leg": "agent"}, app=wrong())
    assert "no numbers on its transport" in outcome.inapplicable
