"""What each verb does, as the caller and the program notice it."""

from __future__ import annotations

import io
import random
import wave

import numpy as np
import pytest
import soundfile

from simkit.audio import mulaw, voice
from simkit.twilio import CallFailed
from tests.twilio.program import CONNECT, NUMBER


def wav(samples, rate=8000, channels=1) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(channels)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(np.repeat(samples, channels).astype("<i2").tobytes())
    return file.getvalue()


def mulaw_wav(samples) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, 8000, format="WAV", subtype="ULAW")
    return file.getvalue()


def music(seconds, rate=8000):
    """Something that is loud from end to end and nowhere like itself."""
    sound = voice.speak("la", random.Random(1), seconds=seconds).samples.astype(float)
    sound += np.random.default_rng(1).normal(0, 2000, len(sound))
    at = np.arange(round(seconds * rate)) * 8000 / rate
    return np.interp(at, np.arange(len(sound)), np.clip(sound, -20000, 20000)).astype(np.int16)


def loud_seconds(call) -> float:
    """How long the caller heard something, from its first to its last sample."""
    loud = np.flatnonzero(np.abs(call.heard.samples.astype(int)) > 500)
    return float(loud[-1] - loud[0]) / 8000 if len(loud) else 0.0


# Say


async def test_say_loops_and_does_not_mind_its_voice(sim, program):
    program.says('<Say loop="3" voice="Polly.Amy" language="en-GB">Hello there.</Say>')
    call = await sim.twilio.call(to=NUMBER)
    await call.ends()
    assert [u.text for u in call.heard.utterances] == ["Hello there."] * 3
    assert program.codes() == []


async def test_a_call_is_placed_when_what_is_said_before_its_stream_is_over(sim, program):
    program.says(f'<Say>One moment please.</Say><Pause length="1"/>{CONNECT}')
    call = await sim.twilio.call(to=NUMBER)
    [start] = sim.timeline.of("start")
    assert sim.now_ns <= start.t_ns
    assert [u.text for u in call.heard.utterances] == ["One moment please."]
    await call.hears("One moment")  # words that were heard meanwhile count


async def test_a_call_whose_stream_is_refused_after_an_announcement_was_not_connected(sim, program):
    program.says(f"<Say>One moment please.</Say>{CONNECT.replace('/media', '/nowhere')}")
    with pytest.raises(CallFailed, match="the bridge did not accept the stream"):
        await sim.twilio.call(to=NUMBER)


async def test_a_call_is_placed_at_once_where_its_caller_has_to_press_keys_first(sim, program):
    program.says(f"<Say>Press one.</Say><Gather/>{CONNECT}")
    call = await sim.twilio.call(to=NUMBER)
    assert call.heard.utterances == []


async def test_say_without_end_ends_with_the_call(sim, program):
    program.says('<Say loop="0">Please hold.</Say>')
    call = await sim.twilio.call(to=NUMBER)
    await call.stays_silent(12)
    await call.hangs_up()
    assert len(call.heard.utterances) > 10
    assert sim.now < 13


async def test_markup_within_say_is_for_the_voice(sim, program):
    program.says('<Say>One <break time="1s"/><prosody rate="slow">two</prosody> three.</Say>')
    call = await sim.twilio.call(to=NUMBER)
    await call.hears("one two three")
    assert program.codes() == []


# Play


