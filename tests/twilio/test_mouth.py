"""The mouth: frames are read before they are due, and change with what is said until then."""

from __future__ import annotations

import numpy as np
import pytest

from simkit.audio import mulaw
from simkit.twilio.mouth import Mouth
from simkit.twilio.playout import PACKET, PACKET_NS

SILENT = bytes([mulaw.SILENCE]) * PACKET
LOUD = np.full(3 * PACKET, 8000, np.int16)


@pytest.fixture
def mouth():
    mouth = Mouth()
    mouth.begin(0)
    return mouth


def frames(mouth, first, last):
    return [mouth.frame_before(number * PACKET_NS) for number in range(first, last + 1)]


def test_what_is_said_after_a_frame_is_in_the_next(mouth):
    mouth.place(np.zeros(100 * PACKET, np.int16), 0)
    assert frames(mouth, 1, 2) == [SILENT, SILENT]
    mouth.place(LOUD, 2 * PACKET_NS)
    loud = mulaw.encode(LOUD[:PACKET])
    assert frames(mouth, 3, 6) == [loud, loud, loud, SILENT]


def test_a_noise_that_is_ended_is_not_in_the_next_frame(mouth):
    _, end = mouth.surround(LOUD, 0)
    assert SILENT not in frames(mouth, 1, 3)
    end(3 * PACKET_NS)
    assert frames(mouth, 4, 6) == [SILENT] * 3


def test_frames_of_any_instant_in_any_order_are_those_that_end_there(mouth):
    samples = np.random.default_rng(1).integers(-8000, 8000, 60 * PACKET).astype(np.int16)
    mouth.place(samples, 0)
    codes = mulaw.encode(samples)
    for end in (1, 30, 2, 3, 1.5, 2.5, 59, 60, 61):
        at = round(end * PACKET) - PACKET
        expected = codes[at : at + PACKET].ljust(PACKET, SILENT[:1])
        assert mouth.frame_before(round(end * PACKET_NS)) == expected
