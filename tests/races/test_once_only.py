"""Once only: one utterance that is told of twice, marks by the dozen, keys, a wrong rate."""

from __future__ import annotations

import msgspec
import pytest

from simkit import checks
from simkit.bridge import CallCore, Config
from simkit.bridge.events import Action
from simkit.wire import twilio
from tests.races.outcome import understood

NUMBER = "+15550100"
OFFER = "We have a table at six, at seven, at a quarter past eight and at nine in the evening."


def answers(sim) -> list[str]:
    return [event.fields["text"] for event in sim.timeline.of("replies")]


@pytest.mark.parametrize("own_vad", [False, True])
def test_an_utterance_that_the_bridge_and_vapi_hear_the_end_of_gets_one_reply(sim, serve, own_vad):
    """With an ear of its own, the bridge knows of the turn at the instant of the transcript."""
    bridge = serve(own_vad=own_vad, endpointing=0.6, reply_timeout=2.0)
    sim.vapi.assistant(first_message=OFFER, replies=["At nine it is."], final_after=0.6)

    async def caller():
        call = await sim.twilio.call(to=NUMBER)
        await call.hears("quarter past eight")
        await call.says("nine would suit us best")
        await call.hears("At nine it is.")
        await call.stays_silent(5.0)
        await call.hangs_up()
        return call

    call = sim.run(caller())
    assert understood(sim) == ["nine would suit us best"]
    assert len(answers(sim)) == 2
    assert len(sim.timeline.of("clear")) == 1
    assert len(call.barge_ins) == 1
    assert bridge.metrics.value("fallbacks", reason="late") == 0
    assert [check.name for check in checks.run(sim.finish()) if not check.passed] == []


def test_the_callers_stopped_after_the_agents_started_resets_no_turn(sim, serve):
    """As recorded: ``speech-update stopped`` of the caller comes while the answer is spoken."""
    bridge = serve(reply_timeout=2.0)
    sim.vapi.faults.late_stopped = 1.2
    sim.vapi.assistant(replies=["We open at nine in the morning, and close at five."])

    async def caller():
        call = await sim.twilio.call(to=NUMBER)
        await call.says("when do you open?")
        await call.hears("close at five.")
        await call.stays_silent(3.0)
        await call.hangs_up()
        return call

    call = sim.run(caller())
    [started] = [e for e in sim.timeline.of("speech-update") if said(e) == ("assistant", "started")]
    [stopped] = [e for e in sim.timeline.of("speech-update") if said(e) == ("user", "stopped")]
    assert started.t_ns < stopped.t_ns
    assert [utterance.whole for utterance in call.heard.utterances] == [True]
    assert bridge.metrics.value("fallbacks", reason="late") == 0
    assert [check.name for check in checks.run(sim.finish()) if not check.passed] == []


def said(event) -> tuple[str, str]:
    return event.fields["role"], event.fields["status"]


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


def test_keys_during_speech_are_told_to_the_agent_once(sim, serve):
    serve()
    sim.vapi.assistant(first_message=OFFER, replies=["Account one two three."])

    async def caller():
        call = await sim.twilio.call(to=NUMBER)
        await call.hears("We have a table")
        await call.presses("123#")
        await call.hears("Account one two three.", timeout=15)
        await call.hangs_up()
        return call

    call = sim.run(caller())
    [told] = sim.timeline.of("add-message")
    assert "The caller pressed 1 2 3 #." in str(told.fields)
    assert call.barge_ins == []


def test_audio_of_another_rate_than_declared_is_said(sim, serve, caplog):
    """8 kHz is declared to Vapi, but the core was made for 16 kHz: half of that comes."""

    def mistaken(config: Config) -> CallCore:
        return CallCore(msgspec.structs.replace(config, vapi_rate=16000))

    bridge = serve(mistaken, vapi_rate=8000)
    sim.vapi.assistant(first_message=OFFER)

    async def caller():
        call = await sim.twilio.call(to=NUMBER)
        await call.stays_silent(6.0)
        await call.hangs_up()

    sim.run(caller())
    assert "agent audio comes at 0.5 times the rate of pcm_s16le at 16000 Hz" in caplog.text
    assert bridge.metrics.value("wrong_rate") == 1
