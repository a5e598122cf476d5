"""Who begins, when the caller is taken to be done, and how the model and the voice take time."""

from __future__ import annotations

import asyncio
import itertools

import httpx
import numpy as np
import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

import simkit
from simkit.audio import voice
from simkit.vapi import Assistant, EndpointingRule, Reply
from simkit.vapi.assistant import CLIENT_MESSAGES
from simkit.vapi.model import Model
from tests.vapi.test_conversation import say

ALL = [*CLIENT_MESSAGES, "model-output", "voice-input"]


async def caller_says(sim, client, text, seed=1, pause=3.0):
    speech = say(text, seed)
    sim._repertoire.add(speech)
    await client.speak(speech)
    await client.speak(None, pause)


def finals(client):
    return [at for at, _ in client.of("transcript", role="user", transcriptType="final")]


def said(client):
    return [
        message["transcript"]
        for _, message in client.of("transcript", role="assistant", transcriptType="final")
    ]


def began(client):
    return [at for at, _ in client.of("speech-update", role="assistant", status="started")]


# Who begins


async def test_the_assistant_waits_for_the_caller_and_greets_without_the_model(sim, client):
    sim.vapi.assistant(
        first_message="Good morning.",
        first_message_mode="assistant-waits-for-user",
        replies=["First.", "Second."],
    )
    await client.open()
    await client.speak(None, 2.0)
    assert client.voiced == []
    await caller_says(sim, client, "hello")
    await caller_says(sim, client, "what now", 2)
    assert said(client) == ["Good morning.", "First."]
    assert began(client)[0] - finals(client)[0] == pytest.approx(0.056, abs=0.001)
    turns = [message["turn"] for _, message in client.of("speech-update", role="assistant")]
    assert turns == [0, 0, 1, 1]


async def test_the_model_can_make_the_first_message(sim, client):
    asked = []

    def reply(heard):
        asked.append(heard)
        return f"Number {len(asked)}."

    sim.vapi.assistant(
        first_message_mode="assistant-speaks-first-with-model-generated-message", replies=reply
    )
    await client.open()
    await client.speak(None, 2.0)
    assert began(client)[0] == pytest.approx(0.140 + 0.350 + 0.320, abs=0.002)
    await caller_says(sim, client, "hello there")
    assert asked == ["", "hello there"]
    assert said(client) == ["Number 1.", "Number 2."]


async def test_what_is_said_into_a_first_message_that_goes_on_is_absorbed(sim, client):
    text = "This is going to be a rather long speech."
    sim.vapi.assistant(first_message=text, first_message_interruptions=False, replies=["Yes."])
    await client.open()
    await client.speak(None, 1.0)
    await caller_says(sim, client, "could you wait please")
    assert client.of("user-interrupted") == []
    assert len(finals(client)) == 1
    assert said(client) == [text]
    await caller_says(sim, client, "hello", 2)
    assert said(client) == [text, "Yes."]


# When the caller is done


@pytest.mark.parametrize(
    ("text", "seconds"), [("book it.", 0.1), ("book it", 1.5), ("it is five", 0.5)]
)
async def test_the_answer_waits_for_the_end_of_the_turn(sim, client, text, seconds):
    sim.vapi.assistant(replies=["Yes."], endpointing="transcription")
    await client.open()
    await caller_says(sim, client, text, pause=4.0)
    later = began(client)[0] - finals(client)[0]
    assert later == pytest.approx(seconds + 0.350 + 0.320, abs=0.001)


async def test_a_caller_who_goes_on_is_answered_once_and_as_a_whole(sim, client):
    heard = []
    sim.vapi.assistant(
        replies=lambda text: heard.append(text) or "Thank you.",
        endpointing="transcription",
        final_after=0.3,
    )
    await client.open()
    await caller_says(sim, client, "my number is", pause=1.0)
    await caller_says(sim, client, "five five five", 2, pause=4.0)
    assert len(finals(client)) == 2
    assert heard == ["my number is five five five"]
    assert said(client) == ["Thank you."]


