"""Capture: what went over the sockets is on disk, and the call never pays for it."""

from __future__ import annotations

import base64
import json
import os
import threading

import pytest

from simkit import Simulation
from simkit.recording import MediaFormat, read, recorder
from simkit.recording.capture import Capture, current
from tests.recording.bridges import on_wire

MEDIA = json.dumps(
    {
        "event": "media",
        "sequenceNumber": "2",
        "media": {"track": "inbound", "chunk": "1", "timestamp": "99", "payload": "/////w=="},
        "streamSid": "MZ1",
    }
)
MARK = '{"event": "mark", "mark": {"name": "a"}}'


@pytest.fixture
def capture(tmp_path):
    capture = Capture(tmp_path / "calls", name=lambda sid: sid or "unnamed")
    yield capture
    capture.close()


def media(audio: bytes) -> str:
    payload = base64.b64encode(audio).decode()
    return json.dumps({"event": "media", "media": {"payload": payload}})


def taken(capture, *messages, call_sid: str | None = "CA1"):
    """Take messages of one call down and read them back."""
    call = capture.begin(call_sid)
    for message in messages:
        call.take(*message)
    call.end()
    capture.close()
    [folder] = capture.folder.iterdir()
    return read(folder)


def test_a_media_message_becomes_a_frame_with_its_numbers(capture):
    recording = taken(capture, ("twilio", "in", MEDIA))
    [(frame, data)] = recording.frames("twilio", "in")
    assert (data, frame.numbers) == (b"\xff" * 4, (2, 1, 99))


def test_media_without_numbers_is_a_frame_too(capture):
    message = '{"event": "media", "streamSid": "MZ1", "media": {"payload": "/w=="}}'
    [(frame, data)] = taken(capture, ("twilio", "out", message)).frames("twilio", "out")
    assert (data, frame.numbers) == (b"\xff", (None, None, None))


@pytest.mark.parametrize(
    "media",
    [
        "7",
        "{}",
        '{"payload": 1}',
        '{"payload": "not base64!"}',
        '{"payload": "/w==", "chunk": "x"}',
        '{"payload": "/w==", "chunk": "-1"}',
        '{"payload": "/w==", "chunk": {}}',
    ],
)
def test_media_that_is_not_as_twilios_is_kept_as_a_message(capture, media):
    message = f'{{"event": "media", "media": {media}}}'
    assert taken(capture, ("twilio", "in", message)).events[0].message == json.loads(message)


@pytest.mark.parametrize(
    "data", ["", "{", "7", "[" * 5000, '"\ud800"', '{"a": NaN}', b"\xff\x00", b"{}\xff"]
)
def test_what_is_no_json_object_is_told_by_its_length(capture, data):
    [event, _] = taken(capture, ("twilio", "in", data)).events
    assert event.message["event"] == "unreadable"
    assert event.message["length"] == len(data)


def test_bytes_on_vapis_side_are_audio_in_the_calls_format(capture):
    call = capture.begin("CA1")
    call.vapi_format = MediaFormat("pcm_s16le", 24000)
    call.take("vapi", "in", b"\x01\x00" * 480)
    call.end()
    capture.close()
    recording = read(capture.folder / "CA1")
    assert [data for _, data in recording.frames("vapi", "in")] == [b"\x01\x00" * 480]
    assert recording.formats["from-vapi.flac"].rate == 24000


def test_audio_in_another_format_than_was_said_is_told_in_log_and_recording(capture, caplog):
    call = capture.begin("CA1")  # by default: PCM at 16 kHz on Vapi's side
    for _ in range(150):
        call.take("twilio", "in", media(b"\xff" * 160))
        call.take("vapi", "out", b"\xff" * 160)
    call.end()
    capture.close()
    [note] = [event for event in read(capture.folder / "CA1").events if event.leg == "call"][:1]
    assert note.message["text"] == (
        "Vapi's audio was taken for pcm_s16le at 16000 Hz, but what went there is as much as mulaw "
        "at 8000 Hz: if it is, say Capture(..., vapi_format=MediaFormat('mulaw', 8000))"
    )
    assert "capture of call CA1: Vapi's audio was taken for" in caplog.text


@pytest.mark.parametrize(("frames", "size"), [(150, 640), (150, 200), (50, 160)])
def test_audio_in_the_format_that_was_said_is_not_doubted_nor_what_is_too_little(
    capture, caplog, frames, size
):
    call = capture.begin("CA1")
    for _ in range(frames):
        call.take("twilio", "in", media(b"\xff" * 160))
        call.take("vapi", "out", b"\xff" * size)
    call.end()
    capture.close()
    assert caplog.text == ""
    kinds = [
        event.message["event"] for event in read(capture.folder / "CA1").events if not event.media
    ]
    assert kinds == ["ended"]


