"""Hearing: what arrives decides what is heard, whoever meant to say more."""

from __future__ import annotations

import random
import sys

import numpy as np
import pytest

from simkit.audio import mulaw, voice
from tests.vapi.test_turn_taking import caller_says, said

TEXT = "my name is Anna and I would like a table for two"


def final(client):
    return [
        message["transcript"]
        for _, message in client.of("transcript", role="user", transcriptType="final")
    ]


def spoken(sim, text=TEXT, seed=3):
    speech = voice.speak(text, random.Random(seed))
    sim._repertoire.add(speech)
    return speech


def without(speech, first_ms, last_ms):
    """The speech with a hole in it, the rest moved up: frames that never arrived."""
    samples = np.concatenate((speech.samples[: first_ms * 8], speech.samples[last_ms * 8 :]))
    return voice.Speech(speech.text, samples, ())


@pytest.mark.parametrize("cut_ms", [0, 200, 400, 1000])
async def test_words_are_lost_with_the_frames_at_the_beginning(sim, client, cut_ms):
    await client.open()
    await client.speak(None, 0.5)
    speech = spoken(sim)
    await client.speak(without(speech, 0, cut_ms))
    await client.speak(None, 2.0)
    whole = [word.text for word in speech.words if word.start >= cut_ms * 8]
    [heard] = final(client)
    # A word of which a fifth or less is missing is understood.
    expected = len(speech.words) - len(whole)
    print(f"first {cut_ms} ms dropped: {heard!r}")
    assert heard.split()[-len(whole) :] == whole
    assert len(TEXT.split()) - len(heard.split()) in (expected - 1, expected)
    assert (heard == TEXT) == (cut_ms == 0)


async def test_words_are_lost_with_the_frames_in_the_middle(sim, client):
    await client.open()
    speech = spoken(sim)
    fourth = speech.words[3]
    await client.speak(without(speech, fourth.start // 8, fourth.end // 8))
    await client.speak(None, 2.0)
    assert final(client) == [TEXT.replace("Anna ", "")]


async def test_mulaw_bytes_on_a_pcm_call_are_not_understood(sim, client):
    await client.open()
    speech = spoken(sim)
    data = mulaw.encode(speech.samples)
    for at in range(0, len(data), 160):
        await client.socket.send(data[at : at + 160])
        await client.speak(None, 0.02)
    await client.speak(None, 2.0)
    assert final(client) == []


@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.6])
async def test_the_threshold_decides_what_is_loud_enough(sim, client, threshold):
    # 0 is -60 dBFS and 1 is -10 dBFS.
    sim.vapi.assistant(vad_threshold=threshold, replies=["Yes."])
    await client.open()
    edge = threshold * 50 - 60
    for number, decibels in enumerate((edge - 3, edge + 3)):
        rms = 32768 * 10 ** (decibels / 20)
        noise = np.random.default_rng(1).standard_normal(2000) * rms
        await client.speak(voice.Speech("", noise.clip(-32768, 32767).astype(np.int16), ()))
        in_turn = sim.vapi.calls[0].socket.conversation.hearing.in_turn
        assert in_turn == bool(number)
        await client.speak(None, 1.5)


@pytest.mark.parametrize(("hangover", "count"), [(0.0, 0), (0.2, 1)])
async def test_a_hangover_bridges_what_is_too_short_to_interrupt(sim, client, hangover, count):
    text = "This is going to be a rather long speech about everything."
    sim.vapi.assistant(first_message=text, vad_hangover=hangover, voice_seconds=0.3)
    await client.open()
    await client.speak(None, 1.0)
    for _ in range(3):
        noise = np.random.default_rng(1).standard_normal(480) * 8000
        await client.speak(voice.Speech("", noise.clip(-32768, 32767).astype(np.int16), ()))
        await client.speak(None, 0.14)
    await client.speak(None, 1.0)
    assert len(client.of("user-interrupted")) == count


async def test_webrtcs_detector_hears_a_caller_and_no_silence(sim, client):
    pytest.importorskip("webrtcvad")
    sim.vapi.assistant(vad="webrtc", vad_mode=1, replies=["Yes."])
    await client.open()
    await client.speak(None, 2.0)
    assert client.of("speech-update", role="user") == []
    await caller_says(sim, client, TEXT, 3)
    assert final(client) == [TEXT]
    assert said(client) == ["Yes."]


def test_a_detector_that_is_not_installed_is_refused_when_it_is_asked_for(sim, monkeypatch):
    monkeypatch.setitem(sys.modules, "webrtcvad", None)
    with pytest.raises(ModuleNotFoundError, match=r"webrtcvad-wheels; pip install \"simkit\[vad\]"):
        sim.vapi.assistant(vad="webrtc")
