"""Twilio Media Streams: the messages on the socket, in both directions.

Field names are Twilio's own in snake case; on the wire they are camel case. Counters and
timestamps are JSON strings there, ``sampleRate`` and ``channels`` are numbers.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from .errors import WireError, explain, shorten

_DIGITS = 15
NumberText = Annotated[str, Meta(max_length=_DIGITS)]
"""A counter as Twilio sends it: decimal digits in a JSON string; :func:`number` reads it."""


class _Message(Struct, frozen=True, tag_field="event", rename="camel"):
    pass


# Twilio -> server


class Connected(_Message, frozen=True, tag="connected"):
    """The first message; it has neither number nor stream."""

    protocol: str = "Call"
    version: str = "1.0.0"


class MediaFormat(Struct, frozen=True, rename="camel"):
    """Always mu-law at 8 kHz, one channel."""

    encoding: str = "audio/x-mulaw"
    sample_rate: int = 8000
    channels: int = 1


class StartBody(Struct, frozen=True, rename="camel"):
    """Who is calling on which stream."""

    account_sid: str
    stream_sid: str
    call_sid: str
    tracks: list[str]
    media_format: MediaFormat
    custom_parameters: dict[str, str] = {}


class Start(_Message, frozen=True, tag="start"):
    """The second message, number 1."""

    sequence_number: NumberText
    start: StartBody
    stream_sid: str


class MediaBody(Struct, frozen=True, rename="camel"):
    """20 ms of mu-law; ``chunk`` counts from 1, ``timestamp`` in ms of the stream."""

    track: str
    chunk: NumberText
    timestamp: NumberText
    payload: bytes
    """The sound; base64 on the wire."""


class Media(_Message, frozen=True, tag="media"):
    """Sound from the caller."""

    sequence_number: NumberText
    media: MediaBody
    stream_sid: str


class DtmfBody(Struct, frozen=True):
    """One key."""

    track: str
    digit: str


class Dtmf(_Message, frozen=True, tag="dtmf"):
    """A key was pressed."""

    stream_sid: str
    sequence_number: NumberText
    dtmf: DtmfBody


class MarkBody(Struct, frozen=True):
    """The label the server gave."""

    name: str


class Mark(_Message, frozen=True, tag="mark"):
    """Everything queued before this label has been played, or was cleared."""

    sequence_number: NumberText
    stream_sid: str
    mark: MarkBody


class StopBody(Struct, frozen=True, rename="camel"):
    """Which call ended."""

    account_sid: str
    call_sid: str


class Stop(_Message, frozen=True, tag="stop"):
    """The last message: the stream was stopped or the call ended."""

    sequence_number: NumberText
    stream_sid: str
    stop: StopBody


FromTwilio = Connected | Start | Media | Dtmf | Mark | Stop


# Server -> Twilio


class Payload(Struct, frozen=True):
    """mu-law at 8 kHz, any length, no header."""

    payload: bytes
    """The sound; base64 on the wire."""


class SendMedia(_Message, frozen=True, tag="media"):
    """Sound for the caller; Twilio queues it."""

    stream_sid: str
    media: Payload


class SendMark(_Message, frozen=True, tag="mark"):
    """Ask to be told when everything queued so far has been played."""

    stream_sid: str
    mark: MarkBody


class Clear(_Message, frozen=True, tag="clear"):
    """Drop everything queued; pending marks come back at once."""

    stream_sid: str


ToTwilio = SendMedia | SendMark | Clear


class _OnlyPayload(Payload, frozen=True, forbid_unknown_fields=True):
    pass


class _OnlyName(MarkBody, frozen=True, forbid_unknown_fields=True):
    pass


class _OnlyMedia(SendMedia, frozen=True, tag="media", forbid_unknown_fields=True):
    media: _OnlyPayload


class _OnlyMark(SendMark, frozen=True, tag="mark", forbid_unknown_fields=True):
    mark: _OnlyName


class _OnlyClear(Clear, frozen=True, tag="clear", forbid_unknown_fields=True):
    pass


_encoder = msgspec.json.Encoder()
_from_twilio: msgspec.json.Decoder[FromTwilio] = msgspec.json.Decoder(FromTwilio)
_to_twilio: msgspec.json.Decoder[ToTwilio] = msgspec.json.Decoder(ToTwilio)
_to_twilio_strict: msgspec.json.Decoder[ToTwilio] = msgspec.json.Decoder(
    _OnlyMedia | _OnlyMark | _OnlyClear
)

encode = _encoder.encode
"""Encode a message of either direction as JSON bytes."""


def encode_media(
    sequence_number: int,
    chunk: int,
    timestamp_ms: int,
    sound: bytes,
    stream_sid: str,
    track: bytes = b"inbound",
) -> bytes:
    """Encode a frame of sound: the same bytes as ``encode(Media(...))``, sooner.

    Args:
        sound: mu-law, 20 ms of it in 160 bytes.
        track: ``inbound`` is the caller, ``outbound`` what the caller hears.
    """
    return (
        b'{"event":"media","sequenceNumber":"%d","media":{"track":"%b","chunk":"%d",'
        b'"timestamp":"%d","payload":%b},"streamSid":%b}'
        % (
            sequence_number,
            track,
            chunk,
            timestamp_ms,
            encode(sound),
            encode(stream_sid),
        )
    )


def encode_start(message: Start, *, parameters_first: bool) -> bytes:
    """Encode a start with ``customParameters`` where one or the other capture has it."""
    if not parameters_first:
        return encode(message)
    body = msgspec.to_builtins(message.start)
    first = {key: body.pop(key) for key in ("accountSid", "streamSid", "callSid")}
    first["customParameters"] = body.pop("customParameters")
    return encode(msgspec.to_builtins(message) | {"start": first | body})


def decode(data: bytes | str) -> FromTwilio:
    """Decode what Twilio sent.

    Raises:
        WireError: not JSON, an unknown event, a missing field or one of another type.
    """
    try:
        return _from_twilio.decode(data)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise WireError(f"message from Twilio: {explain(error)}; found {shorten(data)}") from None


def number(text: str) -> int:
    """Read a counter.

    Raises:
        WireError: something other than 1 to 15 decimal digits.
    """
    if not text.isascii() or not text.isdigit() or len(text) > _DIGITS:
        raise WireError(
            f"message from Twilio: expected 1 to {_DIGITS} decimal digits, found {shorten(text)}"
        )
    return int(text)


def decode_for_twilio(data: bytes | str) -> ToTwilio:
    """Decode what a server sent to Twilio; fields that it does not know are passed over.

    Raises:
        WireError: what Twilio would report as 31951, an invalid message, or 31950.
    """
    try:
        # The decoder does not look at the text of what it passes over.
        return _to_twilio.decode(data if isinstance(data, str) else data.decode())
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise WireError(f"message to Twilio: {explain(error)}; found {shorten(data)}") from None


def decode_for_twilio_strictly(data: bytes | str) -> ToTwilio:
    """Decode what a server sent to Twilio, and take no field that is not documented.

    Raises:
        WireError: what Twilio documents as 31951, an invalid message.
    """
    try:
        return _to_twilio_strict.decode(data)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise WireError(f"message to Twilio: {explain(error)}; found {shorten(data)}") from None