async def test_noise_while_the_end_is_awaited_delays_the_answer_and_does_not_lose_it(sim, client):
    sim.vapi.assistant(replies=["Yes."], endpointing="transcription")
    await client.open()
    await caller_says(sim, client, "I would like", pause=1.0)
    noise = (np.random.default_rng(1).standard_normal(8000) * 8000).clip(-32768, 32767)
    await client.speak(voice.Speech("", noise.astype(np.int16), ()))
    await client.speak(None, 5.0)
    assert len(finals(client)) == 1
    assert said(client) == ["Yes."]
    assert began(client)[0] > finals(client)[0] + 1.5 + 0.67


async def test_a_rule_about_what_the_assistant_asked_gives_the_caller_time(sim, client):
    sim.vapi.assistant(
        first_message="What is your number?",
        replies=["Thanks."],
        endpointing_rules=[EndpointingRule("number", 2.0, of="assistant")],
    )
    await client.open()
    await client.speak(None, 2.5)
    await caller_says(sim, client, "it is this one.", pause=4.0)
    assert began(client)[1] - finals(client)[0] == pytest.approx(2.67, abs=0.001)


@pytest.mark.parametrize(("wait_from", "expected"), [("final", 1.0), ("voice", 1.67)])
async def test_the_wait_passes_while_the_model_thinks_or_after_it(sim, client, wait_from, expected):
    sim.vapi.assistant(replies=["Yes."], wait_seconds=1.0, wait_from=wait_from)
    await client.open()
    await caller_says(sim, client, "hello")
    assert began(client)[0] - finals(client)[0] == pytest.approx(expected, abs=0.001)


# The model


async def test_a_coroutine_takes_its_own_time(sim, client):
    async def think(heard):
        await asyncio.sleep(2.0)
        return f"about {heard}"

    sim.vapi.assistant(replies=think)
    await client.open()
    await caller_says(sim, client, "blue", pause=5.0)
    assert said(client) == ["about blue"]
    assert began(client)[0] - finals(client)[0] == pytest.approx(2.0 + 0.320, abs=0.001)


async def test_a_coroutine_is_abandoned_when_the_caller_goes_on(sim, client):
    done = []

    async def think(heard):
        await asyncio.sleep(2.0)
        done.append(heard)
        return "Yes."

    sim.vapi.assistant(replies=think)
    await client.open()
    await caller_says(sim, client, "one thing", pause=1.0)
    await caller_says(sim, client, "another thing", 2, pause=4.0)
    assert done == ["another thing"]
    assert said(client) == ["Yes."]


async def test_what_a_generator_yields_is_spoken_by_the_sentence_as_one_reply(sim, client):
    async def think(heard):
        yield "Let me "
        await asyncio.sleep(0.5)
        yield "see. "
        await asyncio.sleep(0.1)
        yield "It is open <flush />"
        await asyncio.sleep(0.1)
        yield "until five"

    sim.vapi.assistant(replies=think, client_messages=ALL)
    await client.open()
    await caller_says(sim, client, "hello", pause=6.0)
    assert said(client) == ["Let me see.", "It is open", "until five"]
    assert began(client) == [pytest.approx(finals(client)[0] + 0.5 + 0.32, abs=0.002)]
    assert len(client.of("speech-update", role="assistant", status="stopped")) == 1
    outputs = [message for _, message in client.of("model-output")]
    assert [message["output"] for message in outputs] == [
        "Let me see. ",
        "It is open <flush />",
        "until five",
    ]
    assert [message["input"] for _, message in client.of("voice-input")] == said(client)
    assert len({message["turnId"] for message in outputs}) == 1


async def test_an_interruption_stops_a_generator(sim, client):
    reached = []

    async def think(heard):
        if heard != "hello":
            return
        yield "This is going to be a rather long speech, so listen."
        await asyncio.sleep(5.0)
        reached.append(heard)
        yield "And now for the rest of it."

    sim.vapi.assistant(replies=think)
    await client.open()
    await caller_says(sim, client, "hello", pause=2.5)
    await caller_says(sim, client, "wait", 2, pause=8.0)
    assert len(client.of("user-interrupted")) == 1
    assert reached == []


