"""Every knob says its unit and its range, refuses what lies outside, and is documented."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from simkit.twilio import TwilioSettings
from simkit.wire.knobs import knobs_of
from tests.knob_tables import check_edges, declared_table, documented_table

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "reference" / "twilio.md"
SETTINGS = ROOT / "simkit" / "twilio" / "settings.py"
KNOBS = knobs_of(TwilioSettings)
INF, NAN = float("inf"), float("nan")
SECONDS = [-0.001, True, "1", None, INF, NAN]
SHARES = [-0.1, 1.1, True, "1", None, INF, NAN]

EDGES = {
    "connected_version": (["0.2.0", "x" * 20], ["", "x" * 21, "a\n", 1, None]),
    "start_order": (["parameters first", "parameters last"], ["", "first", None]),
    "first_timestamp_ms": (
        [50, 180, (50, 180), (99, 99)],
        [49, 181, 100.0, True, None, (49, 180), (50, 181), (90, 80), (60,), (50, 60, 70), [50, 60]],
    ),
    "timestamp_jitter_ms": ([0, 2], [-1, 3, 1.0, True]),
    "track_chunks": (["shared", "per track"], ["both", 1]),
    "stream_started": (["with start", "before connected", "after media"], ["never", None]),
    "dtmf_letters": ([True, False], [1, "yes", None]),
    "dtmf_tones": ([True, False], [1, "yes", None]),
    "play_out_buffer": ([0, 0.2], [*SECONDS, 0.201]),
    "mark_delay": ([0, 0.2], [*SECONDS, 0.201]),
    "buffer_limit": ([160, 100_000_000], [159, 100_000_001, 1e6, True, None]),
    "odd_sizes": (["join", "pad"], ["drop", None]),
    "upstream_limit": ([0, 16_777_216], [-1, 16_777_217, 0.5, True, None]),
    "upstream_drop": (["keep", "skip", "renumber"], ["gap", None]),
    "strict_fields": ([True, False], [0, "no", None]),
    "max_message": ([1024, 67_108_864], [1023, 67_108_865, 2048.0, None]),
    "answers_pings": ([True, False], [1, None]),
    "ping_interval": ([None, 1, 3600], [0, 0.99, 3601, True, "20", INF, NAN]),
    "handshake_timeout": ([0.1, 60], [*SECONDS, 0, 61]),
    "plain_streams": ([True, False], ["ws", None]),
    "signature_slash": ([True, False], ["/", None]),
    "close_code": (
        [None, 1000, 1001, 1006, 1011, 3000, 4999],
        [999, 1004, 1005, 1015, 1016, 2999, 5000, 1000.0, "1000", True],
    ),
    "stop_on_abnormal_end": ([True, False], [1, None]),
    "protocol_error_silence": ([0, 60], [*SECONDS, 61]),
    "connect_timeout": ([0.1, 10], [*SECONDS, 0.05, 11]),
    "webhook_timeout": ([0.1, 15], [*SECONDS, 0.05, 15.1]),
    "content_types": (
        [(), ("text/xml",), ("text/xml", "application/json")],
        ["text/xml", ["text/xml"], ("xml",), ("Text/XML",), (1,), None],
    ),
    "document_limit": ([100, 4_194_304], [99, 4_194_305, 1e5, True, None]),
    "application_error": (["Sorry.", "x" * 500], ["", "x" * 501, "a\n", None]),
    "stopped_after_error": ([True, False], [1, None]),
    "callback_duplicate": ([0, 1, 0.5], SHARES),
    "callback_delay": ([0, 3600], [*SECONDS, 3601]),
    "callback_swap": ([0, 1, 0.5], SHARES),
    "ring_delay": ([0, 60], [*SECONDS, 61]),
    "speech_confidence": ([0, 1, 0.5], SHARES),
    "speech_end": ([0, 60], [*SECONDS, 61]),
    "call_interval": ([0, 60], [*SECONDS, 61]),
    "rest_limit": ([1, 100_000], [0, 100_001, 2.0, True, None]),
    "rest_lag": ([0, 60], [*SECONDS, 61]),
    "ended_call_answer": (["21220", "20404", "200"], [21220, "404", None]),
}


@pytest.mark.parametrize("name", EDGES)
def test_the_edges_of_a_range_are_taken_and_what_is_beyond_is_refused(name):
    check_edges(TwilioSettings, name, *EDGES[name])


def test_every_default_lies_in_its_range():
    for field in fields(TwilioSettings):
        assert KNOBS[field.name].accepts(field.default)


def test_a_name_that_is_no_knob_is_refused_and_the_knobs_are_named():
    with pytest.raises(AttributeError, match=r"no twilio\.settings 'mark_dealy'.* mark_delay"):
        TwilioSettings().mark_dealy = 0.1


def test_worlds_do_not_share_settings(sim):
    sim.twilio.settings.mark_delay = 0.1
    assert TwilioSettings().mark_delay == 0


def test_the_document_has_the_table_of_the_knobs_that_there_are():
    expected = declared_table(TwilioSettings, SETTINGS)
    assert documented_table(DOCUMENT, "Knobs") == expected, f"it has to be:\n{expected}"


def test_who_misspells_a_knob_is_told_what_was_meant():
    with pytest.raises(AttributeError, match=r"'mark_dely'; did you mean 'mark_delay'\?"):
        TwilioSettings().mark_dely = 0.1
    with pytest.raises(AttributeError, match=r"'qqq'; there are: "):
        TwilioSettings().qqq = 1
