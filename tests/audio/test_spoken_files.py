"""Speech from sound files, with and without somebody's notes on the words."""

from __future__ import annotations

import json
import random

import numpy as np
import pytest
import soundfile

from simkit.audio import AudioFileError, Word, files, read_speech, voice

TEXT = "hello there"


@pytest.fixture
def hello(tmp_path):
    path = tmp_path / "hello.wav"
    files.write(path, voice.speak(TEXT, random.Random(1)).samples)
    return path


def test_a_file_by_itself_is_speech_whose_words_nobody_knows(hello):
    speech = read_speech(hello)
    assert speech.text == "[hello.wav]"
    assert speech.words == ()
    assert speech.samples.tobytes() == voice.speak(TEXT, random.Random(1)).samples.tobytes()


def test_a_file_beside_it_tells_the_words(hello):
    words = [["hello", 0.0, 0.3], ["there", 0.35, 0.6]]
    hello.with_suffix(".json").write_text(json.dumps({"text": "Hello there!", "words": words}))
    speech = read_speech(hello)
    assert speech.text == "Hello there!"
    assert speech.words == (Word("hello", 0, 2400), Word("there", 2800, 4800))


def test_a_text_alone_is_timed_by_its_letters(hello):
    hello.with_suffix(".json").write_text('{"text": "hello there"}')
    assert [word.text for word in read_speech(hello).words] == ["hello", "there"]


def test_what_the_test_says_goes_before_the_file_beside_it(hello):
    hello.with_suffix(".json").write_text("{")
    speech = read_speech(str(hello), words=[("hi", 0.1, 0.2)])
    assert (speech.text, speech.words) == ("hi", (Word("hi", 800, 1600),))


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("{", r"hello\.json: .*expected \{\"text\""),
        ('{"words": 3}', r"hello\.json: Expected `array \| null`, got `int` - at `\$\.words`"),
        ('{"wrods": []}', r"hello\.json: .*unknown field `wrods`"),
        (
            '{"words": [["hello", 0, 99]]}',
            r"hello\.json: words\[0\]: found 'hello' from 0\.0 to 99",
        ),
        ('{"words": [["a", 0, 0.2], ["b", 0.1, 0.3]]}', r"words\[1\]: .*expected a start of 0\.2"),
        ('{"words": [["a", 0.2, 0.2]]}', "an end after it"),
    ],
)
def test_wrong_notes_are_named(hello, content, told):
    hello.with_suffix(".json").write_text(content)
    with pytest.raises(AudioFileError, match=told):
        read_speech(hello)


def test_no_sound_is_no_speech(tmp_path):
    files.write(tmp_path / "empty.wav", np.zeros(0, dtype=np.int16))
    with pytest.raises(AudioFileError, match=r"empty\.wav: found no samples"):
        read_speech(tmp_path / "empty.wav")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(AudioFileError, match=r"none\.wav: there is no such file"):
        read_speech(tmp_path / "none.wav")


@pytest.mark.parametrize("rate", [8000, 16000, 44100])
def test_another_rate_becomes_8_khz(tmp_path, rate):
    pytest.importorskip("scipy")
    at = np.arange(rate // 2) / rate
    soundfile.write(tmp_path / "tone.flac", 0.5 * np.sin(2 * np.pi * 440 * at), rate)
    found = files.read_any(tmp_path / "tone.flac")
    assert len(found) == 4000
    power = np.abs(np.fft.rfft(found))
    assert power.argmax() * 2 == 440
    assert np.abs(found[400:-400].astype(int)).max() == pytest.approx(16384, rel=0.02)


def test_one_of_several_channels_is_chosen_never_guessed(tmp_path):
    left, right = np.full(800, 1000, np.int16), np.full(800, 2000, np.int16)
    files.write(tmp_path / "both.wav", left, right)
    with pytest.raises(AudioFileError, match=r"both\.wav: found 2 channels, .*channel=0 to 1"):
        read_speech(tmp_path / "both.wav")
    assert read_speech(tmp_path / "both.wav", channel=1).samples.tolist() == right.tolist()
    with pytest.raises(AudioFileError, match=r"found 2 channel.*expected one with the number 2"):
        read_speech(tmp_path / "both.wav", channel=2)


def test_a_rate_that_is_no_sound_is_refused(tmp_path):
    soundfile.write(tmp_path / "slow.wav", np.zeros(100), 500)
    with pytest.raises(AudioFileError, match=r"slow\.wav: found 500 Hz, expected 4000 to 192000"):
        files.read_any(tmp_path / "slow.wav")