def test_a_name_that_is_taken_gets_a_number(capture):
    for _ in range(3):
        call = capture.begin("CA1")
        call.take("twilio", "in", MARK)
        call.end()
    capture.close()
    assert sorted(path.name for path in capture.folder.iterdir()) == ["CA1", "CA1-2", "CA1-3"]


def test_a_hostile_sid_names_no_other_place(capture):
    call = capture.begin("../../etc/" + "x" * 300)
    call.take("twilio", "in", MARK)
    call.end()
    capture.close()
    assert [path.name for path in capture.folder.iterdir()] == ["etc" + "x" * 61]


def test_a_call_that_runs_on_when_capture_closes_is_readable(capture):
    call = capture.begin("CA1")
    call.take("twilio", "in", MARK)
    capture.close()
    assert len(read(capture.folder / "CA1").events) == 1


# Never harm the call


def test_a_disk_that_is_too_slow_costs_the_recording_and_not_the_call(
    tmp_path, monkeypatch, caplog
):
    gate = threading.Event()
    really_write = os.write

    def slow(file, data):
        gate.wait()
        return really_write(file, data)

    monkeypatch.setattr(recorder.os, "write", slow)
    capture = Capture(tmp_path, max_queued=1000, name=lambda sid: sid)
    first, second = capture.begin("CA1"), capture.begin("CA2")
    for _ in range(100):
        first.take("twilio", "in", MARK)
    assert "slower than the calls" in first.fault
    assert second.fault == ""
    gate.set()
    first.end()
    capture.close()
    assert capture.given_up == 1
    assert "capture of call CA1 given up" in caplog.text
    events = read(tmp_path / "CA1").events
    assert {event.message["event"] for event in events[:-1]} == {"mark"}
    assert events[-1].message == {"event": "lost", "reason": "the disk is slower than the calls"}


def test_a_full_disk_costs_the_recording_and_not_the_call(tmp_path, monkeypatch):
    left = 400
    really_write = os.write

    def full(file, data):
        nonlocal left
        left -= len(data)
        if left < 0:
            raise OSError(28, "No space left on device")
        return really_write(file, data)

    monkeypatch.setattr(recorder.os, "write", full)
    capture = Capture(tmp_path, name=lambda sid: sid)
    call = capture.begin("CA1")
    for _ in range(20):
        call.take("twilio", "in", MARK)
    call.end()
    capture.close()
    assert "No space left" in call.fault
    assert read(tmp_path / "CA1").events


def test_calls_beyond_the_limit_are_not_taken_down(tmp_path):
    capture = Capture(tmp_path, max_calls=1, name=lambda sid: sid)
    first, second = capture.begin("CA1"), capture.begin("CA2")
    second.take("twilio", "in", MARK)
    second.end()
    first.take("twilio", "in", MARK)
    first.end()
    capture.close()
    assert [path.name for path in tmp_path.iterdir()] == ["CA1"]
    assert capture.given_up == 1


# Taps

BRIDGE = """
import json
from simkit.recording.capture import Capture
import websockets

CAPTURE = Capture({folder!r}, name=lambda sid: sid or "unnamed")


async def bridge(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({{"type": message["type"] + ".complete"}})
            if message["type"] == "lifespan.shutdown":
                return
    if scope["type"] == "http":
        twiml = (
            '<Response><Connect><Stream url="wss://bridge.example.com/media"/></Connect></Response>'
        )
        await send({{"type": "http.response.start", "status": 200,
                    "headers": [(b"content-type", b"text/xml")]}})
        await send({{"type": "http.response.body", "body": twiml.encode()}})
        return
    await receive()
    await send({{"type": "websocket.accept"}})
    async with websockets.connect("wss://echo.example.com/") as socket:
        vapi = CAPTURE.websocket(socket)
        while True:
            message = await receive()
            if message["type"] == "websocket.disconnect":
                return
            event = json.loads(message["text"])
            if event["event"] == "media":
                await vapi.send(b"ab")
                assert await vapi.recv() == b"ab"
                await send({{"type": "websocket.send", "text": json.dumps(
                    {{"event": "clear", "streamSid": event["streamSid"]}})}})


app = CAPTURE.asgi(bridge)
"""


