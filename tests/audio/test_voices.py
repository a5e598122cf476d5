"""Voices by name."""

from __future__ import annotations

import random
import shutil
from contextlib import contextmanager, nullcontext

import pytest

from simkit.audio import espeak, voice, voices

needs_espeak = pytest.mark.skipif(
    shutil.which("espeak-ng") is None, reason="espeak-ng is not installed"
)


def test_the_synthetic_voice_is_that_of_the_module():
    speak = voices.find_voice("synthetic", nullcontext)
    expected = voice.speak("hello", random.Random(1), seconds=0.5)
    assert speak("hello", random.Random(1), 0.5).samples.tobytes() == expected.samples.tobytes()


def test_a_function_is_a_voice():
    mine = voices.find_voice(lambda text, draw, seconds: voice.speak("mine", draw), nullcontext)
    assert mine("yours", random.Random(1), None).text == "mine"


@pytest.mark.parametrize("name", ["", "robot", "espeak:", "espeakx", 7, None])
def test_another_voice_is_refused(name):
    with pytest.raises(ValueError, match="there are: synthetic, espeak"):
        voices.find_voice(name, nullcontext)


def test_a_voice_that_is_not_installed_is_refused_when_it_is_chosen(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(espeak.EspeakError, match="espeak-ng is not installed"):
        voices.find_voice("espeak", nullcontext)


@needs_espeak
def test_espeak_runs_outside_and_once_for_each_text():
    pytest.importorskip("scipy")
    stays = []

    @contextmanager
    def outside():
        stays.append("out")
        yield
        stays.append("in")

    speak = voices.find_voice("espeak:en-us+f3", outside)
    first = speak("Only once.", random.Random(1), None)
    again = speak("Only once.", random.Random(2), None)
    assert stays == ["out", "in"] * 2
    assert again is first
