"""Recorded calls again, against right and wrong bridges."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from starlette.applications import Starlette

from simkit import AppError, Simulation
from simkit.audio import mulaw
from simkit.bridge import Bridge, CallCore, Config
from simkit.bridge.events import Action, SetTimer, TimerDue
from simkit.recording import Recording, RecordingError, Replay, read, replay
from simkit.recording.replay import BRIDGE_HOST
from simkit.twilio import AUTH_TOKEN
from simkit.vapi import API_KEY

RECORDINGS = Path(__file__).parents[2] / "recordings"


@pytest.fixture(scope="module")
def recording() -> Recording:
    return read(RECORDINGS / "three-interruptions")


@pytest.fixture(scope="module")
def three(recording) -> Replay:
    return replay(recording)


@pytest.fixture(scope="module")
def pricing() -> Replay:
    return replay(read(RECORDINGS / "pricing-question"))


def bridge_of(make_core: type[CallCore]) -> Any:
    config = Config(
        public_url=f"https://{BRIDGE_HOST}",
        twilio_auth_token=AUTH_TOKEN,
        vapi_api_key=API_KEY,
        vapi_assistant_id="any",
    )
    return Bridge(config, make_core=make_core).app()


def changed(recording: Recording, **header: Any) -> Recording:
    """The same call with another header."""
    header = msgspec.structs.replace(recording.header, **header)
    return Recording(recording.name, header, recording.events, recording.sounds)


def failed(result: Replay) -> dict[str, str]:
    return {check.name: check.sentence for check in result.checks if not check.passed}


# The three interruptions


def test_the_bridge_keeps_every_promise(three):
    assert failed(three) == {}
    assert three.passed
    assert three.failure == ""


def test_the_detections_come_as_far_into_the_reply_as_they_did(three):
    assert [found.reply_at_ms for found in three.barge_ins] == [334.0, 344.0, 4300.0]
    assert [found.detected_by for found in three.barge_ins] == ["partial transcript"] * 3


def test_what_was_dropped_then_is_unheard_now(three):
    unheard = [found.unheard_ms for found in three.barge_ins]
    assert unheard == pytest.approx([2100, 1800, 4200], abs=40)


def test_the_bridge_reacts_at_once(three):
    assert [found.react_ms for found in three.barge_ins] == [0.0, 0.0, 0.0]
    assert [found.detect_ms for found in three.barge_ins] == [200.0, 200.0, 200.0]
    assert [found.fly_ms for found in three.barge_ins] == [20.0, 20.0, 20.0]


def test_the_parts_sum_up_to_the_whole(three):
    for found in three.barge_ins:
        assert sum(found.parts) == pytest.approx(found.time_to_stop_ms)
        assert 0 <= found.tail_ms <= 20
        assert found.stale_after_clear_ms == 0.0


def test_the_caller_says_what_was_recorded_when_it_was_recorded(three, recording):
    spoken = three.timeline.of("speaks")
    origin_ns = spoken[0].t_ns - 1_134_000_000
    assert [(event.fields["text"], (event.t_ns - origin_ns) / 1e6) for event in spoken] == [
        (said.text, pytest.approx(event.t_ms)) for event, said in recording.speech("caller")
    ]


def test_the_agent_says_what_was_recorded(three, recording):
    spoken = [event.fields["text"] for event in three.timeline.of("replies")]
    assert spoken == [said.text for _, said in recording.speech("agent")]


def test_the_agent_is_as_late_as_it_was(three, recording):
    [start] = three.timeline.of("start")
    origin_ms = three.timeline.of("speaks")[0].t_ns / 1e6 - 1134.0
    came_ms = [event.arrived_ns / 1e6 - origin_ms for event in three.timeline.of("replies")]
    assert came_ms == pytest.approx([event.t_ms for event, _ in recording.speech("agent")], abs=1)
    assert start.t_ns / 1e6 < came_ms[0] + origin_ms


def test_the_call_is_as_long_as_it_was(three):
    [hung_up] = three.timeline.of("hangs-up")
    assert hung_up.source == "caller"
    assert hung_up.t_ns == three.timeline.of("speaks")[0].t_ns - 1_134_000_000 + 47_000_000_000
    assert three.call_seconds == 47.0


def test_both_sides_can_be_heard(three, recording):
    assert len(three.mouth) == len(three.ear)
    assert len(three.ear) / 8000 == pytest.approx(48, abs=1)
    assert np.abs(three.mouth).max() > 1000
    assert np.abs(three.ear).max() > 1000
    said = mulaw.decode(mulaw.encode(recording.sounds["caller.flac"]))
    assert np.array_equal(three.mouth[: len(said)], said)


def test_the_speed_is_call_seconds_by_cpu_seconds(three):
    assert three.speed == pytest.approx(47.0 / three.cpu_seconds)
    assert replace(three, cpu_seconds=0.0).speed > 0


def test_the_same_seed_gives_the_same_text(recording, three):
    assert replay(recording).timeline == three.timeline


# Another call


def test_the_pricing_question_passes(pricing):
    assert pricing.passed
    assert failed(pricing) == {}


def test_a_late_interruption_by_voice_is_replayed_as_one(pricing):
    first, *_ = pricing.timeline.of("replied")
    assert first.fields["interrupted"]
    assert [event.kind for event in pricing.timeline.of("user-interrupted")] == ["user-interrupted"]
    assert len(pricing.timeline.of("clear")) == 1


def test_who_speaks_before_the_agent_does_not_interrupt_it(pricing):
    assert pricing.barge_ins == []


# Wrong bridges


class NeverClears(CallCore):
    """Lets what Twilio has queued go on, and what still comes."""

    def _cut_off(self, now_ns: int) -> list[Action]:
        return []


class ThinksAboutIt(CallCore):
    """Clears 150 ms after it was told."""

    def _cut_off(self, now_ns: int) -> list[Action]:
        return [SetTimer("thought", now_ns + 150_000_000)]

    def _on_timer(self, event: TimerDue, now_ns: int) -> list[Action]:
        if event.name == "thought":
            return super()._cut_off(now_ns)
        return super()._on_timer(event, now_ns)


def test_a_bridge_that_never_clears_is_caught(recording):
    result = replay(recording, app=bridge_of(NeverClears))
    assert not result.passed
    assert failed(result)["stops-when-interrupted"].startswith("caller interrupted at 1.274")
    assert [found.react_ms for found in result.barge_ins[:1]] == [None]
    assert result.barge_ins[0].time_to_stop_ms > 2000
    assert result.barge_ins[0].stale_after_clear_ms is None


def test_a_bridge_that_hesitates_is_measured(recording):
    result = replay(recording, app=bridge_of(ThinksAboutIt))
    assert [found.react_ms for found in result.barge_ins] == [150.0, 150.0, 150.0]
    assert [found.reply_at_ms for found in result.barge_ins] == [334.0, 344.0, 4300.0]


def test_a_bridge_that_does_not_answer_the_call_fails(recording):
    result = replay(recording, app=Starlette())
    assert not result.passed
    assert "/voice/inbound was answered with HTTP 404; if the" in result.failure
    assert "twiml-in-time" in failed(result)
    heard = [event.fields["text"] for event in result.timeline.of("hears")]
    assert heard == ["We are sorry, an application error has occurred. Goodbye."]


def test_a_bridge_that_cannot_be_loaded_is_no_result(recording):
    with pytest.raises(AppError, match="there is no module 'no_such_module'"):
        replay(recording, app="no_such_module:app")


# Other circumstances


def test_another_seed_gives_other_ids_and_the_same_course(monkeypatch):
    recording = read(RECORDINGS / "pricing-question")
    sids = []
    finish = Simulation.finish

    def look(sim: Simulation):
        sids.append(sim.twilio.calls[0].sid)
        return finish(sim)

    monkeypatch.setattr(Simulation, "finish", look)
    other = replay(recording, seed=1)
    again = replay(recording, seed=1)
    replay(recording)
    assert sids[0] == sids[1] != sids[2]
    assert other.passed
    assert str(other.timeline) == str(again.timeline)


def test_longer_links_are_taken_from_the_header(recording):
    result = replay(changed(recording, links_ms={"twilio": 80.0, "vapi": 10.0}))
    assert [found.fly_ms for found in result.barge_ins] == [80.0, 80.0, 80.0]


def test_a_call_that_is_shorter_in_the_header_is_hung_up_earlier(recording):
    result = replay(changed(recording, duration_ms=5000.0))
    [hung_up] = result.timeline.of("hangs-up")
    assert hung_up.t_ns == 140_000_000 + 5_000_000_000
    assert all(check.passed for check in result.checks)


# Recordings that cannot be replayed


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"nonsense": 1}, "nonsense"),
        ({"num_words": -1}, "num_words: a whole number from 0"),
        ({"first_message": 1}, "first_message"),
        ({"vad_threshold": 1.5}, "vad_threshold: a number from 0 to 1"),
    ],
)
def test_settings_that_no_assistant_has_are_told(recording, settings, expected):
    with pytest.raises(RecordingError, match="three-interruptions: header: assistant: ") as caught:
        replay(changed(recording, assistant=settings))
    assert expected in str(caught.value)


@pytest.mark.parametrize(("key", "name"), [("to", "to"), ("from_", "from")])
def test_a_number_that_is_none_is_told(recording, key, name):
    with pytest.raises(
        RecordingError, match=f"three-interruptions: header: {name}: expected a num"
    ):
        replay(changed(recording, **{key: "hello"}))


@pytest.mark.parametrize("settings", [{"frame": 0}, {"frame": 1e15}])
def test_settings_that_make_no_sense_are_told(recording, settings):
    with pytest.raises(RecordingError):
        replay(changed(recording, assistant=dict(recording.header.assistant) | settings))


def test_a_caller_who_says_nothing_is_silent_until_the_hang_up(recording):
    mute = [event for event in recording.events if event.leg != "caller"]
    result = replay(Recording("mute", recording.header, mute, recording.sounds))
    assert not result.mouth.any()
    assert result.timeline.of("speaks") == []
    assert all(check.passed for check in result.checks)
    assert [cause.sentence for cause in result.divergence.causes] == ["clear not sent"] * 3


def test_a_caller_in_two_files_cannot_be_replayed(recording):
    events = list(recording.events)
    index = next(n for n, event in enumerate(events) if event.leg == "caller")
    message = dict(events[index].message)
    message["sound"] = message["sound"] | {"file": "agent.flac"}
    events[index] = msgspec.structs.replace(events[index], message=message)
    with pytest.raises(RecordingError, match="the caller speaks in 2 sound files"):
        replay(Recording("split", recording.header, events, recording.sounds))
