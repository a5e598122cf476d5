"""Odd chunks: Vapi's audio at any rate, in frames that end anywhere, is heard as it was said."""

from __future__ import annotations

import pytest

from simkit import checks
from simkit.bridge import CallCore
from simkit.bridge.codec import FromVapi
from simkit.bridge.events import AgentAudio
from tests.races.outcome import understood

NUMBER = "+15550100"
GREETING = "Good morning, this is the office of Doctor Smith."
WORDS = "the third of July would suit us best"


class LosesOddBytes(CallCore):
    """Drops half a sample where the other half comes with the next frame."""

    def _on_agent_audio(self, event, now_ns):
        whole = event.data[: len(event.data) // 2 * 2]
        return super()._on_agent_audio(AgentAudio(whole, event.number), now_ns)


class TakesItFor16000(CallCore):
    """Reads the agent's audio at another rate than it declared."""

    def __init__(self, config):
        super().__init__(config)
        self._from_vapi = FromVapi(as_mulaw=False, rate=16000)


def both_speak(sim) -> None:
    async def call_and_answer() -> None:
        sim.vapi.assistant(first_message=GREETING, replies=["The third of July."])
        call = await sim.twilio.call(to=NUMBER)
        await call.hears(GREETING, timeout=15)
        await call.says(WORDS)
        await call.hears("The third of July.", timeout=10)
        await call.hangs_up()
        heard = [utterance.text for utterance in call.heard.utterances]
        assert heard == [GREETING, "The third of July."]

    sim.run(call_and_answer())
    assert understood(sim) == [WORDS]
    assert [check.name for check in checks.run(sim.finish()) if not check.passed] == []


@pytest.mark.parametrize("rate", [8000, 22050, 24000, 44100, 48000])
def test_both_sides_are_heard_at_any_rate(sim, serve, rate):
    serve(vapi_rate=rate)
    both_speak(sim)


@pytest.mark.parametrize(("rate", "size"), [(16000, 37), (44100, 333), (44100, 32_001)])
def test_both_sides_are_heard_however_vapis_audio_is_cut(sim, serve, rate, size):
    sim.vapi.faults.odd_frames = size
    serve(vapi_rate=rate)
    both_speak(sim)


@pytest.mark.parametrize("wrong", [LosesOddBytes, TakesItFor16000])
def test_a_bridge_that_takes_bytes_for_others_is_found_out(sim, serve, wrong):
    sim.vapi.faults.odd_frames = 333
    serve(wrong, vapi_rate=24000)
    with pytest.raises((AssertionError, TimeoutError)):
        both_speak(sim)
