"""Whatever is asked of a conversation, and whenever the caller speaks, it comes to rest."""

from __future__ import annotations

import random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simkit import Simulation
from simkit.audio import voice
from simkit.vapi.assistant import INTERRUPT_ORDERS
from simkit.vapi.conversation import CONTROLS
from tests.vapi.conftest import Client

WORDS = ["wait", "okay", "tell me more.", "number five", "I would like"]
STEPS = st.one_of(
    st.tuples(st.just("speaks"), st.sampled_from(WORDS)),
    st.tuples(st.just("rests"), st.sampled_from([0.1, 0.3, 0.7, 2.0])),
    st.tuples(st.just("say"), st.booleans(), st.booleans()),
    st.tuples(st.just("add"), st.booleans()),
    st.tuples(st.just("control"), st.sampled_from(CONTROLS)),
)
KNOBS = st.fixed_dictionaries(
    {
        "num_words": st.sampled_from([0, 2]),
        "endpointing": st.sampled_from(["final", "transcription"]),
        "first_message_mode": st.sampled_from(
            ["assistant-speaks-first", "assistant-waits-for-user"]
        ),
        "first_message_interruptions": st.booleans(),
        "interrupt_order": st.sampled_from(INTERRUPT_ORDERS),
        "interrupt_gap": st.sampled_from([0.0, 0.3]),
        "interrupt_delay": st.sampled_from([0.0, 0.4]),
        "lead": st.sampled_from([0.0, 60.0]),
    }
)


async def pieces(heard):
    yield f"You said {heard}. "
    yield "And so it is."


async def hold(sim, steps, knobs):
    sim.vapi.assistant(first_message="Good morning to you.", replies=pieces, **knobs)
    client = Client(sim)
    await client.open()
    talk = sim.vapi.calls[0].socket.conversation
    for number, (step, *how) in enumerate(steps):
        if step == "speaks":
            speech = voice.speak(how[0], random.Random(number))
            sim._repertoire.add(speech)
            await client.speak(speech)
        elif step == "rests":
            await client.speak(None, how[0])
        elif step == "say":
            talk.say("By the way.", interruptions_enabled=how[0], interrupt_assistant=how[1])
        elif step == "add":
            talk.add_message("user", "hello", trigger_response=how[0])
        else:
            talk.control(how[0])
    talk.control("unmute-customer")
    await client.speak(None, 15.0)
    told = len(client.told)
    talk.say("At last.")
    await client.speak(None, 3.0)
    await client.socket.close()
    return client, talk, told


@given(st.lists(STEPS, max_size=10), KNOBS)
@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
def test_a_conversation_comes_to_rest_and_can_still_speak(steps, knobs):
    with Simulation(seed=1) as sim:
        client, talk, told = sim.run(hold(sim, steps, knobs))
    after = [message for _, message in client.told[told:]]
    assert [message["type"] for message in after] == [
        "speech-update",
        "speech-update",
        "transcript",
        "conversation-update",
    ]
    assert after[2]["transcript"] == "At last."
    began = stopped = 0
    for _, message in client.of("speech-update", role="assistant"):
        began += message["status"] == "started"
        stopped += message["status"] == "stopped"
        assert stopped <= began
    assert all(entry.start_ns <= entry.end_ns for entry in talk.history)
    assert len(sim.timeline.of("replies")) == len(sim.timeline.of("replied"))
    assert sim.timeline.of("unhandled-error") == []
