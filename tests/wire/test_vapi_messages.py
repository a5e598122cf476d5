"""Vapi's transport, text frame by text frame."""

from __future__ import annotations

import json

import msgspec
import pytest

from simkit.wire import WireError, vapi

CALLS = [{"id": "t1", "type": "function", "function": {"name": "book", "arguments": "{}"}}]

FROM_VAPI = [
    (vapi.StatusUpdate("in-progress"), {"type": "status-update", "status": "in-progress"}),
    (
        vapi.StatusUpdate("ended", ended_reason="customer-ended-call"),
        {"type": "status-update", "status": "ended", "endedReason": "customer-ended-call"},
    ),
    (
        vapi.SpeechUpdate("started", "user", turn=0),
        {"type": "speech-update", "status": "started", "role": "user", "turn": 0},
    ),
    (
        vapi.SpeechUpdate("stopped", "assistant"),
        {"type": "speech-update", "status": "stopped", "role": "assistant"},
    ),
    (
        vapi.Transcript("user", "partial", "wait"),
        {"type": "transcript", "role": "user", "transcriptType": "partial", "transcript": "wait"},
    ),
    (
        vapi.Transcript(
            "assistant",
            "final",
            "Thursday it is.",
            assistant_id="a1",
            assistant_name="Mia",
            is_filtered=False,
            detected_threats=[],
            original_transcript="Thursday",
        ),
        {
            "type": "transcript",
            "role": "assistant",
            "transcriptType": "final",
            "transcript": "Thursday it is.",
            "assistantId": "a1",
            "assistantName": "Mia",
            "isFiltered": False,
            "detectedThreats": [],
            "originalTranscript": "Thursday",
        },
    ),
    (vapi.UserInterrupted(), {"type": "user-interrupted"}),
    (vapi.UserInterrupted(turn_id="u1"), {"type": "user-interrupted", "turnId": "u1"}),
    (
        vapi.ConversationUpdate(conversation=[{"role": "user", "content": "hi"}]),
        {"type": "conversation-update", "conversation": [{"role": "user", "content": "hi"}]},
    ),
    (
        vapi.ConversationUpdate(messages=[{"role": "bot"}], messages_open_ai_formatted=[]),
        {
            "type": "conversation-update",
            "messages": [{"role": "bot"}],
            "messagesOpenAIFormatted": [],
        },
    ),
    (
        vapi.ModelOutput("One moment. <flush /> ", turn_id="u1"),
        {"type": "model-output", "output": "One moment. <flush /> ", "turnId": "u1"},
    ),
    (vapi.ModelOutput({"a": [1]}), {"type": "model-output", "output": {"a": [1]}}),
    (vapi.VoiceInput("Sure.", turn=1), {"type": "voice-input", "input": "Sure.", "turn": 1}),
    (
        vapi.AssistantSpeechStarted("Sure", turn=1, source="model", timing={"words": ["Sure"]}),
        {
            "type": "assistant.speechStarted",
            "text": "Sure",
            "turn": 1,
            "source": "model",
            "timing": {"words": ["Sure"]},
        },
    ),
    (
        vapi.AssistantStarted(new_assistant={"name": "Mia"}),
        {"type": "assistant.started", "newAssistant": {"name": "Mia"}},
    ),
    (vapi.ToolCalls(CALLS), {"type": "tool-calls", "toolCallList": CALLS}),
    (
        vapi.ToolCalls(CALLS, tool_with_tool_call_list=[{"toolCall": CALLS[0]}]),
        {
            "type": "tool-calls",
            "toolCallList": CALLS,
            "toolWithToolCallList": [{"toolCall": CALLS[0]}],
        },
    ),
    (
        vapi.ToolCallsResult({"toolCallId": "t1", "result": "ok"}),
        {"type": "tool-calls-result", "toolCallResult": {"toolCallId": "t1", "result": "ok"}},
    ),
    (
        vapi.FunctionCall({"name": "book", "parameters": {}}),
        {"type": "function-call", "functionCall": {"name": "book", "parameters": {}}},
    ),
    (vapi.Hang(), {"type": "hang"}),
    (
        vapi.TransferUpdate(destination={"number": "+15550100"}),
        {"type": "transfer-update", "destination": {"number": "+15550100"}},
    ),
    (
        vapi.LanguageChangeDetected("de"),
        {"type": "language-change-detected", "language": "de"},
    ),
    (vapi.Metadata("m"), {"type": "metadata", "metadata": "m"}),
    (
        vapi.WorkflowNodeStarted(node={"name": "n"}),
        {"type": "workflow.node.started", "node": {"name": "n"}},
    ),
    (
        vapi.EndOfCallReport("silence-timed-out", artifact={"messages": []}, analysis={}),
        {
            "type": "end-of-call-report",
            "endedReason": "silence-timed-out",
            "artifact": {"messages": []},
            "analysis": {},
        },
    ),
]
TO_VAPI = [
    (vapi.Say("Hello"), {"type": "say", "content": "Hello"}),
    (
        vapi.Say("Hi", msgspec.UNSET, True, True, False),
        {
            "type": "say",
            "content": "Hi",
            "endCallAfterSpoken": True,
            "interruptAssistantEnabled": True,
            "interruptionsEnabled": False,
        },
    ),
    (vapi.Say(message="web"), {"type": "say", "message": "web"}),
    (
        vapi.AddMessage(vapi.ChatMessage("system", "be brief"), trigger_response_enabled=False),
        {
            "type": "add-message",
            "message": {"role": "system", "content": "be brief"},
            "triggerResponseEnabled": False,
        },
    ),
    *(
        (vapi.Control(name), {"type": "control", "control": name})  # type: ignore[arg-type]
        for name in (
            "mute-assistant",
            "unmute-assistant",
            "mute-customer",
            "unmute-customer",
            "say-first-message",
        )
    ),
    (vapi.EndCall(), {"type": "end-call"}),
    (vapi.Hangup(), {"type": "hangup"}),
    (
        vapi.Transfer({"type": "number", "number": "+15550100"}, content="Bye"),
        {
            "type": "transfer",
            "destination": {"type": "number", "number": "+15550100"},
            "content": "Bye",
        },
    ),
    (
        vapi.Handoff({"type": "assistant"}),
        {"type": "handoff", "destination": {"type": "assistant"}},
    ),
    (
        vapi.SendTransportMessage({"transport": "twilio", "twiml": "<Response/>"}),
        {
            "type": "send-transport-message",
            "message": {"transport": "twilio", "twiml": "<Response/>"},
        },
    ),
]
every_message = pytest.mark.parametrize(
    ("decode", "message", "wire"),
    [(vapi.decode, *row) for row in FROM_VAPI] + [(vapi.decode_for_vapi, *row) for row in TO_VAPI],
    ids=lambda value: value.get("type") if isinstance(value, dict) else "",
)
from_vapi = pytest.mark.parametrize(
    ("message", "wire"), FROM_VAPI, ids=[wire["type"] for _, wire in FROM_VAPI]
)


