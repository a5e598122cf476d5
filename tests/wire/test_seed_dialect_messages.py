"""The seed dialect: JSON with base64 audio over one fixed socket."""

from __future__ import annotations

import json

import pytest

from simkit.wire import WireError
from simkit.wire import seed_dialect as seed

FROM_VAPI = [
    (seed.Audio(data="/////w=="), {"type": "audio", "data": "/////w=="}),
    (seed.Audio(media="/////w=="), {"type": "audio", "media": "/////w=="}),
    (seed.Audio(data="AA==", sequence=7), {"type": "audio", "data": "AA==", "sequence": 7}),
    (seed.Transcript("wait"), {"type": "transcript", "text": "wait"}),
    (seed.Transcript("wa", True), {"type": "transcript", "text": "wa", "partial": True}),
    (seed.Interrupt(), {"type": "interrupt"}),
]
TO_VAPI = [
    (seed.Audio(data="/////w=="), {"type": "audio", "data": "/////w=="}),
    (seed.Flush(), {"type": "flush"}),
    (seed.CancelResponse(), {"type": "cancel-response"}),
]
every_message = pytest.mark.parametrize(
    ("decode", "message", "wire"),
    [(seed.decode, *row) for row in FROM_VAPI] + [(seed.decode_for_vapi, *row) for row in TO_VAPI],
)


@every_message
def test_it_is_encoded_with_exactly_these_keys_and_types(decode, message, wire):
    found = json.loads(seed.encode(message))
    assert json.dumps(found, sort_keys=True) == json.dumps(wire, sort_keys=True)


@every_message
def test_it_is_decoded_whatever_else_it_carries(decode, message, wire):
    assert decode(json.dumps(wire).encode()) == message
    assert decode(json.dumps({**wire, "sessionId": "s", "sampleRate": 16000})) == message


def test_every_message_is_in_the_tables():
    for union, table in ((seed.FromVapi, FROM_VAPI), (seed.ToVapi, TO_VAPI)):
        assert set(union.__args__) == {type(message) for message, _ in table}


@pytest.mark.parametrize("field", ["data", "media"])
def test_audio_is_read_from_either_field(field):
    message = seed.decode(json.dumps({"type": "audio", field: "AAAA"}))
    assert isinstance(message, seed.Audio)
    assert message.payload == "AAAA"


def test_audio_without_either_is_empty():
    assert seed.Audio().payload == ""
    assert seed.Audio(data="", media="AA==").payload == "AA=="


@pytest.mark.parametrize(
    "wire",
    [
        {"type": "audio", "data": 1},
        {"type": "audio", "sequence": "1"},
        {"type": "transcript"},
        {"type": "transcript", "text": None},
        {"type": "flush"},
        {"type": "user-interrupted"},
        {"message": {"type": "interrupt"}},
        "/////w==",
        {},
    ],
)
def test_what_vapi_does_not_say_is_refused(wire):
    with pytest.raises(WireError, match=r"seed dialect, from Vapi: .*; found '"):
        seed.decode(json.dumps(wire))


@pytest.mark.parametrize(
    "wire", [{"type": "interrupt"}, {"type": "transcript", "text": "x"}, "AA=="]
)
def test_what_a_client_does_not_say_is_refused(wire):
    with pytest.raises(WireError, match=r"seed dialect, to Vapi: .*; found '"):
        seed.decode_for_vapi(json.dumps(wire))


def test_a_bare_base64_string_is_refused_as_the_articles_bug_that_it_is():
    with pytest.raises(WireError):
        seed.decode_for_vapi("/////w==")
