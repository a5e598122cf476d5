"""The 319xx family once a stream is open: each has its documented cause and consequence."""

from __future__ import annotations

import asyncio
import base64
import struct

import pytest

from simkit.twilio.problems import PROBLEMS
from tests.twilio.streams import HOST, MZ, URL, tone

NUMBER = "+15550100"
TWIML = '<Response><Connect><Stream url="{url}"/></Connect><Say>Good bye.</Say></Response>'


def reason(sim) -> str:
    [event] = sim.timeline.of("error")
    return event.fields["reason"]


def frame(head: int, data: bytes = b"", *, mask: bytes = b"", length: int | None = None) -> bytes:
    """Make a frame by hand; ``length`` tells a lie about its length."""
    size = len(data) if length is None else length
    bit = 0x80 if mask else 0
    if size < 126:
        return bytes((head, bit | size)) + mask + data
    if size < 65536:
        return struct.pack("!BBH", head, bit | 126, size) + mask + data
    return struct.pack("!BBQ", head, bit | 127, size) + mask + data


# The stream is over


@pytest.mark.parametrize("how", ["reset", "end"])
async def test_31903_when_the_connection_is_lost(sim, line, how):
    stream, far = await line.opened()
    if how == "reset":
        far.transport.abort()
    else:
        far.transport.close()
    await asyncio.sleep(0.1)
    assert (line.codes(), line.ended) == ([31903], ["closed by server"])
    assert reason(sim) == "connection broken while streaming"
    assert stream.gone.is_set()


@pytest.mark.parametrize("code", [None, 1000, 1001, 1011, 4000])
async def test_31921_when_the_server_closes(sim, line, code):
    _, far = await line.opened()
    far.close(code)
    await asyncio.sleep(0.1)
    assert (line.codes(), line.ended) == ([31921], ["closed by server"])
    assert reason(sim) == f"the server closed the socket with {code or 1005}"
    assert far.of("stop") == []
    assert far.closed_with == (code or 1005)


VIOLATIONS = {
    "masked text": frame(0x81, b"{}", mask=b"abcd"),
    "masked ping": frame(0x89, mask=b"abcd"),
    "reserved bit": frame(0xC1, b"{}"),
    "reserved opcode": frame(0x83, b"{}"),
    "fragmented ping": frame(0x09, b"x"),
    "fragmented close": frame(0x08, b"\x03\xe8"),
    "long ping": frame(0x89, b"x" * 126),
    "long close": frame(0x88, b"\x03\xe8" + b"x" * 124),
    "close of one byte": frame(0x88, b"\x03"),
    "close code that is none": frame(0x88, b"\x03\xed"),
    "close reason that is not UTF-8": frame(0x88, b"\x03\xe8\xff"),
    "continuation of nothing": frame(0x80, b"{}"),
    "text inside a fragmented text": frame(0x01, b"{") + frame(0x81, b"}"),
    "binary inside a fragmented text": frame(0x01, b"{") + frame(0x82, b"}"),
    "close inside a fragmented text": frame(0x01, b"{") + frame(0x88, b"\x03\xe8"),
    "length beyond the limit": frame(0x81, b"", length=20_000_000),
    "length beyond everything": frame(0x81, b"", length=(1 << 63) - 1),
}


@pytest.mark.parametrize("what", VIOLATIONS)
async def test_31924_when_the_protocol_is_broken(sim, line, what):
    stream, far = await line.opened()
    before = len(far.of("media"))
    far.transport.write(VIOLATIONS[what])
    await asyncio.sleep(0.2)
    assert (line.codes(), line.ended) == ([31924], ["protocol error"])
    assert reason(sim)
    assert far.of("stop") == []
    assert len(far.of("media")) <= before + 2
    assert far.closed_with == 1006
    assert stream.gone.is_set()


async def test_a_message_over_the_limit_is_a_protocol_error_and_one_of_it_is_not(sim, line):
    sim.twilio.settings.max_message = 1024
    _, far = await line.opened()
    far.transport.write(frame(0x81, b" " * 1024))
    await asyncio.sleep(0.1)
    assert line.codes() == [31951]
    far.transport.write(frame(0x01, b" " * 1024) + frame(0x80, b" "))
    await asyncio.sleep(0.1)
    assert line.codes() == [31951, 31924]


async def test_a_protocol_error_may_be_learnt_of_much_later(sim, line):
    sim.twilio.settings.protocol_error_silence = 45
    stream, far = await line.opened()
    far.transport.write(VIOLATIONS["fragmented ping"])
    await asyncio.sleep(44.9)
    assert (line.codes(), line.ended) == ([31924], ["protocol error"])
    frames = len(far.of("media"))
    far.send(event="mark", mark={"name": "nobody hears"})
    far.ping()
    assert (far.closed_with, far.pongs) == (None, 0)
    await asyncio.sleep(0.2)
    assert len(far.of("media")) == frames
    assert (far.closed_with, far.of("stop")) == (1006, [])
    assert stream.gone.is_set()


@pytest.mark.parametrize("told", [False, True])
async def test_a_stop_at_an_abnormal_end_is_a_knob(sim, line, told):
    sim.twilio.settings.stop_on_abnormal_end = told
    _, far = await line.opened()
    far.transport.write(VIOLATIONS["reserved bit"])
    await asyncio.sleep(0.1)
    assert len(far.of("stop")) == told
    lost, far = await line.opened()
    lost.lose()
    await asyncio.sleep(0.1)
    assert len(far.of("stop")) == told
    assert far.closed_with == 1006
    assert line.codes() == [31924, 31903]
    assert line.ended == ["protocol error", "lost"]


