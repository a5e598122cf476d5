"""What a client or the control URL may ask of a running conversation."""

from __future__ import annotations

import asyncio
import random

import pytest

from simkit.audio import voice

LONG = "This is going to be a rather long speech."


def conversation(sim):
    return sim.vapi.calls[-1].socket.conversation


def said(client):
    return [message["transcript"] for _, message in client.of("transcript", role="assistant")]


def updates(client, role):
    return [message["status"] for _, message in client.of("speech-update", role=role)]


async def test_say_is_spoken_after_what_is_being_said(sim, client):
    sim.vapi.assistant(first_message=LONG)
    await client.open()
    await client.speak(None, 1.0)
    conversation(sim).say("And another thing.")
    conversation(sim).say("Third.")
    await client.speak(None, 7.0)
    assert said(client) == [LONG, "And another thing.", "Third."]
    assert updates(client, "assistant") == ["started", "stopped"] * 3
    assert client.of("user-interrupted") == []


async def test_say_to_an_idle_assistant_is_heard_after_the_voice_is_ready(sim, client):
    sim.vapi.assistant(tts=0.3)
    await client.open()
    await client.speak(None, 1.0)
    asked = sim.now - client.opened
    conversation(sim).say("Hello?")
    await client.speak(None, 2.0)
    assert client.voiced[0] - asked == pytest.approx(0.3, abs=0.02)


async def test_say_can_replace_what_is_being_said_and_what_waits(sim, client):
    sim.vapi.assistant(first_message=LONG)
    await client.open()
    await client.speak(None, 1.5)
    conversation(sim).say("Never.")
    conversation(sim).say("Now this.", interrupt_assistant=True)
    await client.speak(None, 3.0)
    first, second = said(client)
    assert LONG.startswith(first)
    assert first != LONG
    assert second == "Now this."
    assert client.of("user-interrupted") == []


async def caller_says(sim, client, text, seed=1):
    speech = voice.speak(text, random.Random(seed))
    sim._repertoire.add(speech)
    await client.speak(speech)


async def test_what_may_not_be_interrupted_is_said_to_its_end(sim, client):
    sim.vapi.assistant(replies=["Yes."])
    await client.open()
    await client.speak(None, 0.5)
    conversation(sim).say(LONG, interruptions_enabled=False)
    await client.speak(None, 1.0)
    await caller_says(sim, client, "wait")
    await client.speak(None, 6.0)
    assert client.of("user-interrupted") == []
    assert said(client) == [LONG]


async def test_what_is_said_instead_of_everything_drops_the_answer_too(sim, client):
    sim.vapi.assistant(replies=["Yes."], tts=2.0)
    await client.open()
    await client.speak(None, 0.5)
    await caller_says(sim, client, "hello")
    await client.speak(None, 0.7)  # its final transcript is there, its answer is not
    conversation(sim).say("Wait for it.", interrupt_assistant=True)
    await client.speak(None, 6.0)
    assert said(client) == ["Wait for it."]


async def test_a_caller_who_goes_on_loses_the_answer_and_not_what_was_to_be_said(sim, client):
    sim.vapi.assistant(replies=["Never.", "Yes."], tts=1.0)
    await client.open()
    await client.speak(None, 0.5)
    await caller_says(sim, client, "one thing")
    await client.speak(None, 1.0)
    conversation(sim).say("By the way.", interruptions_enabled=False)
    await caller_says(sim, client, "and another", 2)
    await client.speak(None, 6.0)
    assert said(client) == ["By the way.", "Yes."]


async def test_a_call_can_end_with_what_is_said(sim, client):
    await client.open()
    await client.speak(None, 0.5)
    conversation(sim).say("Goodbye.", end_call_after=True)
    await client.socket.wait_closed()
    await client.reader
    assert said(client) == ["Goodbye."]
    [(_, message)] = client.of("status-update", status="ended")
    assert message["endedReason"] == "assistant-ended-call-after-message-spoken"


@pytest.mark.parametrize("text", ["", "  \n"])
async def test_say_without_a_word_is_refused(sim, client, text):
    await client.open()
    with pytest.raises(ValueError, match="say: a text with words in it; found"):
        conversation(sim).say(text)


async def test_a_message_is_put_into_the_history_and_answered(sim, client):
    sim.vapi.assistant(replies=lambda heard: f"about {heard}")
    await client.open()
    await client.speak(None, 0.5)
    conversation(sim).add_message("system", "the weather", trigger_response=False)
    conversation(sim).add_message("user", "the time")
    await client.speak(None, 3.0)
    assert said(client) == ["about the time"]
    assert [(entry.role, entry.text) for entry in conversation(sim).history] == [
        ("system", "the weather"),
        ("user", "the time"),
        ("assistant", "about the time"),
    ]
    [*_, (_, update)] = client.of("conversation-update")
    assert update["conversation"][0] == {"role": "system", "content": "the weather"}


async def test_a_message_that_is_answered_takes_what_the_caller_said_along(sim, client):
    heard = []
    sim.vapi.assistant(
        replies=lambda text: heard.append(text) or "Yes.", endpointing="transcription"
    )
    await client.open()
    await client.speak(None, 0.5)
    await caller_says(sim, client, "I would like")
    await client.speak(None, 1.2)  # final, and waited on
    conversation(sim).add_message("user", "a table")
    await client.speak(None, 5.0)
    assert heard == ["I would like a table"]
    assert said(client) == ["Yes."]