@every_message
def test_it_is_encoded_with_exactly_these_keys_and_types(decode, message, wire):
    found = json.loads(vapi.encode(message))
    assert json.dumps(found, sort_keys=True) == json.dumps(wire, sort_keys=True)


@every_message
def test_it_is_decoded_from_bytes_and_from_text(decode, message, wire):
    assert decode(json.dumps(wire).encode()) == message
    assert decode(json.dumps(wire)) == message


@every_message
def test_fields_it_does_not_know_are_passed_over(decode, message, wire):
    extended = {"timestamp": 1.5, "call": {"id": "x"}, **wire, "assistant": None}
    assert decode(json.dumps(extended)) == message


@every_message
def test_a_value_of_another_type_is_refused(decode, message, wire):
    for key in wire.keys() - {"output", "metadata"}:
        wrong = [7.5] if isinstance(wire[key], dict) else [7.5, {}]
        for value in wrong:
            with pytest.raises(WireError):
                decode(json.dumps({**wire, key: value}))


@from_vapi
def test_a_frame_may_come_in_an_envelope(message, wire):
    envelope = {"message": {"timestamp": 1, **wire}, "call": {"type": 1}}
    assert vapi.decode(json.dumps(envelope)) == message


def test_every_message_is_in_the_tables():
    for union, table in ((vapi.ServerMessage, FROM_VAPI), (vapi.ClientMessage, TO_VAPI)):
        assert set(union.__args__) == {type(message) for message, _ in table}


@pytest.mark.parametrize("kind", ["call.deleted", "chat.created", "", "x" * 1000, "Hang"])
def test_a_type_nobody_knows_is_unknown_not_wrong(kind):
    assert vapi.decode(json.dumps({"type": kind, "status": 1})) == vapi.Unknown(kind)
    assert vapi.decode(json.dumps({"message": {"type": kind}})) == vapi.Unknown(kind)


@pytest.mark.parametrize(
    "wire",
    [
        {"type": "status-update"},
        {"type": "speech-update", "status": "paused", "role": "user"},
        {"type": "speech-update", "status": "started", "role": "bot"},
        {"type": "speech-update", "status": "started"},
        {"type": "speech-update", "status": "started", "role": "user", "turn": "0"},
        {"type": "transcript", "role": "user", "text": "seed", "transcriptType": "final"},
        {"type": "transcript", "role": "user", "isFinal": True, "transcript": "x"},
        {"type": "voice-input"},
        {"type": "tool-calls", "toolCallList": {}},
        {"type": "end-of-call-report"},
        {"message": {"type": "voice-input"}},
        {"message": "hang"},
        {"message": None},
        {"message": []},
        {"status": "started"},
        {"type": None, "message": 1},
    ],
)
def test_a_known_type_with_wrong_fields_is_refused(wire):
    with pytest.raises(WireError, match="message from Vapi: "):
        vapi.decode(json.dumps(wire))


def test_a_flat_frame_with_a_field_called_message_is_not_an_envelope():
    frame = {"type": "hang", "message": {"type": "user-interrupted"}}
    assert vapi.decode(json.dumps(frame)) == vapi.Hang()


@pytest.mark.parametrize(
    "wire",
    [
        {"type": "ping"},
        {"type": "hang"},
        {"type": "control", "control": "mute"},
        {"type": "control"},
        {"type": "add-message"},
        {"type": "transfer"},
        {"type": "say", "content": 1},
        {"type": "say"},
        {"type": "add-message", "message": {}},
        {"type": "add-message", "message": {"role": "boss", "content": "x"}},
        {"message": {"type": "end-call"}},
    ],
)
def test_what_a_client_may_not_say_is_refused(wire):
    with pytest.raises(WireError, match="message to Vapi: "):
        vapi.decode_for_vapi(json.dumps(wire))


def test_the_defaults_of_the_sheet_hold_for_absent_fields():
    say = vapi.decode_for_vapi(b'{"type":"say","content":"x"}')
    assert isinstance(say, vapi.Say)
    spoken = (say.end_call_after_spoken, say.interrupt_assistant_enabled, say.interruptions_enabled)
    assert spoken == (False, False, True)
    added = vapi.decode_for_vapi(b'{"type":"add-message","message":{"role":"user","content":"x"}}')
    assert isinstance(added, vapi.AddMessage)
    assert added.trigger_response_enabled is True