async def test_a_socket_may_be_half_open_before_it_is_lost(sim, line):
    stream, far = await line.opened()
    stream.lose(silence=45)
    frames = len(far.of("media"))
    far.send(event="mark", mark={"name": "nobody hears"})
    await asyncio.sleep(44.9)
    assert far.closed_with is None
    assert len(far.of("media")) <= frames + 1
    await asyncio.sleep(0.2)
    assert (far.closed_with, far.of("mark"), far.of("stop")) == (1006, [], [])
    stream.stop()
    stream.lose()
    assert line.ended == ["lost"]


async def test_after_a_protocol_error_the_next_verb_runs(sim, server):
    server.twiml = TWIML.format(url=URL)
    call = await sim.twilio.call(to=NUMBER)
    await asyncio.sleep(0.2)
    call._flow.stream.on_violation("for the test")
    await call.hears("Good bye.")
    await call.ends()
    assert [event.fields["code"] for event in sim.timeline.of("error")] == [31924]


async def test_a_protocol_error_during_the_closing_handshake_is_none(line):
    stream, far = await line.opened()
    far.data_received = lambda data: None  # type: ignore[method-assign]
    stream.stop()
    far.transport.write(VIOLATIONS["reserved bit"])
    await asyncio.sleep(0.2)
    assert (line.codes(), line.ended) == ([], ["stopped"])
    assert stream.gone.is_set()


# The stream goes on


async def goes_on(line, stream, far) -> bool:
    before = len(far.of("media"))
    far.send(event="mark", mark={"name": "still there"})
    await asyncio.sleep(0.2)
    return len(far.of("media")) >= before + 9 and len(far.of("mark")) >= 1 and not line.ended


async def test_31931_once_when_over_ten_minutes_are_queued(sim, line):
    sim.link("twilio", HOST).window = 1 << 24
    stream, far = await line.opened()
    minute = base64.b64encode(tone(60)).decode()
    for _ in range(10):
        far.send(event="media", media={"payload": minute})
    await asyncio.sleep(0.1)
    # What has played meanwhile made room.
    assert line.codes() == []
    for _ in range(3):
        far.send(event="media", media={"payload": minute})
        await asyncio.sleep(0.1)
    assert line.codes() == [31931]
    assert stream.playout.queued <= 4_800_000
    far.send(event="clear")
    assert await goes_on(line, stream, far)


async def test_31950_once_for_what_cannot_be_decoded(line):
    stream, far = await line.opened()
    for data in (frame(0x82, b"\0\1"), frame(0x81, b'{"event":"\xff"}'), frame(0x82)):
        far.transport.write(data)
    assert await goes_on(line, stream, far)
    assert line.codes() == [31950]


@pytest.mark.parametrize("noted", [False, True])
async def test_31950_where_only_a_field_too_many_cannot_be_decoded(line, noted):
    _, far = await line.opened()
    if noted:
        far.send(event="clear", why="not")
    far.send_text(
        b'{"event":"mark","streamSid":"%b","mark":{"name":"m"},"why":"\xff"}' % MZ.encode()
    )
    await asyncio.sleep(0.1)
    assert (line.codes(), far.of("mark")) == ([31950], [])


INVALID = {
    "not JSON": b"{",
    "nothing": b"",
    "not an object": b"[1]",
    "no event": b'{"streamSid":"MZ"}',
    "unknown event": b'{"event":"stop","streamSid":"MZ"}',
    "an event of Twilio's own": b'{"event":"connected","protocol":"Call","version":"1.0.0"}',
    "stream_sid": b'{"event":"media","stream_sid":"MZ","media":{"payload":""}}',
    "no name": b'{"event":"mark","streamSid":"MZ","mark":{}}',
    "a name that is no string": b'{"event":"mark","streamSid":"MZ","mark":{"name":1}}',
    "no payload": b'{"event":"media","streamSid":"MZ","media":{}}',
    "a payload that is none": b'{"event":"media","streamSid":"MZ","media":{"payload":null}}',
    "another stream": b'{"event":"clear","streamSid":"MZ0"}',
    "far too deep": b'{"event":"clear","streamSid":' + b"[" * 100_000,
}


@pytest.mark.parametrize("what", INVALID)
async def test_31951_once_for_an_invalid_message(line, what):
    stream, far = await line.opened()
    for _ in range(2):
        far.send_text(INVALID[what])
    assert await goes_on(line, stream, far)
    assert line.codes() == [31951]


@pytest.mark.parametrize("payload", ["not base64!", "AAA", "A===", "AA==AA==", "AA\\nAA", "é"])
async def test_31951_for_a_payload_that_is_not_base64(line, payload):
    stream, far = await line.opened()
    far.send(event="media", media={"payload": payload})
    assert await goes_on(line, stream, far)
    assert line.codes() == [31951]
    assert stream.playout.bursts == []


def test_every_code_of_the_family_has_its_level_and_its_name():
    assert [code for code, problem in PROBLEMS.items() if problem.level == "warning"] == [
        31930,
        31931,
        31950,
        31951,
    ]
    assert PROBLEMS[31924].stream_error == "Stream - Websocket - Protocol Error"
