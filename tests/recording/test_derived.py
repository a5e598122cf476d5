"""Derived tapes: parts come from another way, the rest is stored; every byte is compared."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pytest
import soundfile

from simkit.audio import AudioFileError
from simkit.recording import MediaFormat
from simkit.recording.derived import MAX_BYTES, DerivedTape, Made, digest, open_tape
from tests.recording.test_transcoders import Bytes

PCM = MediaFormat("pcm_s16le", 8000)
SOURCE = np.random.default_rng(1).integers(-9000, 9000, 8000, np.int16).astype("<i2").tobytes()
STORED = np.random.default_rng(2).integers(-9000, 9000, 4000, np.int16).astype("<i2").tobytes()
PARTS = [(2000, 8000, 0), (12_000, 4000, 9000)]
WHOLE = STORED[:2000] + SOURCE[:8000] + STORED[2000:4000] + SOURCE[9000:13_000] + STORED[4000:]
"""Stored, made, stored, made, stored."""


def flac(path, data: bytes) -> None:
    soundfile.write(path, np.frombuffer(data, "<i2"), 8000, format="FLAC", subtype="PCM_16")


@pytest.fixture
def folder(tmp_path):
    flac(tmp_path / "caller.flac", SOURCE)
    flac(tmp_path / "to-vapi.flac", STORED)
    return tmp_path


def tape(folder, *, whole: bytes = WHOLE, **changes) -> DerivedTape:
    how = {
        "from": "caller.flac",
        "format": {"encoding": "pcm_s16le", "rate": 8000},
        "by": "same",
        "size": len(whole),
        "parts": PARTS,
        "sha256": hashlib.sha256(whole).hexdigest(),
    } | changes
    (folder / "to-vapi.json").write_text(json.dumps(how))
    return DerivedTape(folder / "to-vapi.json", PCM)


def test_it_is_what_was_captured_from_anywhere_to_anywhere(folder):
    found = tape(folder)
    assert (found.size, found.read(0, 30_000)) == (20_000, WHOLE)
    edges = [0, 2, 1998, 2000, 2002, 9998, 10_000, 11_998, 12_000, 15_998, 16_000, 19_998, 20_000]
    for start in edges:
        for end in edges:
            assert found.read(start, end - start) == WHOLE[start:end]
    assert digest(found) == hashlib.sha256(WHOLE).hexdigest()


def test_all_of_it_may_come_from_the_other_way(folder):
    (folder / "to-vapi.flac").unlink()
    made = SOURCE[10:4010]
    assert tape(folder, whole=made, parts=[(0, 4000, 10)]).read(0, 9999) == made


def test_a_tape_is_the_sound_file_unless_something_says_how_it_is_made(folder):
    assert open_tape(folder / "to-vapi.flac", PCM).read(0, 9999) == STORED
    tape(folder)
    assert open_tape(folder / "to-vapi.flac", PCM).read(0, 30_000) == WHOLE


@pytest.mark.parametrize(
    ("parts", "told"),
    [
        ([(1, 4000, 0)], "expected whole samples from 0 on, and from 0 on there"),
        ([(0, 4001, 0)], "found 4001 bytes at 0, 0 in the other way; expected whole samples"),
        ([(0, 0, 0)], "found 0 bytes at 0"),
        ([(0, 4000, 0), (3998, 10, 4000)], "parts[1]: found 10 bytes at 3998, 4000 in the other"),
        ([(0, 4000, 6), (4000, 10, 4004)], "from 4000 on, and from 4006 on there"),
        ([(16_002, 4000, 0)], "size: found 20000, expected 20002 at least"),
        ([(0, 4000, 28_002)], "parts: found bytes up to 32002 of 32000"),
        ([(0, 12_004, 0)], "size: 7996 bytes come from no other way, expected 8000"),
        ([(0, 11_998, 0)], "size: 8002 bytes come from no other way, expected 8000"),
        ([(0, 12_000, 2)], "sha256: what same makes of caller.flac is not what was captured"),
    ],
)
def test_what_does_not_fit_is_refused(folder, parts, told):
    with pytest.raises(AudioFileError) as refused:
        tape(folder, parts=parts)
    assert told in str(refused.value)
    assert str(refused.value).startswith(f"{folder / 'to-vapi.json'}: ")


def test_parts_that_touch_fit(folder):
    whole = SOURCE[:4000] + SOURCE[4000:4010] + STORED
    assert tape(folder, whole=whole, parts=[(0, 4000, 0), (4000, 10, 4000)]).size == 12_010


def test_a_file_that_says_how_is_plain_small_and_understood(folder):
    path = folder / "to-vapi.json"
    for text, told in (("{", "Input data was truncated"), (" " * (MAX_BYTES + 1), "8,388,608")):
        path.write_text(text)
        with pytest.raises(AudioFileError, match=told):
            DerivedTape(path, PCM)
    path.unlink()
    path.symlink_to(folder / "caller.flac")
    with pytest.raises(AudioFileError, match="expected a plain file"):
        DerivedTape(path, PCM)


def test_the_stored_rest_is_a_plain_file(folder):
    (folder / "to-vapi.flac").rename(folder / "elsewhere.flac")
    (folder / "to-vapi.flac").symlink_to(folder / "elsewhere.flac")
    with pytest.raises(AudioFileError, match=r"to-vapi\.flac: expected a plain file"):
        tape(folder)


def test_there_are_a_hundred_thousand_parts_at_most(folder):
    with pytest.raises(AudioFileError, match="length <= 100000"):
        tape(folder, parts=[(0, 0, 0)] * 100_001)
    with pytest.raises(AudioFileError, match=r"parts\[0\]: found 0 bytes"):
        tape(folder, parts=[(0, 0, 0)] * 100_000)


class Counted(Bytes):
    """Notes what is read of it."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.reads: list[tuple[int, int]] = []

    def read(self, start: int, size: int) -> bytes:
        self.reads.append((start, size))
        return super().read(start, size)


def test_a_block_is_seven_seconds_and_the_one_before_and_eight_are_kept():
    source = Counted(bytes(16_000 * 80))
    made = Made(source, PCM, PCM, "same")
    assert made.most == 16_000 * 81
    for second in (0, 6, 7, 13):
        made.read(16_000 * second, 16_000)
    assert source.reads == [(0, 7 * 16_000), (6 * 16_000, 8 * 16_000)]
    made.read(7 * 16_000 - 1, 2)
    assert len(source.reads) == 2
    for block in (*range(2, 8), 0):
        made.read(block * 7 * 16_000, 1)
    assert len(source.reads) == 8
    made.read(8 * 7 * 16_000, 1)  # the ninth takes the place of the first
    made.read(7 * 16_000, 1)
    assert len(source.reads) == 9
    made.read(0, 1)
    assert len(source.reads) == 10
