"""The Vapi leg on a simulated network: opened, lost, joined again or anew, and ended."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from simkit.audio import mulaw
from simkit.bridge.events import (
    AgentAudio,
    AgentStarted,
    CallEnded,
    CallerSaid,
    Delayed,
    Malformed,
    PolledCall,
    SlowReader,
    UnknownMessage,
    VapiGone,
    VapiReady,
)
from simkit.bridge.vapi_socket import VapiError, VapiSocket, open_socket
from simkit.vapi.faults import Close, Only
from tests.bridge.legs import SILENCE, opened

HOST = "vapi.example.com"


class OtherVapi:
    """A Vapi of its own mind: calls may be joined again, and it says what it is told to."""

    def __init__(self, sim: Any, url: str = "wss://{host}/{call}/transport") -> None:
        self.calls = 0
        self.url = url
        self.joined: list[str] = []
        self.asked: list[str] = []
        self.sockets: list[WebSocket] = []
        self.came: list[Any] = []
        self.says: list[Any] = []
        self.refuses: list[int] = []
        app = Starlette(
            routes=[
                Route("/call", self.create, methods=["POST"]),
                Route("/call/{call}", self.show, methods=["GET", "DELETE"]),
                WebSocketRoute("/{call}/transport", self.join),
            ]
        )
        sim.host(HOST).serve(app)

    async def create(self, request: Request) -> Response:
        self.calls += 1
        self.asked.append("POST /call")
        url = self.url.format(host=HOST, call=f"c{self.calls}")
        body = {"id": f"c{self.calls}", "transport": {"websocketCallUrl": url}}
        return JSONResponse(body, 201)

    async def show(self, request: Request) -> Response:
        self.asked.append(f"{request.method} {request.url.path}")
        messages = [{"role": "system", "message": "x"}, {"role": "bot", "message": "Hello."}]
        ended = {"status": "ended", "endedReason": "silence-timed-out", "messages": messages}
        return JSONResponse(ended)

    async def join(self, socket: WebSocket) -> None:
        self.joined.append(socket.path_params["call"])
        if self.refuses:
            code = self.refuses.pop(0)
            if code < 1000:
                await socket.send_denial_response(Response(status_code=code))
                return
            await socket.accept()
            await socket.close(code)
            return
        await socket.accept()
        self.sockets.append(socket)
        for message in self.says:
            if isinstance(message, bytes):
                await socket.send_bytes(message)
            else:
                await socket.send_text(message if isinstance(message, str) else json.dumps(message))
        try:
            while True:
                self.came.append(await socket.receive())
                if self.came[-1]["type"] == "websocket.disconnect":
                    return
        except WebSocketDisconnect:
            return


# Opening


async def test_a_leg_opens_carries_audio_and_says_goodbye(sim):
    sim.vapi.assistant(first_message="Hello there.")
    async with opened() as at:
        assert await at.opens() == VapiReady()
        await at.speaks(2)
        at.leg.end()
        await at.leg.close()
    assert at.of(AgentStarted)
    assert any(event.data.strip(b"\0") for event in at.of(AgentAudio))
    [call] = sim.vapi.calls
    assert call.ended_reason == "assistant-ended-call"
    assert at.of(VapiGone) == []


@pytest.mark.parametrize("rate", [8000, 24000, 44100, 48000])
async def test_any_rate_is_declared_and_carried(sim, rate):
    sim.vapi.assistant(first_message="Hello there.")
    async with opened(vapi_rate=rate) as at:
        await at.opens()
        await at.until(AgentStarted)
        await asyncio.sleep(0.5)
        at.leg.end()
    assert sim.vapi.calls[0].audio.sample_rate == rate
    assert {len(event.data) for event in at.of(AgentAudio)} == {rate // 50 * 2}


async def test_an_opening_that_is_refused_says_with_what(sim):
    sim.vapi.faults.failed_open = Only(403)
    async with opened() as at:
        gone = await at.opens()
    assert gone.reason == "socket: upgrade refused with HTTP 403"
    assert gone.code == 403
    assert 0 <= gone.chance < 1


async def test_a_call_that_was_created_and_cannot_be_joined_is_deleted(sim):
    sim.vapi.faults.failed_open = 500
    async with opened() as at:
        await at.opens()
        at.leg.end()
    assert [event.fields["method"] for event in sim.timeline.of("request")] == ["POST", "DELETE"]


async def test_an_opening_that_takes_too_long_is_given_up_once(sim):
    sim.vapi.faults.slow_open = 30.0
    async with opened(vapi_timeout=2.0) as at:
        gone = await at.opens()
        assert gone.code is None
        assert gone.reason.startswith("socket: TimeoutError")
        await asyncio.sleep(40)
        assert at.told == [gone]


async def test_a_hang_up_while_the_call_is_created_leaves_no_call(sim):
    sim.vapi.create_delay = 1.0
    async with opened() as at:
        at.leg.open("CA1")
        await asyncio.sleep(0.5)
        at.leg.end()
        await at.leg.close()
        await asyncio.sleep(2)
    assert at.told == []
    assert [event.fields["method"] for event in sim.timeline.of("request")] == ["POST", "DELETE"]


async def test_a_hang_up_while_the_socket_opens_leaves_no_socket(sim):
    sim.vapi.faults.slow_open = 5.0
    async with opened() as at:
        at.leg.open("CA1")
        await asyncio.sleep(0.5)
        at.leg.end()
        await at.leg.close()
        await asyncio.sleep(10)
    assert at.told == []
    assert [call.status for call in sim.vapi.calls] == ["queued"]
    assert "DELETE" in [event.fields["method"] for event in sim.timeline.of("request")]


# Messages


async def test_messages_are_translated_flat_or_in_an_envelope(sim):
    vapi = OtherVapi(sim)
    final = {"type": "transcript", "role": "user", "transcriptType": "final", "transcript": "Hi."}
    vapi.says = [
        {"message": final},
        final,
        {"type": "hang"},
        {"type": "hologram"},
        {"type": "status-update", "status": "ended", "endedReason": "silence-timed-out"},
        "{broken",
        b"\1\2\3",
    ]
    async with opened(vapi_url=f"https://{HOST}") as at:
        await at.opens()
        await at.until(AgentAudio)
    assert at.of(CallerSaid) == [CallerSaid("Hi.", final=True)] * 2
    assert at.of(Delayed) == [Delayed()]
    assert at.of(UnknownMessage) == [UnknownMessage("hologram")]
    assert at.of(CallEnded) == [CallEnded("silence-timed-out")]
    assert at.of(AgentAudio) == [AgentAudio(b"\1\2\3")]
    assert len(at.of(Malformed)) == 1


async def test_a_message_that_is_too_large_closes_for_good(sim):
    vapi = OtherVapi(sim)
    vapi.says = [bytes(70_000)]
    async with opened(vapi_url=f"https://{HOST}", vapi_max_message=65_536) as at:
        at.leg.open("CA1")
        gone = await at.until(VapiGone)
    assert gone.code == 1009


async def test_an_address_elsewhere_is_not_followed(sim):
    vapi = OtherVapi(sim, url="wss://elsewhere.example.com/{call}/transport")
    async with opened(vapi_url=f"https://{HOST}") as at:
        gone = await at.opens()
    assert "elsewhere.example.com" in gone.reason
    assert "/c1/" not in gone.reason
    assert vapi.joined == []


async def test_the_agent_is_told_what_the_transport_has_words_for(sim):
    vapi = OtherVapi(sim)
    async with opened(vapi_url=f"https://{HOST}") as at:
        at.leg.tell("too early")
        await at.opens()
        at.leg.cancel_reply()
        at.leg.tell("The caller pressed 1.")
        await asyncio.sleep(0.5)
    texts = [json.loads(message["text"]) for message in vapi.came if message.get("text")]
    said = {"role": "system", "content": "The caller pressed 1."}
    assert [(text["type"], text["message"]) for text in texts] == [("add-message", said)]


async def test_the_seed_dialect_has_a_word_for_cancelling_and_flushes_at_the_end(sim):
    sim.vapi.assistant(first_message="Hello there, this takes a while to say.")
    async with opened(vapi_dialect="seed") as at:
        await at.opens()
        await at.until(AgentAudio)
        at.leg.send_audio(bytes([mulaw.SILENCE]) * 160)
        at.leg.cancel_reply()
        at.leg.tell("nobody hears this")
        at.leg.end()
        await at.leg.close()
    kinds = [event.kind for event in sim.timeline if event.kind in ("cancel-response", "flush")]
    assert kinds == ["cancel-response", "flush"]


# Polling


async def test_a_call_without_a_socket_is_looked_up(sim):
    vapi = OtherVapi(sim)
    async with opened(vapi_url=f"https://{HOST}") as at:
        await at.opens()
        await vapi.sockets[0].close(1011)
        await at.until(VapiGone)
        at.leg.poll()
        found = await at.until(PolledCall)
    assert found == PolledCall("ended", ("assistant: Hello.",), "silence-timed-out")


async def test_a_call_that_nobody_knows_of_has_no_status(sim):
    sim.vapi.faults.close = Close(1006, at=1.0)
    async with opened() as at:
        at.leg.poll()
        assert await at.until(PolledCall) == PolledCall("")
        await at.opens()
        await at.until(VapiGone)
        sim.vapi.rest.fails(500, path="/call/")
        at.leg.poll()
        assert await at.until(PolledCall, 2) == PolledCall("")


# Alive, slow, gone


async def test_pongs_are_timed(sim):
    sim.link("api.vapi.ai", "home").latency = 0.1
    async with opened(keepalive=1.0) as at:
        await at.opens()
        await asyncio.sleep(3.5)
        text = at.metrics.text()
    assert "simkit_bridge_vapi_pong_seconds_count 3" in text


async def test_a_reader_that_stops_is_said_and_audio_is_dropped(sim):
    OtherVapi(sim)
    async with opened(vapi_url=f"https://{HOST}", queue_limit_bytes=262_144) as at:
        await at.opens()
        at.leg.send_audio(SILENCE)
        await asyncio.sleep(0.1)
        socket: Any = at.leg._socket
        sim.link(HOST, "home").half_open()
        await at.speaks(25)
        told = at.of(SlowReader)
        assert [event.refused for event in told] == [False, True]
        assert socket.unsent <= 262_144 + 700
        assert at.metrics.value("dropped", reason="vapi reads slowly") > 0


async def test_a_far_end_that_does_not_answer_is_left_after_a_second(sim):
    OtherVapi(sim)
    async with opened(vapi_url=f"https://{HOST}") as at:
        await at.opens()
        sim.link(HOST, "home").half_open()
        began = sim.now
        at.leg.end()
        await at.leg.close()
        assert sim.now - began == pytest.approx(1.0, abs=0.01)


async def test_not_even_the_most_talkative_log_has_the_key_or_the_address(sim, caplog):
    vapi = OtherVapi(sim)
    with caplog.at_level(logging.DEBUG):
        async with opened(vapi_url=f"https://{HOST}") as at:
            await at.opens()
            await vapi.sockets[0].close(1011)
            await at.until(VapiGone)
            vapi.refuses = [500]
            await at.opens(attempt=1)
            at.leg.end()
    # The server of this test logs what it gets.
    ours = [record for record in caplog.records if not record.name.startswith("uvicorn")]
    assert {"httpx", "websockets.client", "simkit.bridge"} <= {record.name for record in ours}
    said = "\n".join(record.getMessage() for record in ours)
    assert "vapi-private-key" not in said
    assert "/transport" not in said


async def test_what_was_begun_before_is_given_up_for_what_is_asked_now(sim):
    sim.vapi.faults.slow_open = Only(5.0)
    async with opened() as at:
        at.leg.open("CA1")
        await asyncio.sleep(1)
        assert await at.opens(attempt=1) == VapiReady()
        await asyncio.sleep(10)
        assert at.of(VapiReady) == [VapiReady()]
        assert len([call for call in sim.vapi.calls if call.status == "in-progress"]) == 1


async def test_a_socket_shows_no_address(sim):
    socket = VapiSocket("wss://x.example.com/secret", "key", keepalive=30, max_message=65_536)
    assert "secret" not in repr(socket)
    with pytest.raises(VapiError) as caught:
        await open_socket(socket, "wss://x.example.com/secret", 1.0)
    assert "secret" not in str(caught.value)
    assert "key" not in str(caught.value)
