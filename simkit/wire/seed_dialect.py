"""The seed dialect: Vapi as two widely copied articles describe it, JSON over one fixed socket.

No official document knows ``wss://api.vapi.ai/ws``. It is kept for bridges written after those
articles, and because its audio is numbered here (``sequence``), which the real transport's binary
frames cannot be: out-of-order delivery can be told, and mended, only in this dialect.
"""

from __future__ import annotations

import re

import msgspec
from msgspec import UNSET, Struct, UnsetType, field

from .errors import WireError, explain, shorten


class _Message(Struct, frozen=True, tag_field="type", omit_defaults=True):
    pass


class Audio(_Message, frozen=True, tag="audio"):
    """mu-law at 8 kHz, base64, in ``data`` or ``media``; or PCM16, in ``audio``.

    The articles contradict each other: one example has ``data``, another ``media``, a third sends
    ``audio`` with its ``sampleRate``, perhaps with the header of a WAV file.
    """

    data: str | UnsetType = UNSET
    media: str | UnsetType = UNSET
    audio: str | UnsetType = UNSET
    sample_rate: int = field(default=16000, name="sampleRate")
    sequence: int | UnsetType = UNSET

    @property
    def payload(self) -> str:
        """The mu-law audio, in base64, whatever the field was called."""
        return self.data or self.media or ""


class Transcript(_Message, frozen=True, tag="transcript"):
    """What the caller said; ``partial`` is an addition of ours, final when absent."""

    text: str
    partial: bool = False


class Interrupt(_Message, frozen=True, tag="interrupt"):
    """The caller interrupted."""


class Flush(_Message, frozen=True, tag="flush"):
    """Client to Vapi: forget the caller's audio that is not transcribed yet."""


class CancelResponse(_Message, frozen=True, tag="cancel-response"):
    """Client to Vapi: stop speaking."""


FromVapi = Audio | Transcript | Interrupt
ToVapi = Audio | Flush | CancelResponse

_from_vapi: msgspec.json.Decoder[FromVapi] = msgspec.json.Decoder(FromVapi)
_to_vapi: msgspec.json.Decoder[ToVapi] = msgspec.json.Decoder(ToVapi)

_BARE = re.compile(r'"?(?:[A-Za-z0-9+/]{4})+(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?"?')

encode = msgspec.json.Encoder().encode
"""Encode a message of either direction as JSON bytes."""


def decode(data: bytes | str) -> FromVapi:
    """Decode what Vapi sent.

    Raises:
        WireError: not JSON, an unknown type or a wrong field.
    """
    try:
        return _from_vapi.decode(data)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise WireError(
            f"seed dialect, from Vapi: {explain(error)}; found {shorten(data)}"
        ) from None


def decode_for_vapi(data: bytes | str) -> ToVapi:
    """Decode what a client sent to Vapi.

    Raises:
        WireError: not JSON, an unknown type or a wrong field.
    """
    try:
        # What is skipped would not be looked at, and may be no UTF-8.
        return _to_vapi.decode(data if isinstance(data, str) else data.decode())
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        text = data.decode("latin-1") if isinstance(data, bytes) else data
        if _BARE.fullmatch(text):
            raise WireError(
                f"seed dialect, to Vapi: audio without JSON around it; found {shorten(data)}"
            ) from None
        raise WireError(f"seed dialect, to Vapi: {explain(error)}; found {shorten(data)}") from None
