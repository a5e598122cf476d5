"""What a test can wait for: words, utterances, sound, silence, events, the end."""

from __future__ import annotations

import asyncio
import base64
import random

import pytest

from simkit import NotHappened, NotHeard
from simkit.audio import mulaw, noise, voice
from simkit.twilio import CallFailed, Profile

NUMBER = "+15550100"
TWO = (
    "<Response><Say>Good morning.</Say><Pause length='1'/><Say>How are you today?</Say>"
    "<Pause length='5'/></Response>"
)


async def test_utterances_are_heard_one_by_one_to_their_ends(sim, server):
    server.twiml = TWO
    call = await sim.twilio.call(to=NUMBER)
    first = await call.hears_utterance()
    assert (first.text, first.whole) == ("Good morning.", True)
    assert sim.now == pytest.approx(first.end, abs=0.02)
    assert (await call.hears_utterance()).text == "How are you today?"
    with pytest.raises(NotHeard, match=r"did not hear an utterance within 2 s"):
        await call.hears_utterance(timeout=2)


async def test_an_utterance_of_which_the_words_were_waited_for_is_not_the_next_one(sim, server):
    server.twiml = TWO
    call = await sim.twilio.call(to=NUMBER)
    await call.hears("Good")
    await call.stays_silent(0.8)
    assert (await call.hears_utterance()).text == "How are you today?"


async def test_the_rest_of_an_utterance_that_goes_on_is_the_next_one(sim, server):
    server.twiml = TWO
    call = await sim.twilio.call(to=NUMBER)
    await call.hears("Good")
    assert (await call.hears_utterance()).text == "Good morning."


async def send(server, samples):
    payload = base64.b64encode(mulaw.encode(samples)).decode()
    await server.send(event="media", media={"payload": payload})


async def test_an_utterance_that_is_cut_short_ends_200_ms_later(sim, server):
    async def clear(message):
        if message["event"] == "dtmf":
            await server.send(event="clear")

    server.on_message = clear
    call = await sim.twilio.call(to=NUMBER)
    speech = voice.speak("one two three four five six", random.Random(5))
    sim._repertoire.add(speech)
    await call.stays_silent(0.1)
    await send(server, speech.samples)
    await call.hears("two three")
    await call.presses("1")
    utterance = await call.hears_utterance()
    assert not utterance.whole
    assert utterance.text.startswith("one two three")
    assert sim.now == pytest.approx(utterance.end + 0.2, abs=0.03)


async def test_the_first_sound_is_known_when_it_is_heard_whatever_it_is(sim, server):
    call = await sim.twilio.call(to=NUMBER)
    await call.stays_silent(0.5)
    await send(server, noise.make("hiss", random.Random(1), level=-30))
    sent = sim.now
    heard = await call.hears_sound()
    # One way over the link, the play-out's buffer and its grid of 20 ms.
    assert 0.05 < heard - sent < 0.09
    assert sim.now - heard < 0.021


async def test_silence_counts_from_the_last_sound(sim, server):
    server.twiml = TWO
    call = await sim.twilio.call(to=NUMBER)
    utterance = await call.hears_utterance()
    since = await call.hears_silence(0.7)
    assert since == pytest.approx(utterance.end, abs=0.03)
    assert sim.now == pytest.approx(since + 0.7, abs=0.005)
    assert (await call.hears_utterance()).text == "How are you today?"
    await call.stays_silent(3)
    before = sim.now
    await call.hears_silence(2)
    assert sim.now == before


async def test_silence_that_does_not_come_is_not_heard(sim, server):
    server.twiml = TWO
    call = await sim.twilio.call(to=NUMBER)
    with pytest.raises(NotHeard, match=r"did not hear 3 s of silence within 1 s"):
        await call.hears_silence(3, timeout=1)
    with pytest.raises(ValueError, match="silence: seconds, more than 0; found 0"):
        await call.hears_silence(0)


async def test_an_event_is_waited_for_until_it_is_dated(sim, server):
    call = await sim.twilio.call(to=NUMBER)
    waiting = asyncio.create_task(call.until("dtmf", digit="2"))
    await call.presses("12")
    event = await waiting
    assert event.fields["digit"] == "2"
    assert sim.now_ns >= event.t_ns


async def test_an_event_of_another_call_is_not_meant(sim, server):
    first = await sim.twilio.call(to=NUMBER)
    second = await sim.twilio.call(to=NUMBER)
    waiting = asyncio.create_task(second.until("dtmf", timeout=1))
    await first.presses("1")
    with pytest.raises(NotHappened, match=r"no event dtmf within 1 s .now"):
        await waiting


async def test_vapis_events_count_when_they_are_of_the_call_at_its_other_end(sim, server):
    calls = [await sim.twilio.call(to=NUMBER) for _ in range(2)]
    for call, session in zip(calls, (7, 8), strict=True):
        spoken = await call.says(f"this is caller {call.number}")
        [key] = [
            event.fields["utterance"]
            for event in sim.timeline.of("speaks", call=call.number)
            if event.fields["text"] == spoken.text
        ]
        sim.timeline.record("receives", "vapi", session=session, utterance=key)
    waiting = asyncio.create_task(calls[1].until("user-interrupted"))
    await asyncio.sleep(0.1)
    sim.timeline.record("user-interrupted", "vapi", "bridge", session=7)
    await asyncio.sleep(0.1)
    assert not waiting.done()
    sim.timeline.record("user-interrupted", "vapi", "bridge", session=8)
    assert (await waiting).session == 8


