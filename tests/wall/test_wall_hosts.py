"""What clients of the fakes are told of where everything is, on real sockets."""

from __future__ import annotations

import json

import pytest
from websockets.asyncio.client import connect

from simkit.upstreams import OpenAIRealtime
from simkit.vapi import HOST as VAPI_HOST
from simkit.wall import WallSimulation
from simkit.wire.http import fetch
from tests.wall.programs import REFUSES

NAME = "api.openai.com"


def test_urls_that_vapi_gives_lead_to_itself():
    async def client(sim: WallSimulation) -> None:
        api = sim.urls[VAPI_HOST]
        body = {
            "assistantId": "any",
            "transport": {
                "provider": "vapi.websocket",
                "audioFormat": {"format": "mulaw", "container": "raw", "sampleRate": 8000},
            },
        }
        headers = [("Authorization", "Bearer key")]
        headers += [("Content-Type", "application/json"), ("User-Agent", "a bridge")]
        made = await fetch("POST", f"{api}/call", headers=headers, body=json.dumps(body).encode())
        call = json.loads(made.body)
        url = call["transport"]["websocketCallUrl"]
        assert url == f"{api.replace('http', 'ws')}/{call['id']}/transport"
        async with connect(url, additional_headers={"Authorization": "Bearer key"}) as socket:
            while not isinstance(said := await socket.recv(), str):
                pass
            assert json.loads(said)["type"] == "status-update"
            shown = await fetch("GET", f"{api}/call/{call['id']}", headers=headers)
            control = json.loads(shown.body)["monitor"]["controlUrl"]
            assert control.startswith("http://127.0.0.1:")
            assert not control.startswith(api)
            end = await fetch("POST", control, headers=headers[1:], body=b'{"type": "end-call"}')
            assert end.status == 200

    with WallSimulation() as sim:
        sim.serve(REFUSES)
        sim.run(client)
        [ended] = [
            event for event in sim.timeline.of("status-update") if event.fields["status"] == "ended"
        ]
        assert ended.session == 1


def test_another_service_listens_at_a_port_of_its_own():
    async def client(sim: WallSimulation) -> str:
        url = sim.urls[NAME].replace("http", "ws") + "/v1/realtime?model=any"
        async with connect(url, additional_headers={"Authorization": "Bearer key"}) as socket:
            return json.loads(await socket.recv())["type"]

    with WallSimulation() as sim:
        sim.serve(REFUSES)
        sim.upstream(NAME, OpenAIRealtime).agent(first_message="Hello.")
        assert sim.run(client) == "session.created"
        assert sim.link(NAME, "bridge.example.com").latency == 0.01
        with pytest.raises(ValueError, match=r"upstream 'api\.openai\.com': this host is there al"):
            sim.upstream(NAME, OpenAIRealtime)
