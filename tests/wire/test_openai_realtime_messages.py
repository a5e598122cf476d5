"""What a client of the Realtime API sends: understood, or refused by an error that names it."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simkit.wire import openai_realtime as wire

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
FIELDS = st.sampled_from(
    ["type", "event_id", "audio", "session", "item", "item_id", "audio_end_ms", "content_index"]
)
TYPES = st.sampled_from(wire.TYPES)
EVENTS = st.builds(
    lambda kind, fields: fields | {"type": kind}, TYPES, st.dictionaries(FIELDS, JSON, max_size=5)
)
CODES = ("unknown_parameter", "missing_required_parameter", "invalid_type", "invalid_value")


def refusal(decode: Callable[[], object]) -> wire.RealtimeError | None:
    try:
        decode()
    except wire.RealtimeError as error:
        return error
    return None


@given(JSON | EVENTS)
@settings(max_examples=150)
def test_any_json_is_understood_or_refused(message):
    error = refusal(lambda: wire.decode_client_event(json.dumps(message)))
    if error is not None:
        assert error.event("event_1")["error"]["message"]
        assert len(str(error)) < 1000


@given(st.binary(max_size=30))
@settings(max_examples=50)
def test_any_bytes_are_understood_or_refused(data):
    with pytest.raises(wire.RealtimeError):
        wire.decode_client_event(data)


SETTING = st.sampled_from(
    ["type", "audio", "turn_detection", "input_audio_format", "voice", "tools", "colour"]
)


@given(st.dictionaries(SETTING, JSON, max_size=4), st.booleans())
@settings(max_examples=100)
def test_any_settings_are_taken_or_refused(session, beta):
    update = wire.SessionUpdate(session=session)
    error = refusal(lambda: wire.read_settings(update, beta=beta))
    if error is not None:
        assert error.code in CODES
        assert error.param is None or error.param.startswith("session")


@pytest.mark.parametrize("beta", [True, False])
def test_what_belongs_to_the_other_shape_is_unknown(beta):
    session = {"type": "realtime", "audio": {}} if beta else {"type": "realtime", "modalities": []}
    with pytest.raises(wire.RealtimeError) as caught:
        wire.read_settings(wire.SessionUpdate(session=session, event_id="e"), beta=beta)
    assert (caught.value.code, caught.value.event_id) == ("unknown_parameter", "e")


def test_a_later_field_of_a_wrong_message_still_tells_its_id():
    with pytest.raises(wire.RealtimeError) as caught:
        wire.decode_client_event(b'{"type": "session.update", "session": 7, "event_id": "late"}')
    assert (caught.value.param, caught.value.event_id) == ("session", "late")
