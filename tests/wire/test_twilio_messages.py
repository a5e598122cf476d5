"""Media Streams, message by message, with exactly the types on Twilio's wire."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator

import pytest

from simkit.wire import WireError, twilio

AC, CA, MZ = "AC" + "0" * 32, "CA" + "1" * 32, "MZ" + "2" * 32

FROM_TWILIO = {
    "connected": (
        twilio.Connected(),
        {"event": "connected", "protocol": "Call", "version": "1.0.0"},
    ),
    "start": (
        twilio.Start(
            sequence_number="1",
            start=twilio.StartBody(
                account_sid=AC,
                stream_sid=MZ,
                call_sid=CA,
                tracks=["inbound"],
                media_format=twilio.MediaFormat(),
                custom_parameters={"token": "a b"},
            ),
            stream_sid=MZ,
        ),
        {
            "event": "start",
            "sequenceNumber": "1",
            "start": {
                "accountSid": AC,
                "streamSid": MZ,
                "callSid": CA,
                "tracks": ["inbound"],
                "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
                "customParameters": {"token": "a b"},
            },
            "streamSid": MZ,
        },
    ),
    "media": (
        twilio.Media("2", twilio.MediaBody("inbound", "1", "99", b"\xff" * 4), MZ),
        {
            "event": "media",
            "sequenceNumber": "2",
            "media": {"track": "inbound", "chunk": "1", "timestamp": "99", "payload": "/////w=="},
            "streamSid": MZ,
        },
    ),
    "dtmf": (
        twilio.Dtmf(MZ, "5", twilio.DtmfBody("inbound_track", "#")),
        {
            "event": "dtmf",
            "streamSid": MZ,
            "sequenceNumber": "5",
            "dtmf": {"track": "inbound_track", "digit": "#"},
        },
    ),
    "mark": (
        twilio.Mark("4", MZ, twilio.MarkBody("my label")),
        {"event": "mark", "sequenceNumber": "4", "streamSid": MZ, "mark": {"name": "my label"}},
    ),
    "stop": (
        twilio.Stop("365", MZ, twilio.StopBody(AC, CA)),
        {
            "event": "stop",
            "sequenceNumber": "365",
            "streamSid": MZ,
            "stop": {"accountSid": AC, "callSid": CA},
        },
    ),
}
TO_TWILIO = {
    "media": (
        twilio.SendMedia(MZ, twilio.Payload(b"\xff" * 4)),
        {"event": "media", "streamSid": MZ, "media": {"payload": "/////w=="}},
    ),
    "mark": (
        twilio.SendMark(MZ, twilio.MarkBody("m1")),
        {"event": "mark", "streamSid": MZ, "mark": {"name": "m1"}},
    ),
    "clear": (twilio.Clear(MZ), {"event": "clear", "streamSid": MZ}),
}
TABLE = [
    pytest.param(decode, message, wire, id=f"{way} {name}")
    for way, decode, table in (
        ("from", twilio.decode, FROM_TWILIO),
        ("to", twilio.decode_for_twilio, TO_TWILIO),
    )
    for name, (message, wire) in table.items()
]
every_message = pytest.mark.parametrize(("decode", "message", "wire"), TABLE)

OPTIONAL = {
    ("protocol",),
    ("version",),
    ("start", "customParameters"),
    ("start", "mediaFormat", "encoding"),
    ("start", "mediaFormat", "sampleRate"),
    ("start", "mediaFormat", "channels"),
}


def paths(value: object, path: tuple = ()) -> Iterator[tuple]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield (*path, key)
            yield from paths(inner, (*path, key))


def changed(wire: dict, path: tuple, *replacement: object) -> bytes:
    """Return the message without a field, or with another value in it."""
    altered = copy.deepcopy(wire)
    at = altered
    for key in path[:-1]:
        at = at[key]
    del at[path[-1]]
    for value in replacement:
        at[path[-1]] = value
    return json.dumps(altered).encode()


@every_message
def test_it_is_encoded_with_exactly_these_keys_and_types(decode, message, wire):
    found = json.loads(twilio.encode(message))
    assert json.dumps(found, sort_keys=True) == json.dumps(wire, sort_keys=True)


@every_message
def test_it_is_decoded_from_bytes_and_from_text(decode, message, wire):
    assert decode(json.dumps(wire).encode()) == message
    assert decode(json.dumps(wire)) == message


@every_message
def test_the_order_of_keys_does_not_matter(decode, message, wire):
    def backwards(value: object) -> object:
        if not isinstance(value, dict):
            return value
        return {key: backwards(value[key]) for key in reversed(value)}

    assert decode(json.dumps(backwards(wire), indent=1)) == message


@every_message
def test_fields_it_does_not_know_are_passed_over(decode, message, wire):
    extended = copy.deepcopy(wire)
    for body in (extended, *(inner for inner in extended.values() if isinstance(inner, dict))):
        if body is not extended.get("customParameters"):
            body["extra"] = [1, {"a": None}]
    assert decode(json.dumps(extended)) == message


@every_message
def test_a_missing_field_is_refused(decode, message, wire):
    for path in paths(wire):
        if path not in OPTIONAL and path[:2] != ("start", "customParameters"):
            with pytest.raises(WireError, match=r"missing required field|Object"):
                decode(changed(wire, path))


@every_message
def test_a_value_of_another_type_is_refused(decode, message, wire):
    for path in paths(wire):
        value = wire
        for key in path:
            value = value[key]
        wrong = [None, True, [], {}, 7.5]
        wrong += ["7"] if isinstance(value, int) else [7]
        for other in wrong:
            if type(other) is not type(value):
                with pytest.raises(WireError):
                    decode(changed(wire, path, other))


@every_message
def test_an_unknown_event_is_refused(decode, message, wire):
    for event in ("closed", "Media", "", "response.audio.delta"):
        with pytest.raises(WireError):
            decode(changed(wire, ("event",), event))


def test_every_message_is_in_the_tables():
    for union, table in ((twilio.FromTwilio, FROM_TWILIO), (twilio.ToTwilio, TO_TWILIO)):
        assert set(union.__args__) == {type(message) for message, _ in table.values()}


def test_connected_has_neither_number_nor_stream():
    assert json.loads(twilio.encode(twilio.Connected())).keys() == {"event", "protocol", "version"}


def test_an_older_version_connects_too():
    older = twilio.decode(b'{"event":"connected","protocol":"Call","version":"0.2.0"}')
    assert older == twilio.Connected(version="0.2.0")


def test_a_start_without_parameters_says_so():
    _, wire = FROM_TWILIO["start"]
    bare = twilio.decode(changed(wire, ("start", "customParameters"), {}))
    assert isinstance(bare, twilio.Start)
    assert bare.start.custom_parameters == {}
    assert json.loads(twilio.encode(bare))["start"]["customParameters"] == {}
    assert twilio.decode(changed(wire, ("start", "customParameters"))) == bare


def test_two_tracks_are_taken():
    _, wire = FROM_TWILIO["start"]
    both = twilio.decode(changed(wire, ("start", "tracks"), ["inbound", "outbound"]))
    assert isinstance(both, twilio.Start)
    assert both.start.tracks == ["inbound", "outbound"]


def test_a_server_may_number_its_media_as_shipped_apps_do():
    sent = twilio.decode_for_twilio(json.dumps(FROM_TWILIO["media"][1]))
    assert sent == twilio.SendMedia(MZ, twilio.Payload(b"\xff" * 4))


def test_a_misspelt_stream_is_refused_by_name():
    with pytest.raises(WireError, match="streamSid"):
        twilio.decode_for_twilio(b'{"event":"media","stream_sid":"MZ","media":{"payload":""}}')


def test_a_mark_without_a_name_is_refused():
    with pytest.raises(WireError, match="name"):
        twilio.decode_for_twilio(b'{"event":"mark","streamSid":"MZ","mark":{}}')


@pytest.mark.parametrize("field", [("media", "chunk"), ("media", "timestamp"), ("sequenceNumber",)])
def test_a_counter_of_sixteen_digits_is_refused(field):
    _, wire = FROM_TWILIO["media"]
    twilio.decode(changed(wire, field, "9" * 15))
    with pytest.raises(WireError):
        twilio.decode(changed(wire, field, "9" * 16))


def test_messages_cannot_be_changed():
    with pytest.raises(AttributeError):
        twilio.Clear(MZ).stream_sid = "other"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("text", "value"), [("1", 1), ("0", 0), ("0099", 99), ("9" * 15, 10**15 - 1)]
)
def test_a_counter_is_read(text, value):
    assert twilio.number(text) == value


@pytest.mark.parametrize(
    "text", ["", " 1", "-1", "+1", "1.0", "1e3", "0x10", "1_000", "٣", "²", "a\nb"]
)
def test_a_counter_of_anything_but_digits_is_refused(text):
    with pytest.raises(WireError, match="expected 1 to 15 decimal digits, found '") as caught:
        twilio.number(text)
    assert str(caught.value).isprintable()


def test_a_counter_of_thousands_of_digits_is_refused():
    with pytest.raises(WireError):
        twilio.number("9" * 5000)


@pytest.mark.parametrize("stream_sid", [MZ, 'MZ"\\é\n'])
@pytest.mark.parametrize("sound", [b"", b"\xff" * 160, bytes(range(161))])
def test_a_frame_has_the_same_bytes_by_the_short_way(sound, stream_sid):
    body = twilio.MediaBody("inbound", "7", "120", sound)
    long_way = twilio.encode(twilio.Media("1234", body, stream_sid))
    assert twilio.encode_media(1234, 7, 120, sound, stream_sid) == long_way


@pytest.mark.parametrize("parameters_first", [False, True])
def test_custom_parameters_stand_in_either_place_of_a_start(parameters_first):
    message, _ = FROM_TWILIO["start"]
    data = twilio.encode_start(message, parameters_first=parameters_first)
    assert twilio.decode(data) == message
    keys = ["tracks", "mediaFormat"]
    keys.insert(0 if parameters_first else 2, "customParameters")
    assert list(json.loads(data)["start"]) == ["accountSid", "streamSid", "callSid", *keys]


@pytest.mark.parametrize("payload", ["a", "AAA", "AA AA", "AA==AA==", "not base64!"])
def test_a_payload_that_is_no_base64_is_refused_by_name(payload):
    body = {"track": "inbound", "chunk": "1", "timestamp": "0", "payload": payload}
    received = {"event": "media", "sequenceNumber": "2", "media": body, "streamSid": MZ}
    with pytest.raises(WireError, match=r"base64.*media\.payload"):
        twilio.decode(json.dumps(received))
    sent = {"event": "media", "streamSid": MZ, "media": {"payload": payload}}
    for decode in (twilio.decode_for_twilio, twilio.decode_for_twilio_strictly):
        with pytest.raises(WireError, match=r"base64.*media\.payload"):
            decode(json.dumps(sent))
