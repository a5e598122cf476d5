"""Utterances: a captured call says who spoke when, and replays."""

from __future__ import annotations

import numpy as np
import pytest

from simkit.audio import mulaw
from simkit.recording import Header, MediaFormat, own_bridge, read, replay
from simkit.recording.capture import Capture
from simkit.recording.media import Numbers
from simkit.recording.recorder import Recorder
from simkit.recording.telling import agent_speech
from simkit.recording.utterances import UNKNOWN, track, utterances
from simkit.timeline import barge_ins
from tests.recording.bridges import call_with_a_barge_in

MULAW = MediaFormat("mulaw", 8000)
PCM = MediaFormat("pcm_s16le", 16000)


@pytest.fixture(scope="module")
def captured(tmp_path_factory):
    """A call with a barge-in through our bridge: its timeline, and what was captured of it."""
    folder = tmp_path_factory.mktemp("captured")
    capture = Capture(folder, name=lambda sid: sid)
    timeline = call_with_a_barge_in(capture.asgi(own_bridge()))
    capture.close()
    [path] = folder.iterdir()
    return timeline, read(path)


def test_the_caller_is_found_where_they_spoke(captured):
    timeline, recording = captured
    [found] = utterances(recording, "caller")
    [spoke] = [event for event in timeline.of("speaks") if event.source == "caller"]
    stream = next(event for event in timeline.of("connected"))
    # On the recording's clock, which begins with the socket; and one flight later.
    expected_ms = (spoke.t_ns - stream.t_ns) / 1e6 + 20
    assert abs(found.t_ms - expected_ms) <= 60
    assert abs(found.speech.duration_ns - spoke.fields["duration_ns"]) <= 120_000_000


def test_the_agent_is_found_in_what_was_sent_to_twilio(captured):
    _, recording = captured
    assert len(utterances(recording, "agent")) == 2


def test_what_no_transcript_tells_is_unclear(captured):
    _, recording = captured
    assert {said.speech.text for said in utterances(recording, "caller")} == {UNKNOWN}


def test_a_captured_barge_in_happens_again(captured):
    timeline, recording = captured
    again = replay(recording)
    assert again.passed
    [before], [after] = barge_ins(timeline), again.barge_ins
    assert after.time_to_stop_ms is not None
    assert abs(after.time_to_stop_ms - before.time_to_stop_ms) < 150


def test_frames_that_were_lost_on_the_way_are_silence(tmp_path):
    taken = Recorder(tmp_path / "call", Header(source="a test"))
    tone = mulaw.encode(np.full(160, 1000, np.int16))
    for number in (0, 1, 5):
        at_ns = 100_000_000 + number * 20_000_000
        taken.frame(at_ns, "twilio", "in", tone, MULAW, Numbers(None, None, 57 + 20 * number))
    taken.finish(300_000_000)
    sound = track(read(tmp_path / "call"), "caller")
    assert len(sound) == 2400
    assert np.flatnonzero(sound).tolist() == [*range(800, 1120), *range(1600, 1760)]


def test_vapis_audio_that_came_in_one_burst_is_heard_one_after_the_other(tmp_path):
    taken = Recorder(tmp_path / "call", Header(source="a test"))
    for number in range(10):
        taken.frame(
            number * 1_000_000, "vapi", "in", b"\x10\x27" * 320, MediaFormat("pcm_s16le", 16000)
        )
    taken.finish(400_000_000)
    sound = track(read(tmp_path / "call"), "agent")
    assert len(np.flatnonzero(np.abs(sound) > 5000)) == pytest.approx(1600, abs=40)


@pytest.mark.parametrize("leg", ["twilio", "vapi"])
def test_what_was_sent_ahead_and_cleared_moves_no_later_reply(tmp_path, leg):
    taken = Recorder(tmp_path / "call", Header(source="a test"))
    direction = "out" if leg == "twilio" else "in"

    def says(at_ms: float, seconds: float) -> None:
        sound = mulaw.encode(np.full(round(seconds * 8000), 3000, np.int16))
        taken.frame(round(at_ms * 1e6), leg, direction, sound, MULAW)

    taken.frame(0, "twilio", "in", b"\xff" * 160, MULAW)
    says(1000, 5.0)  # at once
    taken.message(2_000_000_000, "twilio", "out", {"event": "clear"})
    says(2200, 1.0)
    says(4500, 0.5)
    taken.finish(7_000_000_000)
    recording = read(tmp_path / "call")
    found = [
        (round(said.t_ms), round(said.speech.duration, 2))
        for said in utterances(recording, "agent")
    ]
    assert found == [(960, 1.24), (2200, 1.04), (4460, 0.58)]
    if leg == "vapi":
        came = [round(t_ns / 1e6) for t_ns, _ in agent_speech(recording)]
        assert came == [1000, 2200, 4500]


@pytest.mark.parametrize("level", [0, 30])
def test_noise_alone_is_nobodys_utterance(tmp_path, level):
    taken = Recorder(tmp_path / "call", Header(source="a test"))
    noise = np.random.default_rng(0).normal(0, level, 16_000).astype(np.int16)
    for number in range(100):
        frame = mulaw.encode(noise[number * 160 :][:160])
        taken.frame(number * 20_000_000, "twilio", "in", frame, MULAW)
    taken.finish(2_000_000_000)
    assert utterances(read(tmp_path / "call"), "caller") == []


def test_transcripts_tell_the_words(tmp_path):
    taken = Recorder(tmp_path / "call", Header(source="a test"))
    sound = np.zeros(32_000, np.int16)
    sound[4000:9000] = sound[18_000:24_000] = 3000
    for number in range(200):
        frame = mulaw.encode(sound[number * 160 :][:160])
        taken.frame(number * 20_000_000, "twilio", "in", frame, MULAW)
    for t_ms, kind, text in (
        (900, "partial", "I"),
        (1400, "final", "I have"),
        (1500, "final", "a question"),
        (3500, "final", "about prices"),
    ):
        message = {"type": "transcript", "role": "user", "transcriptType": kind, "transcript": text}
        taken.message(t_ms * 1_000_000, "vapi", "in", message)
    taken.finish(4_000_000_000)
    found = utterances(read(tmp_path / "call"), "caller")
    assert [said.speech.text for said in found] == ["I have a question", "about prices"]
    assert [word.text for word in found[0].speech.words] == ["I", "have", "a", "question"]
