"""Vapi's WebSocket transport: the text frames in both directions.

Text frames are flat JSON objects told apart by ``type``; audio travels beside them in binary
frames, in exactly the format that was declared when the call was created. How it is created
stands in :mod:`~simkit.wire.vapi_call`, and is found here, too.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec
from msgspec import UNSET, Struct, UnsetType, field

from .errors import WireError, explain, shorten
from .vapi_call import AudioFormat as AudioFormat
from .vapi_call import Call as Call
from .vapi_call import CallTransport as CallTransport
from .vapi_call import CreateCall as CreateCall
from .vapi_call import SubscriptionLimits as SubscriptionLimits
from .vapi_call import Transport as Transport
from .vapi_call import decode_call as decode_call
from .vapi_call import decode_create_call as decode_create_call

Role = Literal["user", "assistant"]


class _Message(Struct, frozen=True, tag_field="type", rename="camel", omit_defaults=True):
    pass


# Vapi -> client


class StatusUpdate(_Message, frozen=True, tag="status-update"):
    """The call's state changed."""

    status: str
    ended_reason: str | UnsetType = UNSET


class SpeechUpdate(_Message, frozen=True, tag="speech-update"):
    """Somebody started or stopped speaking; sent for both roles."""

    status: Literal["started", "stopped"]
    role: Role
    turn: int | UnsetType = UNSET


class Transcript(_Message, frozen=True, tag="transcript"):
    """What was understood (user) or said (assistant); partials are cumulative."""

    role: Role
    transcript_type: Literal["partial", "final"]
    transcript: str
    assistant_id: str | UnsetType = UNSET
    assistant_name: str | UnsetType = UNSET
    is_filtered: bool | UnsetType = UNSET
    detected_threats: list[Any] | UnsetType = UNSET
    original_transcript: str | UnsetType = UNSET


class UserInterrupted(_Message, frozen=True, tag="user-interrupted"):
    """The caller interrupted; the assistant has stopped."""

    turn_id: str | UnsetType = UNSET


class ConversationUpdate(_Message, frozen=True, tag="conversation-update"):
    """The history; the socket carries ``conversation``, webhooks the other two."""

    conversation: list[dict[str, Any]] | UnsetType = UNSET
    messages: list[dict[str, Any]] | UnsetType = UNSET
    messages_open_ai_formatted: list[dict[str, Any]] | UnsetType = field(
        default=UNSET, name="messagesOpenAIFormatted"
    )


class ModelOutput(_Message, frozen=True, tag="model-output"):
    """A token, a chunk or a tool call of the model."""

    output: Any
    turn_id: str | UnsetType = UNSET


class VoiceInput(_Message, frozen=True, tag="voice-input"):
    """Text handed to the voice."""

    input: str
    turn: int | UnsetType = UNSET


class AssistantSpeechStarted(_Message, frozen=True, tag="assistant.speechStarted"):
    """Words being spoken, with timing; opt-in."""

    text: str
    turn: int | UnsetType = UNSET
    source: str | UnsetType = UNSET
    timing: dict[str, Any] | UnsetType = UNSET


class AssistantStarted(_Message, frozen=True, tag="assistant.started"):
    """An assistant took over."""

    new_assistant: dict[str, Any] | UnsetType = UNSET


class ToolCalls(_Message, frozen=True, tag="tool-calls"):
    """The model asks for tools; calls come nested or flat."""

    tool_call_list: list[dict[str, Any]]
    tool_with_tool_call_list: list[dict[str, Any]] | UnsetType = UNSET


class ToolCallsResult(_Message, frozen=True, tag="tool-calls-result"):
    """What a tool answered."""

    tool_call_result: dict[str, Any]


class FunctionCall(_Message, frozen=True, tag="function-call"):
    """The older form of tool-calls."""

    function_call: dict[str, Any]


class Hang(_Message, frozen=True, tag="hang"):
    """The answer is late. Not a hang-up."""


class TransferUpdate(_Message, frozen=True, tag="transfer-update"):
    """The call is being transferred."""

    destination: dict[str, Any] | UnsetType = UNSET


class LanguageChangeDetected(_Message, frozen=True, tag="language-change-detected"):
    """The caller changed language."""

    language: str


class Metadata(_Message, frozen=True, tag="metadata"):
    """Free text that travels with the call."""

    metadata: Any


class WorkflowNodeStarted(_Message, frozen=True, tag="workflow.node.started"):
    """A workflow entered a node."""

    node: dict[str, Any] | UnsetType = UNSET


class EndOfCallReport(_Message, frozen=True, tag="end-of-call-report"):
    """What happened, after the call."""

    ended_reason: str
    artifact: dict[str, Any] | UnsetType = UNSET
    analysis: dict[str, Any] | UnsetType = UNSET


