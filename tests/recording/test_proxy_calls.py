"""Calls through the recording proxy in virtual time: what it passes on and keeps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from simkit import Simulation
from simkit.bridge import Bridge, Config
from simkit.recording import Recording, read, replay
from simkit.recording.capture import Capture
from simkit.recording.proxy import RecordingProxy
from simkit.twilio import AUTH_TOKEN
from simkit.vapi import API_KEY, Close
from simkit.world import BRIDGE_HOST


async def greeting(sim: Any) -> None:
    sim.vapi.assistant(first_message="Hello.", replies=["Goodbye."])
    call = await sim.twilio.call(to="+15550100")
    await call.hears("Hello.")
    await call.says("wrong number")
    await call.hears("Goodbye.")
    await call.hangs_up(after=0.2)


def through_proxy(place: Path, course: Any = greeting, **settings: Any) -> tuple[Any, Recording]:
    """Have a call whose two legs pass through the proxy's doors."""
    config = Config(
        public_url=f"https://{BRIDGE_HOST}",
        twilio_auth_token=AUTH_TOKEN,
        vapi_api_key=API_KEY,
        vapi_url="http://recorder.example.com",
        **settings,
    )
    capture = Capture(place, name=lambda sid: "call")
    with Simulation() as sim:
        proxy = RecordingProxy(capture, "http://inner.example.com", "https://api.vapi.ai")
        sim.host("inner.example.com").serve(Bridge(config).app(), port=80)
        sim.host("recorder.example.com").serve(proxy.to_vapi, port=80)
        sim.host(BRIDGE_HOST).serve(proxy.to_bridge)
        sim.twilio.number("+15550100", voice_url=f"https://{BRIDGE_HOST}/voice/inbound")
        sim.run(course)
        timeline = sim.finish()
        sim.run(proxy.close())
    capture.close()
    return timeline, read(place / "call")


def told(recording: Recording, leg: str) -> list[str]:
    return [
        str(event.message.get("event", event.message.get("type")))
        for event in recording.events
        if event.leg == leg and event.message
    ]


def test_a_call_passes_and_its_signatures_verify(tmp_path: Path) -> None:
    timeline, recording = through_proxy(tmp_path)
    assert [event.fields["text"] for event in timeline.of("hears")] == ["Hello.", "Goodbye."]
    assert told(recording, "vapi")[:3] == ["request", "response", "opened"]
    assert told(recording, "vapi")[-2:] == ["end-call", "closed"]
    assert told(recording, "twilio")[:2] == ["connected", "start"]
    assert told(recording, "call") == ["ended"]
    assert replay(recording).failure == ""


def test_the_seed_dialect_passes_and_its_call_is_a_guess(tmp_path: Path) -> None:
    timeline, recording = through_proxy(tmp_path, vapi_dialect="seed")
    assert len(timeline.of("hears")) == 2
    assert told(recording, "call") == ["note", "ended"]
    assert recording.formats["to-vapi.flac"].message == {"type": "audio", "data": ""}


def test_a_loss_is_passed_on_and_the_new_call_is_recorded_too(tmp_path: Path) -> None:
    async def lossy(sim: Any) -> None:
        sim.vapi.faults.close = Close(1011, at=1.0)
        call = await sim.twilio.call(to="+15550100")
        await call.stays_silent(2.5)
        await call.hangs_up()

    _, recording = through_proxy(tmp_path, lossy)
    assert told(recording, "vapi").count("opened") == 2
    [lost] = recording.messages("vapi", "in", "disconnected")[:1]
    assert lost.message["code"] == 1011


@pytest.mark.parametrize("fault", ["failed_create", "failed_open"])
def test_a_refusal_keeps_its_status(tmp_path: Path, fault: str) -> None:
    async def refused(sim: Any) -> None:
        setattr(sim.vapi.faults, fault, 403)
        call = await sim.twilio.call(to="+15550100")
        await call.ends(timeout=60)

    _, recording = through_proxy(tmp_path, refused)
    assert told(recording, "vapi")[:2] == ["request", "response"]
    assert "opened" not in told(recording, "vapi")
    [answer] = recording.messages("vapi", "in", "response")[:1]
    assert answer.message["status"] == (403 if fault == "failed_create" else 201)
    # What a key that is refused leads to: no second try.
    assert len(recording.messages("vapi", "out", "request")) == 1


def test_a_stream_that_the_bridge_refuses_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    async def unsigned(sim: Any) -> int:
        import websockets

        with pytest.raises(websockets.InvalidStatus) as raised:
            await websockets.connect(f"wss://{BRIDGE_HOST}/media")
        return int(raised.value.response.status_code)

    capture = Capture(tmp_path)
    config = Config(public_url=f"https://{BRIDGE_HOST}", twilio_auth_token="t", vapi_api_key="k")
    with Simulation() as sim:
        proxy = RecordingProxy(capture, "http://inner.example.com", "https://api.vapi.ai")
        sim.host("inner.example.com").serve(Bridge(config).app(), port=80)
        sim.host(BRIDGE_HOST).serve(proxy.to_bridge)
        assert sim.run(unsigned) == 403
    assert capture.begun == 0


def test_an_address_that_was_not_given_leads_nowhere(tmp_path: Path) -> None:
    async def guess(sim: Any) -> int:
        import websockets

        with pytest.raises(websockets.InvalidStatus) as raised:
            await websockets.connect("ws://recorder.example.com/.simkit/socket/guess")
        return int(raised.value.response.status_code)

    with Simulation() as sim:
        proxy = RecordingProxy(Capture(tmp_path), "http://b.example.com", "https://api.vapi.ai")
        sim.host("recorder.example.com").serve(proxy.to_vapi, port=80)
        assert sim.run(guess) == 404
