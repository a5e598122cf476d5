"""Notices: an answer that is late, a long silence, a call that lasts too long."""

from __future__ import annotations

import asyncio

import pytest

from simkit.vapi import Reply
from tests.vapi.test_conversation import say
from tests.vapi.test_turn_taking import caller_says, finals, said


async def slow(heard):
    await asyncio.sleep(7.0)
    return "At last."


async def test_hang_tells_of_a_delay_after_five_seconds_and_the_call_goes_on(sim, client):
    sim.vapi.assistant(replies=slow)
    await client.open()
    await caller_says(sim, client, "hello", pause=10.0)
    [(hang, message)] = client.of("hang")
    assert message == {"type": "hang"}
    assert hang - finals(client)[0] == pytest.approx(5.0, abs=0.001)
    assert said(client) == ["At last."]
    assert client.of("status-update", status="ended") == []


@pytest.mark.parametrize(
    ("reply", "hang_after", "count"),
    [
        (Reply("Yes.", latency=5.5), 5.0, 0),  # announced 150 ms before, 4.7 s after the final
        (Reply("Yes.", latency=7.0), 5.0, 1),
        (Reply("Yes.", spoken=False), 5.0, 1),
        (Reply("Yes.", latency=7.0), None, 0),
        (Reply("Yes."), 0.5, 1),
        (None, 5.0, 0),
    ],
)
async def test_hang_comes_when_an_answer_was_due_and_did_not_begin(
    sim, client, reply, hang_after, count
):
    sim.vapi.assistant(replies=lambda heard: reply, hang_after=hang_after)
    await client.open()
    await caller_says(sim, client, "hello", pause=8.0)
    assert len(client.of("hang")) == count


async def test_idle_messages_are_said_into_a_silence_until_there_were_enough(sim, client):
    sim.vapi.assistant(
        first_message="Hello.",
        replies=["Fine."],
        idle_messages=["Are you there?", "Hello?"],
        idle_timeout=2.0,
        idle_message_max=3,
    )
    await client.open()
    await client.speak(None, 20.0)
    assert said(client) == ["Hello.", "Are you there?", "Hello?", "Are you there?"]
    at = [event.t_ns / 1e9 for event in sim.timeline.of("replies")]
    ends = [event.t_ns / 1e9 for event in sim.timeline.of("replied")]
    assert at[1] - ends[0] == pytest.approx(2.0 + 0.320, abs=0.05)
    assert at[2] - ends[1] == pytest.approx(2.0 + 0.320, abs=0.05)
    # The caller's voice makes them start again.
    await caller_says(sim, client, "yes", pause=6.0)
    assert said(client)[4:6] == ["Fine.", "Are you there?"]


async def test_a_silence_ends_the_call_and_idle_messages_do_not_break_it(sim, client):
    sim.vapi.assistant(
        first_message="Hello.", idle_messages=["Are you there?"], idle_timeout=2.0,
        silence_timeout=8.0,
    )  # fmt: skip
    await client.open()
    speech = asyncio.create_task(client.speak(None, 3.0))
    await speech
    await client.socket.wait_closed()
    await client.reader
    [(ended, message)] = client.of("status-update", status="ended")
    assert message["endedReason"] == "silence-timed-out"
    first = sim.timeline.of("replied")[0].t_ns / 1e9 - client.opened
    assert ended == pytest.approx(first + 8.0, abs=0.1)
    assert len(said(client)) >= 2


async def test_a_caller_who_speaks_is_not_timed_out(sim, client):
    sim.vapi.assistant(silence_timeout=3.0)
    await client.open()
    for seed in range(4):
        await client.speak(None, 2.0)
        await caller_says(sim, client, "still here", seed, pause=0.1)
    assert client.of("status-update", status="ended") == []
    await client.socket.wait_closed()


async def test_silence_ends_the_call(sim, client):
    sim.vapi.assistant(first_message="Hello.", silence_timeout=30)
    await client.open()
    await client.socket.wait_closed()
    await client.reader
    [(stopped, _)] = client.of("speech-update", role="assistant", status="stopped")
    [(ended, message)] = client.of("status-update", status="ended")
    assert message["endedReason"] == "silence-timed-out"
    assert ended - stopped == pytest.approx(30.0, abs=0.001)


async def test_whoever_speaks_keeps_the_call_alive(sim, client):
    sim.vapi.assistant(replies=["This is going to be a rather long speech."], silence_timeout=5)
    await client.open()
    await client.speak(None, 4.0)
    question = say("what does it cost on the third of July")
    sim.repertoire.add(question)
    await client.speak(question)
    await asyncio.sleep(8.0)
    assert client.of("status-update", status="ended") == []
    await client.socket.wait_closed()


async def test_words_that_do_not_arrive_keep_nothing_alive(sim, client):
    sim.vapi.assistant(silence_timeout=5)
    await client.open()
    await asyncio.sleep(4.9)
    assert client.of("status-update", status="ended") == []
    await asyncio.sleep(0.2)
    assert len(client.of("status-update", status="ended")) == 1


async def test_a_call_is_not_longer_than_its_maximum(sim, client):
    sim.vapi.assistant(max_duration=600, silence_frames=False)
    await client.open()
    await client.socket.wait_closed()
    await client.reader
    [(ended, message)] = client.of("status-update", status="ended")
    assert message["endedReason"] == "exceeded-max-duration"
    assert ended == pytest.approx(600.0, abs=0.001)


async def test_without_limits_a_silent_call_goes_on(sim, client):
    sim.vapi.assistant(silence_frames=False)
    await client.open()
    await asyncio.sleep(3600)
    assert sim.vapi.calls[0].status == "in-progress"
    await client.socket.close()
