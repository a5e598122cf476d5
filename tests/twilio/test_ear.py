"""The ear under stress: marks, clears, gaps, several streams in one call. Exact to the sample."""

from __future__ import annotations

import base64
import random

import pytest

from simkit import NotHeard
from simkit.audio import mulaw, voice

NUMBER = "+15550100"
MS = 1_000_000
BYTE_NS = 125_000
WORDS = "Your appointment is on Tuesday at three."


def known(sim, words: str = WORDS, seed: int = 1):
    """Something the simulation knows was said, as mu-law."""
    speech = voice.speak(words, random.Random(seed))
    key = sim._repertoire.add(speech)
    return key, speech, mulaw.encode(speech.samples)


async def plays(server, sound: bytes) -> None:
    await server.send(event="media", media={"payload": base64.b64encode(sound).decode()})


def heard(sim, call: int = 1) -> list[tuple[int | None, int, int]]:
    """Utterance, offset and length in samples of each piece."""
    return [
        (
            event.fields["utterance"],
            event.fields["offset_ns"] // BYTE_NS,
            event.fields["duration_ns"] // BYTE_NS,
        )
        for event in sim.timeline.of("hears", call=call)
    ]


async def test_marks_between_frames_change_nothing(sim, server):
    key, speech, sound = known(sim)
    call = await sim.twilio.call(to=NUMBER)
    await call.stays_silent(0.1)
    for at in range(0, len(sound), 160):
        await plays(server, sound[at : at + 160])
        await server.send(event="mark", mark={"name": f"m{at}"})
    await call.stays_silent(speech.duration + 0.5)
    assert heard(sim) == [(key, 0, len(speech.samples))]
    await call.hangs_up()


@pytest.mark.parametrize("after", [0.1, 0.707, 1.3333])
async def test_a_clear_in_the_middle_of_a_packet_lets_it_finish_and_no_more(sim, server, after):
    key, _, sound = known(sim)
    call = await sim.twilio.call(to=NUMBER)
    await call.stays_silent(0.1)
    await plays(server, sound)
    await call.stays_silent(after)
    await server.send(event="clear")
    await call.stays_silent(1)
    [piece] = sim.timeline.of("hears")
    [clear] = sim.timeline.of("clear")
    [(found, offset, length)] = heard(sim)
    assert (found, offset) == (key, 0)
    assert length % 160 == 0
    ends_ns = piece.t_ns + length * BYTE_NS
    assert 0 <= ends_ns - clear.arrived_ns <= 20 * MS
    assert len(call.heard.samples.nonzero()[0]) <= length
    await call.hangs_up()


async def test_what_follows_a_clear_is_heard_from_its_first_sample(sim, server):
    key, _, sound = known(sim)
    other, speech, reply = known(sim, "Thursday it is.", seed=2)
    call = await sim.twilio.call(to=NUMBER)
    await call.stays_silent(0.1)
    await plays(server, sound)
    await call.stays_silent(0.905)
    await server.send(event="clear")
    await plays(server, reply)
    await call.stays_silent(speech.duration + 0.5)
    [first, second] = heard(sim)
    assert first[:2] == (key, 0)
    assert second == (other, 0, len(speech.samples))
    await call.hangs_up()


@pytest.mark.parametrize("pause", [0.04, 0.4003, 2.0])
async def test_a_gap_in_the_play_out_is_as_long_as_it_was(sim, server, pause):
    key, speech, sound = known(sim)
    half = 40 * 160
    call = await sim.twilio.call(to=NUMBER)
    await call.stays_silent(0.1)
    await plays(server, sound[:half])
    await call.stays_silent(half / 8000 + 0.06 + pause)
    await plays(server, sound[half:])
    await call.stays_silent(speech.duration)
    [first, second] = sim.timeline.of("hears")
    assert heard(sim) == [(key, 0, half), (key, half, len(speech.samples) - half)]
    gap_ns = second.t_ns - first.t_ns - first.fields["duration_ns"]
    assert abs(gap_ns - pause * 1e9) <= 100 * MS
    silent = call.heard.samples[
        (first.t_ns - call.ear.origin_ns) // BYTE_NS + half : (second.t_ns - call.ear.origin_ns)
        // BYTE_NS
    ]
    assert len(silent) == gap_ns // BYTE_NS
    assert not silent.any()
    await call.hangs_up()


@pytest.mark.parametrize(("pause", "is_heard"), [(0.1, True), (0.4, True), (1.5, False)])
async def test_words_with_a_pause_in_them_are_heard_when_they_are_over(
    sim, server, pause, is_heard
):
    _, speech, sound = known(sim)
    cut = (speech.words[2].start + speech.words[2].end) // 2 // 160 * 160
    call = await sim.twilio.call(to=NUMBER)
    await call.stays_silent(0.1)
    await plays(server, sound[:cut])
    await call.stays_silent(cut / 8000 + 0.06 + pause)
    await plays(server, sound[cut:])
    if is_heard:
        at = await call.hears("Your appointment is on Tuesday")
        second = sim.timeline.of("hears")[1]
        until = speech.words[4].end - cut
        assert at == pytest.approx(second.t_ns / 1e9 + until / 8000, abs=0.011)
    else:
        with pytest.raises(NotHeard):
            await call.hears("Your appointment is on Tuesday", timeout=3)
    await call.hangs_up()


async def test_a_stream_then_say_then_a_stream_again_are_heard_on_one_clock(sim, server):
    key, speech, sound = known(sim)
    server.twiml = TWIML_TWICE
    call = await sim.twilio.call(to=NUMBER)
    await call.stays_silent(0.2)
    await plays(server, sound)
    await call.stays_silent(speech.duration + 0.3)
    await server.socket.close(1000)
    await call.hears("please hold")
    await call.stays_silent(0.5)
    second = server.of("start")[1]["streamSid"]
    payload = base64.b64encode(sound[8000:]).decode()
    await server.send(event="media", streamSid=second, media={"payload": payload})
    await call.stays_silent(speech.duration)
    first, said, again = heard(sim)
    assert first == (key, 0, len(speech.samples))
    assert sim._repertoire[said[0]].text == "Please hold."
    assert said[1:] == (0, len(sim._repertoire[said[0]].samples))
    assert again == (key, 8000, len(speech.samples) - 8000)
    events = sim.timeline.of("hears")
    sound_now = call.heard.samples
    for event, (utterance, offset, length) in zip(events, heard(sim), strict=True):
        at = (event.t_ns - call.ear.origin_ns) // BYTE_NS
        expected = mulaw.encode(sim._repertoire[utterance].samples[offset : offset + length])
        assert sound_now[at : at + length].tolist() == mulaw.decode(expected).tolist()
    await call.hangs_up()


TWIML_TWICE = """<Response>
  <Connect><Stream url="wss://server.example.com/media"/></Connect>
  <Say>Please hold.</Say>
  <Connect><Stream url="wss://server.example.com/media"/></Connect>
</Response>"""


@pytest.mark.parametrize("looks", [1, 40])
async def test_looking_does_not_change_what_is_heard(sim, server, looks):
    key, speech, sound = known(sim)
    call = await sim.twilio.call(to=NUMBER)
    await call.stays_silent(0.1)
    stutter = sound[:6400] + sound[6240:6400] + sound[6400:]
    await plays(server, stutter)
    for _ in range(looks):
        await call.stays_silent(3 / looks)
        assert sim.timeline.of("start")
    length = len(speech.samples)
    assert heard(sim) == [(key, 0, 6400), (key, 6240, length - 6240)]
    await call.hangs_up()
