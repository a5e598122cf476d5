"""The verbs that make streams: Connect, Start and Stop, and what follows a stream."""

from __future__ import annotations

import base64

import numpy as np
import pytest

from simkit.audio import mulaw
from tests.twilio.program import BASE, CONNECT, NUMBER, STREAM


async def test_other_things_that_can_be_connected_are_not_simulated(sim, program):
    program.says('<Connect><ConversationRelay url="wss://x/y"/></Connect><Say>Onwards.</Say>')
    call = await sim.twilio.call(to=NUMBER)
    await call.hears("Onwards")
    assert sim.timeline.of("unsupported")[0].fields["verb"] == "Connect ConversationRelay"


# Streams


async def test_parameters_and_the_tracks_are_as_documented(sim, program):
    program.says(
        '<Connect><Stream url="wss://program.example.com/media" name="s1">'
        '<Parameter name="FirstName" value="Jane &amp; Co"/><Parameter name="b" value=""/>'
        "</Stream></Connect>"
    )
    call = await sim.twilio.call(to=NUMBER)
    await call.hangs_up()
    start = program.received[1]["start"]
    assert start["customParameters"] == {"FirstName": "Jane & Co", "b": ""}
    assert start["tracks"] == ["inbound"]


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("ws://program.example.com/media", 31922),
        ("https://program.example.com/media", 31922),
        ("wss://program.example.com/media?token=1", 31920),
        ("wss://program.example.com:port/media", 31923),
        ("wss:///media", 31923),
        ("", 31923),
        ("wss://program.example.com/nothing", 31920),
        ("wss://nobody.example.com/media", 31902),
    ],
)
async def test_a_stream_that_cannot_be_connected_falls_through(sim, program, url, code):
    program.says(f'<Connect><Stream url="{url}"/></Connect><Say>All agents are busy.</Say>')
    call = await sim.twilio.call(to=NUMBER)
    await call.hears("agents are busy")
    assert program.codes() == [code]


async def test_connect_asks_its_action_after_the_stream(sim, program):
    program.says(f'<Connect action="/after?x=1" method="GET">{STREAM}</Connect><Say>Never.</Say>')
    program.says("<Say>Goodbye.</Say>", "/after")
    call = await sim.twilio.call(to=NUMBER)
    await call.stays_silent(0.2)
    await program.sockets[0].close()
    await call.hears("Goodbye")
    asked = program.of("/after")[0]
    assert (asked.method, asked.params["CallStatus"]) == ("GET", "in-progress")
    assert program.is_signed(asked)


async def test_a_stream_can_be_connected_again_with_a_new_sid(sim, program):
    program.says(CONNECT + CONNECT)
    call = await sim.twilio.call(to=NUMBER)
    await call.stays_silent(0.3)
    await program.sockets[0].close()
    await call.stays_silent(0.5)
    await call.hangs_up()
    first, second = [m for m in program.received if m["event"] == "start"]
    assert first["streamSid"] != second["streamSid"]
    assert second["sequenceNumber"] == "1"


async def test_a_started_stream_runs_beside_what_follows(sim, program):
    program.says(
        f'<Start><Stream url="{BASE.replace("https", "wss")}/media" name="tap" '
        'track="both_tracks"/></Start><Say>Are you there?</Say><Pause length="2"/>'
    )
    call = await sim.twilio.call(to=NUMBER)
    await call.hears("are you there")
    await call.says("Yes, I am here.")
    await call.ends()
    start = program.received[1]["start"]
    assert sorted(start["tracks"]) == ["inbound", "outbound"]
    sound = {"inbound": b"", "outbound": b""}
    for message in program.received:
        if message["event"] == "media":
            media = message["media"]
            sound[media["track"]] += base64.b64decode(media["payload"])
    mouth, heard = call.sound()
    for track, expected in (("inbound", mouth), ("outbound", heard)):
        carried = mulaw.decode(sound[track])
        assert np.count_nonzero(carried) > 0.8 * np.count_nonzero(expected) > 1000
    assert program.received[-1]["event"] == "stop"
    assert program.closed_with == [1000]


async def test_a_started_stream_can_be_stopped_by_name(sim, program):
    program.says(
        '<Start><Stream url="/media" name="tap"/></Start><Pause length="1"/>'
        '<Stop><Stream name="tap"/></Stop><Pause length="1"/><Say>Bye.</Say>'
    )
    call = await sim.twilio.call(to=NUMBER)
    await call.stays_silent(1.5)
    assert program.received[-1]["event"] == "stop"
    await call.hears("Bye")


async def test_two_streams_of_one_name_are_one_too_many(sim, program):
    program.says('<Start><Stream url="/media" name="a"/></Start>' * 2 + "<Say>Onwards.</Say>")
    call = await sim.twilio.call(to=NUMBER)
    await call.hears("Onwards")
    assert "named 'a' runs already" in sim.timeline.of("warning")[0].fields["reason"]
    assert len(program.sockets) == 1


async def test_a_call_ends_when_nothing_follows_a_started_stream(sim, program):
    program.says('<Start><Stream url="/media"/></Start>')
    call = await sim.twilio.call(to=NUMBER)
    await call.ends(timeout=2)
    await call.stays_silent(1)
    assert sim.timeline.of("unhandled-error") == []


async def test_a_protocol_error_ends_the_stream_at_once_and_its_socket_later(sim, program):
    sim.twilio.settings.protocol_error_silence = 15.0
    program.says('<Start><Stream url="/media"/></Start><Pause length="3"/><Say>Bye.</Say>')
    call = await sim.twilio.call(to=NUMBER)
    await call.stays_silent(1)
    await program.sockets[0].send_text("{}")
    broken = sim.now
    await call.hears("Bye")
    await call.ends()
    assert program.codes() == [31924]
    assert program.closed_with == []
    await call.stays_silent(broken + 14 - sim.now)
    assert program.closed_with == []
    await call.stays_silent(2)
    assert len(program.closed_with) == 1
