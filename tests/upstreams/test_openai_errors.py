"""What the fake Realtime API says of what is wrong, and what it forgets when told to."""

from __future__ import annotations

import asyncio

import pytest
from websockets.exceptions import InvalidStatus

from simkit import checks
from simkit.upstreams import OpenAIRealtime
from tests.upstreams.conftest import HOST, URL
from tests.upstreams.test_openai_realtime import openai

__all__ = ["openai"]


async def test_items_are_shown_and_deleted(sim, openai, client):
    await client.open()
    content = [{"type": "input_text", "text": "Hi."}]
    await client.send(
        "conversation.item.create",
        item={"id": "mine", "type": "message", "role": "user", "content": content},
    )
    await client.send("conversation.item.retrieve", item_id="mine")
    await client.send("conversation.item.delete", item_id="mine")
    await client.send("conversation.item.retrieve", item_id="mine")
    await asyncio.sleep(0.1)
    (shown,) = client.of("conversation.item.retrieved")
    assert (shown["item"]["content"], shown["item"]["status"]) == (content, "completed")
    assert client.of("conversation.item.deleted")[0]["item_id"] == "mine"
    assert client.error["code"] == "item_retrieve_invalid_item_id"


async def test_truncating_cuts_what_the_model_remembers(sim, openai, client):
    await client.open()
    await client.send("response.create")
    await asyncio.sleep(2)
    item = client.of("response.output_item.added")[0]["item"]["id"]
    await client.send("conversation.item.truncate", item_id=item, content_index=0, audio_end_ms=700)
    await asyncio.sleep(0.1)
    assert client.of("conversation.item.truncated")[0]["audio_end_ms"] == 700
    ((_, remembered),) = openai.sessions[0].history
    assert remembered == "Hello, how"
    (event,) = sim.timeline.of("truncate")
    assert (event.fields["reply"], event.fields["audio_ns"]) == (1, 700_000_000)


@pytest.mark.parametrize(
    ("event", "code", "param", "message"),
    [
        ({}, "missing_required_parameter", "type", "'type'"),
        ({"type": "hello"}, "invalid_value", "type", "'session.update'"),
        ({"type": "session.update"}, "missing_required_parameter", "session", "'session'"),
        (
            {"type": "session.update", "session": {}},
            "missing_required_parameter",
            "session.type",
            "Missing required parameter: 'session.type'.",
        ),
        (
            {
                "type": "session.update",
                "session": {"type": "realtime", "input_audio_format": "g711_ulaw"},
            },
            "unknown_parameter",
            "session.input_audio_format",
            "Unknown parameter: 'session.input_audio_format'.",
        ),
        (
            {
                "type": "session.update",
                "session": {"type": "realtime", "audio": {"input": {"format": "pcm16"}}},
            },
            "invalid_type",
            "session.audio.input.format",
            "expected object, but got str instead",
        ),
        (
            {
                "type": "session.update",
                "session": {
                    "type": "realtime",
                    "audio": {"input": {"turn_detection": {"type": "server_vad", "threshold": 2}}},
                },
            },
            "invalid_value",
            "session.audio.input.turn_detection.threshold",
            "<= 1",
        ),
        ({"type": "input_audio_buffer.append", "audio": 7}, "invalid_type", "audio", "got int"),
        ({"type": "input_audio_buffer.append", "audio": "%"}, "invalid_value", "audio", "'%'"),
        (
            {"type": "input_audio_buffer.commit"},
            "input_audio_buffer_commit_empty",
            None,
            "buffer only has 0.00ms of audio",
        ),
        (
            {"type": "response.cancel"},
            "response_cancel_not_active",
            None,
            "Cancellation failed: no active response found",
        ),
        (
            {
                "type": "conversation.item.truncate",
                "item_id": "item_x",
                "content_index": 0,
                "audio_end_ms": 5,
            },
            "item_truncate_invalid_item_id",
            "item_id",
            "'item_x'",
        ),
    ],
)
async def test_what_is_wrong_is_answered_by_an_error_that_names_it(
    sim, openai, client, event, code, param, message
):
    import json

    await client.open()
    await client.socket.send(json.dumps(event | {"event_id": "mine"}))
    await asyncio.sleep(0.1)
    error = client.error
    assert (error["type"], error["code"], error["param"], error["event_id"]) == (
        "invalid_request_error",
        code,
        param,
        "mine",
    )
    assert message in error["message"]
    failed = [check for check in checks.run(sim.timeline) if not check.passed]
    assert [check.name for check in failed] == ["protocol-conformance"]
    # Nothing else happened, and the session goes on.
    await client.send("response.create")
    await asyncio.sleep(3)
    assert client.of("response.done")


@pytest.mark.parametrize("data", ["", "{", "[]", "7", '{"type": 7}', "[" * 10000, b"\xff\xfe"])
async def test_what_is_no_event_is_answered_by_an_error(sim, openai, client, data):
    await client.open()
    await client.socket.send(data)
    await asyncio.sleep(0.1)
    assert client.error["type"] == "invalid_request_error"


async def test_a_second_response_is_refused_while_one_is_made(sim, openai, client):
    await client.open()
    await client.send("response.create")
    await client.send("response.create", event_id="second")
    await asyncio.sleep(3)
    error = client.error
    assert (error["code"], error["event_id"]) == (
        "conversation_already_has_active_response",
        "second",
    )
    assert client.of("response.created")[0]["response"]["id"] in error["message"]
    assert len(client.of("response.done")) == 1


async def test_truncating_beyond_the_audio_is_an_error(sim, openai, client):
    openai.agent(first_message="Hello there.")
    await client.open()
    await client.send("response.create")
    await asyncio.sleep(3)
    (reply,) = sim.timeline.of("replies")
    item = client.of("response.output_item.added")[0]["item"]["id"]
    await client.send(
        "conversation.item.truncate", item_id=item, content_index=0, audio_end_ms=60000
    )
    await asyncio.sleep(0.1)
    have = reply.fields["duration_ns"] // 1_000_000
    assert client.error["message"] == f"Audio content of {have}ms is already shorter than 60000ms"
    assert openai.sessions[0].history == [("assistant", "Hello there.")]


@pytest.mark.parametrize(
    ("url", "headers", "status"),
    [
        (URL, {"Authorization": ""}, 401),
        (URL, {"Authorization": "Bearer wrong"}, 401),
        (f"wss://{HOST}/v1/realtime", {}, 400),
        (f"wss://{HOST}/v2/realtime?model=x", {}, 404),
    ],
)
async def test_a_wrong_upgrade_is_refused(sim, client, url, headers, status):
    sim.upstream(HOST, lambda: OpenAIRealtime(key="key"))
    with pytest.raises(InvalidStatus) as caught:
        await client.open(url, **headers)
    assert caught.value.response.status_code == status
    (warning,) = sim.timeline.of("warning")
    assert str(status) in warning.fields["reason"]
