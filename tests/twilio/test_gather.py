"""``<Gather>``: keys, speech, and prompts that either interrupts."""

from __future__ import annotations

import pytest

from tests.twilio.program import NUMBER

PROMPT = "<Say>For sales press one, for anything else please tell me what it is about.</Say>"


@pytest.fixture
def gathers(sim, program):
    """Call a program that gathers; its action is ``/got``, what follows says Sorry."""

    async def gathers(attributes="", prompt=PROMPT):
        program.says(f'<Gather action="/got" {attributes}>{prompt}</Gather><Say>Sorry.</Say>')
        program.says("<Say>Thank you.</Say>", "/got")
        return await sim.twilio.call(to=NUMBER)

    return gathers


async def test_keys_stop_the_prompt_and_are_told_when_there_are_enough(sim, program, gathers):
    call = await gathers('numDigits="2"')
    await call.stays_silent(0.5)
    await call.presses("42")
    await call.hears("Thank you")
    (asked,) = program.of("/got")
    assert asked.params["Digits"] == "42"
    assert asked.params["CallStatus"] == "in-progress"
    assert "SpeechResult" not in asked.params
    assert program.is_signed(asked)
    assert sim.now < 2.5
    assert "anything else" not in call.heard


async def test_the_finishing_key_is_not_part_of_what_was_entered(program, gathers):
    call = await gathers('finishOnKey="*" method="GET"')
    await call.presses("1#2*9")
    await call.hears("Thank you")
    (asked,) = program.of("/got")
    assert (asked.method, asked.params["Digits"]) == ("GET", "1#2")


async def test_an_empty_finishing_key_finishes_nothing(program, gathers):
    call = await gathers('finishOnKey="" timeout="2"')
    await call.presses("1#")
    await call.hears("Thank you")
    assert program.of("/got")[0].params["Digits"] == "1#"


async def test_keys_are_told_when_no_more_come(sim, program, gathers):
    call = await gathers('timeout="3"')
    await call.presses("7")
    pressed = sim.now - 0.1
    await call.hears("Thank you")
    assert program.of("/got")[0].at - pressed == pytest.approx(3.06, abs=0.01)


async def test_without_input_the_next_verb_runs_after_prompt_and_timeout(sim, program, gathers):
    call = await gathers('timeout="4"', "<Pause length='2'/>")
    answered = call.ear.origin_ns / 1e9
    await call.hears("Sorry")
    assert program.of("/got") == []
    assert call.heard.utterances[0].start - answered == pytest.approx(6.0, abs=0.05)


async def test_nothing_can_be_an_answer_too(program, gathers):
    call = await gathers('timeout="1" actionOnEmptyResult="true"', "")
    await call.hears("Thank you")
    assert program.of("/got")[0].params["Digits"] == ""


async def test_a_finishing_key_alone_is_no_input(program, gathers):
    call = await gathers("", "")
    await call.presses("#")
    await call.hears("Sorry")
    assert program.of("/got") == []


async def test_the_action_is_the_document_itself_by_default(sim, program):
    program.says('<Gather numDigits="1"/>')
    program.says("<Say>Thank you.</Say>")
    call = await sim.twilio.call(to=NUMBER)
    await call.presses("1")
    await call.hears("Thank you")
    assert [asked.path for asked in program.asked] == ["/voice/inbound"] * 2


async def test_speech_stops_the_prompt_and_is_told_when_the_caller_is_silent(sim, program, gathers):
    sim.twilio.settings.speech_confidence = 0.75
    call = await gathers('input="speech" speechTimeout="2"')
    await call.stays_silent(0.5)
    spoken = await call.says("I would like to move my appointment.")
    await call.hears("Thank you")
    (asked,) = program.of("/got")
    assert asked.params["SpeechResult"] == "I would like to move my appointment."
    assert asked.params["Confidence"] == "0.75"
    assert "Digits" not in asked.params
    assert asked.at - spoken.end == pytest.approx(2.06, abs=0.01)
    assert "anything else" not in call.heard


async def test_speech_goes_on_after_a_short_silence(program, gathers):
    call = await gathers('input="dtmf speech" speechTimeout="auto"')
    await call.says("I would like")
    await call.stays_silent(0.8)
    await call.says("to leave")
    await call.hears("Thank you")
    assert program.of("/got")[0].params["SpeechResult"] == "I would like to leave"


async def test_without_barge_in_speech_does_not_stop_the_prompt(program, gathers):
    call = await gathers('input="speech" bargeIn="false" speechTimeout="10"')
    await call.stays_silent(0.3)
    await call.says("Sales", wait=False)
    await call.hears("anything else please tell me what it is about")


async def test_keys_win_over_speech(program, gathers):
    call = await gathers('input="dtmf speech" numDigits="1"')
    await call.says("Sales")
    await call.presses("1")
    await call.hears("Thank you")
    params = program.of("/got")[0].params
    assert (params["Digits"], "SpeechResult" in params) == ("1", False)


async def test_keys_alone_do_not_listen_to_speech(program, gathers):
    call = await gathers('timeout="1"', "")
    await call.says("Sales please")
    await call.hears("Sorry")
    assert program.of("/got") == []


async def test_speech_alone_does_not_listen_to_keys(program, gathers):
    call = await gathers('input="speech" timeout="1" numDigits="1"', "")
    await call.presses("1")
    await call.hears("Sorry")


async def test_what_was_said_before_is_not_understood(sim, program):
    program.says(
        '<Pause length="2"/><Gather input="speech" action="/got" speechTimeout="1"/>'
        "<Say>Sorry.</Say>"
    )
    program.says("<Say>Thank you.</Say>", "/got")
    call = await sim.twilio.call(to=NUMBER)
    await call.says("early")
    await call.stays_silent(0.8)
    await call.says("this sentence begins before and ends after")
    await call.hears("Thank you")
    said = program.of("/got")[0].params["SpeechResult"]
    assert said.endswith("and ends after")
    assert not said.startswith("this")


async def test_a_gather_may_play_and_pause(sim, program):
    program.says(
        '<Gather numDigits="1" action="/got"><Play digits="5"/><Pause length="3"/></Gather>'
    )
    program.says("<Say>Thank you.</Say>", "/got")
    call = await sim.twilio.call(to=NUMBER)
    await call.stays_silent(1)
    await call.presses("1")
    await call.hears("Thank you")
    assert sim.now < 2.5


async def test_keys_reach_the_stream_when_nobody_gathers(sim, program):
    program.says('<Gather numDigits="1" action="/got"/>')
    program.says('<Connect><Stream url="/media"/></Connect>', "/got")
    call = await sim.twilio.call(to=NUMBER)
    await call.presses("1")
    await call.stays_silent(0.5)
    await call.presses("2")
    await call.hangs_up()
    digits = [m["dtmf"]["digit"] for m in program.received if m["event"] == "dtmf"]
    assert digits == ["2"]
