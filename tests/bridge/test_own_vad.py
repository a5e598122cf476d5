"""The bridge's own ear: how loud voice is, and how long it lasts, to the nanosecond."""

from __future__ import annotations

import math

import numpy as np
import pytest

from simkit.audio import mulaw
from simkit.bridge.own_vad import OwnVad

MS = 1_000_000
SILENCE = mulaw.encode(np.zeros(160, np.int16))
VOICE = mulaw.encode(np.full(160, 8000, np.int16))


def ear(voice_ns: int = 60 * MS, silence_ns: int = 40 * MS, level_db: float = -40.0) -> OwnVad:
    return OwnVad(level_db=level_db, voice_ns=voice_ns, silence_ns=silence_ns)


def heard(vad: OwnVad, sounds: str) -> list[str | None]:
    """Return what each frame brought about: ``v`` is voice, ``-`` is silence."""
    return [vad.hear(VOICE if sound == "v" else SILENCE) for sound in sounds]


def test_voice_counts_once_it_has_lasted_and_the_turn_ends_with_silence():
    assert heard(ear(), "vvvv--v---") == [
        *(None, None, "speaks", None, None),
        *("done", None, None, None, None),
    ]


def test_a_turn_begins_anew_after_the_end_of_another():
    vad = ear()
    assert heard(vad, "vvv--vvv") == [None, None, "speaks", None, "done", None, None, "speaks"]
    assert vad.is_speaking
    assert heard(vad, "--") == [None, "done"]
    assert not vad.is_speaking


@pytest.mark.parametrize(("more_ns", "speaks"), [(0, True), (1, False)])
@pytest.mark.parametrize("before", ["", "-", "v-"])
def test_voice_lasts_as_long_as_was_asked_for_without_a_pause(before, more_ns, speaks):
    vad = ear(voice_ns=40 * MS + more_ns)
    assert heard(vad, before + "vv")[-1] == ("speaks" if speaks else None)


@pytest.mark.parametrize(("more_ns", "ends"), [(0, True), (1, False)])
@pytest.mark.parametrize("before", ["vvv", "-vvv", "vvv-v"])
def test_silence_lasts_as_long_as_was_asked_for_without_voice(before, more_ns, ends):
    vad = ear(silence_ns=40 * MS + more_ns)
    assert heard(vad, before + "--")[-1] == ("done" if ends else None)


def test_a_sound_of_any_length_counts_for_what_it_is():
    vad = ear()
    assert [vad.hear(VOICE[:1] * 479), vad.hear(b""), vad.hear(VOICE[:1])] == [None, None, "speaks"]


@pytest.mark.parametrize("amplitude", [30, 300, 8000])
def test_voice_is_as_loud_as_the_level_in_db_below_full_scale(amplitude):
    sound = mulaw.encode(np.full(160, amplitude, np.int16))
    level = 20 * math.log10(float(mulaw.decode(sound)[0]) / 32768)
    assert ear(20 * MS, level_db=level - 0.001).hear(sound) == "speaks"
    assert ear(20 * MS, level_db=level + 0.001).hear(sound) is None


def test_below_every_level_all_is_voice():
    assert ear(20 * MS, level_db=-math.inf).hear(SILENCE) == "speaks"