async def test_an_answer_waits_for_what_is_about_to_be_said(sim, client):
    sim.vapi.assistant(replies=["Yes."], tts=0.6)
    await client.open()
    await client.speak(None, 0.5)
    conversation(sim).say("By the way.")
    conversation(sim).add_message("user", "hello")
    await client.speak(None, 5.0)
    assert said(client) == ["By the way.", "Yes."]
    assert updates(client, "assistant") == ["started", "stopped"] * 2


async def test_an_answer_takes_the_place_of_one_that_waits(sim, client):
    sim.vapi.assistant(replies=["Never.", "Yes."])
    await client.open()
    await client.speak(None, 0.5)
    conversation(sim).add_message("user", "one")
    conversation(sim).add_message("user", "two")
    await client.speak(None, 5.0)
    assert said(client) == ["Yes."]
    assert updates(client, "assistant") == ["started", "stopped"]


async def test_a_first_message_that_was_asked_for_does_not_wait_for_the_caller_again(sim, client):
    sim.vapi.assistant(
        first_message="Good morning.",
        first_message_mode="assistant-waits-for-user",
        replies=["Yes."],
    )
    await client.open()
    conversation(sim).control("say-first-message")
    await client.speak(None, 2.0)
    await caller_says(sim, client, "hello")
    await client.speak(None, 3.0)
    assert said(client) == ["Good morning.", "Yes."]


async def test_a_muted_assistant_sends_silence_and_goes_on_talking(sim, client):
    sim.vapi.assistant(first_message=LONG)
    await client.open()
    conversation(sim).control("mute-assistant")
    await client.speak(None, 1.5)
    assert client.voiced == []
    assert len(client.sound) > 60
    conversation(sim).control("unmute-assistant")
    await client.speak(None, 0.5)
    assert client.voiced


async def test_a_muted_customer_is_not_heard(sim, client):
    await client.open()
    conversation(sim).control("mute-customer")
    first, second = (voice.speak(text, random.Random(1)) for text in ("one two", "three four"))
    for speech in (first, second):
        sim._repertoire.add(speech)
        await client.speak(speech)
        await client.speak(None, 1.0)
        conversation(sim).control("unmute-customer")
    assert [
        message["transcript"] for _, message in client.of("transcript", transcriptType="final")
    ] == ["three four"]


async def test_the_first_message_can_be_asked_for(sim, client):
    sim.vapi.assistant(first_message="Good morning.")
    await client.open()
    await client.speak(None, 3.0)
    conversation(sim).control("say-first-message")
    await client.speak(None, 2.0)
    assert said(client) == ["Good morning."] * 2


async def test_an_unknown_control_is_refused(sim, client):
    await client.open()
    with pytest.raises(ValueError, match=r"control: one of mute-assistant, .*; found 'mute'"):
        conversation(sim).control("mute")


async def test_a_transfer_is_told_and_ends_the_call(sim, client):
    await client.open()
    conversation(sim).transfer({"type": "number", "number": "+15550123"})
    await client.socket.wait_closed()
    await client.reader
    [(_, update)] = client.of("transfer-update")
    assert update["destination"] == {"type": "number", "number": "+15550123"}
    [(_, message)] = client.of("status-update", status="ended")
    assert message["endedReason"] == "assistant-forwarded-call"


async def test_every_message_passes_the_hook_and_the_end_does_after_a_hang_up(sim, client):
    sim.vapi.assistant(first_message="Good morning.")
    await client.open()
    passed = []
    conversation(sim).on_message = passed.append
    await client.speak(None, 2.5)
    types = [message["type"] for _, message in client.told]
    assert [message.__struct_config__.tag for message in passed] == types
    await client.socket.close()
    await asyncio.sleep(0.1)
    assert passed[-1].status == "ended"
    assert passed[-1].ended_reason == "customer-ended-call"


async def test_what_was_said_and_not_yet_told_is_in_the_history_of_a_call_that_ends(sim, client):
    sim.vapi.assistant(first_message=LONG)
    await client.open()
    await client.speak(None, 2.0)
    talk = conversation(sim)
    opened_ns = round(client.opened * 1e9)
    talk.end("manually-canceled")
    [entry] = talk.history
    assert entry.role == "assistant"
    assert LONG.startswith(entry.text)
    assert entry.text != LONG
    assert entry.start_ns - opened_ns == pytest.approx(0.450e9, abs=0.02e9)
    assert 1.3e9 < entry.end_ns - entry.start_ns < 1.6e9
    await client.socket.wait_closed()


async def test_a_call_that_is_over_ignores_what_is_asked(sim, client):
    await client.open()
    talk = conversation(sim)
    talk.end("manually-canceled")
    told = len(sim.timeline.events)
    talk.say("Hello?")
    talk.add_message("user", "hello")
    talk.control("say-first-message")
    talk.transfer({})
    talk.end("again")
    assert talk.history == []
    assert len(sim.timeline.events) == told
    await client.socket.wait_closed()