@pytest.mark.parametrize(
    ("body", "media_type"),
    [
        (wav(music(1.0)), "audio/wav"),
        (wav(music(1.0, 44100), 44100, 2), "audio/x-wav"),
        (wav(music(1.0, 16000), 16000), "application/octet-stream"),
        (mulaw_wav(music(1.0)), "audio/x-wav"),
        (mulaw.encode(music(1.0)), "audio/basic"),
    ],
)
async def test_play_fetches_a_sound_and_plays_it(sim, program, body, media_type):
    program.says("<Play>sounds/hold.wav?v=1</Play><Say>Bye.</Say>")
    program.says(body, "/voice/sounds/hold.wav", media_type=media_type)
    call = await sim.twilio.call(to=NUMBER)
    await call.hears("hold.wav")
    assert loud_seconds(call) == pytest.approx(1.0, abs=0.01)
    whole = music(1.0).astype(float)
    heard = call.heard.samples.astype(float)
    assert np.correlate(heard, whole).max() > 0.8 * np.dot(whole, whole)
    await call.hears("Bye")
    (asked,) = program.of("/voice/sounds/hold.wav")
    assert (asked.method, asked.params) == ("GET", {"v": "1"})
    assert program.is_signed(asked)


async def test_play_loops(sim, program):
    program.says('<Play loop="2">/a.wav</Play>')
    program.says(wav(music(0.5)), "/a.wav", media_type="audio/wav")
    call = await sim.twilio.call(to=NUMBER)
    await call.ends()
    assert loud_seconds(call) == pytest.approx(1.0, abs=0.05)
    assert len(program.of("/a.wav")) == 1


@pytest.mark.parametrize(
    ("body", "media_type", "sentence"),
    [
        (b"ID3\x03" + bytes(100), "audio/mpeg", "only WAV and mu-law are played, found audio/mpeg"),
        (wav(music(1.0))[:30], "audio/wav", "damaged WAV"),
        (b"", "audio/wav", "only WAV"),
    ],
)
async def test_what_cannot_be_played_is_warned_of_and_skipped(
    sim, program, body, media_type, sentence
):
    program.says("<Play>/a</Play><Say>Onwards.</Say>")
    program.says(body, "/a", media_type=media_type)
    call = await sim.twilio.call(to=NUMBER)
    await call.hears("Onwards")
    (warning,) = sim.timeline.of("warning")
    assert warning.fields["code"] == 12400
    assert sentence in warning.fields["reason"]


async def test_a_sound_that_is_not_there_is_skipped(sim, program):
    program.says("<Play>/missing.wav</Play><Say>Onwards.</Say>")
    call = await sim.twilio.call(to=NUMBER)
    await call.hears("Onwards")
    assert program.codes() == [11200]


async def test_play_makes_key_tones(sim, program):
    program.says('<Play digits="ww1#"/>')
    call = await sim.twilio.call(to=NUMBER)
    answered = call.ear.origin_ns / 1e9
    await call.ends()
    heard = call.heard.samples
    first = np.flatnonzero(np.abs(heard.astype(int)) > 500)[0]
    assert first / 8000 == pytest.approx(1.0, abs=0.05)
    assert sim.now - answered == pytest.approx(1.4, abs=0.05)
    spectrum = np.abs(np.fft.rfft(heard[first : first + 800].astype(float)))
    assert sorted(np.argsort(spectrum)[-2:] * 10) == pytest.approx([697, 1209], abs=10)


async def test_keys_that_no_telephone_has_are_warned_of(sim, program):
    program.says('<Play digits="1x"/><Say>Onwards.</Say>')
    call = await sim.twilio.call(to=NUMBER)
    await call.hears("Onwards")
    assert program.codes() == [12400]


# Pause, Redirect, Hangup, Reject


async def test_pause_takes_its_time(sim, program):
    program.says('<Pause length="40"/>')
    call = await sim.twilio.call(to=NUMBER)
    before = sim.now
    await call.ends()
    assert sim.now - before == pytest.approx(40.0)


@pytest.mark.parametrize("length", ["soon", "-1", "1.5", "999999999999"])
async def test_a_pause_of_no_length_is_a_second_and_a_warning(sim, program, length):
    program.says(f'<Pause length="{length}"/>')
    call = await sim.twilio.call(to=NUMBER)
    before = sim.now
    await call.ends()
    assert sim.now - before == pytest.approx(1.0)
    assert program.codes() == [12200]


