"""When the caller is taken to be done, and what interrupts: the rules by themselves."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simkit.vapi import ACKNOWLEDGEMENTS, INTERRUPTIONS, Assistant, EndpointingRule
from simkit.vapi.plans import endpointing_seconds, interrupts


@pytest.mark.parametrize(
    ("heard", "expected"),
    [
        ("I would like to book a table.", 0.1),
        ("is that all?", 0.1),
        ("stop!", 0.1),
        ("I would like to", 1.5),
        ("well,", 1.5),
        ("my number is 555", 0.5),
        ("my number is 555.", 0.5),
        ("my number is five five Five", 0.5),
        ("", 1.5),
    ],
)
def test_the_end_of_a_transcript_decides_how_long_is_waited(heard, expected):
    assert endpointing_seconds(Assistant(endpointing="transcription"), heard, "") == expected


def test_with_the_final_transcript_the_caller_is_done_unless_told_otherwise():
    assert endpointing_seconds(Assistant(), "I would like to", "") == 0


def test_the_first_rule_that_matches_comes_before_everything_else():
    assistant = Assistant(
        endpointing="transcription",
        endpointing_rules=[
            EndpointingRule("spell|number", 3, of="assistant"),
            EndpointingRule(r"\bum\b", 2.5),
            EndpointingRule("um", 9),
        ],
    )
    assert endpointing_seconds(assistant, "It is. UM", "Anything else?") == 2.5
    assert endpointing_seconds(assistant, "um", "What is your number?") == 3
    assert endpointing_seconds(assistant, "It is.", "Anything else?") == 0.1


def test_a_function_decides_within_what_vapi_allows():
    assistant = Assistant(endpointing=len)
    assert endpointing_seconds(assistant, "abc", "") == 3
    assert endpointing_seconds(assistant, "abc" * 30, "") == 15


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (("(", 1), "a regular expression; found '\\('"),
        ((None, 1), "a regular expression; found None"),
        (("a", 16), "0 to 15 seconds; found 16"),
        (("a", -1), "0 to 15 seconds; found -1"),
        (("a", True), "0 to 15 seconds; found True"),
        (("a", float("nan")), "0 to 15 seconds; found nan"),
        (("a", 1, "user"), "of customer or assistant; found 'user'"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(args, expected):
    with pytest.raises(ValueError, match=rf"endpointing rule: {expected}"):
        EndpointingRule(*args)


@pytest.mark.parametrize(
    ("heard", "words", "expected"),
    [
        ("Okay.", 1, False),
        ("uh-huh", 1, False),
        ("yeah sure", 1, False),
        ("yeah sure thing", 1, True),
        ("could you", 3, False),
        ("could you please", 3, True),
        ("hold", 5, True),
        ("Don't", 5, True),
        ("that is enough.", 5, True),
    ],
)
def test_phrases_and_the_number_of_words_decide_what_interrupts(heard, words, expected):
    assert interrupts(Assistant(num_words=words), heard) is expected


def test_the_phrases_can_be_others():
    assistant = Assistant(
        num_words=2, acknowledgement_phrases=["go on then"], interruption_phrases=["excuse me"]
    )
    assert not interrupts(assistant, "go on then")
    assert interrupts(assistant, "well excuse me")
    assert not interrupts(assistant, "stop")


@given(
    st.lists(st.sampled_from([*ACKNOWLEDGEMENTS, *INTERRUPTIONS, "table", "Two", "1", "?"])),
    st.integers(1, 10),
)
@settings(max_examples=50)
def test_what_interrupts_still_does_with_a_word_more(parts, number):
    assistant = Assistant(num_words=number)
    heard = " ".join(parts)
    if interrupts(assistant, heard):
        assert heard
        assert interrupts(assistant, heard + " table")
