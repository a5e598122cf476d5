"""The tests that drove the bridge right. What no test says, simkit's checks watch over."""

import pytest

from simkit.vapi import Close

NUMBER = "+15550100"
OFFER = "Your appointment is on Tuesday at three with Doctor Smith at the downtown office."


async def test_the_first_words_are_transcribed_although_vapi_opens_late(sim, bridge):
    sim.vapi.open_delay = 1.2
    sim.vapi.assistant(replies=["A table for two."])
    call = await sim.twilio.call(to=NUMBER)
    await call.says("book a table for two on Friday please")
    await call.hears("A table for two.")
    await call.hangs_up()
    finals = [e for e in sim.timeline.of("transcript") if e.fields["transcript_type"] == "final"]
    assert finals[0].fields["text"] == "book a table for two on Friday please"


async def test_the_agent_falls_silent_for_the_caller(sim, bridge):
    sim.vapi.assistant(first_message=OFFER, replies=["Thursday it is."], lead=60.0)
    call = await sim.twilio.call(to=NUMBER)
    await call.hears("Your appointment")
    await call.says("wait, can we do Thursday?")
    await call.hears("Thursday it is.")
    await call.stays_silent(0.5)
    await call.hangs_up()
    assert call.barge_ins[0].time_to_stop_ms < 400


async def test_a_hang_up_in_mid_sentence_leaves_nothing_open(sim, bridge):
    sim.vapi.assistant(first_message=OFFER * 3, lead=60.0, silence_frames=False)
    call = await sim.twilio.call(to=NUMBER)
    await call.hears("Your appointment")
    await call.hangs_up()  # Vapi says nothing more: nothing wakes who waits for it


async def test_the_agents_last_word_is_heard_before_the_line_drops(sim, bridge):
    goodbye = "Thank you for calling. We look forward to seeing you on Tuesday. Goodbye."
    sim.vapi.assistant(first_message=goodbye, lead=60.0, silence_frames=False, max_duration=2.0)
    call = await sim.twilio.call(to=NUMBER)
    await call.hears(goodbye)
    await call.ends(timeout=10.0)


async def test_a_caller_hears_why_nobody_answers(sim, bridge):
    sim.checks.waive("agent-audio-intact", reason="the bridge's own clip is no agent's")
    sim.vapi.faults.failed_create = 401
    call = await sim.twilio.call(to=NUMBER)
    await call.hears_sound(timeout=10.0)
    await call.ends(timeout=20.0)


@pytest.mark.parametrize("phase", ["greeting", "question"])
async def test_a_lost_socket_ends_no_call(sim, bridge, phase):
    message = {"greeting": "speech-update assistant started", "question": "transcript partial user"}
    sim.checks.waive("caller-audio-complete", reason="what is on its way is lost with the socket")
    sim.vapi.faults.close = Close(1006, on=message[phase])

    def once(event):
        if event.kind == "fault":
            sim.vapi.faults.close = None

    sim.timeline.watch(once)
    sim.vapi.assistant(first_message="Good morning.", replies=["We open at nine."] * 3)
    call = await sim.twilio.call(to=NUMBER)
    await call.stays_silent(4.0)
    await call.says("when do you open?")
    await call.stays_silent(4.0)
    await call.says("I said, when do you open?")
    await call.hears("We open at nine.")
    await call.stays_silent(0.5)
    await call.hangs_up()


@pytest.mark.parametrize("how", ["unsigned", "replayed", "other-query"])
async def test_nobody_but_twilio_can_ask_for_a_call(sim, bridge, how):
    call = await sim.twilio.call(to=NUMBER)
    await call.hangs_up()
    await sim.twilio.forges(how, to=NUMBER, replays=1)
    assert [event.fields["status"] for event in sim.timeline.of("forged")] == [403]


@pytest.mark.parametrize("how", ["unsigned", "other-call", "used-token"])
async def test_nobody_but_twilio_can_open_a_stream(sim, bridge, how):
    call = await sim.twilio.call(to=NUMBER)
    await call.hangs_up()
    assert await sim.twilio.forges_stream(how, of=1, says="who is calling?") != 101


async def test_a_question_of_five_seconds_ago_is_not_answered(sim, bridge):
    sim.vapi.assistant(replies=["First answer.", "Second answer."])
    call = await sim.twilio.call(to=NUMBER)
    await call.stays_silent(1.0)
    sim.link("twilio", "bridge.example.com").towards("bridge.example.com").stall(5.0)
    await call.says("is there a table for tonight?")
    await call.stays_silent(4.5)
    await call.says("or for tomorrow?")
    await call.hears("First answer.")
    await call.stays_silent(3.0)
    await call.hangs_up()
    assert len(call.heard.utterances) == 1
