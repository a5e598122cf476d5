"""Vapi's ``POST /call``: what creates a call on a WebSocket, and the answer."""

from __future__ import annotations

from typing import Any, Literal

import msgspec
from msgspec import UNSET, Struct, UnsetType

from .errors import WireError, explain, shorten


class AudioFormat(Struct, frozen=True, rename="camel"):
    """The format of the binary frames, both ways."""

    format: Literal["pcm_s16le", "mulaw"] = "pcm_s16le"
    container: Literal["raw"] = "raw"
    sample_rate: int = 16000


class Transport(Struct, frozen=True, rename="camel"):
    """The transport a call is created with."""

    provider: Literal["vapi.websocket"] = "vapi.websocket"
    conversation_type: str = "voice"
    audio_format: AudioFormat = AudioFormat()


class CreateCall(Struct, frozen=True, rename="camel", omit_defaults=True):
    """The body of ``POST /call``: one of assistant, squad or workflow, and the transport."""

    transport: Transport
    assistant_id: str | UnsetType = UNSET
    assistant: dict[str, Any] | UnsetType = UNSET
    assistant_overrides: dict[str, Any] | UnsetType = UNSET
    squad_id: str | UnsetType = UNSET
    squad: dict[str, Any] | UnsetType = UNSET
    workflow_id: str | UnsetType = UNSET
    workflow: dict[str, Any] | UnsetType = UNSET
    name: str | UnsetType = UNSET
    metadata: dict[str, Any] | UnsetType = UNSET


class CallTransport(Struct, frozen=True, rename={"websocket_call_url": "websocketCallUrl"}):
    """Where to connect."""

    websocket_call_url: str = ""
    provider: str = "vapi.websocket"


class SubscriptionLimits(Struct, frozen=True, rename="camel"):
    """How many calls the account may hold at once."""

    concurrency_blocked: bool
    concurrency_limit: int
    remaining_concurrent_calls: int


class Call(Struct, frozen=True, rename="camel"):
    """The answer to ``POST /call`` (201) and ``GET /call/{id}``; unknown fields are ignored."""

    id: str
    transport: CallTransport = CallTransport()
    status: str = "queued"
    type: str = "vapi.websocketCall"
    org_id: str | UnsetType = UNSET
    assistant_id: str | UnsetType = UNSET
    created_at: str | UnsetType = UNSET
    updated_at: str | UnsetType = UNSET
    started_at: str | UnsetType = UNSET
    ended_at: str | UnsetType = UNSET
    ended_reason: str | UnsetType = UNSET
    cost: float | UnsetType = UNSET
    monitor: dict[str, str] | UnsetType = UNSET
    subscription_limits: SubscriptionLimits | UnsetType = UNSET
    websocket_call_url: str | UnsetType = UNSET
    """Where some clients found the address of the socket."""

    @property
    def socket_url(self) -> str:
        """Where to connect; empty when the answer does not say."""
        return self.transport.websocket_call_url or str(self.websocket_call_url or "")

    @property
    def is_blocked(self) -> bool:
        """True when the account may hold no more calls: this one will not start."""
        limits = self.subscription_limits
        return limits is not UNSET and limits.concurrency_blocked


_call = msgspec.json.Decoder(Call)
_create = msgspec.json.Decoder(CreateCall)


def decode_call(data: bytes | str) -> Call:
    """Decode the answer to ``POST /call``.

    Raises:
        WireError: it lacks what is needed to connect.
    """
    try:
        call = _call.decode(data)
        if not call.socket_url and not call.is_blocked:
            raise msgspec.ValidationError(
                "Object missing required field `websocketCallUrl` - at `$.transport`"
            )
        return call
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise WireError(f"answer to POST /call: {explain(error)}; found {shorten(data)}") from None


def decode_create_call(data: bytes | str) -> CreateCall:
    """Decode the body of ``POST /call``.

    Raises:
        WireError: what Vapi answers with 400.
    """
    try:
        return _create.decode(data)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise WireError(explain(error)) from None
