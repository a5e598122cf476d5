"""Recorded streams: frames come when and as they came, and the stream ends as it did."""

from __future__ import annotations

from pathlib import Path

import pytest

from simkit.recording import Header, Recording, read, replay
from simkit.recording.media import Numbers
from simkit.recording.recorder import Recorder
from tests.recording.bridges import MULAW, STEADY, TONE, captured, small_bridge, stream, told


def as_it_came(recording: Recording, folder: Path) -> list[tuple[int, Numbers]]:
    """The caller's frames of a replay: ms, rounded, since the stream's begin; and numbers."""
    now, _ = captured(
        folder,
        lambda app: replay(recording, app=app, legs={"twilio": "recorded"}),
        opens_vapi=False,
    )
    return [
        (round(frame.t_ns / 1e6) - 40, frame.numbers) for frame, _ in now.frames("twilio", "in")
    ]


@pytest.mark.parametrize(
    "frames",
    [
        STEADY,
        [*STEADY[:5], *((300, *numbers) for _, *numbers in STEADY[5:14]), *STEADY[14:]],
        [*STEADY[:5], *STEADY[9:]],
        [*STEADY[:6], (145, *STEADY[5][1:]), *STEADY[6:]],
        [*STEADY[:5], (160, *STEADY[6][1:]), (160, *STEADY[5][1:]), *STEADY[7:]],
        [(40 + 20 * n, 9_000_000 + n, 1 + n, 5 + 20 * n) for n in range(9)],
    ],
    ids=["steady", "burst", "lost", "twice", "swapped", "numbers"],
)
def test_frames_come_when_and_as_they_came(frames, tmp_path):
    recording = stream(tmp_path / "call", frames)
    found = as_it_came(recording, tmp_path / "calls")
    assert found == [(round(t_ms) - 40, Numbers(*numbers)) for t_ms, *numbers in frames]


@pytest.mark.parametrize(
    ("ends", "reason", "code"),
    [
        (
            [("in", {"event": "stop"}), ("in", {"event": "disconnected", "code": 1000})],
            "stop",
            1000,
        ),
        (
            [("in", {"event": "stop"}), ("in", {"event": "disconnected", "code": 1001})],
            "stop",
            1001,
        ),
        ([("in", {"event": "disconnected", "code": 1011})], "", 1011),
        ([("in", {"event": "disconnected", "code": 1005})], "", 1005),
        ([("in", {"event": "disconnected", "code": 1006})], "", 1006),
    ],
    ids=["stopped", "gone", "closed", "no code", "reset"],
)
def test_the_stream_ends_as_it_did(ends, reason, code, tmp_path):
    messages = [(500.0, direction, message) for direction, message in ends]
    recording = stream(tmp_path / "call", STEADY, *messages)
    now, result = captured(
        tmp_path / "calls",
        lambda app: replay(recording, app=app, legs={"twilio": "recorded"}),
        opens_vapi=False,
    )
    last = [(round(t_ms), what["event"]) for t_ms, what in told(now, "twilio", "in")][2:]
    assert last == [(500, kind) for kind in (reason, "disconnected") if kind]
    assert told(now, "twilio", "in")[-1][1]["code"] == (1005 if code == 1006 else code)  # uvicorn
    assert [event.fields["code"] for event in result.timeline.of("error")] == (
        [31903] if code == 1006 else []
    )
    assert result.failure == ""


def test_an_answer_to_the_bridges_close_waits_for_it(tmp_path):
    closed = [
        (400.0, "out", {"event": "closed", "code": 1000}),
        (440.0, "in", {"event": "disconnected", "code": 1000}),
    ]
    recording = stream(tmp_path / "call", STEADY, *closed)
    result = replay(recording, app=small_bridge(opens_vapi=False), legs={"twilio": "recorded"})
    assert result.unanswered == [
        "0.440: Twilio's answer to the close was not sent: the bridge did not close the socket"
    ]
    [hung_up] = result.timeline.of("hangs-up")
    [began] = result.timeline.of("connected")
    assert hung_up.t_ns - began.sent_ns == 940_000_000 + 1_000_000_000


def test_a_program_that_took_its_first_messages_late_does_not_move_the_call(tmp_path):
    late = [(max(140, t_ms), *numbers) for t_ms, *numbers in STEADY]
    taken = Recorder(tmp_path / "call", Header(source="a test"))
    taken.message(140_000_000, "twilio", "in", {"event": "connected"})
    for t_ms, *numbers in late:
        taken.frame(t_ms * 1_000_000, "twilio", "in", TONE, MULAW, Numbers(*numbers))
    taken.finish(500_000_000)
    found = as_it_came(read(tmp_path / "call"), tmp_path / "calls")
    assert [t_ms for t_ms, _ in found] == [t_ms - 40 for t_ms, *_ in late]
