"""Odd chunks: Vapi's audio at any rate, in frames that end anywhere, is heard as it was said."""

from __future__ import annotations

import pytest

from simkit import checks
from simkit.scenarios.deliveries import odd_chunks


@pytest.mark.parametrize("rate", [8000, 22050, 24000, 44100, 48000])
def test_both_sides_are_heard_at_any_rate(sim, serve, rate):
    serve(vapi_rate=rate)
    sim.run(odd_chunks(sim, size=rate // 50 * 2))
    assert [check.name for check in checks.run(sim.finish()) if not check.passed] == []


@pytest.mark.parametrize(
    ("size", "settings"),
    [(333, {"vapi_rate": 44100}), (32_001, {"vapi_rate": 44100}), (37, {"vapi_format": "mulaw"})],
)
def test_both_sides_are_heard_however_vapis_audio_is_cut(sim, serve, size, settings):
    serve(**settings)
    sim.run(odd_chunks(sim, size=size))
    assert [check.name for check in checks.run(sim.finish()) if not check.passed] == []
