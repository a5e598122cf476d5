"""What a stream says, message by message, and each knob that changes it."""

from __future__ import annotations

import asyncio
import base64
import itertools
import json

import pytest

from simkit import Simulation
from simkit.audio import mulaw
from tests.twilio.streams import HOST, MZ, Line

SILENT = bytes([mulaw.SILENCE]) * 160


def keys_of(value: object) -> object:
    """The keys of a message, in their order, at every depth."""
    if isinstance(value, dict):
        return [(key, keys_of(inner)) for key, inner in value.items()]
    return type(value).__name__


async def stopped(stream, seconds: float = 0.1):
    stream.stop()
    await asyncio.sleep(seconds)


async def test_keys_types_and_their_order_are_as_captured(line):
    stream, far = await line.opened()
    far.send(event="mark", mark={"name": "m"})
    stream.press("1")
    await asyncio.sleep(0.1)
    await stopped(stream)
    kinds = {message["event"]: keys_of(message) for message in far.received}
    sid = [("accountSid", "str"), ("streamSid", "str"), ("callSid", "str")]
    sound = [("encoding", "str"), ("sampleRate", "int"), ("channels", "int")]
    body = [*sid, ("tracks", "list"), ("mediaFormat", sound), ("customParameters", [("k", "str")])]
    number, stream_sid = ("sequenceNumber", "str"), ("streamSid", "str")
    media = [(name, "str") for name in ("track", "chunk", "timestamp", "payload")]
    assert kinds == {
        "connected": [("event", "str"), ("protocol", "str"), ("version", "str")],
        "start": [("event", "str"), number, ("start", body), stream_sid],
        "media": [("event", "str"), number, ("media", media), stream_sid],
        "dtmf": [
            ("event", "str"),
            stream_sid,
            number,
            ("dtmf", [("track", "str"), ("digit", "str")]),
        ],
        "mark": [("event", "str"), number, stream_sid, ("mark", [("name", "str")])],
        "stop": [
            ("event", "str"),
            number,
            stream_sid,
            ("stop", [("accountSid", "str"), ("callSid", "str")]),
        ],
    }


async def test_one_counter_runs_over_everything_after_connected(line):
    stream, far = await line.opened()
    for name in ("a", "b"):
        far.send(event="mark", mark={"name": name})
        stream.press("2")
        await asyncio.sleep(0.05)
    await stopped(stream)
    events = [message["event"] for message in far.received]
    assert events[:3] == ["connected", "start", "media"]
    assert events[-1] == "stop"
    assert events.count("mark") == events.count("dtmf") == 2
    numbers = [message["sequenceNumber"] for message in far.received[1:]]
    assert numbers == [str(n) for n in range(1, len(numbers) + 1)]
    chunks = [message["media"]["chunk"] for message in far.of("media")]
    assert chunks == [str(n) for n in range(1, len(chunks) + 1)]


async def test_a_frame_is_as_long_on_the_wire_as_captured(line):
    stream, far = await line.opened()
    await asyncio.sleep(3.0)
    await stopped(stream)
    lengths = {len(data) for data in far.raw if b'"event":"media"' in data}
    assert lengths <= set(range(370, 380))


async def test_frames_keep_coming_in_silence(line):
    stream, far = await line.opened()
    await asyncio.sleep(1.0)
    before = len(far.of("media"))
    await asyncio.sleep(10.0)
    assert len(far.of("media")) == before + 500
    assert base64.b64decode(far.of("media")[-1]["media"]["payload"]) == SILENT
    await stopped(stream)


@pytest.mark.parametrize("version", ["1.0.0", "0.2.0"])
async def test_the_version_of_connected_is_a_knob(sim, line, version):
    sim.twilio.settings.connected_version = version
    _, far = await line.opened()
    assert far.received[0] == {"event": "connected", "protocol": "Call", "version": version}


async def test_parameters_may_come_first_in_the_start(sim, line):
    _, usual = await line.opened()
    sim.twilio.settings.start_order = "parameters first"
    _, other = await line.opened()
    assert other.received[1] == usual.received[1]
    assert list(other.received[1]["start"])[3:] == ["customParameters", "tracks", "mediaFormat"]
    assert list(usual.received[1]["start"])[3:] == ["tracks", "mediaFormat", "customParameters"]
    assert list(other.received[1]) == list(usual.received[1])


async def test_parameters_that_are_none_are_an_empty_object(sim):
    line = Line(sim)
    identity = line.stream()._identity.__class__("AC", "CA", MZ, {})
    _, far = await line.opened(identity=identity)
    assert far.of("start")[0]["start"]["customParameters"] == {}


def first_timestamp(seed: int) -> int:
    with Simulation(seed=seed) as sim:
        line = Line(sim)
        sim.twilio.settings.first_timestamp_ms = (50, 180)

        async def one() -> int:
            # A stream's draws follow from its sid, and that from the seed.
            identity = line.stream()._identity
            sid = sim.twilio._make_sid("MZ")
            identity = type(identity)("AC", "CA", sid, {})
            _, far = await line.opened(identity=identity)
            stamps = [int(m["media"]["timestamp"]) for m in far.of("media")]
            assert {b - a for a, b in itertools.pairwise(stamps)} == {20}
            return stamps[0]

        return sim.run(one())


def test_the_first_timestamp_may_be_drawn_and_follows_from_the_seed():
    drawn = [first_timestamp(seed) for seed in range(12)]
    assert len(set(drawn)) > 6
    assert all(50 <= stamp <= 180 for stamp in drawn)
    assert first_timestamp(3) == drawn[3]


