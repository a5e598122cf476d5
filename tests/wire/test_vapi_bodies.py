"""Vapi's REST bodies: what creates a call, and what is answered."""

from __future__ import annotations

import json

import pytest

from simkit.wire import WireError, vapi

CREATE = {
    "transport": {
        "provider": "vapi.websocket",
        "conversationType": "voice",
        "audioFormat": {"format": "mulaw", "container": "raw", "sampleRate": 8000},
    },
    "assistantId": "a1",
    "assistantOverrides": {"firstMessage": "Hi"},
    "name": "call",
    "metadata": {"k": "v"},
}


def test_a_call_is_created_with_exactly_these_fields():
    body = vapi.CreateCall(
        transport=vapi.Transport(audio_format=vapi.AudioFormat("mulaw", "raw", 8000)),
        assistant_id="a1",
        assistant_overrides={"firstMessage": "Hi"},
        name="call",
        metadata={"k": "v"},
    )
    assert json.loads(vapi.encode(body)) == CREATE
    assert vapi.decode_create_call(json.dumps({**CREATE, "extra": 1})) == body


def test_without_a_format_it_is_pcm_at_sixteen_kilohertz():
    wanted = vapi.decode_create_call(b'{"transport":{"provider":"vapi.websocket"}}')
    assert wanted.transport.audio_format == vapi.AudioFormat("pcm_s16le", "raw", 16000)


@pytest.mark.parametrize(
    "transport",
    [
        {"provider": "daily"},
        {"audioFormat": {"format": "opus"}},
        {"audioFormat": {"container": "wav"}},
        {"audioFormat": {"sampleRate": "16000"}},
        None,
    ],
)
def test_a_transport_vapi_has_not_is_refused(transport):
    with pytest.raises(WireError):
        vapi.decode_create_call(json.dumps({**CREATE, "transport": transport}))
    with pytest.raises(WireError):
        vapi.decode_create_call(b"{}")


CALL = {
    "id": "7420f27a",
    "assistantId": "a1",
    "type": "vapi.websocketCall",
    "createdAt": "2024-09-10T11:14:12.339Z",
    "updatedAt": "2024-09-10T11:14:12.339Z",
    "orgId": "o1",
    "cost": 0,
    "status": "queued",
    "transport": {
        "provider": "vapi.websocket",
        "websocketCallUrl": "wss://api.vapi.ai/7420f27a/transport",
    },
    "subscriptionLimits": {
        "concurrencyBlocked": False,
        "concurrencyLimit": 10,
        "remainingConcurrentCalls": 9,
    },
}


def test_the_answer_to_a_call_is_read():
    call = vapi.decode_call(json.dumps({**CALL, "monitor": {"listenUrl": "wss://x"}, "extra": 1}))
    assert call.transport.websocket_call_url == "wss://api.vapi.ai/7420f27a/transport"
    assert (call.id, call.status, call.cost) == ("7420f27a", "queued", 0)
    assert call.monitor == {"listenUrl": "wss://x"}
    assert isinstance(call.subscription_limits, vapi.SubscriptionLimits)
    assert call.subscription_limits.remaining_concurrent_calls == 9


def test_the_answer_to_a_call_is_written_as_vapi_does():
    call = vapi.Call(
        id="7420f27a",
        transport=vapi.CallTransport("wss://api.vapi.ai/7420f27a/transport"),
        status="queued",
        org_id="o1",
        assistant_id="a1",
        created_at="2024-09-10T11:14:12.339Z",
        updated_at="2024-09-10T11:14:12.339Z",
        cost=0,
        subscription_limits=vapi.SubscriptionLimits(False, 10, 9),
    )
    assert json.loads(vapi.encode(call)) == CALL


@pytest.mark.parametrize(
    "wire",
    [
        {"id": "x"},
        {"id": "x", "transport": {}},
        {"id": 1, "transport": {"websocketCallUrl": "wss://x"}},
        {"transport": {"websocketCallUrl": "wss://x"}},
        {"id": "x", "transport": {"websocketCallUrl": None}},
        {"message": ["assistant.property x should not exist"], "statusCode": 400},
    ],
)
def test_an_answer_without_what_is_needed_to_connect_is_refused(wire):
    with pytest.raises(WireError, match="answer to POST /call: "):
        vapi.decode_call(json.dumps(wire))