def test_two_lines_take_down_both_sides_of_a_bridge(tmp_path):
    space: dict = {}
    exec(BRIDGE.format(folder=str(tmp_path)), space)
    import websockets

    async def echo(socket):
        async for message in socket:
            await socket.send(message)

    with Simulation() as sim:
        sim.host("bridge.example.com").serve(space["app"])
        sim.host("echo.example.com").spawn(_serve_forever(websockets, echo))

        async def call():
            phone = await sim.twilio.call(to="+15550100")
            await phone.says("hello")
            await phone.hangs_up()

        sim.run(call())
        sim.finish()
        frames = sum(
            event.fields["frames"]
            for event in sim.timeline.of("media")
            if (event.source, event.target) == ("twilio", "bridge")
        )
    space["CAPTURE"].close()
    [folder] = tmp_path.iterdir()
    assert folder.name.startswith("CA")
    recording = read(folder)
    caller = list(recording.frames("twilio", "in"))
    assert [frame.numbers.chunk for frame, _ in caller] == list(range(1, len(caller) + 1))
    assert len(caller) == frames > 0
    assert len(list(recording.frames("vapi", "out"))) == len(caller)
    [opened] = [event for event in recording.events if event.leg == "vapi" and event.message]
    assert (opened.direction, opened.message) == ("in", {"event": "opened"})
    kinds = [event.message["event"] for event in recording.events if event.message]
    kinds.remove("opened")
    assert kinds[:2] == ["connected", "start"]
    assert kinds[-3:] == ["stop", "disconnected", "ended"]
    assert kinds.count("clear") == len(caller)


async def _serve_forever(websockets, handler):
    server = await websockets.serve(handler, "0.0.0.0", 443)
    await server.serve_forever()


def test_outside_a_call_a_connection_is_left_alone(capture):
    connection = object()
    assert current.get() is None
    assert capture.websocket(connection) is connection


# JSON audio


def audio(**fields: object) -> str:
    return json.dumps({"type": "audio", **fields})


def test_audio_in_json_is_a_run_of_frames_that_come_back_as_they_were(capture):
    messages = [audio(data="/w==", sequence=number) for number in (7, 8, 10)]
    recording = taken(capture, *(("vapi", "in", message) for message in messages))
    runs = [event.media for event in recording.events if event.media is not None]
    assert [(run.sequence, run.count) for run in runs] == [(7, 2), (10, 1)]
    seed = recording.formats["from-vapi.flac"]
    frames = recording.frames("vapi", "in")
    sent = [on_wire(seed, data, frame.numbers.sequence) for frame, data in frames]
    assert [json.loads(text) for text in sent] == [json.loads(text) for text in messages]


def test_pcm_in_json_lies_in_a_file_of_its_own_rate(capture):
    mulaw, pcm = audio(media="/w=="), audio(audio="AAABAA==", sampleRate=24000)
    recording = taken(capture, *(("vapi", "in", message) for message in (mulaw, pcm, mulaw)))
    formats = recording.formats
    assert formats["from-vapi.flac"].message == {"type": "audio", "media": ""}
    assert (formats["from-vapi-2.flac"].rate, len(formats)) == (24000, 2)
    assert [data for _, data in recording.frames("vapi", "in")] == [b"\xff", b"\0\0\1\0", b"\xff"]


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"data": "not base64!"},
        {"data": 7},
        {"data": "/w==", "media": "/w=="},
        {"data": "/w==", "more": 1},
        {"data": "/w==", "sequence": -1},
        {"data": "/w==", "sequence": True},
        {"data": "/w==", "sequence": "7"},
        {"audio": "AAA=", "sampleRate": 1},
        {"audio": "AAA=", "sampleRate": 16000.0},
    ],
)
def test_json_audio_that_a_run_cannot_keep_stays_a_message(capture, fields):
    recording = taken(capture, ("vapi", "in", audio(**fields)))
    assert recording.events[0].message == {"type": "audio", **fields}


def test_a_sender_of_ever_new_formats_gets_no_files_without_end(capture):
    messages = [audio(audio="AAA=", sampleRate=8000 + number) for number in range(10)]
    recording = taken(capture, *(("vapi", "in", message) for message in messages))
    assert len(recording.formats) == 4
    assert len(recording.messages("vapi", "in", "audio")) == 6


def test_nothing_is_taken_after_the_end(capture):
    call = capture.begin("CA1")
    call.take("twilio", "in", MARK)
    call.end()
    call.take("vapi", "in", MARK)
    call.end()
    capture.close()
    assert len(read(capture.folder / "CA1").events) == 2
    assert call.fault == ""
