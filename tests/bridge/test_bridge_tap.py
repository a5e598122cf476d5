"""Taps: all that goes over the sockets of a call is told, and nothing that is a key."""

from __future__ import annotations

import json
from typing import Any

import pytest

from simkit import Simulation
from simkit.bridge import Bridge, Config
from simkit.bridge.tap import event, request, response
from simkit.twilio import AUTH_TOKEN
from simkit.vapi import API_KEY, Close, Only
from simkit.world import BRIDGE_HOST

Taken = tuple[str, str, str | bytes]


class Notebook:
    """Keeps everything; one call."""

    def __init__(self) -> None:
        self.call_sid = ""
        self.taken: list[Taken] = []
        self.ended = 0

    def begin(self, call_sid: str) -> Notebook:
        self.call_sid = call_sid
        return self

    def take(self, leg: str, direction: str, data: str | bytes) -> None:
        self.taken.append((leg, direction, data))

    def end(self) -> None:
        self.ended += 1

    def told(self, leg: str, direction: str) -> list[dict[str, Any]]:
        return [
            json.loads(data)
            for where, way, data in self.taken
            if (where, way) == (leg, direction) and isinstance(data, str)
        ]

    def kinds(self, leg: str, direction: str) -> list[str]:
        found = [said.get("event") or said["type"] for said in self.told(leg, direction)]
        return [kind for at, kind in enumerate(found) if at == 0 or found[at - 1] != kind]


async def greeting(sim: Any) -> None:
    call = await sim.twilio.call(to="+15550100")
    await call.hears("Hello.")
    await call.says("goodbye")
    await call.hangs_up(after=0.2)


def call_with(tap: Any, course: Any = greeting, **settings: Any) -> Simulation:
    """Have a call carried by a tapped bridge."""
    config = Config(
        public_url=f"https://{BRIDGE_HOST}",
        twilio_auth_token=AUTH_TOKEN,
        vapi_api_key=API_KEY,
        **settings,
    )
    with Simulation() as sim:
        sim.vapi.assistant(first_message="Hello.")
        sim.host(BRIDGE_HOST).serve(Bridge(config, tap=tap).app())
        sim.run(course)
        sim.finish()
    return sim


@pytest.fixture(scope="module")
def book() -> Notebook:
    notebook = Notebook()
    call_with(notebook)
    return notebook


def test_the_streams_messages_are_told_from_connected_to_the_close(book: Notebook) -> None:
    kinds = ["connected", "start", "media", "mark", "media", "stop"]
    assert book.kinds("twilio", "in") == kinds
    assert book.kinds("twilio", "out")[:2] == ["media", "mark"]
    assert book.call_sid == book.told("twilio", "in")[1]["start"]["callSid"]
    assert book.ended == 1


def test_vapis_call_is_told_from_its_request_to_the_close(book: Notebook) -> None:
    assert book.kinds("vapi", "out") == ["request", "end-call", "closed"]
    assert book.kinds("vapi", "in")[:3] == ["response", "opened", "status-update"]
    [asked] = [said for said in book.told("vapi", "out") if said.get("event") == "request"]
    assert asked["body"]["metadata"] == {"twilioCallSid": book.call_sid}
    assert book.told("vapi", "in")[0]["status"] == 201
    frames = [data for leg, way, data in book.taken if (leg, way) == ("vapi", "in")]
    assert [isinstance(data, bytes) for data in frames[:3]] == [False, False, True]  # not before
    frames = [data for leg, way, data in book.taken if (leg, way) == ("vapi", "out")]
    assert sum(isinstance(data, bytes) for data in frames) > 20


def test_no_key_is_told(book: Notebook) -> None:
    [start] = [said for said in book.told("twilio", "in") if said["event"] == "start"]
    assert start["start"]["customParameters"]["token"] == "[secret]"
    [created] = [
        said["body"] for said in book.told("vapi", "in") if said.get("event") == "response"
    ]
    assert created["transport"]["websocketCallUrl"].endswith("/[secret]")
    texts = [data for _, _, data in book.taken if isinstance(data, str)]
    assert not [text for text in texts if API_KEY in text or AUTH_TOKEN in text]


def test_the_call_is_the_same_with_a_tap_and_without() -> None:
    assert str(call_with(Notebook()).timeline) == str(call_with(None).timeline)


def test_a_socket_that_is_lost_and_its_successor_are_told() -> None:
    async def lossy(sim: Any) -> None:
        sim.vapi.faults.close = Only(Close(1011, at=0.8), nth=1)
        call = await sim.twilio.call(to="+15550100")
        await call.stays_silent(3)
        await call.hangs_up()

    book = Notebook()
    call_with(book, lossy)
    told = [said for said in book.told("vapi", "in") if said.get("event", "response") != "response"]
    assert [(said["event"], said.get("code")) for said in told][:3] == [
        ("opened", None),
        ("disconnected", 1011),
        ("opened", None),
    ]


def test_a_refused_creation_is_told_with_its_status() -> None:
    async def refused(sim: Any) -> None:
        sim.vapi.faults.failed_create = 401
        call = await sim.twilio.call(to="+15550100")
        await call.ends(timeout=60)

    book = Notebook()
    call_with(book, refused)
    [answer, *_] = book.told("vapi", "in")
    assert (answer["status"], answer["error"]) == (401, "POST /call: HTTP 401")


def test_the_seed_dialect_is_told_as_it_is_on_the_wire() -> None:
    book = Notebook()
    call_with(book, vapi_dialect="seed")
    assert book.kinds("vapi", "out") == ["audio", "flush", "closed"]
    assert "audio" in book.kinds("vapi", "in")
    assert not [data for _, _, data in book.taken if isinstance(data, bytes)]


@pytest.mark.parametrize("body", [b"{", b"\xff", b"[" * 10_000])
def test_a_body_that_is_no_json_is_told_by_its_length(body: bytes) -> None:
    told = json.loads(response("/call", 502, body))
    assert told["body"] == f"{len(body)} bytes that are no JSON"


def test_secrets_are_left_out_at_any_depth() -> None:
    body = {"assistant": {"server": {"secret": "s", "url": "https://me:pw@a.example/x?token=1"}}}
    told = request("POST", "/call", json.dumps(body).encode())
    assert json.loads(told)["body"]["assistant"]["server"] == {
        "secret": "[secret]",
        "url": "https://a.example/[secret]",
    }
    deep: Any = "https://a.example/x"
    for _ in range(100):
        deep = {"a": deep}
    assert "/x" not in event("response", body=deep)