class Unknown(Struct, frozen=True):
    """A message of a type not listed here: Vapi may add types at any time."""

    type: str


ServerMessage = (
    StatusUpdate
    | SpeechUpdate
    | Transcript
    | UserInterrupted
    | ConversationUpdate
    | ModelOutput
    | VoiceInput
    | AssistantSpeechStarted
    | AssistantStarted
    | ToolCalls
    | ToolCallsResult
    | FunctionCall
    | Hang
    | TransferUpdate
    | LanguageChangeDetected
    | Metadata
    | WorkflowNodeStarted
    | EndOfCallReport
)


# client -> Vapi


class Say(_Message, frozen=True, tag="say"):
    """Speak this text; the web SDK calls the field ``message``."""

    content: str | UnsetType = UNSET
    message: str | UnsetType = UNSET
    end_call_after_spoken: bool = False
    interrupt_assistant_enabled: bool = False
    interruptions_enabled: bool = True

    @property
    def text(self) -> str:
        """What to speak, whatever the field was called."""
        return self.content or self.message or ""


class ChatMessage(Struct, frozen=True, rename="camel", omit_defaults=True):
    """One message of the history, as it is put into it."""

    role: Literal["system", "user", "assistant", "tool", "developer"]
    content: str
    name: str | UnsetType = UNSET
    tool_call_id: str | UnsetType = field(default=UNSET, name="tool_call_id")


class AddMessage(_Message, frozen=True, tag="add-message"):
    """Put a message into the history."""

    message: ChatMessage
    trigger_response_enabled: bool = True


class Control(_Message, frozen=True, tag="control"):
    """Mute, unmute, or speak the first message."""

    control: Literal[
        "mute-assistant",
        "unmute-assistant",
        "mute-customer",
        "unmute-customer",
        "say-first-message",
    ]


class EndCall(_Message, frozen=True, tag="end-call"):
    """End the call."""


class Hangup(_Message, frozen=True, tag="hangup"):
    """End the call, as the transport's own documentation calls it."""


class Transfer(_Message, frozen=True, tag="transfer"):
    """Hand the call to a number or a SIP address."""

    destination: dict[str, Any]
    content: str | UnsetType = UNSET


class Handoff(_Message, frozen=True, tag="handoff"):
    """Hand the call to another assistant."""

    destination: dict[str, Any]
    content: str | UnsetType = UNSET


class SendTransportMessage(_Message, frozen=True, tag="send-transport-message"):
    """Pass a message to the transport."""

    message: dict[str, Any]


ClientMessage = (
    Say | AddMessage | Control | EndCall | Hangup | Transfer | Handoff | SendTransportMessage
)


class _Typed(Struct):
    type: str


_encoder = msgspec.json.Encoder()
_server: msgspec.json.Decoder[ServerMessage] = msgspec.json.Decoder(ServerMessage)
_client: msgspec.json.Decoder[ClientMessage] = msgspec.json.Decoder(ClientMessage)
_typed = msgspec.json.Decoder(_Typed)
_wrapped = msgspec.json.Decoder(dict[str, msgspec.Raw])
_TYPES = {
    struct.__struct_config__.tag
    for union in (ServerMessage, ClientMessage)
    for struct in union.__args__
}

encode = _encoder.encode
"""Encode a message of either direction as JSON bytes."""


def decode(data: bytes | str) -> ServerMessage | Unknown:
    """Decode a text frame from Vapi, flat or inside a ``message`` envelope.

    Raises:
        WireError: not a JSON object with a type, or a known type with wrong fields.
    """
    try:
        return _server.decode(data)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        return _not_plain(data, error)


def _not_plain(data: bytes | str, error: Exception) -> ServerMessage | Unknown:
    try:
        kind = _typed.decode(data).type
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        kind = None
    if kind is None:
        try:
            return decode(bytes(_wrapped.decode(data)["message"]))
        except (msgspec.DecodeError, UnicodeError, RecursionError, KeyError):
            pass
    elif kind not in _TYPES:
        return Unknown(kind)
    raise WireError(f"message from Vapi: {explain(error)}; found {shorten(data)}") from None


def decode_for_vapi(data: bytes | str) -> ClientMessage:
    """Decode a text frame that a client sent to Vapi.

    Raises:
        WireError: not JSON, an unknown type, a missing field or one of another type.
    """
    try:
        # What is skipped would not be looked at, and may be no UTF-8.
        message = _client.decode(data if isinstance(data, str) else data.decode())
        if isinstance(message, Say) and message.content is message.message is UNSET:
            raise msgspec.ValidationError("Object missing required field `content` (or `message`)")
        return message
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise WireError(f"message to Vapi: {explain(error)}; found {shorten(data)}") from None
