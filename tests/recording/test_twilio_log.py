"""Twilio message logs: however they were written, the same call comes out."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simkit.audio import mulaw
from simkit.recording import RecordingError, read
from simkit.recording.twilio_log import import_twilio_log
from simkit.recording.utterances import utterances

SID = "MZ" + "0" * 32


def loud(count: int, level: int) -> bytes:
    return mulaw.encode(np.full(count, level, np.int16))


def a_call() -> list[tuple[float, dict]]:
    """Messages of a short call with their instants in ms: 57 ms after the stream's begin."""
    start = {"streamSid": SID, "callSid": "CA1", "mediaFormat": {"encoding": "audio/x-mulaw"}}
    call: list[tuple[float, dict]] = [
        (0.0, {"event": "connected", "protocol": "Call", "version": "1.0.0"}),
        (1.0, {"event": "start", "sequenceNumber": "1", "start": start, "streamSid": SID}),
    ]
    for number in range(100):
        payload = base64.b64encode(loud(160, 2000 if 20 <= number < 60 else 0)).decode()
        media = {"track": "inbound", "chunk": str(number + 1), "payload": payload}
        media["timestamp"] = str(57 + 20 * number)
        message = {"event": "media", "sequenceNumber": str(number + 2), "media": media}
        call.append((57.0 + 20 * number, message | {"streamSid": SID}))
    agent = {"event": "media", "streamSid": SID}
    agent["media"] = {"payload": base64.b64encode(loud(8000, 3000)).decode()}
    call.insert(70, (1400.0, agent))
    call.insert(71, (1400.0, {"event": "mark", "streamSid": SID, "mark": {"name": "a"}}))
    call.insert(80, (1550.0, {"event": "clear", "streamSid": SID}))
    call.append((2060.0, {"event": "stop", "sequenceNumber": "102", "stop": {"callSid": "CA1"}}))
    return call


def imported(tmp_path: Path, *lines: str):
    (tmp_path / "a.log").write_text("\n".join(lines) + "\n")
    report = import_twilio_log(tmp_path / "a.log", tmp_path / "call")
    return report, read(tmp_path / "call")


STYLES = {
    "bare": lambda t, m: json.dumps(m),
    "epoch ms": lambda t, m: json.dumps({"ts": 1704123456789 + t, "message": m}),
    "epoch s": lambda t, m: json.dumps({"time": 1704123456.789 + t / 1000, "data": json.dumps(m)}),
    "ns": lambda t, m: json.dumps({"t_ns": round(t * 1e6), "msg": m}),
    "seconds": lambda t, m: json.dumps({"t": t / 1000, "payload": m}),
    "ISO": lambda t, m: json.dumps({"at": f"2026-11-21T10:00:0{t / 1000:.3f}Z", "message": m}),
    "logger": lambda t, m: f"2026-11-21 10:00:0{t / 1000:.3f} INFO bridge: {json.dumps(m)}",
    "clock": lambda t, m: f"[10:00:0{t / 1000:.3f}] twilio {json.dumps(m)}",
    "logger's event": lambda t, m: json.dumps({"event": "frame", "ts": t, "frame": m}),
}


@pytest.mark.parametrize("style", STYLES)
def test_however_it_was_written_the_same_call_comes_out(tmp_path, style):
    report, recording = imported(tmp_path, *(STYLES[style](*entry) for entry in a_call()))
    assert (report.frames, report.messages, report.faults) == (101, 5, [])
    assert [event.message.get("event") for event in recording.events if event.media is None] == [
        "connected",
        "start",
        "mark",
        "clear",
        "stop",
        "ended",
    ]
    caller = [frame for frame, _ in recording.frames("twilio", "in")]
    assert [frame.numbers.chunk for frame in caller] == list(range(1, 101))
    begin_ms = (caller[0].t_ns / 1e6, caller[-1].t_ns / 1e6)
    assert begin_ms == pytest.approx((57, 2037), abs=0.01)
    [(frame, data)] = recording.frames("twilio", "out")
    assert data == loud(8000, 3000)
    assert frame.t_ns / 1e6 == pytest.approx(1400 if style != "bare" else 1397, abs=4)


