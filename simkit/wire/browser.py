"""The browser door: the JSON socket between a page and the bridge, as a seed article has it.

A page sends ``audio``; the bridge sends ``ready``, ``audio``, ``interrupt``, ``partial`` and
``error``. Numbers and times on audio are an addition, and optional.
"""

from __future__ import annotations

import binascii

import msgspec
from msgspec import UNSET, Struct, UnsetType, field

from .errors import WireError, explain, shorten

DEFAULT_RATE = 16000

_WAV_HEADER = 12
_PCM = 1


class Audio(Struct, frozen=True, tag_field="type", tag="audio", omit_defaults=True):
    """16-bit little-endian PCM, mono, in base64; from a page perhaps a whole WAV file."""

    audio: str
    sample_rate: int | UnsetType = field(default=UNSET, name="sampleRate")
    """16000 where it is not given."""
    sequence: int | UnsetType = UNSET
    """Counts messages from 0 or 1."""
    timestamp: float | UnsetType = UNSET
    """When the first sample was recorded, in ms, by any clock that runs evenly."""


class Ready(Struct, frozen=True, tag_field="type", tag="ready"):
    """The agent can hear."""

    session_id: str = field(name="sessionId")


class Interrupt(Struct, frozen=True, tag_field="type", tag="interrupt"):
    """The caller interrupted: play nothing of what was sent before."""


class Partial(Struct, frozen=True, tag_field="type", tag="partial"):
    """What the caller has said so far."""

    text: str


class Error(Struct, frozen=True, tag_field="type", tag="error"):
    """Something went wrong; the socket closes where the session is over."""

    error: str
    code: str


ToBrowser = Audio | Ready | Interrupt | Partial | Error

encode = msgspec.json.Encoder().encode
"""Encode a message of either direction as JSON bytes."""

_from_browser = msgspec.json.Decoder(Audio)


def decode(text: str | bytes) -> Audio:
    """Decode what a page sent.

    Raises:
        WireError: not JSON, an unknown type or a wrong field.
    """
    try:
        return _from_browser.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise WireError(f"message from the page: {explain(error)}; found {shorten(text)}") from None


def pcm_of(message: Audio) -> tuple[bytes, int]:
    """Return the samples of a message and their rate; the header of a WAV file is taken off.

    Raises:
        WireError: no base64, half a sample, or a WAV file of another kind.
    """
    try:
        sound = binascii.a2b_base64(message.audio)
    except ValueError as error:
        raise WireError(f"audio: {error}") from None
    rate = DEFAULT_RATE if message.sample_rate is UNSET else message.sample_rate
    if sound[:4] == b"RIFF" and sound[8:12] == b"WAVE":
        sound, rate = _unpacked(sound, message.sample_rate)
    check_pcm(sound)
    return sound, rate


def check_pcm(sound: bytes) -> None:
    """Raise for what cannot be 16-bit samples.

    Raises:
        WireError: half a sample.
    """
    if len(sound) % 2:
        raise WireError("Invalid PCM audio: odd byte count")


def _unpacked(data: bytes, declared: int | UnsetType) -> tuple[bytes, int]:
    """Return samples and rate of a WAV file."""
    at, rate = _WAV_HEADER, 0
    while at + 8 <= len(data):
        kind, size = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        body = data[at + 8 : at + 8 + size]
        if kind == b"fmt ":
            coding, channels = (int.from_bytes(body[i : i + 2], "little") for i in (0, 2))
            bits = int.from_bytes(body[14:16], "little")
            rate = int.from_bytes(body[4:8], "little")
            if (coding, channels, bits) != (_PCM, 1, 16):
                raise WireError(
                    "audio: WAV: expected 16-bit PCM with one channel, "
                    f"found coding {coding}, {channels} channels, {bits} bits"
                )
            if isinstance(declared, int) and declared != rate:
                raise WireError(f"audio: WAV: sampleRate is {declared}, the file says {rate}")
        elif kind == b"data" and rate:
            return body, rate
        at += 8 + size + size % 2
    raise WireError("audio: WAV: it has no samples")
