"""Provenance, judged by hundreds of random edits and what happens to sound on the way."""

from __future__ import annotations

import random
from functools import cache

import numpy as np
import pytest

from benchmarks.edits import CHANNELS, KINDS, play
from benchmarks.provenance import Score, judge, recorded, synthetic
from simkit.audio import Repertoire, Speech, Tracker, voice

CLEAN = ("mu-law", "16 kHz and back")
EDITS = 40


@cache
def score(channel: str, voices: str = "synthetic") -> Score:
    speeches = synthetic() if voices == "synthetic" else recorded()
    return judge(speeches, CHANNELS[channel], edits=EDITS, seed=7)


@pytest.mark.parametrize("channel", CLEAN)
def test_edits_of_synthetic_voices_are_seen_for_what_they_are(channel):
    found = score(channel)
    for kind in ("cut", "other", "repeated", "lost"):
        assert found.share(kind, "right") > 0.98, kind
    assert found.share("swapped", "right") > 0.85
    assert found.share("silence", "silence") > 0.99
    assert found.share("foreign", "foreign") > 0.97
    assert found.share("mix", "right", "2nd voice") > 0.95


@pytest.mark.parametrize("channel", CLEAN)
def test_offsets_are_within_a_millisecond_and_edges_nearly_all(channel):
    found = score(channel)
    assert len(found.lag_errors) > 60
    assert max(found.lag_errors) <= 8
    errors = np.array(found.edge_errors)
    assert np.mean(errors <= 8) > 0.94
    assert np.median(errors) <= 1


def test_a_bad_line_costs_little():
    found = score("noise")
    assert found.share("cut", "right") > 0.97
    assert found.share("cut", "wrong one", "wrong offset") < 0.005
    assert max(found.lag_errors) <= 8


def test_recorded_speech_is_told_from_its_like():
    found = score("mu-law", "recorded")
    for kind in ("cut", "other", "lost"):
        assert found.share(kind, "right") > 0.97, kind
    assert found.share("foreign", "foreign") > 0.97
    assert np.median(found.lag_errors) == 0


def test_every_kind_of_edit_was_tried():
    played = play(random.Random(7), synthetic(), EDITS)
    assert set(played.kind.tolist()) == set(range(len(KINDS)))


# Many voices


@cache
def crowd() -> list[Speech]:
    """What is said in twenty calls."""
    return [
        voice.speak(f"This is call {n}, hello and welcome.", random.Random(n)) for n in range(60)
    ]


def test_any_eighty_milliseconds_are_found_among_many_calls():
    known = Repertoire()
    for speech in crowd():
        known.add(speech)
    draw, wrong = random.Random(3), 0
    for _ in range(40):
        key = draw.randrange(40)  # said before the last half minute, which is leafed through
        first = draw.randrange(len(crowd()[key].samples) - 4000)
        tracker = Tracker(known)
        tracker.feed(crowd()[key].samples[first : first + 3200])
        named = {(span.key, span.offset - span.start) for span in tracker.finish() if span.key}
        wrong += named != {(key, first)}
    assert wrong <= 2


def test_a_second_voice_that_is_louder_is_named():
    known = Repertoire()
    for speech in synthetic():
        known.add(speech)
    first, second = (speech.samples.astype(np.int32) for speech in synthetic()[:2])
    mixed = first.copy()
    mixed[8000:16_000] = mixed[8000:16_000] // 4 + second[4000:12_000]
    tracker = Tracker(known)
    tracker.feed(np.clip(mixed, -32768, 32767).astype(np.int16))
    spans = tracker.finish()
    named = np.full(len(mixed), -1)
    for span in spans:
        named[span.start : span.end] = -1 if span.key is None else span.key
    assert (named[:8000] == 0).all()
    assert np.mean(named[8000:16_000] == 1) > 0.9
    assert np.mean(named[16_200:] == 0) > 0.99
