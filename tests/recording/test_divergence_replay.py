"""Divergence of whole bridges: a captured call has none, and planted bugs are told first."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from simkit import Simulation
from simkit.bridge import Bridge, CallCore, Config
from simkit.bridge.vapi_socket import VapiSocket
from simkit.recording import Recording, own_bridge, read, replay
from simkit.recording.capture import Capture
from simkit.twilio import AUTH_TOKEN
from tests.recording.bridges import small_bridge
from tests.zoo.bridges import (
    ClearsAtEveryHint,
    DropsUntilReady,
    ForgetsVapiAtTheEnd,
    LosesMarksToLateEchoes,
    NeverClears,
)

RECORDINGS = Path(__file__).parents[2] / "recordings"
LIVE = {"twilio": "live", "vapi": "live"}


def ours(core: type[CallCore]) -> Any:
    config = Config(
        public_url="https://bridge.example.com", twilio_auth_token=AUTH_TOKEN, vapi_api_key="key"
    )
    return Bridge(config, core).app()


async def barge_in(sim: Any) -> None:
    """The reply is at Twilio long before it is heard."""
    sim.vapi.assistant(
        first_message="Your appointment is scheduled for Tuesday at 3 PM",
        replies=["Thursday it is."],
        lead=2.0,
    )
    call = await sim.twilio.call(to="+15550100")
    await call.hears("Your appointment")
    await call.says("wait, can we do Thursday instead?")
    await call.hears("Thursday it is.")
    await call.hangs_up()


def captured(place: Path, app: Any, capture: Capture) -> Recording:
    with Simulation() as sim:
        sim.host("bridge.example.com").serve(app)
        sim.run(barge_in(sim))
    capture.close()
    [path] = place.iterdir()
    return read(path)


@pytest.fixture(scope="module")
def of_small_bridge(tmp_path_factory) -> Recording:
    place = tmp_path_factory.mktemp("small")
    capture = Capture(place, name=lambda sid: sid)
    return captured(place, small_bridge(capture), capture)


@pytest.fixture(scope="module")
def of_ours(tmp_path_factory) -> Recording:
    """A call of simkit's bridge, its socket to Vapi taken down as well."""
    place = tmp_path_factory.mktemp("ours")
    capture = Capture(place, name=lambda sid: sid)

    def taken(name: str, direction: Any) -> Any:
        own = getattr(VapiSocket, name)

        def take(self: VapiSocket, data: bytes | None = None) -> None:
            [call] = capture.running
            if name == "on_open":
                call.take("vapi", direction, json.dumps({"event": "opened"}))
                own(self)
                return
            assert data is not None
            call.take("vapi", direction, data if "binary" in name else data.decode())
            own(self, data)

        return take

    with pytest.MonkeyPatch.context() as patch:
        for name in ("on_open", "on_text", "on_binary", "send_text", "send_binary"):
            direction = "out" if name.startswith("send") else "in"
            patch.setattr(VapiSocket, name, taken(name, direction))
        return captured(place, capture.asgi(own_bridge()), capture)


def told(recording: Recording, app: Any, **options: Any) -> list[tuple[str, ...]]:
    causes = replay(recording, app=app, **options).divergence.causes
    return [(cause.sentence, *(one.sentence for one in cause.consequences)) for cause in causes]


# Recorded legs


def test_a_captured_call_does_not_diverge(of_ours, of_small_bridge):
    for recording, app in ((of_ours, own_bridge()), (of_small_bridge, small_bridge())):
        result = replay(recording, app=app)
        assert set(result.legs.values()) == {"recorded"}
        assert result.divergence.is_none, result
        assert result.divergence.compared == ["what went to Twilio", "what went to Vapi"]
        assert result.divergence.tolerance_ms == 50


