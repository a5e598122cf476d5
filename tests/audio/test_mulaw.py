"""mu-law against G.711 and G.191, transcribed here independently of the package."""

from __future__ import annotations

import warnings
from itertools import pairwise

import numpy as np
import pytest

from simkit.audio import mulaw

EVERY_CODE = bytes(range(256))
EVERY_SAMPLE = np.arange(-32768, 32768, dtype=np.int32).astype(np.int16)


def g711_table() -> list[int]:
    """Decode by the tables of G.711: outputs lie half-way between decision values, 14 bits."""
    decisions = [0, 1]
    for width, intervals in ((2, 15), *((2 << n, 16) for n in range(1, 8))):
        decisions += [decisions[-1] + width * (number + 1) for number in range(intervals)]
    outputs = [0] + [(low + high) // 2 for low, high in pairwise(decisions[1:])]
    assert (len(outputs), outputs[1], outputs[-1]) == (128, 2, 8031)
    table = [0] * 256
    for number, output in enumerate(outputs):
        table[0xFF - number] = 4 * output
        table[0x7F - number] = -4 * output
    return table


def g191_compress(sample: int) -> int:
    """ITU-T G.191 ulaw_compress, one sample."""
    absolute = ((~sample if sample < 0 else sample) >> 2) + 33
    absolute = min(absolute, 0x1FFF)
    segment, rest = 1, absolute >> 6
    while rest:
        segment += 1
        rest >>= 1
    high = 0x8 - segment
    low = 0xF - ((absolute >> segment) & 0xF)
    code = (high << 4) | low
    return code | 0x80 if sample >= 0 else code


def test_every_code_decodes_as_in_the_tables_of_g711():
    assert mulaw.decode(EVERY_CODE).tolist() == g711_table()


def test_every_sample_encodes_as_the_reference_software_does():
    expected = bytes(g191_compress(sample) for sample in EVERY_SAMPLE.tolist())
    assert mulaw.encode(EVERY_SAMPLE) == expected


def test_decoding_agrees_with_audioop():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        audioop = pytest.importorskip("audioop")
    assert mulaw.decode(EVERY_CODE).tobytes() == audioop.ulaw2lin(EVERY_CODE, 2)


def test_the_decoded_value_is_a_nearest_code_word_but_for_seven_edges():
    """Where a segment ends, G.711's decision value lies half a small step below the middle."""
    words = np.unique(np.array(g711_table()))
    samples = EVERY_SAMPLE.astype(np.int64)
    after = np.clip(np.searchsorted(words, samples), 1, len(words) - 1)
    nearest = np.minimum(abs(words[after] - samples), abs(words[after - 1] - samples))
    error = abs(mulaw.decode(mulaw.encode(EVERY_SAMPLE)) - samples)
    below_the_middle = np.zeros(65536, dtype=bool)
    for segment in range(7):
        decision = 4 * ((64 << segment) - 33)
        below_the_middle |= (abs(samples) >= decision) & (abs(samples) < decision + (2 << segment))
    assert (error == nearest)[~below_the_middle].all()
    assert np.count_nonzero(error != nearest) == 501


def test_clipping_begins_only_beyond_the_last_code_word():
    assert mulaw.decode(mulaw.encode(np.array([32767, -32768], np.int16))).tolist() == [
        32124,
        -32124,
    ]


def test_every_code_but_negative_zero_survives_a_round_trip():
    again = mulaw.encode(mulaw.decode(EVERY_CODE))
    assert again[0x7F] == mulaw.SILENCE
    assert again.replace(b"\xff", b"") == EVERY_CODE.replace(b"\x7f", b"").replace(b"\xff", b"")


def test_silence_is_the_code_of_zero():
    assert mulaw.encode(np.zeros(3, dtype=np.int16)) == bytes([mulaw.SILENCE] * 3)
    assert mulaw.decode(bytes([mulaw.SILENCE])).tolist() == [0]


def test_nothing_encodes_to_nothing():
    assert mulaw.encode(np.zeros(0, dtype=np.int16)) == b""
    assert mulaw.decode(b"").dtype == np.int16
    assert len(mulaw.decode(b"")) == 0


def test_every_second_sample_of_an_array_can_be_encoded_in_place():
    samples = np.arange(-400, 400, dtype=np.int16)
    assert mulaw.encode(samples[::2]) == mulaw.encode(samples)[::2]
    assert mulaw.encode(samples[::-1]) == mulaw.encode(samples)[::-1]


def test_decoding_takes_any_bytes_and_gives_samples_that_can_be_changed():
    samples = mulaw.decode(memoryview(b"\x00\x80"))
    samples[0] = 1
    assert mulaw.decode(bytearray(b"\x00\x80")).tolist() == [-32124, 32124]
