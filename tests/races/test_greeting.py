"""Greeting: the caller hears the first message whole, in order, once."""

from __future__ import annotations

from simkit import checks

NUMBER = "+15550100"
GREETING = "Good morning, this is the office of Doctor Smith. How can I help you?"


async def caller_listens(sim):
    sim.vapi.assistant(first_message=GREETING, replies=["Goodbye."])
    call = await sim.twilio.call(to=NUMBER)
    await call.hears(GREETING)
    await call.says("wrong number, sorry")
    await call.hears("Goodbye.")
    await call.hangs_up()
    assert [utterance.text for utterance in call.heard.utterances] == [GREETING, "Goodbye."]
    assert all(utterance.whole for utterance in call.heard.utterances)
    assert call.barge_ins == []


async def test_the_greeting_is_heard_whole(sim, serve, snapshot):
    serve()
    await caller_listens(sim)
    assert sim.timeline == snapshot


async def test_the_greeting_is_heard_whole_over_mulaw(sim, serve):
    serve(vapi_format="mulaw")
    await caller_listens(sim)


def test_no_check_fails_after_a_greeting(sim, serve):
    serve()
    sim.run(caller_listens(sim))
    assert [check.name for check in checks.run(sim.finish()) if not check.passed] == []