async def test_tokens_come_one_by_one_and_the_voice_begins_with_a_sentence(sim, client):
    sim.vapi.assistant(
        replies=["Yes we do. Until five."], token_every=0.1, client_messages=ALL, llm=0.5
    )
    await client.open()
    await caller_says(sim, client, "hello", pause=4.0)
    tokens = client.of("model-output")
    assert "".join(message["output"] for _, message in tokens) == "Yes we do. Until five. "
    assert tokens[0][0] - finals(client)[0] == pytest.approx(0.5, abs=0.001)
    gaps = {round(later - now, 6) for (now, _), (later, _) in itertools.pairwise(tokens)}
    assert gaps == {0.1}
    [(handed, message)] = client.of("voice-input")
    assert message == {"type": "voice-input", "input": "Yes we do. Until five.", "turn": 0}
    assert handed - tokens[2][0] == pytest.approx(0.001, abs=1e-6)
    assert began(client)[0] - tokens[2][0] == pytest.approx(0.32, abs=0.001)


async def test_the_models_output_is_not_told_unless_asked_for(sim, client):
    sim.vapi.assistant(replies=["Yes."])
    await client.open()
    await caller_says(sim, client, "hello")
    assert said(client) == ["Yes."]
    assert client.of("model-output") == client.of("voice-input") == []


async def test_a_reply_can_be_accepted_and_never_spoken(sim, client):
    sim.vapi.assistant(replies=[Reply("Yes.", spoken=False), "No."], client_messages=ALL)
    await client.open()
    await caller_says(sim, client, "hello")
    assert len(client.of("voice-input")) == 1
    assert client.voiced == []
    await caller_says(sim, client, "hello again", 2)
    assert said(client) == ["No."]


async def test_pieces_that_wait_are_dropped_with_the_answer_they_belong_to(sim, client):
    async def think(heard):
        yield f"You said {heard}. "
        yield "And so on."

    sim.vapi.assistant(replies=think, llm=0.0, tts=1.0)
    await client.open()
    await caller_says(sim, client, "one", pause=1.2)
    await caller_says(sim, client, "two", 2, pause=6.0)
    assert said(client) == ["You said two.", "And so on."]


@pytest.mark.parametrize("nothing", [None, "", " \n"])
async def test_an_empty_answer_is_no_answer(sim, client, nothing):
    async def think(heard):
        return nothing

    for replies in (lambda heard: nothing, think):
        sim.vapi.assistant(replies=replies)
        await client.open()
        await caller_says(sim, client, "hello", pause=7.0)
        assert finals(client)
        assert client.voiced == []
        assert client.of("hang") == []
        await client.socket.close()


async def test_a_model_that_answers_over_the_network_takes_as_long_as_that_does(sim, client):
    async def complete(request):
        await asyncio.sleep(1.5)
        return PlainTextResponse("Until five.")

    async def think(heard):
        async with httpx.AsyncClient(timeout=None) as http:
            return (await http.get("http://model.example.com/")).text

    sim.host("model.example.com").serve(Starlette(routes=[Route("/", complete)]), port=80)
    sim.vapi.assistant(replies=think)
    await client.open()
    await caller_says(sim, client, "hello", pause=6.0)
    assert said(client) == ["Until five."]
    later = began(client)[0] - finals(client)[0]
    assert 1.5 + 0.32 < later < 1.5 + 0.32 + 0.2


# What fails


async def _fails(heard):
    raise LookupError(f"no answer to {heard}")


async def _yields_a_number(heard):
    yield 5


@pytest.mark.parametrize(
    ("replies", "error", "expected"),
    [
        (_fails, LookupError, "no answer to hello"),
        (_yields_a_number, TypeError, "replies: a text, speech, a reply or None; found 5"),
        (lambda heard: 5, TypeError, "replies: a text, speech, a reply or None; found 5"),
        (lambda heard: 1 / 0, ZeroDivisionError, "division"),
    ],
)
def test_a_function_that_fails_is_told_to_the_loop(replies, error, expected):
    told = []

    async def main():
        asyncio.get_running_loop().set_exception_handler(
            lambda loop, context: told.append(context["exception"])
        )
        taken = []
        model = Model(Assistant(replies=replies))
        asyncio.get_running_loop().call_soon(model.ask, "hello", lambda *args: taken.append(args))
        await asyncio.sleep(0.01)
        assert taken == []

    with asyncio.Runner(loop_factory=simkit.new_event_loop) as runner:
        runner.run(main())
    [found] = told
    assert isinstance(found, error)
    assert expected in str(found)
