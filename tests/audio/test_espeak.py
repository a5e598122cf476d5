"""espeak-ng, where it is installed."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from simkit.audio import espeak

pytest.importorskip("scipy")
needs_espeak = pytest.mark.skipif(
    shutil.which("espeak-ng") is None, reason="espeak-ng is not installed"
)


@needs_espeak
def test_it_speaks_with_words_in_order_and_no_silence_around():
    speech = espeak.speak("Thursday at four, please.")
    assert [word.text for word in speech.words] == ["Thursday", "at", "four,", "please."]
    assert speech.words[0].start == 0
    assert speech.words[-1].end == len(speech.samples)
    assert 0.8 < speech.duration < 3
    assert speech.samples.dtype == np.int16
    assert 1000 < np.abs(speech.samples.astype(int)).max() < 32767


@needs_espeak
@pytest.mark.parametrize("seconds", [0.7, 1.2])
def test_the_duration_asked_for_is_honoured_to_the_sample(seconds):
    speech = espeak.speak("yeah thursday works", seconds=seconds)
    assert len(speech.samples) == round(seconds * 8000)
    assert np.abs(speech.samples[-1600:].astype(int)).max() > 200


@needs_espeak
def test_another_voice_sounds_different():
    first, second = (espeak.speak("hello", voice=name) for name in ("en-us", "en-us+f3"))
    assert first.samples.tobytes() != second.samples.tobytes()


def test_what_the_program_complained_of_is_told(monkeypatch, tmp_path):
    program = tmp_path / "espeak-ng"
    program.write_text("#!/bin/sh\necho 'no such voice' >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setattr(shutil, "which", lambda name: str(program))
    with pytest.raises(espeak.EspeakError, match="espeak-ng failed: no such voice"):
        espeak.speak("hello", voice="no-such-voice")


@needs_espeak
def test_text_that_looks_like_an_option_is_spoken():
    assert espeak.speak("--version please").duration > 0.3


@needs_espeak
def test_nothing_said_is_an_error():
    with pytest.raises(espeak.EspeakError):
        espeak.speak(" ")


def test_without_the_program_the_error_says_so(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(espeak.EspeakError, match="espeak-ng is not installed"):
        espeak.speak("hello")