@pytest.mark.parametrize(
    ("bug", "sentences"),
    [
        (NeverClears, ("clear not sent", "caller heard 1680 ms more of reply 1")),
        (ClearsAtEveryHint, ("clear sent; not in the recording",)),
        (ForgetsVapiAtTheEnd, ("end-call not sent",)),
        (DropsUntilReady, ("Vapi was sent 80 ms less of the caller's audio",)),
        (LosesMarksToLateEchoes, ('mark "responsePart" sent; not in the recording',)),
    ],
)
def test_a_planted_bug_is_what_is_told_first(of_ours, bug, sentences):
    assert told(of_ours, ours(bug))[0] == sentences


def test_another_bridge_does_many_things_otherwise(of_small_bridge):
    first, *_ = told(of_small_bridge, own_bridge())
    assert first[0] == 'mark "reply-1" before the clear, not after it'


# Live legs


def test_on_live_legs_what_answers_the_service_is_compared(of_ours):
    result = replay(of_ours, legs=LIVE)
    assert result.divergence.tolerance_ms == 100
    assert result.divergence.is_none, result
    assert told(of_ours, ours(NeverClears), legs=LIVE)[0] == ("clear not sent",)


# Recordings that were made of logs


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("three-interruptions", "clear sent 22 ms earlier than recorded"),
        ("pricing-question", "clear sent 3 ms later than recorded"),
    ],
)
def test_of_a_log_only_what_it_tells_is_compared(name, sentence):
    recording = read(RECORDINGS / name)
    found = replay(recording).divergence
    assert (found.is_none, found.compared) == (True, ["clear"])
    # The log's bridge of the first took 22 ms to clear; ours takes none.
    assert told(recording, own_bridge(), tolerance_ms=0)[0][0] == sentence


def test_clears_that_a_log_tells_are_missed_one_by_one():
    recording = read(RECORDINGS / "three-interruptions")
    result = replay(recording, app=ours(NeverClears))
    assert result.faults[:3] == [
        "at 1.356: clear not sent",
        "at 2.467: clear not sent",
        "at 18.822: clear not sent",
    ]
    assert "clear not sent" in repr(result)


def test_a_recording_that_tells_nothing_of_the_bridge_cannot_diverge():
    whole = read(RECORDINGS / "pricing-question")
    events = [event for event in whole.events if event.direction != "out"]
    mute = Recording("mute", whole.header, events, whole.sounds)
    found = replay(mute, app=ours(NeverClears)).divergence
    assert (found.is_none, found.same, found.compared) == (True, None, [])


def test_a_recording_that_ends_before_its_bridge_sent_anything_is_not_the_same(tmp_path):
    folder = tmp_path / "short"
    shutil.copytree(RECORDINGS / "barge-in", folder)
    whole = (folder / "call.jsonl").read_text().splitlines(keepends=True)
    (folder / "call.jsonl").write_text("".join(whole[:2]))
    found = replay(read(folder)).divergence
    assert found.same is None
    assert found.summary.startswith("nothing to compare: ")


# A service that streams silence, as Vapi does


class HoldsRepliesBack(CallCore):
    """Sends 300 ms of silence before each reply: nothing is lost, all but the first come late."""

    _quiet = 0

    def _on_agent_frame(self, data: bytes, now_ns: int) -> list[Any]:
        held = []
        if not any(data):
            self._quiet += 1
        else:
            if self._quiet > 50:
                held = super()._on_agent_frame(bytes(9600), now_ns)
            self._quiet = 0
        return held + super()._on_agent_frame(data, now_ns)


def test_replies_are_told_apart_where_a_bridge_never_pauses() -> None:
    recording = read(RECORDINGS / "greeting-and-goodbye")
    assert told(recording, ours(HoldsRepliesBack)) == [("caller heard reply 2 299 ms later",)]


def test_a_reply_that_turned_to_silence_is_missing() -> None:
    class Mutes(CallCore):
        _seconds = 0.0

        def _on_agent_frame(self, data: bytes, now_ns: int) -> list[Any]:
            self._seconds += len(data) / 32_000
            sound = data if self._seconds < 4 else bytes(len(data))
            return super()._on_agent_frame(sound, now_ns)

    recording = read(RECORDINGS / "greeting-and-goodbye")
    [(first, *_)] = told(recording, ours(Mutes))
    assert first == "reply 2 not sent (1.0 s)"
