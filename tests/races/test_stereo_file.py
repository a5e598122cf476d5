"""The stereo file of a call: both sides lie on one clock, to the sample."""

from __future__ import annotations

import random

import numpy as np
import pytest
import soundfile

from simkit.audio import mulaw, voice

RATE = 8000
GREETINGS = ("Good morning, this is the first line.", "Good evening, you have reached another.")
WORDS = ("I would like to move my appointment.", "Could you tell me your opening hours?")


def place(channel: np.ndarray, samples: np.ndarray) -> tuple[int, float]:
    """Where an utterance begins in a channel, by cross-correlation, and how well it fits there."""
    said = samples.astype(np.float64)
    size = 1 << (len(channel) + len(said)).bit_length()
    spectrum = np.fft.rfft(channel.astype(np.float64), size) * np.conj(np.fft.rfft(said, size))
    at = int(np.argmax(np.fft.irfft(spectrum, size)[: len(channel)]))
    there = channel[at : at + len(said)].astype(np.float64)
    said = said[: len(there)]
    return at, float(there @ said) / float(np.sqrt((there @ there) * (said @ said)))


async def two_calls(sim):
    """Two calls at once, some seconds apart; returns them, and what each caller said."""
    speeches = [voice.speak(words, random.Random(n)) for n, words in enumerate(WORDS)]
    calls, begun = [], []
    for speech in speeches:
        sim.vapi.assistant(first_message=GREETINGS[len(calls)])
        calls.append(await sim.twilio.call(to="+15550100"))
        await calls[-1].stays_silent(3.3337)
        begun.append((speech, await calls[-1].says(speech, wait=False)))
    await calls[0].stays_silent(5.0)
    for call in calls:
        await call.hangs_up()
    return calls, begun


@pytest.mark.parametrize("name", ["call.wav", "call.flac"])
async def test_left_is_what_was_said_and_right_what_was_heard_to_the_sample(
    sim, serve, tmp_path, name
):
    serve()
    calls, begun = await two_calls(sim)
    for call, (speech, spoken) in zip(calls, begun, strict=True):
        path = tmp_path / f"{call.number}-{name}"
        sim.write_audio(path, call=call.number)
        sound, rate = soundfile.read(path, dtype="int16")
        assert rate == RATE
        origin = call.ear.origin_ns / 1e9

        at, fits = place(sound[:, 0], speech.samples)
        assert at == round((spoken.start - origin) * RATE)
        assert fits > 0.999
        assert sound[at : at + len(speech.samples), 0].tolist() == (
            mulaw.decode(mulaw.encode(speech.samples)).tolist()
        )

        [heard] = sim.timeline.of("hears", call=call.number)
        greeting = sim._repertoire[heard.fields["utterance"]]
        assert greeting.text == GREETINGS[call.number - 1]
        at, fits = place(sound[:, 1], greeting.samples)
        assert fits > 0.99
        said_from = heard.t_ns / 1e9 - heard.fields["offset_ns"] / 1e9
        assert at == round((said_from - origin) * RATE)


async def test_the_other_call_is_not_in_it(sim, serve, tmp_path):
    serve()
    calls, begun = await two_calls(sim)
    sim.write_audio(tmp_path / "first.wav", call=1)
    sound, _ = soundfile.read(tmp_path / "first.wav", dtype="int16")
    assert place(sound[:, 0], begun[1][0].samples)[1] < 0.3
    assert len(sound) == pytest.approx((calls[0].heard.samples.shape[0]), abs=1)


@pytest.mark.parametrize("name", ["call.mp3", "no/such/folder/call.wav"])
async def test_a_place_that_cannot_be_written_is_named(sim, serve, tmp_path, name):
    serve()
    sim.vapi.assistant(first_message="Hello.")
    call = await sim.twilio.call(to="+15550100")
    await call.hears("Hello.")
    await call.hangs_up()
    with pytest.raises(ValueError, match=name):
        sim.write_audio(tmp_path / name)
    assert list(tmp_path.iterdir()) == []
