"""Capture of simkit's own bridge: the recording holds the call, replays it, and never harms it."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import pytest

from simkit import Simulation
from simkit.bridge import Bridge, Config
from simkit.recording import MediaFormat, Recording, read, recorder, replay
from simkit.recording.capture import Capture
from simkit.twilio import AUTH_TOKEN
from simkit.vapi import API_KEY
from simkit.world import BRIDGE_HOST
from tests.recording.bridges import on_wire

SEED = MediaFormat("mulaw", 8000, {"type": "audio", "data": ""})


async def barge_in(sim: Any) -> None:
    sim.vapi.assistant(first_message="Your appointment is on Tuesday at three.", replies=["Yes?"])
    call = await sim.twilio.call(to="+15550100")
    await call.hears("Your appointment")
    await call.says("wait a moment")
    await call.hears("Yes?")
    await call.hangs_up(after=0.3)


def captured(capture: Capture, **settings: Any) -> Simulation:
    sim = carried(capture, **settings)
    capture.close()
    return sim


def carried(capture: Capture, **settings: Any) -> Simulation:
    config = Config(
        public_url=f"https://{BRIDGE_HOST}",
        twilio_auth_token=AUTH_TOKEN,
        vapi_api_key=API_KEY,
        **settings,
    )
    with Simulation() as sim:
        sim.host(BRIDGE_HOST).serve(Bridge(config, tap=capture).app())
        sim.run(barge_in)
        sim.finish()
    return sim


def recorded(place: Path, **settings: Any) -> tuple[Simulation, Recording]:
    capture = Capture(place / "calls", name=lambda sid: "call")
    sim = captured(capture, **settings)
    assert capture.given_up == 0
    return sim, read(place / "calls" / "call")


def frames(sim: Simulation, source: str, target: str) -> int:
    return sum(
        event.fields["frames"]
        for event in sim.timeline.of("media")
        if (event.source, event.target) == (source, target)
    )


@pytest.mark.parametrize("dialect", ["transport", "seed"])
def test_every_frame_of_both_legs_is_there_in_few_lines(tmp_path: Path, dialect: Any) -> None:
    sim, recording = recorded(tmp_path, vapi_dialect=dialect)
    ways = {
        way: len(list(recording.frames(*way)))
        for way in (("twilio", "in"), ("twilio", "out"), ("vapi", "in"), ("vapi", "out"))
    }
    assert ways["twilio", "in"] == frames(sim, "twilio", "bridge")
    # Until it was closed more was sent than arrived.
    assert ways["twilio", "out"] >= frames(sim, "bridge", "twilio") > 50
    assert ways["vapi", "out"] == frames(sim, "bridge", "vapi")
    assert ways["vapi", "in"] >= frames(sim, "vapi", "bridge") > 50
    assert not recording.messages("vapi", "in", "audio")
    assert len(recording.events) < 120


def test_audio_in_json_comes_back_as_it_was_on_the_wire(tmp_path: Path) -> None:
    _, recording = recorded(tmp_path, vapi_dialect="seed")
    assert recording.formats["to-vapi.flac"] == SEED
    frame, data = next(recording.frames("vapi", "out"))
    wire = on_wire(SEED, data, frame.numbers.sequence)
    assert wire.startswith('{"type": "audio", "data": "')


def test_it_replays_and_the_promises_hold(tmp_path: Path) -> None:
    _, recording = recorded(tmp_path)
    again = replay(recording)
    assert again.failure == ""
    assert [check.name for check in again.checks if not check.passed] == []
    assert len(again.barge_ins) == 1


def test_a_full_disk_costs_the_recording_and_not_the_bridges_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = str(captured(Capture(tmp_path / "whole")).timeline)
    left = 20_000
    really_write = os.write

    def full(file: int, data: bytes) -> int:
        nonlocal left
        left -= len(data)
        if left < 0:
            raise OSError(28, "No space left on device")
        return really_write(file, data)

    monkeypatch.setattr(recorder.os, "write", full)
    capture = Capture(tmp_path / "cut", name=lambda sid: "call")
    assert str(captured(capture).timeline) == expected
    assert capture.given_up == 1
    monkeypatch.undo()
    assert read(tmp_path / "cut" / "call").events


def test_a_slow_disk_costs_the_recording_and_not_the_bridges_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = str(captured(Capture(tmp_path / "whole")).timeline)
    gate = threading.Event()
    really_write = os.write

    def slow(file: int, data: bytes) -> int:
        gate.wait()
        return really_write(file, data)

    monkeypatch.setattr(recorder.os, "write", slow)
    capture = Capture(tmp_path / "cut", name=lambda sid: sid, max_queued=20_000)
    capture.begin("first").end()  # the thread begins outside the simulation, and is a real one
    assert str(carried(capture).timeline) == expected
    assert capture.given_up == 1
    gate.set()
    capture.close()
    [folder] = (tmp_path / "cut").glob("CA*")
    [*_, last] = read(folder).events
    assert last.message == {"event": "lost", "reason": "the disk is slower than the calls"}