def test_who_spoke_when_is_found(tmp_path):
    _, recording = imported(tmp_path, *(STYLES["bare"](*entry) for entry in a_call()))
    [caller] = utterances(recording, "caller")
    assert caller.t_ms == pytest.approx(57 + 400, abs=60)
    assert caller.speech.duration == pytest.approx(0.8, abs=0.13)
    [agent] = utterances(recording, "agent")
    assert agent.t_ms == pytest.approx(1400, abs=60)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("server listening on port 3000", "no JSON object: 'server listening on port 3000'"),
        ('{"event": "media"', "not JSON: "),
        ('{"event": "poem", "poem": {}}', "no Twilio message: "),
        ('{"event": "media", "media": {}}', "media: KeyError('payload')"),
        ('{"event": "media", "media": {"payload": "a"}}', "media: Error("),
        ('{"event": "media", "media": {"payload": 7}}', "media: TypeError("),
        ('{"event": "media", "media": {"payload": "", "chunk": "-1"}}', "media: ValueError("),
        ("[" * 2000 + "{", "not JSON"),
        ('{"message": ' * 2000, "not JSON"),
    ],
)
def test_what_cannot_be_used_is_told_by_its_line(tmp_path, line, why):
    good = [STYLES["bare"](*entry) for entry in a_call()]
    report, _ = imported(tmp_path, *good[:5], line, *good[5:])
    [(number, told_why)] = report.faults
    assert number == 6
    assert told_why.startswith(why)
    assert report.frames == 101


def test_a_direction_that_the_log_says_counts(tmp_path):
    ours = {"event": "mark", "streamSid": SID, "mark": {"name": "a"}}
    lines = [STYLES["bare"](*entry) for entry in a_call()]
    _, recording = imported(
        tmp_path, *lines, json.dumps({"direction": "received", "message": ours})
    )
    assert len(recording.messages("twilio", "in", "mark")) == 1
    assert len(recording.messages("twilio", "out", "mark")) == 1


def test_a_clock_that_was_set_back_reorders_nothing(tmp_path):
    lines = [STYLES["seconds"](t - (500 if t > 1000 else 0), m) for t, m in a_call()]
    _, recording = imported(tmp_path, *lines)
    frames = [frame.numbers.chunk for frame, _ in recording.frames("twilio", "in")]
    assert frames == list(range(1, 101))


@pytest.mark.parametrize("text", ["", "\n\n", "hello\n", '{"event": "connected"}\n'])
def test_a_log_without_media_is_refused_and_nothing_written(tmp_path, text):
    (tmp_path / "a.log").write_text(text)
    with pytest.raises(RecordingError, match=r"a\.log: no media message in it"):
        import_twilio_log(tmp_path / "a.log", tmp_path / "call")
    assert [path.name for path in tmp_path.iterdir()] == ["a.log"]


def test_an_existing_folder_and_a_missing_log_are_told(tmp_path):
    (tmp_path / "call").mkdir()
    (tmp_path / "a.log").write_text(STYLES["bare"](*a_call()[5]))
    with pytest.raises(RecordingError, match="call: exists already"):
        import_twilio_log(tmp_path / "a.log", tmp_path / "call")
    with pytest.raises(RecordingError, match=r"b\.log: No such file"):
        import_twilio_log(tmp_path / "b.log", tmp_path / "other")


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_a_damaged_log_is_imported_or_refused_and_nothing_else(tmp_path_factory, data):
    tmp_path = tmp_path_factory.mktemp("damaged")
    text = "\n".join(STYLES["epoch ms"](*entry) for entry in a_call()[:30]).encode()
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(text) - 1))
        junk = data.draw(
            st.sampled_from([b"", b"\n", b"{", b"1e999", b"\xff", b'"', b"-9", b"null"])
        )
        text = text[:at] + junk + text[at + data.draw(st.integers(0, 9)) :]
    (tmp_path / "a.log").write_bytes(text)
    try:
        import_twilio_log(tmp_path / "a.log", tmp_path / "call")
    except RecordingError:
        assert [path.name for path in tmp_path.iterdir()] == ["a.log"]
    else:
        read(tmp_path / "call")
