"""OpenAI's Realtime API: what a client sends on the socket, in its first shape and its present one.

Public facts: the models of the ``openai`` package and errors that users have quoted. Server events
are plain objects, made where they are sent.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from .errors import explain, shorten

_EVENT_ID = 512
EventId = Annotated[str, Meta(max_length=_EVENT_ID)]
Milliseconds = Annotated[int, Meta(ge=0)]


class RealtimeError(ValueError):
    """What an error event says, and what is wrong with a message."""

    def __init__(
        self, message: str, code: str | None, param: str | None = None, event_id: str | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.param = param
        self.event_id = event_id
        """The client's own id of the message, where it gave one."""

    def event(self, event_id: str) -> dict[str, Any]:
        """Return the error event."""
        return {
            "type": "error",
            "event_id": event_id,
            "error": {
                "type": "invalid_request_error",
                "code": self.code,
                "message": str(self),
                "param": self.param,
                "event_id": self.event_id,
            },
        }


# Settings


class _Strict(Struct, frozen=True, forbid_unknown_fields=True):
    pass


class Pcm(_Strict, frozen=True, tag_field="type", tag="audio/pcm"):
    """Little-endian 16-bit samples at 24 kHz, the only rate."""

    rate: Literal[24000] = 24000


class Pcmu(_Strict, frozen=True, tag_field="type", tag="audio/pcmu"):
    """mu-law at 8 kHz."""


class ServerVad(_Strict, frozen=True, tag_field="type", tag="server_vad"):
    """Turns end after so much silence; what is unset stays as it was."""

    threshold: Annotated[float, Meta(ge=0, le=1)] | UnsetType = UNSET
    prefix_padding_ms: Milliseconds | UnsetType = UNSET
    silence_duration_ms: Milliseconds | UnsetType = UNSET
    create_response: bool | UnsetType = UNSET
    interrupt_response: bool | UnsetType = UNSET
    idle_timeout_ms: Milliseconds | UnsetType | None = UNSET


class SemanticVad(_Strict, frozen=True, tag_field="type", tag="semantic_vad"):
    """Turns end where a model thinks so."""

    eagerness: Literal["low", "medium", "high", "auto"] | UnsetType = UNSET
    create_response: bool | UnsetType = UNSET
    interrupt_response: bool | UnsetType = UNSET


TurnDetection = ServerVad | SemanticVad | None | UnsetType


class AudioInput(_Strict, frozen=True):
    """What the client sends."""

    format: Pcm | Pcmu | UnsetType = UNSET
    turn_detection: TurnDetection = UNSET
    transcription: dict[str, Any] | UnsetType | None = UNSET
    noise_reduction: Any = UNSET


class AudioOutput(_Strict, frozen=True):
    """What the client gets."""

    format: Pcm | Pcmu | UnsetType = UNSET
    voice: Any = UNSET
    speed: Any = UNSET


class Audio(_Strict, frozen=True):
    """Both directions."""

    input: AudioInput = AudioInput()
    output: AudioOutput = AudioOutput()


class SessionSettings(_Strict, frozen=True):
    """``session`` of a ``session.update``."""

    type: Literal["realtime"]
    audio: Audio = Audio()
    model: Any = UNSET
    instructions: Any = UNSET
    output_modalities: Any = UNSET
    tools: Any = UNSET
    tool_choice: Any = UNSET
    parallel_tool_calls: Any = UNSET
    max_output_tokens: Any = UNSET
    reasoning: Any = UNSET
    truncation: Any = UNSET
    tracing: Any = UNSET
    prompt: Any = UNSET
    include: Any = UNSET


BetaFormat = Literal["pcm16", "g711_ulaw"]


class BetaSessionSettings(_Strict, frozen=True):
    """The same, as it was before general availability."""

    input_audio_format: BetaFormat | UnsetType = UNSET
    output_audio_format: BetaFormat | UnsetType = UNSET
    turn_detection: TurnDetection = UNSET
    input_audio_transcription: dict[str, Any] | UnsetType | None = UNSET
    input_audio_noise_reduction: Any = UNSET
    model: Any = UNSET
    modalities: Any = UNSET
    instructions: Any = UNSET
    voice: Any = UNSET
    speed: Any = UNSET
    temperature: Any = UNSET
    tools: Any = UNSET
    tool_choice: Any = UNSET
    max_response_output_tokens: Any = UNSET
    tracing: Any = UNSET


# Client events


class _Event(Struct, frozen=True, tag_field="type", kw_only=True):
    event_id: EventId | None = None


class SessionUpdate(_Event, frozen=True, tag="session.update"):
    """Change settings; the session is decoded by the shape that the socket speaks."""

    session: dict[str, Any]


