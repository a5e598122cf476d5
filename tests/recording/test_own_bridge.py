"""simkit's own bridge in a replay: configured as it was recorded, its own lines known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from msgspec.structs import replace

from simkit import Simulation
from simkit.bridge import Bridge, Config
from simkit.recording import Header, Recording, RecordingError, own_bridge, read, replay
from simkit.recording.capture import Capture
from simkit.recording.own_bridge import ENVIRONMENT, SETTINGS, environment, settings_of
from simkit.recording.own_lines import own_lines
from simkit.world import BRIDGE_HOST

RECORDINGS = Path(__file__).parents[2] / "recordings"
ACCOUNT = {"public_url": "https://b.example", "twilio_auth_token": "t", "vapi_api_key": "k"}


def config(**settings: Any) -> Config:
    return Config(**ACCOUNT, **settings)


def with_header(name: str, **fields: Any) -> Recording:
    recording = read(RECORDINGS / name)
    recording.header = replace(recording.header, **fields)
    return recording


async def short_call(sim: Any) -> None:
    sim.vapi.assistant(first_message="Hello.", replies=["Goodbye."])
    call = await sim.twilio.call(to="+15550100")
    await call.hears("Hello.")
    await call.says("hold on please")
    await call.hears("Goodbye.")
    await call.hangs_up(after=0.3)


def test_what_is_as_usual_is_not_told() -> None:
    assert settings_of(config()) == {}
    assert settings_of(config(vapi_format="mulaw")) == {"vapi_format": "mulaw"}
    told = settings_of(config(vapi_dialect="seed", reply_timeout=1.5, port=80))
    assert told == {"vapi_dialect": "seed", "reply_timeout": 1.5}


def test_no_address_file_or_key_can_be_told() -> None:
    texts = {name for name in SETTINGS if isinstance(getattr(config(), name), str)}
    assert texts == {
        "vapi_dialect", "vapi_format", "rejoin", "lost_reply", "dtmf", "on_wrong_rate"
    }  # fmt: skip
    assert not {"fallback_file", "vapi_socket_hosts", "vapi_url", "record"} & set(SETTINGS)


@pytest.mark.parametrize("settings", [{"vapi_dialect": "seed"}, {"debounce": 0.0}])
def test_a_captured_bridge_replays_with_its_settings(tmp_path: Path, settings: Any) -> None:
    configured = Config.from_env(ENVIRONMENT, **settings)
    capture = Capture(tmp_path, name=lambda sid: "call", bridge=settings_of(configured))
    with Simulation() as sim:
        sim.host(BRIDGE_HOST).serve(Bridge(configured, tap=capture).app())
        sim.run(short_call)
        sim.finish()
    capture.close()
    recording = read(tmp_path / "call")
    assert recording.header.bridge == settings
    assert replay(recording).faults == []


def test_without_them_the_same_call_diverges() -> None:
    assert replay(with_header("no-answer", bridge={})).divergence.causes


def test_in_a_process_of_its_own_it_finds_them_in_its_environment() -> None:
    header = Header(source="a test", bridge={"reply_timeout": 1.5, "own_vad": True})
    told = environment(header)
    assert told["SIMKIT_BRIDGE_REPLY_TIMEOUT"] == "1.5"
    assert Config.from_env(told).own_vad
    assert ENVIRONMENT.items() <= told.items()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"fallback_file": "/etc/passwd"}, "'fallback_file': nothing that a recording can set"),
        ({"vapi_url": "https://elsewhere.example"}, "'vapi_url': nothing that a recording can set"),
        ({"reply_timeout": 0}, "reply_timeout: found 0, allowed: a number from 0.5 to 3,600"),
        ({"vapi_dialect": "other"}, "vapi_dialect: found 'other', allowed: seed or transport"),
        ({"vapi_format": "mulaw", "vapi_rate": 16_000}, "vapi_rate: expected 8000 for mu-law"),
    ],
)
def test_what_no_bridge_can_be_configured_with_is_refused(settings: Any, message: str) -> None:
    with pytest.raises(RecordingError) as caught:
        own_bridge(Header(source="a test", bridge=settings), "call")
    assert str(caught.value).startswith(f"call: header: bridge: {message}")


def test_what_was_drawn_at_random_has_a_tolerance_of_its_own() -> None:
    strict = replay(with_header("vapi-lost", tolerance_ms=None))
    assert strict.divergence.tolerance_ms == 50
    assert replay(read(RECORDINGS / "vapi-lost")).divergence.tolerance_ms == 350
    assert replay(read(RECORDINGS / "vapi-lost"), tolerance_ms=40).divergence.tolerance_ms == 40


def test_what_the_recorded_bridge_said_by_itself_is_its_own() -> None:
    first, *_ = own_lines(read(RECORDINGS / "no-answer"))
    assert 2.0 < first.duration < 2.6
    assert list(own_lines(read(RECORDINGS / "barge-in"))) == []
    assert list(own_lines(read(RECORDINGS / "pricing-question"))) == []


def test_another_line_in_its_place_is_foreign_sound(tmp_path: Path) -> None:
    rng = np.random.default_rng(7)
    soundfile.write(tmp_path / "other.wav", rng.normal(0, 0.1, 16_000), 8000)
    other = Config.from_env(
        ENVIRONMENT, reply_timeout=1.5, fallback_file=str(tmp_path / "other.wav")
    )
    again = replay(read(RECORDINGS / "no-answer"), app=Bridge(other).app())
    assert [check.name for check in again.checks if not check.passed] == ["agent-audio-intact"]