async def test_timestamps_may_deviate_by_two_milliseconds_and_the_first_does_not(sim, line):
    sim.twilio.settings.timestamp_jitter_ms = 2
    _, far = await line.opened()
    await asyncio.sleep(2.0)
    stamps = [int(message["media"]["timestamp"]) for message in far.of("media")]
    deviations = {stamp - (100 + 20 * n) for n, stamp in enumerate(stamps)}
    assert stamps[0] == 100
    assert deviations == {-2, -1, 0, 1, 2}


@pytest.mark.parametrize(
    ("knob", "order"),
    [
        ("with start", ["started", "connected", "start", "media"]),
        ("after media", ["connected", "start", "media", "started"]),
    ],
)
async def test_the_stream_is_announced_where_the_knob_says(sim, line, knob, order):
    seen: list[str] = []
    sim.twilio.settings.stream_started = knob
    stream = line.stream(announce=lambda: seen.append("started"))
    sending = stream.send_text
    stream.send_text = lambda data: (seen.append(json.loads(data)["event"]), sending(data))[1]
    await line.listen()
    await line.connected(stream)
    await asyncio.sleep(0.1)
    if knob == "with start":
        order = ["connected", "start", "started", "media"]
    assert seen[:4] == order


@pytest.mark.parametrize("error", [None, OSError("no answer")])
async def test_the_stream_may_wait_until_its_announcement_is_answered(sim, line, error):
    sim.twilio.settings.stream_started = "before connected"

    async def post() -> None:
        await asyncio.sleep(0.5)
        if error is not None:
            raise error

    await line.listen()
    stream = line.stream(announce=post)
    await line.connected(stream)
    opened = sim.now
    line.ends[0].send(event="clear")
    await asyncio.sleep(0.45)
    assert line.ends[0].received == []
    await asyncio.sleep(0.1)
    assert [message["event"] for message in line.ends[0].received[:2]] == ["connected", "start"]
    assert sim.timeline.of("start")[0].sent_ns == round((opened + 0.5) * 1e9)
    assert line.codes() == [31951]
    assert "before the start" in sim.timeline.of("warning")[0].fields["reason"]


async def test_a_stream_that_ends_while_it_is_announced_says_nothing(sim, line):
    sim.twilio.settings.stream_started = "before connected"
    await line.listen()
    stream = line.stream(announce=lambda: asyncio.sleep(0.5))
    await line.connected(stream)
    await asyncio.sleep(0.1)
    stream.stop()
    await asyncio.sleep(1.0)
    assert line.ends[0].received == []
    assert (line.ends[0].closed_with, line.ended) == (1000, ["stopped"])


@pytest.mark.parametrize(("letters", "told"), [(False, "19*0#"), (True, "19*0#AD")])
async def test_the_keys_that_are_told_are_a_knob(sim, line, letters, told):
    sim.twilio.settings.dtmf_letters = letters
    stream, far = await line.opened()
    for key in "19*0#AD":
        stream.press(key)
    await asyncio.sleep(0.1)
    assert "".join(message["dtmf"]["digit"] for message in far.of("dtmf")) == told
    for wrong in ("E", "", "12", "a", " "):
        with pytest.raises(ValueError, match="one of 0-9"):
            stream.press(wrong)


async def test_frames_that_a_stall_held_come_in_a_burst_in_order_and_with_their_own_times(
    sim, line
):
    arrived = []
    _, far = await line.opened()
    far.on_message = lambda message: arrived.append(sim.now_ns)
    before = len(far.of("media"))
    sim.link("twilio", HOST).towards(HOST).stall(0.8)
    await asyncio.sleep(1.0)
    held = [at for at in arrived if at == arrived[0]]
    assert len(held) == 40
    stamps = [int(message["media"]["timestamp"]) for message in far.of("media")]
    assert stamps == [100 + 20 * n for n in range(len(stamps))]
    assert len(stamps) == before + 50


def read_slowly(sim, line, knob):
    sim.twilio.settings.upstream_limit = 4000
    sim.twilio.settings.upstream_drop = knob
    sim.link("twilio", HOST).towards(HOST).window = 4000


@pytest.mark.parametrize(
    ("knob", "number_gap", "stamp_gap"), [("keep", 0, 1), ("skip", 1, 1), ("renumber", 0, 0)]
)
async def test_a_server_that_reads_too_slowly_loses_audio(sim, line, knob, number_gap, stamp_gap):
    read_slowly(sim, line, knob)
    stream, far = await line.opened()
    for _ in range(2):
        far.transport.pause_reading()
        await asyncio.sleep(2.0)
        far.transport.resume_reading()
        await asyncio.sleep(2.0)
    await stopped(stream)
    # Each episode is reported once.
    assert line.codes() == [31930, 31930]
    frames = far.of("media")
    lost = stream_frames(8.1) - len(frames)
    assert 100 < lost < 200
    last = frames[-1]
    assert int(last["media"]["chunk"]) == len(frames) + number_gap * lost
    assert int(last["sequenceNumber"]) == len(frames) + 1 + number_gap * lost
    stamps = [int(frame["media"]["timestamp"]) for frame in frames]
    assert stamps[-1] == 100 + 20 * (len(frames) - 1 + stamp_gap * lost)
    gaps = [b - a for a, b in itertools.pairwise(stamps) if b - a != 20]
    assert len(gaps) == 2 * stamp_gap
    numbers = [int(frame["media"]["chunk"]) for frame in frames]
    assert len([1 for a, b in itertools.pairwise(numbers) if b - a != 1]) == 2 * number_gap


def stream_frames(seconds: float) -> int:
    """How many frames leave until a stream is stopped: the first at once."""
    return round(seconds / 0.02) + 1