async def test_redirect_asks_elsewhere_by_the_method_it_names(sim, program):
    program.says('<Redirect method="GET">../next?a=1</Redirect><Say>Never.</Say>')
    program.says(CONNECT, "/next")
    call = await sim.twilio.call(to=NUMBER)
    asked = program.asked[-1]
    assert (asked.method, asked.path, asked.params["a"]) == ("GET", "/next", "1")
    assert program.is_signed(asked)
    await call.hangs_up()


async def test_hangup_ends_the_call_and_nothing_follows(sim, program):
    program.says("<Say>Bye.</Say><Hangup/><Say>Never.</Say>")
    call = await sim.twilio.call(to=NUMBER)
    await call.ends()
    assert str(call.heard) == "Bye."


@pytest.mark.parametrize(
    ("verb", "status"),
    [
        ("<Reject/>", "no-answer"),
        ('<Reject reason="rejected"/>', "no-answer"),
        ('<Reject reason="busy"/>', "busy"),
    ],
)
async def test_a_rejected_call_is_not_answered(sim, program, verb, status):
    program.says(verb + "<Say>Never.</Say>")
    with pytest.raises(CallFailed, match="rejected"):
        await sim.twilio.call(to=NUMBER)
    call = sim.twilio.calls[0]
    assert call.status == status
    assert call.ear is None


async def test_an_empty_response_ends_the_call(sim, program):
    program.says("")
    with pytest.raises(CallFailed, match="ended before anything"):
        await sim.twilio.call(to=NUMBER)
    assert program.codes() == []


# What is unknown or not supported


@pytest.mark.parametrize(
    "verb", ["<Dial>+15550001</Dial>", "<Record/>", "<Enqueue>q</Enqueue>", "<Pay/>", "<Leave/>"]
)
async def test_verbs_that_are_not_simulated_are_said_and_passed_over(sim, program, verb):
    program.says(verb + "<Say>Onwards.</Say>")
    call = await sim.twilio.call(to=NUMBER)
    await call.hears("Onwards")
    (event,) = sim.timeline.of("unsupported")
    assert event.fields["verb"] in verb
    assert program.codes() == []


@pytest.mark.parametrize(
    ("twiml", "sentence"),
    [
        ("<Dance/>", "<Response>: unknown element <Dance>"),
        ("<say>Hi</say>", "unknown element <say>"),
        ('<Say volume="11">Hi</Say>', "<Say>: unknown attribute 'volume'"),
        ("<Pause><Say>Hi</Say></Pause>", "<Pause>: nothing may be nested in it, found <Say>"),
        ("<Gather timeout='0'><Dial/></Gather>", "<Gather>: unknown element <Dial>"),
        ("<Gather input='mind' timeout='0'/>", "<Gather input>: expected dtmf, speech or both"),
        ("<Redirect method='PUT'>/next</Redirect>", "expected GET or POST, found 'PUT'"),
        ('<Start><Stream url="wss://x/y" track="all"/></Start>', "<Stream track>: expected one"),
        ("<Stop><Stream name='s'/></Stop>", "<Stop>: no stream named 's' runs"),
        (
            '<Start><Stream url="/media"><Parameter name="a" value="'
            f'{"b" * 500}"/></Stream></Start>',
            "<Parameter name='a'>: a name is needed, and under 500 characters",
        ),
    ],
)
async def test_what_the_schema_does_not_know_is_warned_of_and_passed_over(
    sim, program, twiml, sentence
):
    program.says(twiml + "<Say>Onwards.</Say>")
    program.says("<Say>Onwards.</Say>", "/next")
    call = await sim.twilio.call(to=NUMBER)
    await call.hears("Onwards")
    await call.ends()
    warnings = [event.fields for event in sim.timeline.of("warning")]
    assert [warning["code"] for warning in warnings] == [12200]
    assert sentence in warnings[0]["reason"]
