"""A recording as it is: what it tells of its call without a bridge."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simkit.recording import RecordingError, read
from simkit.recording.as_recorded import Place, as_recorded, remarks
from simkit.report.page import page_of, render_page
from simkit.timeline.text import OWN_KINDS
from tests.recording.drafts import CLEAR, HEADER, Draft, says

RECORDINGS = Path(__file__).parents[2] / "recordings"


@pytest.fixture
def draft(tmp_path) -> Draft:
    return Draft(tmp_path / "call")


def test_a_captured_barge_in_is_measured_as_the_replay_measures_it():
    found = as_recorded(read(RECORDINGS / "barge-in"))
    assert [event.kind for event in found.timeline.of("hears")] == ["hears", "hears"]
    [barge_in] = found.barge_ins
    assert barge_in.detected_by == "user-interrupted"
    assert barge_in.fly_ms == 20.0
    assert barge_in.time_to_stop_ms == pytest.approx(300, abs=40)
    assert found.checks == []
    # Nobody recorded what reached the assistant.
    assert found.measures.first_words_lost_ms is None
    assert found.measures.caller_to_agent is None


def test_what_was_heard_is_what_the_bridge_sent_as_the_play_out_plays_it():
    found = as_recorded(read(RECORDINGS / "barge-in"))
    mouth, ear = found.sound()
    assert len(mouth) == len(ear)
    for piece in found.timeline.of("hears"):
        first, last = (
            t_ns // 125_000 for t_ns in (piece.t_ns, piece.t_ns + piece.fields["duration_ns"])
        )
        assert abs(ear[first:last].astype(int)).max() > 1000
    [clear] = found.timeline.of("clear")
    silent = clear.arrived_ns // 125_000 + 160
    assert not ear[silent : silent + 8000].any()
    [queue] = found.timeline.levels
    assert (clear.arrived_ns, 0.0) in queue.points


@pytest.mark.parametrize("leg", ["twilio", "vapi"])
@pytest.mark.parametrize("is_in", [True, False])
def test_frames_are_counted_where_they_passed_the_bridge(leg, is_in):
    recording = read(RECORDINGS / "barge-in")
    frames = [
        frame
        for event in recording.events
        if (event.leg, event.direction) == (leg, "in" if is_in else "out")
        for frame in recording.frames_of(event)
    ]
    ends = (leg, "bridge") if is_in else ("bridge", leg)
    runs = [
        run
        for run in as_recorded(recording).timeline.of("media")
        if (run.source, run.target) == ends
    ]
    assert (runs[0].t_ns, runs[-1].fields["last_ns"]) == (frames[0][0].t_ns, frames[-1][0].t_ns)
    assert sum(run.fields["frames"] for run in runs) == len(frames)
    assert sum(run.fields["audio_ns"] for run in runs) == sum(
        len(data) * 125_000 for _, data in frames
    )


def test_a_clear_ends_a_run_of_frames_and_no_mark_does(tmp_path):
    shutil.copytree(RECORDINGS / "greeting-and-goodbye", folder := tmp_path / "call")
    header, *lines = (folder / "call.jsonl").read_text().splitlines()
    for clears, runs in (([], 1), ([json.dumps(CLEAR)], 2)):
        ordered = sorted([*lines, *clears], key=lambda line: json.loads(line)["t_ms"])
        (folder / "call.jsonl").write_text("\n".join([header, *ordered, ""]))
        timeline = as_recorded(read(folder)).timeline
        assert len(timeline.of("mark")) > 1
        sent = [run for run in timeline.of("media") if run.target == "twilio"]
        assert len(sent) == runs


def test_what_was_before_the_begin_of_a_clock_is_at_its_begin():
    captured = read(RECORDINGS / "barge-in")
    early = Place.of_itself(captured)._replace(spoken_ns=-(10**12))
    assert as_recorded(captured, early).timeline.of("speaks")[0].t_ns == 0


def test_the_caller_is_dated_at_the_mouth():
    found = as_recorded(read(RECORDINGS / "barge-in"))
    mouth, _ = found.sound()
    [spoken] = found.timeline.of("speaks")
    first = spoken.t_ns // 125_000
    assert abs(mouth[first : first + 800].astype(int)).max() > 300
    assert not (abs(mouth[first - 800 : first].astype(int)) > 300).any()
    partial = found.timeline.of("transcript")[0]
    assert partial.t_ns > spoken.t_ns


def test_a_log_without_audio_on_the_wire_is_heard_as_it_was_said():
    found = as_recorded(read(RECORDINGS / "three-interruptions"))
    assert len(found.barge_ins) == 3
    assert all(one.time_to_stop_ms < 300 for one in found.barge_ins)
    assert all(one.unheard_ms > 1000 for one in found.barge_ins)
    told = list(remarks(read(RECORDINGS / "three-interruptions")))
    assert "23 of 30 events are inferred or composed" in told


@pytest.mark.parametrize(
    "name", sorted(path.parent.name for path in RECORDINGS.glob("*/call.jsonl"))
)
def test_every_recording_of_the_project_makes_a_page(name):
    recording = read(RECORDINGS / name)
    page = page_of(as_recorded(recording), name, list(remarks(recording)))
    assert page.passed is None
    assert page.panels[0].sound is not None
    assert {lane.id for lane in page.panels[0].lanes} == {
        "caller",
        "twilio",
        "bridge",
        "vapi",
        "agent",
    }
    assert render_page(page).startswith("<!doctype html>")


def message(t_ms: float, leg: str, direction: str, **fields) -> dict:
    return {"t_ms": t_ms, "leg": leg, "direction": direction, "message": fields}


@pytest.mark.parametrize("kind", sorted({*OWN_KINDS, "ended", "carrier", "</script>", "\x1b[2J"}))
@pytest.mark.parametrize(("leg", "key"), [("twilio", "event"), ("vapi", "type"), ("vapi", "event")])
def test_messages_that_are_called_as_what_timelines_hold_do_no_harm(draft, leg, key, kind):
    lines = [
        message(10, leg, direction, **{key: kind, "reply": "x", "name": {}, "duration_ns": "long"})
        for direction in ("in", "out")
    ]
    if kind == "media" and leg == "twilio":
        lines = lines[1:]  # frames of the caller's are read before
    outcome = as_recorded(draft.read(HEADER, *lines))
    assert str(outcome.timeline).isprintable() or "\n" in str(outcome.timeline)
    assert "\x1b" not in str(outcome.timeline)
    render_page(page_of(outcome, "odd"))


def test_messages_are_told_as_the_fakes_tell_them(draft):
    start = {"mediaFormat": {"encoding": "audio/x-mulaw"}}
    recording = draft.read(
        HEADER | {"links_ms": {"twilio": 20.0, "vapi": 10.0}},
        message(1, "twilio", "in", event="start", start=start),
        message(2, "vapi", "out", event="request", method="POST", path="/call", body={}),
        message(3, "vapi", "in", event="response", path="/call", status=201),
        message(4, "vapi", "in", type="speech-update", role="user", status="started"),
        message(5, "vapi", "in", type="status-update", status="ended", endedReason="hangup"),
        message(6, "vapi", "in", type="never-heard-of", value=1),
        message(7, "twilio", "out", event="mark", mark={"name": "m1"}),
        message(8, "vapi", "out", event="closed", code=1000),
        CLEAR,
        {"t_ms": 900.0, "leg": "call", "message": {"event": "ended"}},
    )
    assert str(as_recorded(recording).timeline).splitlines() == [
        "    0.001  twilio   > bridge   start  encoding=audio/x-mulaw",
        "    0.002  bridge   > vapi     POST /call",
        "    0.003  vapi     > bridge   HTTP 201  /call",
        "    0.004  vapi     > bridge   speech-update user started",
        "    0.005  vapi     > bridge   status-update  status=ended  reason=hangup",
        "    0.006  vapi     > bridge   never-heard-of  value=1",
        '    0.007  bridge   > twilio   mark "m1"',
        "    0.008  bridge   > vapi     close 1000",
        "    0.500  bridge   > twilio   clear",
        "    0.900  twilio   ended  status=completed",
    ]
    [clear] = as_recorded(recording).timeline.of("clear")
    assert (clear.sent_ns, clear.arrived_ns) == (500_000_000, 520_000_000)


def test_a_recording_without_anything_in_it_makes_a_page_that_says_so(draft):
    recording = draft.read({key: HEADER[key] for key in HEADER if key != "duration_ms"})
    page = page_of(as_recorded(recording), "nothing", list(remarks(recording)))
    assert "not finished: the end of the call is missing" in page.remarks
    assert "there is no sound: no call was answered" in page.remarks
    assert "nothing happened: the timeline is empty" in page.remarks


def test_of_a_damaged_recording_what_cannot_be_read_is_left_out(draft):
    draft.put(HEADER, says(), CLEAR, b'{"t_ms": nonsense}\n', CLEAR, b"[]\n")
    with pytest.raises(RecordingError):
        read(draft.path)
    recording = read(draft.path, damaged=True)
    assert len(recording.events) == 3
    assert "call.jsonl:4: expected one JSON object" in recording.damage
    assert recording.damage.endswith("; 1 more line cannot be read")
    [told] = [remark for remark in remarks(recording) if "not whole" in remark]
    assert told == f"not whole: {recording.damage}"
    assert [event.kind for event in as_recorded(recording).timeline] == ["speaks", "clear", "clear"]


def test_where_sound_is_damaged_the_messages_are_shown_all_the_same(draft):
    draft.put(HEADER, CLEAR, says(), says(), CLEAR)
    draft.sound.write_bytes(b"no sound")
    recording = read(draft.path, damaged=True)
    assert len(recording.events) == 2
    assert "call.jsonl:3: message.sound.file: " in recording.damage
    assert "caller.flac: not a readable sound file" in recording.damage


def test_without_its_header_a_recording_is_shown_all_the_same(draft):
    draft.put(b"{\n", CLEAR, says())
    recording = read(draft.path, damaged=True)
    assert "call.jsonl:1: expected one JSON object" in recording.damage
    assert [event.kind for event in as_recorded(recording).timeline] == ["speaks", "clear"]


@pytest.mark.parametrize("left", ["caller.raw", "agent-2.flac", "to-vapi.json"])
def test_sound_without_events_is_what_is_left_of_a_recording(tmp_path, left):
    (tmp_path / left).write_bytes(b"")
    (tmp_path / "other.txt").write_bytes(b"")
    recording = read(tmp_path, damaged=True)
    assert recording.damage.endswith(f"no call.jsonl in it, of a recording there is only {left}")
    assert recording.events == []


@pytest.mark.parametrize("data", [b"", b"{", b"\n", b"\0" * 100, bytes(2**21)])
def test_a_recording_that_is_empty_or_nonsense_makes_a_page_that_says_so(tmp_path, data):
    (tmp_path / "call.jsonl").write_bytes(data)
    recording = read(tmp_path, damaged=True)
    page = page_of(as_recorded(recording), "nothing", list(remarks(recording)))
    assert page.remarks[0].startswith(f"not whole: {tmp_path}/call.jsonl:1: ")


def test_a_recording_that_is_too_large_is_not_read_and_makes_a_page_that_says_so(tmp_path):
    with (tmp_path / "call.jsonl").open("wb") as file:
        file.truncate(2**30)  # takes no place
    recording = read(tmp_path, damaged=True)
    assert "found 1,073,741,824 bytes, expected at most 536,870,912" in recording.damage


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_whatever_is_damaged_there_is_a_page(data):
    name = data.draw(st.sampled_from(["call.jsonl", "caller.flac", "agent.flac", "to-vapi.flac"]))
    with tempfile.TemporaryDirectory() as place:
        folder = Path(shutil.copytree(RECORDINGS / "barge-in", Path(place) / "call"))
        whole = bytearray((folder / name).read_bytes())
        for _ in range(data.draw(st.integers(1, 5))):
            at = data.draw(st.integers(0, len(whole) - 1))
            some = data.draw(st.sampled_from([b"", b"\0", b"\n", b'"', b"9", b"}", b"\xff"]))
            whole[at : at + data.draw(st.sampled_from([0, 1, 5, 10_000]))] = some
            if not whole:
                break
        (folder / name).write_bytes(whole)
        recording = read(folder, damaged=True)
        page = page_of(as_recorded(recording), "damaged", list(remarks(recording)))
        assert render_page(page)


def test_a_capture_that_was_cut_by_a_crash_makes_a_page_that_says_so(tmp_path):
    folder = tmp_path / "call"
    shutil.copytree(RECORDINGS / "barge-in", folder)
    events = folder / "call.jsonl"
    data = events.read_bytes()
    events.write_bytes(data[: len(data) * 2 // 3])
    recording = read(folder, damaged=True)
    assert recording.cut_tail
    page = page_of(as_recorded(recording), "cut", list(remarks(recording)))
    assert f"not whole: its last line was cut: {recording.cut_tail!r}" in page.remarks
    assert page.panels[0].spans
    assert json.loads(json.dumps(page.remarks)) == page.remarks