async def test_waiting_for_an_event_ends_with_the_call(sim, server):
    call = await sim.twilio.call(to=NUMBER)
    waiting = asyncio.create_task(call.until("clear", source="bridge"))
    await call.hangs_up(after=0.5)
    with pytest.raises(NotHappened) as caught:
        await waiting
    assert "no event clear source='bridge' before the call ended" in str(caught.value)
    assert "hangs-up" in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "fields", "hint"),
    [
        ("claer", {}, "did you mean 'clear'?"),
        ("user_interupted", {}, "did you mean 'user-interrupted'?"),
        ("leak", {}, "did you mean 'leaks'?"),
        ("xyzzy", {}, "there is no such kind so far; there are: connected, "),
        ("start", {}, "one was before, at 0.1"),
        ("start", {"call": 1}, "one was before, at 0.1"),
        ("start", {"rolle": "user"}, "one that was said no rolle, but: "),
    ],
)
async def test_an_event_that_never_comes_is_told_with_what_may_be_meant(
    sim, server, kind, fields, hint
):
    call = await sim.twilio.call(to=NUMBER)
    with pytest.raises(NotHappened) as caught:
        await call.until(kind, timeout=1, **fields)
    assert hint in str(caught.value).partition("The timeline ends with")[0]


async def test_an_event_that_is_known_and_does_not_come_is_told_without_a_guess(sim, server):
    call = await sim.twilio.call(to=NUMBER)
    with pytest.raises(NotHappened, match=r"no event dtmf within 1 s \(now [0-9.]+ s\)\. The tim"):
        await call.until("dtmf", timeout=1)


async def test_the_end_itself_can_be_waited_for(sim, server):
    call = await sim.twilio.call(to=NUMBER)
    waiting = asyncio.create_task(call.until("ended"))
    await call.hangs_up()
    assert (await waiting).fields["status"] == "completed"


async def test_what_is_known_only_afterwards_cannot_be_waited_for(sim, server):
    call = await sim.twilio.call(to=NUMBER)
    with pytest.raises(ValueError, match="wait for a transcript"):
        await call.until("receives")


async def test_hearing_something_is_an_event_as_well(sim, server):
    server.twiml = TWO
    call = await sim.twilio.call(to=NUMBER)
    event = await call.until("hears")
    assert event.call == 1
    # Recognising takes 80 ms of it.
    assert 0 <= sim.now_ns - event.t_ns < 130_000_000


async def test_the_caller_hangs_up_when_an_event_happens(sim, server):
    async def clear(message):
        if message["event"] == "dtmf":
            await server.send(event="clear")

    server.on_message = clear
    call = await sim.twilio.call(to=NUMBER)
    hanging = asyncio.create_task(call.hangs_up_when("clear", after=0.3))
    await call.presses("1")
    event = await hanging
    [hung_up] = sim.timeline.of("hangs-up")
    assert hung_up.t_ns == event.arrived_ns + 300_000_000
    assert call.status == "completed"


async def test_the_caller_hangs_up_at_an_instant(sim, server):
    call = await sim.twilio.call(to=NUMBER)
    await call.hangs_up(at=2.5)
    assert sim.timeline.of("hangs-up")[0].t_ns == 2_500_000_000


async def test_nobody_hangs_up_in_the_past(sim, server):
    call = await sim.twilio.call(to=NUMBER)
    await call.stays_silent(1)
    with pytest.raises(ValueError, match=r"cannot hang up in the past, .*found at=0\.5, after=0"):
        await call.hangs_up(at=0.5)
    assert call.status == "in-progress"


async def test_words_of_which_a_little_was_lost_are_heard_all_the_same(sim, server):
    server.twiml = TWO.replace("<Say>Good", "<Pause length='1'/><Say>Good")
    call = await sim.twilio.call(to=NUMBER, profile=Profile(latency=0.1))
    # Three packets in the middle of the first word come too late.
    begins = round(sim.now + 1, 2)
    call.line.towards("caller").stall(0.06, start=begins + 0.1)
    await call.hears("Good morning")
    assert (await call.hears_utterance()).text == "How are you today?"
    assert [utterance.whole for utterance in call.heard.utterances] == [False, True]


async def test_words_that_were_lost_are_not_heard(sim, server):
    server.twiml = TWO.replace("<Say>Good", "<Pause length='1'/><Say>Good")
    call = await sim.twilio.call(to=NUMBER)
    call.line.towards("caller").stall(0.3, start=round(sim.now + 1, 2))
    with pytest.raises(NotHeard):
        await call.hears("Good morning", timeout=4)
    assert call.heard.utterances[0].text == "morning."


async def test_a_call_that_has_ended_has_no_more_noises_and_keys(sim, server):
    call = await sim.twilio.call(to=NUMBER)
    await call.hangs_up()
    with pytest.raises(CallFailed, match="cannot make a noise 'dog': call 1 is completed"):
        await call.makes_noise("dog")
    with pytest.raises(CallFailed, match="cannot press '1'"):
        await call.presses("1")
    with pytest.raises(CallFailed, match="cannot put in the background 'car'"):
        call.background("car")


async def test_a_caller_takes_a_moment_to_act_on_what_was_heard(sim, server):
    server.twiml = TWO
    sim.twilio.settings.reaction = 0.4
    call = await sim.twilio.call(to=NUMBER)
    lags = []
    for words in ("Good morning", "How are", "you today"):
        heard = await call.hears(words)
        lags.append(sim.now - heard)
    assert all(0 <= lag < 0.45 for lag in lags)
    assert len({round(lag, 3) for lag in lags}) == 3
