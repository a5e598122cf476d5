"""Tones of telephone keys."""

from __future__ import annotations

import numpy as np
import pytest

from simkit.audio.tones import KEYS, key_tone

ROWS, COLUMNS = (697, 770, 852, 941), (1209, 1336, 1477, 1633)
KEYPAD = "123A456B789C*0#D"


def frequencies(samples: np.ndarray) -> list[float]:
    """The two strongest, in Hz."""
    power = np.abs(np.fft.rfft(samples.astype(np.float64), 8000))
    first = int(power[:1075].argmax())
    return [first, 1075 + int(power[1075:].argmax())]


@pytest.mark.parametrize("key", KEYS)
def test_a_key_is_the_pair_of_its_row_and_its_column(key):
    row, column = divmod(KEYPAD.index(key), 4)
    assert frequencies(key_tone(key, 0.1)) == pytest.approx([ROWS[row], COLUMNS[column]], abs=3)


def test_a_tone_lasts_as_long_as_the_key_and_does_not_click():
    tone = key_tone("5", 0.06)
    assert len(tone) == 480
    assert abs(int(tone[0])) < 200
    assert abs(int(tone[-1])) < 200
    assert 12_000 < np.abs(tone.astype(int)).max() < 20_000


@pytest.mark.parametrize("key", ["x", "", "12", "a"])
def test_another_key_is_refused(key):
    with pytest.raises(ValueError, match="no key"):
        key_tone(key, 0.1)


def test_every_key_has_its_own_tone():
    assert len({key_tone(key, 0.1).tobytes() for key in KEYS}) == 16
