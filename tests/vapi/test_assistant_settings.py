"""Every knob says its unit and its range, refuses what lies outside, and is documented."""

from __future__ import annotations

from dataclasses import MISSING, fields
from pathlib import Path

import pytest

from simkit.vapi import Assistant, EndpointingRule
from simkit.vapi.assistant import INTERRUPT_ORDERS
from simkit.wire.knobs import knobs_of
from tests.knob_tables import check_edges, declared_table, documented_table
from tests.vapi.test_conversation import say

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "reference" / "vapi.md"
SETTINGS = ROOT / "simkit" / "vapi" / "assistant.py"
KNOBS = knobs_of(Assistant)
INF, NAN = float("inf"), float("nan")
NO_SECONDS = [-0.001, True, "1", INF, NAN]
SECONDS = ([0, 0.5, 1e6], [*NO_SECONDS, None, 1.1e6])
EVERY = ([0.02, 1e6], [*NO_SECONDS, None, 0.019])
PLAN = ([0, 3], [*NO_SECONDS, None, 3.1])
SWITCH = ([True, False], [0, 1, "yes", None])
LABEL = (["", "x"], [None, 1, b"x"])
TEXTS = ([(), [], ["a"], ("a b", "c")], ["a", [""], [" "], [1], None, {"a"}])
COUNT = ([0, 1_000_000], [-1, 1_000_001, 1.0, True, None, "1"])

EDGES = {
    "first_message": (["hello", None, say("hello")], ["", "  ", 1, b"hello"]),
    "replies": ([[], (), ["a"], str.upper], ["a", b"a", None, 1, {"a"}, [1], ["a", None]]),
    "system_prompt": LABEL,
    "assistant_id": LABEL,
    "assistant_name": LABEL,
    "first_message_mode": (
        [
            "assistant-speaks-first",
            "assistant-speaks-first-with-model-generated-message",
            "assistant-waits-for-user",
        ],
        ["", "user", None],
    ),
    "first_message_interruptions": SWITCH,
    "first_message_delay": SECONDS,
    "first_message_after_final": SECONDS,
    "in_progress_delay": SECONDS,
    "llm": SECONDS,
    "token_every": ([0, 60], [*NO_SECONDS, None, 61]),
    "tts": SECONDS,
    "tts_speed": ([0.1, 1, INF], [0.09, 0, -1, True, None, "1", NAN]),
    "speech_rate": ([0.25, 4], [0.24, 4.1, True, None, INF, NAN]),
    "wait_seconds": SECONDS,
    "wait_from": (["final", "voice"], ["", "audio", None]),
    "started_before_audio": SECONDS,
    "stopped_after_audio": SECONDS,
    "transcript_after_stopped": SECONDS,
    "assistant_partials": SWITCH,
    "assistant_partial_every": EVERY,
    "assistant_partial_lag": SECONDS,
    "vad": (["energy"], ["", "silero", None]),
    "vad_threshold": ([0, 0.3, 1], [-0.1, 1.1, True, "1", None, NAN]),
    "vad_mode": ([0, 3], [-1, 4, 1.0, True, None]),
    "vad_hangover": ([0, 2], [*NO_SECONDS, None, 2.1]),
    "speech_started_after": SECONDS,
    "partial_every": EVERY,
    "first_partial_after": SECONDS,
    "final_after": SECONDS,
    "stopped_after": SECONDS,
    "endpointing": (["final", "transcription", len], ["", "livekit", None, 1]),
    "on_punctuation_seconds": PLAN,
    "on_no_punctuation_seconds": PLAN,
    "on_number_seconds": PLAN,
    "endpointing_rules": ([(), [EndpointingRule("a", 1)]], [None, "a", ["a"], [("a", 1)]]),
    "num_words": COUNT,
    "voice_seconds": SECONDS,
    "acknowledgement_phrases": TEXTS,
    "interruption_phrases": TEXTS,
    "backoff_seconds": SECONDS,
    "interrupt_delay": ([0, 10], [*NO_SECONDS, None, 10.1]),
    "interrupt_order": (list(INTERRUPT_ORDERS), ["", "message", "message, audio", None]),
    "interrupt_gap": ([0, 10], [*NO_SECONDS, None, 10.1]),
    "audio_after_interrupt": COUNT,
    "hang_after": ([0.1, 1e6, None], [*NO_SECONDS, 0]),
    "idle_messages": TEXTS,
    "idle_timeout": ([0.1, 1e6], [*NO_SECONDS, 0, None]),
    "idle_message_max": COUNT,
    "silence_timeout": ([0.1, 1e6, None], [*NO_SECONDS, 0]),
    "max_duration": ([0.1, 1e6, None], [*NO_SECONDS, 0]),
    "client_messages": TEXTS,
    "lead": ([0, 60, INF], [-1, True, None, "1", NAN]),
    "frame": ([0.001, 10], [*NO_SECONDS, 0, 0.0009, 10.1, None]),
    "tts_chunk": ([0, 60, 0.5], [-0.1, 61, True, "1", None]),
    "background_sound": (["off", "office"], ["street", None, True]),
    "silence_frames": SWITCH,
}


@pytest.mark.parametrize("name", KNOBS)
def test_the_edges_of_a_range_are_taken_and_what_is_beyond_is_refused(name):
    check_edges(Assistant, name, *EDGES[name])


def test_every_default_lies_in_its_range():
    for field in fields(Assistant):
        assert field.default is not MISSING
        assert KNOBS[field.name].accepts(field.default)


def test_a_name_that_is_no_knob_is_refused_and_the_knobs_are_named():
    with pytest.raises(AttributeError, match=r"no vapi\.assistant 'lmm'.* llm"):
        Assistant().lmm = 0.1


def test_the_document_has_the_table_of_the_knobs_that_there_are():
    expected = declared_table(Assistant, SETTINGS)
    assert documented_table(DOCUMENT, "Knobs") == expected, f"it has to be:\n{expected}"


def test_a_setting_that_is_misspelt_is_told_with_the_one_that_is_meant(sim):
    with pytest.raises(TypeError, match="no setting 'firstmessage'; did you mean 'first_message'"):
        sim.vapi.assistant(firstmessage="hello")
