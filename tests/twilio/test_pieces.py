"""Pieces of utterances, put together again."""

from __future__ import annotations

import random

from simkit.audio import Span, voice
from simkit.twilio.pieces import tellings


def test_pieces_that_keep_their_distances_are_one_utterance():
    spans = [Span(100, 500, 7, 0), Span(700, 900, 7, 600)]
    [telling] = tellings(spans)
    assert (telling.key, telling.lag, telling.pieces) == (7, 100, [(0, 400), (600, 800)])


def test_what_nobody_made_between_pieces_does_not_part_them():
    assert len(tellings([Span(0, 9, 1, 0), Span(9, 20, None), Span(20, 30, 1, 20)])) == 1


def test_an_utterance_that_is_said_again_or_later_than_it_should_is_another():
    assert len(tellings([Span(0, 100, 1, 0), Span(500, 600, 1, 0)])) == 2
    assert len(tellings([Span(0, 100, 1, 0), Span(140, 200, 1, 100)])) == 2
    assert len(tellings([Span(0, 100, 1, 0), Span(100, 200, 2, 100)])) == 2


def test_words_count_when_more_than_half_of_them_was_heard():
    speech = voice.speak("one two three", random.Random(1))
    one, two, three = speech.words
    half = (three.start + three.end) // 2
    spans = [
        Span(0, one.end, 0, 0),
        Span(half - 10, three.end, 0, half - 10),
    ]
    [telling] = tellings(spans)
    assert telling.words(speech) == "one three"
    assert telling.heard(two.start, two.end) == 0
    assert 0.5 < telling.heard(three.start, three.end) < 0.6
