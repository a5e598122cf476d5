"""The seed dialect: Vapi as two widely copied articles describe it, JSON over one fixed socket.

No official document knows ``wss://api.vapi.ai/ws``. It is kept for bridges written after those
articles, and because its audio is numbered here (``sequence``), which the real transport's binary
frames cannot be: out-of-order delivery can be told, and mended, only in this dialect.
"""

from __future__ import annotations

import msgspec
from msgspec import UNSET, Struct, UnsetType

from .errors import WireError, explain, shorten


class _Message(Struct, frozen=True, tag_field="type", omit_defaults=True):
    pass


class Audio(_Message, frozen=True, tag="audio"):
    """mu-law at 8 kHz, base64, in ``data``; one of the articles calls it ``media``."""

    data: str | UnsetType = UNSET
    media: str | UnsetType = UNSET
    sequence: int | UnsetType = UNSET

    @property
    def payload(self) -> str:
        """The base64 audio, whatever the field was called."""
        return self.data or self.media or ""


class Transcript(_Message, frozen=True, tag="transcript"):
    """What the caller said; ``partial`` is an addition of ours, final when absent."""

    text: str
    partial: bool = False


class Interrupt(_Message, frozen=True, tag="interrupt"):
    """The caller interrupted."""


class Flush(_Message, frozen=True, tag="flush"):
    """Client to Vapi: drop audio that waits to be sent."""


class CancelResponse(_Message, frozen=True, tag="cancel-response"):
    """Client to Vapi: stop speaking."""


FromVapi = Audio | Transcript | Interrupt
ToVapi = Audio | Flush | CancelResponse

_from_vapi: msgspec.json.Decoder[FromVapi] = msgspec.json.Decoder(FromVapi)
_to_vapi: msgspec.json.Decoder[ToVapi] = msgspec.json.Decoder(ToVapi)

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
        return _to_vapi.decode(data)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise WireError(f"seed dialect, to Vapi: {explain(error)}; found {shorten(data)}") from None
