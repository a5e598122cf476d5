"""Whatever arrives, a decoder returns a message or raises a WireError fit to print."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simkit.wire import WireError, seed_dialect, twilio, vapi
from simkit.wire.errors import shorten

DECODERS = {
    "from twilio": twilio.decode,
    "to twilio": twilio.decode_for_twilio,
    "from vapi": vapi.decode,
    "to vapi": vapi.decode_for_vapi,
    "call": vapi.decode_call,
    "create call": vapi.decode_create_call,
    "seed, from vapi": seed_dialect.decode,
    "seed, to vapi": seed_dialect.decode_for_vapi,
}
every_decoder = pytest.mark.parametrize("decode", DECODERS.values(), ids=DECODERS.keys())

KEYS = ["event", "type", "start", "media", "mark", "message", "streamSid", "sequenceNumber", "role"]
KEYS += ["payload", "name", "data", "transport", "provider", "audioFormat", "control", "status"]
WORDS = [*KEYS, "clear", "dtmf", "connected", "audio", "transcript", "text", "user", "started", "1"]
WORDS += ["final", "say", "content", "id", "websocketCallUrl", "vapi.websocket", "pcm_s16le"]
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.sampled_from(WORDS),
    st.text(max_size=8),
)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.one_of(st.sampled_from(KEYS), st.text(max_size=4)), inner, max_size=6),
    ),
    max_leaves=12,
)
EXAMPLES = [
    b'{"event":"connected","protocol":"Call","version":"1.0.0"}',
    b'{"event":"media","sequenceNumber":"2","media":{"track":"inbound","chunk":"1",'
    b'"timestamp":"99","payload":"/w=="},"streamSid":"MZ1"}',
    b'{"event":"mark","streamSid":"MZ1","mark":{"name":"m1"}}',
    b'{"message":{"type":"speech-update","status":"started","role":"user","turn":0}}',
    b'{"type":"control","control":"mute-assistant"}',
    b'{"type":"audio","data":"AAAA","sequence":3}',
    b'{"id":"x","transport":{"websocketCallUrl":"wss://api.vapi.ai/x/transport"}}',
    b'{"transport":{"provider":"vapi.websocket"},"assistantId":"a"}',
]


def refuses(decode, data: bytes | str) -> str:
    """Return what the decoder says of a message it must not take."""
    with pytest.raises(WireError) as caught:
        decode(data)
    return str(caught.value)


def takes_or_refuses(decode, data: bytes | str) -> None:
    with contextlib.suppress(WireError):
        decode(data)


@every_decoder
@given(data=st.one_of(st.binary(max_size=60), st.text(st.characters(), max_size=60)))
@settings(deadline=None)
def test_any_bytes_and_any_text_are_taken_or_refused(decode, data):
    takes_or_refuses(decode, data)


@every_decoder
@given(value=JSON)
@settings(deadline=None)
def test_any_json_is_taken_or_refused(decode, value):
    takes_or_refuses(decode, json.dumps(value))


@every_decoder
@given(
    data=st.sampled_from(EXAMPLES),
    at=st.integers(0, 200),
    insert=st.one_of(st.binary(max_size=4), st.sampled_from([b'"', b"{", b"]", b",", b"1", b"\\"])),
    drop=st.integers(0, 6),
)
@settings(deadline=None)
def test_a_damaged_message_is_taken_or_refused(decode, data, at, insert, drop):
    takes_or_refuses(decode, data[:at] + insert + data[at + drop :])


@every_decoder
@pytest.mark.parametrize(
    "data",
    [
        b"",
        b" ",
        b"null",
        b"true",
        b"1e999",
        b'"text"',
        b"[]",
        b"{}",
        b'{"event":null}',
        b'{"type":1}',
        b'{"event":"no such event"}',
        b'{"a":1,}',
        b"{'a':1}",
        b"NaN",
        b'{"event":"\xff"}',
        b'{"type":"\xc3\x28"}',
        b"\xef\xbb\xbf{}",
        b"\xff\xfe{\x00}\x00",
        b'{"event":"clear","streamSid":"\\ud800"}',
        '{"event":"\ud800"}',
        b'{"event":"media"',
        b"\x00\x01\x02",
    ],
)
def test_what_is_no_message_is_refused(decode, data):
    refuses(decode, data)


@every_decoder
@pytest.mark.parametrize(
    "data",
    [
        b"[" * 100_000,
        b"[" * 100_000 + b"]" * 100_000,
        b'{"message":' * 50_000,
        b'{"message":' * 900 + b"{}" + b"}" * 900,
        b'{"type":"hang","event":"clear","x":' + b"[" * 100_000,
        b'{"transport":' * 50_000 + b"1" + b"}" * 50_000,
    ],
    ids=["arrays", "closed", "envelopes", "closed envelopes", "in a message", "transports"],
)
def test_deeply_nested_json_is_refused(decode, data):
    assert len(refuses(decode, data)) < 500


@every_decoder
def test_a_huge_message_is_shown_shortened(decode):
    shown = refuses(decode, b'{"x":"' + b"y" * 5_000_000 + b'"}')
    assert len(shown) < 500


@every_decoder
def test_a_message_of_many_lines_is_shown_on_one(decode):
    shown = refuses(decode, b'{\r\n\t"x": "\x1b[31m",\n "y":\n1}\n\x00\xe2\x80\xa8')
    assert shown.isprintable()


UNSHORTENED = [
    (twilio.decode, {"event": "{}"}),
    (twilio.decode_for_twilio, {"event": "{}"}),
    (vapi.decode, {"type": "speech-update", "role": "user", "status": "{}"}),
    (vapi.decode_for_vapi, {"type": "control", "control": "{}"}),
    (vapi.decode_create_call, {"transport": {"provider": "{}"}}),
    (seed_dialect.decode, {"type": "{}"}),
    (seed_dialect.decode_for_vapi, {"type": "{}"}),
]


@pytest.mark.parametrize(("decode", "message"), UNSHORTENED)
def test_a_wrong_word_is_shown_shortened_and_on_one_line(decode, message):
    found = "x" * 10_000 + "\n"
    shown = refuses(decode, json.dumps(message).replace("{}", json.dumps(found)[1:-1]))
    assert len(shown) < 500
    assert shown.isprintable()


def test_an_error_says_where_and_what_was_found():
    shown = refuses(twilio.decode, b'{"event":"mark","sequenceNumber":4,"streamSid":"M","mark":{}}')
    assert shown == (
        "message from Twilio: Expected `str`, got `int` - at `$.sequenceNumber`; "
        """found '{"event":"mark","sequenceNumber":4,"streamSid":"M","mark":{}}'"""
    )


@pytest.mark.parametrize("found", [b"short", "short"])
def test_a_short_text_is_shown_whole(found):
    assert shorten(found) == "'short'"


def test_a_long_text_is_cut_and_marked():
    assert shorten("x" * 120) == repr("x" * 120)
    assert shorten("x" * 121) == repr("x" * 120 + "...")
    assert shorten(b"x" * 10_000_000) == repr("x" * 120 + "...")


@given(st.one_of(st.binary(max_size=300), st.text(st.characters(), max_size=300)))
def test_anything_is_shown_printable_and_short(data):
    assert shorten(data).isprintable()
    assert len(shorten(data)) <= 2 * 123 + 2


def test_what_cannot_be_printed_is_shown_as_a_question_mark():
    assert shorten("a\nb\x1b[31m\ud800") == "'a?b?[31m?'"


def test_letters_of_any_script_are_shown_as_they_are():
    assert shorten("grüße 東京") == "'grüße 東京'"


def test_a_wire_error_is_a_value_error():
    assert issubclass(WireError, ValueError)
