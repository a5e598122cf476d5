"""Sound files: what was written is read, and a wrong file is named."""

from __future__ import annotations

import random

import numpy as np
import pytest
import soundfile

from simkit.audio import AudioFileError, files
from tests.full_disk import little_place


def noise(samples: int = 4000, seed: int = 1) -> np.ndarray:
    return np.frombuffer(random.Random(seed).randbytes(2 * samples), dtype="<i2").astype(np.int16)


@pytest.mark.parametrize("name", ["call.flac", "call.wav", "CALL.WAV"])
def test_what_was_written_is_read(tmp_path, name):
    files.write(tmp_path / name, noise())
    found = files.read(tmp_path / name)
    assert found.dtype == np.int16
    assert found.tobytes() == noise().tobytes()


def test_no_sound_at_all_is_a_wav_file_too(tmp_path):
    files.write(tmp_path / "empty.wav", noise(0))
    assert files.read(tmp_path / "empty.wav").shape == (0,)


def test_no_sound_at_all_makes_no_flac_file(tmp_path):
    with pytest.raises(AudioFileError, match=r"empty\.flac: there is no sound to write"):
        files.write(tmp_path / "empty.flac", noise(0))
    assert not (tmp_path / "empty.flac").exists()


@pytest.mark.parametrize("name", ["call.wav", "call.flac"])
def test_two_channels_are_written_side_by_side(tmp_path, name):
    files.write(tmp_path / name, noise(), noise(seed=2))
    found, rate = soundfile.read(tmp_path / name, dtype="int16")
    assert (rate, found.shape) == (8000, (4000, 2))
    assert found[:, 0].tolist() == noise().tolist()
    assert found[:, 1].tolist() == noise(seed=2).tolist()


def test_files_hold_sixteen_bits(tmp_path):
    files.write(tmp_path / "call.flac", noise())
    assert soundfile.info(tmp_path / "call.flac").subtype == "PCM_16"


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(AudioFileError, match=r"nothing\.flac: there is no such file"):
        files.read(tmp_path / "nothing.flac")


@pytest.mark.parametrize("content", [b"", b"fLaC", b"RIFF....WAVE", b"no sound" * 100])
def test_garbage_is_named(tmp_path, content):
    (tmp_path / "garbage.flac").write_bytes(content)
    with pytest.raises(AudioFileError, match=r"garbage\.flac: not a readable sound file"):
        files.read(tmp_path / "garbage.flac")


def test_a_folder_is_named(tmp_path):
    with pytest.raises(AudioFileError, match="not a readable sound file"):
        files.read(tmp_path)


def test_another_rate_is_named_with_what_was_expected(tmp_path):
    soundfile.write(tmp_path / "fast.wav", noise(), 44100)
    expected = r"fast\.wav: found 1 channel\(s\) at 44100 Hz, expected 1 channel at 8000 Hz"
    with pytest.raises(AudioFileError, match=expected):
        files.read(tmp_path / "fast.wav")


def test_stereo_is_named_with_what_was_expected(tmp_path):
    files.write(tmp_path / "both.flac", noise(), noise())
    with pytest.raises(AudioFileError, match=r"both\.flac: found 2 channel\(s\) at 8000 Hz"):
        files.read(tmp_path / "both.flac")


def test_a_claim_of_many_hours_is_refused_before_anything_is_read(tmp_path, monkeypatch):
    files.write(tmp_path / "long.flac", noise(16001))
    monkeypatch.setattr(files, "MAX_SECONDS", 2)
    with pytest.raises(AudioFileError, match=r"long\.flac: claims 2 s, expected at most 2 s"):
        files.read(tmp_path / "long.flac")


@pytest.mark.parametrize("name", ["cut.flac", "cut.wav"])
def test_a_file_that_was_cut_is_not_taken_for_a_whole_one(tmp_path, name):
    files.write(tmp_path / name, noise(40000))
    whole = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(AudioFileError, match="cut"):
        files.read(tmp_path / name)


def test_a_wav_file_written_to_a_pipe_knows_not_its_size(tmp_path):
    size = b"\xff\xff\xff\xff"
    files.write(tmp_path / "pipe.wav", noise(40000))
    whole = (tmp_path / "pipe.wav").read_bytes()
    (tmp_path / "pipe.wav").write_bytes(whole[:4] + b"\xff" * 4 + whole[8:40] + size + whole[44:])
    assert len(files.read(tmp_path / "pipe.wav")) == 40000


def test_no_file_is_left_open(tmp_path):
    files.write(tmp_path / "call.wav", noise())
    files.read(tmp_path / "call.wav")
    (tmp_path / "call.wav").rename(tmp_path / "moved.wav")
    files.write(tmp_path / "moved.wav", noise(8))
    assert len(files.read(tmp_path / "moved.wav")) == 8


# Places that cannot be written


@pytest.mark.parametrize(
    ("name", "found"), [("call.mp3", r"\.mp3"), ("call", "no ending"), (".wav", "no ending")]
)
def test_another_ending_is_named_with_what_was_expected(tmp_path, name, found):
    with pytest.raises(AudioFileError, match=rf"{name}: found {found}, expected \.wav or \.flac"):
        files.write(tmp_path / name, noise())
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_told(tmp_path):
    with pytest.raises(AudioFileError, match=r"no/call\.wav: cannot be written: No such file"):
        files.write(tmp_path / "no" / "call.wav", noise())


def test_a_folder_of_that_name_is_told_and_stays(tmp_path):
    (tmp_path / "call.wav").mkdir()
    with pytest.raises(AudioFileError, match=r"call\.wav: cannot be written: found a folder"):
        files.write(tmp_path / "call.wav", noise())
    assert [path.name for path in tmp_path.iterdir()] == ["call.wav"]


@pytest.mark.parametrize("name", ["call.wav", "call.flac"])
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_what_cannot_be_finished_leaves_the_file_that_was_there(tmp_path, monkeypatch, name, error):
    files.write(tmp_path / name, noise(100))

    def stopped(file, block):
        raise error

    monkeypatch.setattr(soundfile.SoundFile, "write", stopped)
    with pytest.raises((AudioFileError, KeyboardInterrupt)):
        files.write(tmp_path / name, noise())
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert len(files.read(tmp_path / name)) == 100


@pytest.mark.parametrize("kind", ["wav", "flac"])
@pytest.mark.parametrize("size", [1, 1000, 100_000])
def test_on_a_full_disk_there_is_an_error_and_no_part_of_a_file(tmp_path, kind, size):
    place = tmp_path / f"call.{kind}"
    with (
        little_place(size),
        pytest.raises(AudioFileError, match=rf"call\.{kind}: cannot be written: "),
    ):
        files.write(place, noise(200_000))
    assert list(tmp_path.iterdir()) == []
