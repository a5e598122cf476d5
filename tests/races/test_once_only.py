"""Once only: one utterance that is told of twice, marks by the dozen, a wrong rate."""

from __future__ import annotations

import pytest

from simkit.bridge import CallCore
from simkit.bridge.events import Action
from simkit.scenarios.conversations import TABLES as OFFER
from simkit.scenarios.conversations import duplicate_turn
from simkit.scenarios.deliveries import format_mismatch
from simkit.wire import twilio
from tests.races.outcome import understood

NUMBER = "+15550100"


@pytest.mark.parametrize(("own_vad", "stopped"), [(False, 0.0), (True, 0.0), (False, 1.2)])
def test_one_utterance_gets_one_reply_and_no_excuse(sim, serve, own_vad, stopped):
    bridge = serve(own_vad=own_vad, endpointing=0.6, reply_timeout=2.0)
    call = sim.run(duplicate_turn(sim, stopped=stopped))
    assert understood(sim) == ["nine would suit us best"]
    assert len(sim.timeline.of("clear")) == len(call.barge_ins) == 1
    assert bridge.metrics.value("fallbacks", reason="late") == 0


class StormOfMarks(CallCore):
    """Marks of one name after each piece of audio and without any, clears with nothing pending."""

    def _on_media(self, event: twilio.Media, now_ns: int) -> list[Action]:
        actions = super()._on_media(event, now_ns)
        if now_ns // 20_000_000 % 7 == 0:
            mark = twilio.SendMark(self._stream_sid, twilio.MarkBody("responsePart"))
            actions += [mark, mark]
        if not self._agent.was_heard:
            actions.append(twilio.Clear(self._stream_sid))
        return actions


def test_a_storm_of_marks_hides_neither_the_end_of_a_reply_nor_an_interruption(sim, serve):
    serve(StormOfMarks)
    sim.vapi.assistant(first_message=OFFER, replies=[OFFER, "Good."], lead=60.0)

    async def caller():
        call = await sim.twilio.call(to=NUMBER)
        await call.hears("at seven")
        await call.says("wait, what about Thursday?")
        await call.hears("We have a table at six, at seven")
        await call.says("no, stop")
        await call.hears("Good.")
        await call.hangs_up()
        return call

    call = sim.run(caller())
    assert len(call.barge_ins) == 2
    for barge_in in call.barge_ins:
        assert barge_in.time_to_stop_ms < 400
        assert barge_in.stale_after_clear_ms == 0
    sent = [e for e in sim.timeline.of("mark") if e.source == "bridge"]
    back = [e for e in sim.timeline.of("mark") if e.source == "twilio"]
    assert len(sent) > 50
    [over] = sim.timeline.of("hangs-up")
    early = [event for event in sent if event.t_ns < over.t_ns - 1_000_000_000]
    assert len(early) <= len(back) <= len(sent)


@pytest.mark.simkit(waives={"agent-audio-intact": "the bridge can but say so"})
def test_audio_of_another_rate_than_declared_is_said(sim, serve, caplog):
    bridge = serve()
    call = sim.run(format_mismatch(sim, rate=8000))
    assert call.status == "completed"
    assert "agent audio comes at 0.5 times the rate of pcm_s16le at 16000 Hz" in caplog.text
    assert bridge.metrics.value("wrong_rate") == 1