class BufferAppend(_Event, frozen=True, tag="input_audio_buffer.append"):
    """Audio from the caller, base64."""

    audio: str


class BufferCommit(_Event, frozen=True, tag="input_audio_buffer.commit"):
    """The caller's turn is over."""


class BufferClear(_Event, frozen=True, tag="input_audio_buffer.clear"):
    """Forget what came since the last turn."""


class ItemCreate(_Event, frozen=True, tag="conversation.item.create"):
    """Put something into the conversation."""

    item: dict[str, Any]
    previous_item_id: str | None = None


class ItemDelete(_Event, frozen=True, tag="conversation.item.delete"):
    """Take an item out of the conversation."""

    item_id: str


class ItemRetrieve(_Event, frozen=True, tag="conversation.item.retrieve"):
    """Ask for an item as the server has it."""

    item_id: str


class ItemTruncate(_Event, frozen=True, tag="conversation.item.truncate"):
    """The caller heard only so much of an item."""

    item_id: str
    content_index: int
    audio_end_ms: Milliseconds


class ResponseCreate(_Event, frozen=True, tag="response.create"):
    """Ask for a reply."""

    response: dict[str, Any] | None = None


class ResponseCancel(_Event, frozen=True, tag="response.cancel"):
    """Stop the reply that is being made."""

    response_id: str | None = None


ClientEvent = (
    SessionUpdate
    | BufferAppend
    | BufferCommit
    | BufferClear
    | ItemCreate
    | ItemDelete
    | ItemRetrieve
    | ItemTruncate
    | ResponseCreate
    | ResponseCancel
)

_client = msgspec.json.Decoder(ClientEvent)
TYPES = [
    str(event.__struct_config__.tag)
    for event in (
        SessionUpdate,
        BufferAppend,
        BufferCommit,
        BufferClear,
        ItemCreate,
        ItemDelete,
        ItemRetrieve,
        ItemTruncate,
        ResponseCreate,
        ResponseCancel,
    )
]
"""Every type of client event that is understood."""


def decode_client_event(data: bytes | str) -> ClientEvent:
    """Decode what a client sent.

    Raises:
        RealtimeError: not JSON, an unknown type, a missing field or one of another type.
    """
    try:
        event: ClientEvent = _client.decode(data)
        return event
    except msgspec.ValidationError as error:
        try:
            found = msgspec.json.decode(data)
        except (msgspec.DecodeError, RecursionError):  # valid JSON as far as it was looked at
            found = None
        given = found.get("event_id") if isinstance(found, dict) else None
        event_id = given if isinstance(given, str) and len(given) <= _EVENT_ID else None
        if isinstance(found, dict) and isinstance(found.get("type"), str):
            kind = found["type"]
            if kind not in TYPES:
                types = ", ".join(f"'{one}'" for one in TYPES)
                raise RealtimeError(
                    f"Invalid value: {shorten(kind)}. Supported values are: {types}.",
                    "invalid_value",
                    "type",
                    event_id,
                ) from None
        raise _wrong(error, "", event_id) from None
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise RealtimeError(
            f"Expected a JSON object: {explain(error)}; found {shorten(data)}", "invalid_json"
        ) from None


def read_settings(update: SessionUpdate, *, beta: bool) -> SessionSettings | BetaSessionSettings:
    """Return the settings in a ``session.update``.

    Raises:
        RealtimeError: a parameter is unknown, missing or wrong.
    """
    try:
        if beta:
            return msgspec.convert(update.session, BetaSessionSettings)
        return msgspec.convert(update.session, SessionSettings)
    except msgspec.ValidationError as error:
        raise _wrong(error, "session", update.event_id) from None


def _wrong(error: Exception, within: str, event_id: str | None) -> RealtimeError:
    """Say what a decoder found wrong as the service does."""
    text = str(error)
    what, _, place = text.partition(" - at `")
    path = [part for part in (within, place.rstrip("`").lstrip("$").lstrip(".")) if part]
    field = re.search(r"field `([^`]*)`", what)
    param = ".".join([*path, field[1]] if field else path) or None
    named = f"'{param}'" if param else "the message"
    if "unknown field" in what:
        return RealtimeError(f"Unknown parameter: {named}.", "unknown_parameter", param, event_id)
    if "missing required" in what:
        message = f"Missing required parameter: {named}."
        return RealtimeError(message, "missing_required_parameter", param, event_id)
    types = re.fullmatch(r"Expected `([^`]*)`, got `([^`]*)`", what)
    if types:
        message = f"Invalid type for {named}: expected {types[1]}, but got {types[2]} instead."
        return RealtimeError(message, "invalid_type", param, event_id)
    return RealtimeError(
        f"Invalid value for {named}: {explain(Exception(what))}.", "invalid_value", param, event_id
    )
