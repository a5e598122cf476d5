"""``<Start><Stream>``: sound of either track or both, and nothing from the server."""

from __future__ import annotations

import asyncio
import base64

import pytest

from simkit.audio import mulaw
from simkit.twilio import PlayOut
from simkit.twilio.tracks import OutboundTrack
from tests.twilio.streams import tone

MS = 1_000_000


def play_out(sim) -> PlayOut:
    return PlayOut(
        sim._clock,
        grid_ns=7 * MS,
        buffer_ns=0,
        mark_delay_ns=0,
        limit=1_000_000,
        returns=lambda name: None,
    )


def sound_of(frames) -> bytes:
    return b"".join(base64.b64decode(frame["media"]["payload"]) for frame in frames)


async def one_way(line, *tracks, **options):
    return await line.opened(tracks=list(tracks), bidirectional=False, **options)


async def test_the_start_names_its_tracks_in_the_order_of_the_documented_example(line):
    _, far = await one_way(line, "inbound", "outbound")
    assert far.of("start")[0]["start"]["tracks"] == ["outbound", "inbound"]


@pytest.mark.parametrize("track", ["inbound", "outbound"])
async def test_one_track_is_numbered_as_on_a_bidirectional_stream(line, track):
    stream, far = await one_way(line, track)
    stream.stop()
    await asyncio.sleep(0.1)
    frames = far.of("media")
    assert {frame["media"]["track"] for frame in frames} == {track}
    numbers = range(1, len(frames) + 1)
    assert [frame["media"]["chunk"] for frame in frames] == [str(n) for n in numbers]
    assert [frame["media"]["timestamp"] for frame in frames] == [str(80 + 20 * n) for n in numbers]
    assert [int(m["sequenceNumber"]) for m in far.received[1:]] == list(range(1, len(frames) + 3))
    assert far.received[-1]["event"] == "stop"
    assert (far.closed_with, line.ended) == (1000, ["stopped"])


@pytest.mark.parametrize(
    ("knob", "chunks"), [("shared", ["1", "2", "3", "4"]), ("per track", ["1", "1", "2", "2"])]
)
async def test_two_tracks_share_timestamps_and_perhaps_chunks(sim, line, knob, chunks):
    sim.twilio.settings.track_chunks = knob
    _, far = await one_way(line, "inbound", "outbound")
    frames = far.of("media")[:4]
    assert [frame["media"]["track"] for frame in frames] == ["outbound", "inbound"] * 2
    assert [frame["media"]["timestamp"] for frame in frames] == ["100", "100", "120", "120"]
    assert [frame["media"]["chunk"] for frame in frames] == chunks
    assert [frame["sequenceNumber"] for frame in frames] == ["2", "3", "4", "5"]


async def test_the_outbound_track_is_what_the_caller_hears_to_the_sample(sim, line):
    outbound = OutboundTrack()
    _, far = await one_way(line, "outbound", outbound=outbound)
    first, second = play_out(sim), play_out(sim)
    sound = tone(0.25, 8000) + tone(0.0125, 3000)
    outbound.listen_to(first)
    first.media(sound)
    await asyncio.sleep(0.5)
    outbound.listen_to(second)
    second.media(tone(5.0, 900))
    await asyncio.sleep(0.1)
    second.clear()
    await asyncio.sleep(0.3)
    heard = sound_of(far.of("media")).strip(bytes([mulaw.SILENCE]))
    assert heard.startswith(sound)
    assert heard.endswith(tone(0.1, 900)[:800])
    gap = heard[len(sound) :].rstrip(tone(1, 900)[:1] + tone(1, 900)[8:9])
    assert set(gap) == {mulaw.SILENCE}
    between = (second.bursts[0].start_ns - first.bursts[0].start_ns) // 125_000 - len(sound)
    assert len(gap) == between


async def test_both_tracks_carry_their_own_sound(sim, line):
    outbound = OutboundTrack()
    _, far = await one_way(line, "outbound", "inbound", outbound=outbound)
    heard = play_out(sim)
    outbound.listen_to(heard)
    heard.media(tone(0.2))
    line.mouth.place(mulaw.decode(tone(0.2, 900)), sim.now_ns)
    await asyncio.sleep(0.4)
    frames = far.of("media")
    for track, level in (("outbound", 8000), ("inbound", 900)):
        sound = sound_of(frame for frame in frames if frame["media"]["track"] == track)
        assert sound.count(tone(0.2, level)) == 1


@pytest.mark.parametrize(
    "send",
    [
        lambda far: far.send(event="media", media={"payload": ""}),
        lambda far: far.send(event="mark", mark={"name": "m"}),
        lambda far: far.send(event="clear"),
        lambda far: far.send_binary(b"\0"),
    ],
)
async def test_whatever_the_server_sends_is_a_protocol_error(line, send):
    _, far = await one_way(line, "inbound")
    send(far)
    await asyncio.sleep(0.1)
    assert line.codes() == [31924]
    assert line.ended == ["protocol error"]
    assert (far.of("stop"), far.closed_with) == ([], 1006)


async def test_pings_are_no_messages(line):
    stream, far = await one_way(line, "inbound")
    far.ping()
    await asyncio.sleep(0.1)
    assert (far.pongs, line.codes()) == (1, [])
    stream.stop()


async def test_it_tells_of_no_keys_and_plays_nothing(line):
    stream, far = await one_way(line, "inbound")
    stream.press("1")
    await asyncio.sleep(0.1)
    assert far.of("dtmf") == []
    assert stream.playout is None


@pytest.mark.parametrize(
    ("tracks", "bidirectional"),
    [
        ([], False),
        (["inbound", "inbound"], False),
        (["both"], False),
        (["outbound"], True),
        (["inbound", "outbound"], True),
    ],
)
async def test_tracks_that_a_stream_does_not_have_are_refused(line, tracks, bidirectional):
    with pytest.raises(ValueError, match="tracks of such a stream"):
        line.stream(tracks=tracks, bidirectional=bidirectional)
