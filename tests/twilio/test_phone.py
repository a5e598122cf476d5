"""What a test does as the caller, and what it is told when things go wrong."""

from __future__ import annotations

import pytest

from simkit import NotHeard
from simkit.twilio import CallFailed

NUMBER = "+15550100"


async def test_hears_says_what_was_heard_instead(sim, server):
    server.twiml = "<Response><Say>We are closed today.</Say><Pause length='5'/></Response>"
    call = await sim.twilio.call(to=NUMBER)
    with pytest.raises(NotHeard) as caught:
        await call.hears("good morning", timeout=3)
    text = str(caught.value)
    assert "'good morning' within 3 s" in text
    assert '"We are closed today."' in text
    assert "POST /voice/inbound" in text


@pytest.mark.parametrize("words", ["", " ?! ", None])
async def test_nobody_waits_for_no_words(sim, server, words):
    call = await sim.twilio.call(to=NUMBER)
    with pytest.raises(ValueError, match="hears: words to wait for; found "):
        await call.hears(words)


async def test_what_is_neither_text_nor_speech_cannot_be_said(sim, server):
    call = await sim.twilio.call(to=NUMBER)
    with pytest.raises(TypeError, match="says: a text, Speech, or the Path of a sound file; found"):
        await call.says(None)


async def test_who_asks_for_a_barge_in_that_never_was_is_told_what_one_is(sim, server):
    call = await sim.twilio.call(to=NUMBER)
    await call.hangs_up()
    with pytest.raises(IndexError, match=r"barge_ins\[0\]: there are 0; one is counted when"):
        _ = call.barge_ins[0]
    assert call.barge_ins == []


def test_a_webhook_that_is_no_url_is_told_with_its_number(sim):
    with pytest.raises(ValueError, match=r"number \+15550100: expected an http, .* found '/voice'"):
        sim.twilio.number(NUMBER, voice_url="/voice")


async def test_hears_gives_up_when_the_call_ends(sim, server):
    server.twiml = "<Response><Say>Goodbye.</Say></Response>"
    call = await sim.twilio.call(to=NUMBER)
    with pytest.raises(NotHeard, match="before the call ended"):
        await call.hears("good morning")


async def test_words_that_were_waited_for_do_not_count_twice(sim, server):
    server.twiml = "<Response><Say>one moment</Say><Say>one moment</Say></Response>"
    call = await sim.twilio.call(to=NUMBER)
    first = await call.hears("one moment")
    second = await call.hears("one moment")
    assert second > first + 0.5
    with pytest.raises(NotHeard):
        await call.hears("one moment", timeout=2)


async def test_case_and_punctuation_do_not_matter(sim, server):
    server.twiml = "<Response><Say>Hello, Mr. O'Neill!</Say></Response>"
    call = await sim.twilio.call(to=NUMBER)
    await call.hears("hello mr oneill")


async def test_says_takes_as_long_as_the_words(sim, server):
    call = await sim.twilio.call(to=NUMBER)
    before = sim.now
    spoken = await call.says("hello", seconds=0.5)
    assert sim.now == pytest.approx(before + 0.5, abs=0.001)
    assert spoken.end - spoken.start == pytest.approx(0.5, abs=0.001)


async def test_the_caller_can_go_on_speaking_while_the_test_does_something_else(sim, server):
    call = await sim.twilio.call(to=NUMBER)
    before = sim.now
    await call.says("a very long sentence that goes on", wait=False)
    assert sim.now == before


async def test_nothing_can_be_said_after_the_end(sim, server):
    call = await sim.twilio.call(to=NUMBER)
    await call.hangs_up()
    with pytest.raises(CallFailed, match="completed"):
        await call.says("hello?")


async def test_hanging_up_twice_is_harmless(sim, server):
    call = await sim.twilio.call(to=NUMBER)
    await call.hangs_up()
    await call.hangs_up()


@pytest.mark.parametrize(
    ("name", "value"), [("play_out_buffer", -1), ("webhook_timeout", "x"), ("close_code", "no")]
)
def test_a_setting_outside_its_range_is_refused_at_once(sim, name, value):
    with pytest.raises(ValueError, match=name):
        setattr(sim.twilio.settings, name, value)


def test_an_unknown_setting_is_refused(sim):
    with pytest.raises(AttributeError, match="play_out_buffer"):
        sim.twilio.settings.playout_buffer = 1


def test_disorder_outside_its_range_is_refused(sim):
    with pytest.raises(ValueError, match="swap"):
        sim.twilio.disorder(swap=2)


def test_an_application_on_another_port_is_told_how_it_is_found(sim):
    async def app(scope, receive, send):
        raise AssertionError("nobody asks it")

    sim.host("other.example.com").serve(app, port=8080)
    sim.twilio.number(NUMBER, voice_url="https://other.example.com/voice")

    async def call(sim):
        await sim.twilio.call(to=NUMBER)

    with pytest.raises(CallFailed, match=r"nothing listens there: https is port 443, another one"):
        sim.run(call)
