"""Scenarios of interruption, against bridges that go on, stop for nothing, or stop too often."""

from __future__ import annotations

import pytest

from simkit.bridge import CallCore
from simkit.scenarios import find, simulate
from simkit.wire import twilio
from tests.scenarios.wrong import wrong
from tests.zoo import bridges

AT_ONCE = {"lead": 60.0, "silence_frames": False}


class BelievesThatSentIsHeard(CallCore):
    """Takes the agent for silent as soon as all of a reply is sent."""

    def _cut_off(self, now_ns):
        if now_ns - self._agent._last_voice_ns > 100_000_000:
            return []
        return super()._cut_off(now_ns)


class ClearsForAnyVoice(CallCore):
    """Clears whenever the caller makes a sound, whatever is being played."""

    def _on_caller_started(self, event, now_ns):
        return [twilio.Clear(self._stream_sid)]


class StopsForAnything(CallCore):
    """Has an ear of its own that takes any frame for a voice which is not quiet."""

    def _on_caller_frame(self, frame):
        actions = super()._on_caller_frame(frame)
        return actions + (self._cut_off(0) if frame.strip(b"\xff\x7f\xfe\x7e") else [])


class PassesOnWhatWasUnderWay(CallCore):
    """Clears, and then sends what still arrives of the old reply."""

    def _cut_off(self, now_ns):
        actions = super()._cut_off(now_ns)
        self._agent._dropping = False
        return actions


@pytest.mark.parametrize(
    ("name", "settings", "core", "failed"),
    [
        ("barge-in", AT_ONCE, bridges.NeverClears, "stops-when-interrupted"),
        ("barge-in", {"late_frames": 25}, PassesOnWhatWasUnderWay, "no-stale-audio"),
        ("barge-in", {"at": 0.334, **AT_ONCE}, bridges.NeverClears, "stops-when-interrupted"),
        (
            "barge-in",
            {"announcement": "product", "at": 8.0, **AT_ONCE},
            BelievesThatSentIsHeard,
            "stops-when-interrupted",
        ),
        ("three-interruptions", {}, bridges.NeverClears, "stops-when-interrupted"),
        ("rapid-interrupts", {}, bridges.ClearsAtEveryHint, "clears for one reply"),
        (
            "rapid-interrupts",
            {"words": "wait wait wait"},
            bridges.NeverClears,
            "stops-when-interrupted",
        ),
        (
            "second-barge-in",
            {"latency": 0.08},
            bridges.LosesMarksToLateEchoes,
            "stops-when-interrupted",
        ),
        ("false-positive", {}, StopsForAnything, "the agent was cut short"),
        ("backchannel", {}, ClearsForAnyVoice, "the agent was cut short"),
        ("late-partial", {}, BelievesThatSentIsHeard, "stops-when-interrupted"),
        ("late-partial", {"moment": "over"}, ClearsForAnyVoice, "nobody had been interrupted"),
    ],
)
def test_a_wrong_bridge_is_told_what_it_gets_wrong(name, settings, core, failed):
    outcome = simulate(find(name), settings, app=wrong(core))
    names = [check.name for check in outcome.checks if not check.passed]
    assert failed in names or failed in outcome.failure
