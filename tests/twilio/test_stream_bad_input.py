"""Thousands of mutated messages: the stream goes on or ends as documented, and nothing crashes.

What has to follow is worked out here a second time, from the bytes, by other means than the
stream's own.
"""

from __future__ import annotations

import asyncio
import base64
import json
import re
import struct

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simkit import Simulation
from tests.twilio.streams import HOST, MZ, Line

SOUND = base64.b64encode(b"\x10" * 160).decode()
MESSAGES = [
    {"event": "media", "streamSid": MZ, "media": {"payload": SOUND}},
    {"event": "media", "streamSid": MZ, "media": {"payload": ""}},
    {"event": "mark", "streamSid": MZ, "mark": {"name": "m"}},
    {"event": "clear", "streamSid": MZ},
    {"event": "clear", "streamSid": MZ, "no field of Twilio's": "x" * 200},
    {"event": "mark", "streamSid": MZ, "mark": {"name": "m"}, "sequenceNumber": "1"},
]
BASE64 = re.compile(r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")
VIOLATION = "violation"


# What is sent: a list of bytes for the wire, and what the stream has to make of it


def frame(head: int, data: bytes, mask: bytes = b"") -> bytes:
    bit = 0x80 if mask else 0
    if len(data) < 126:
        return bytes((head, bit | len(data))) + mask + data
    if len(data) < 65536:
        return struct.pack("!BBH", head, bit | 126, len(data)) + mask + data
    return struct.pack("!BBQ", head, bit | 127, len(data)) + mask + data


def meaning(data: bytes) -> int | str:
    """Return the warning that a text deserves, or the event that it is."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return 31950
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        return 31951
    if not isinstance(message, dict) or message.get("streamSid") != MZ:
        return 31951
    event = message.get("event")
    if event == "clear":
        return "clear"
    body = message.get(event) if event in ("media", "mark") else None
    value = body.get({"media": "payload", "mark": "name"}[event]) if isinstance(body, dict) else 0
    if not isinstance(value, str):
        return 31951
    if event == "media" and not BASE64.fullmatch(value):
        return 31951
    return f"mark {value}" if event == "mark" else "media"


ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    st.sampled_from([[], {}, [[]], {"payload": ""}, "AAAA", "A", "clear", MZ, "x" * 70_000]),
)
KEYS = st.sampled_from(["event", "streamSid", "media", "mark", "payload", "name", "track", "é"])


@st.composite
def altered_json(draw) -> bytes:
    """A message with keys gone, new, or of another type, at either depth."""
    message = json.loads(json.dumps(draw(st.sampled_from(MESSAGES))))
    for _ in range(draw(st.integers(0, 2))):
        inner = [value for value in message.values() if isinstance(value, dict)]
        target = draw(st.sampled_from([message, *inner]))
        key = draw(KEYS)
        if draw(st.booleans()):
            target.pop(key, None)
        else:
            target[key] = draw(ODD)
    return json.dumps(message, ensure_ascii=draw(st.booleans())).encode()


ALMOST_BASE64 = st.text("Aa9+/=\n !-_\u00e9", max_size=9).map(
    lambda payload: json.dumps(
        {"event": "media", "streamSid": MZ, "media": {"payload": payload}}
    ).encode()
)


@st.composite
def altered_bytes(draw) -> bytes:
    """A message with bits flipped, cut off, or something put in."""
    data = bytearray(json.dumps(draw(st.sampled_from(MESSAGES))).encode())
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(data)))
        how = draw(st.sampled_from(["flip", "cut", "insert"]))
        if how == "flip" and at < len(data):
            data[at] ^= 1 << draw(st.integers(0, 7))
        elif how == "cut":
            del data[at:]
        else:
            data[at:at] = draw(st.binary(max_size=3))
    return bytes(data)


DEEP = st.builds(
    lambda opening, depth: (
        b'{"event":"clear","streamSid":"' + MZ.encode() + b'","x":' + opening * depth
    ),
    st.sampled_from([b"[", b'{"a":']),
    st.integers(1, 30_000),
)
TEXTS = st.one_of(altered_json(), altered_bytes(), ALMOST_BASE64, st.binary(max_size=30), DEEP)


@st.composite
def in_fragments(draw) -> tuple[bytes, int | str]:
    """A text in pieces, perhaps with a ping or a pong in between."""
    data = draw(TEXTS)
    cuts = sorted(draw(st.lists(st.integers(0, len(data)), max_size=3)))
    pieces = [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]
    wire = b""
    for number, piece in enumerate(pieces):
        last = 0x80 if number == len(pieces) - 1 else 0
        wire += frame((0x00 if number else 0x01) | last, piece)
        if not last:
            wire += draw(st.sampled_from([b"", frame(0x89, b"x"), frame(0x8A, b"")]))
    return wire, meaning(data)


BROKEN = st.one_of(
    st.binary(min_size=4, max_size=4).map(lambda mask: frame(0x81, b"{}", mask)),
    st.integers(126, 400).map(lambda size: frame(0x89, b"x" * size)),
    st.sampled_from([0x01, 0x09, 0x0A, 0x08]).map(
        lambda head: frame(head, b"") + (frame(0x81, b"{}") if head == 0x01 else b"")
    ),
    st.integers(0x83, 0x87).map(lambda head: frame(head, b"")),
    st.integers(0x91, 0xFF).filter(lambda head: head & 0x70).map(lambda head: frame(head, b"")),
    st.sampled_from([frame(0x80, b"{}"), frame(0x88, b"\x03"), frame(0x88, b"\x03\xed")]),
)
WHOLE = TEXTS.map(lambda data: (frame(0x81, data), meaning(data)))
SENT = st.one_of(
    *[WHOLE] * 5,
    in_fragments(),
    st.binary(max_size=300).map(lambda data: (frame(0x82, data), 31950)),
    st.sampled_from([(frame(0x89, b"p" * 125), "ping"), (frame(0x8A, b""), "pong")]),
    BROKEN.map(lambda data: (data, VIOLATION)),
)


async def whole_batch(sim: Simulation, batch: list[tuple[bytes, int | str]]) -> None:
    line = Line(sim)
    sim.link("twilio", HOST).window = 1 << 22
    expected: list[int] = []
    warned: set[int] = set()
    marks: list[str] = []
    stream, far = await line.opened()
    for wire, means in [*batch, (b"", "the end")]:
        if means in (31950, 31951) and means not in warned:
            warned.add(means)
            expected.append(means)
        elif isinstance(means, str) and means.startswith("mark "):
            marks.append(means[5:])
        if means in (VIOLATION, "the end"):
            # Everything before it has arrived, and the stream is as it was.
            far.send(event="clear")
            frames = len(far.of("media"))
            await asyncio.sleep(0.1)
            assert len(far.of("media")) == frames + 5
            assert [message["mark"]["name"] for message in far.of("mark")] == marks
        far.transport.write(wire)
        if means == VIOLATION:
            expected.append(31924)
            await asyncio.sleep(0.1)
            assert stream.gone.is_set()
            stream, far = await line.opened()
            warned, marks = set(), []
    assert line.codes() == expected
    stream.stop()
    await asyncio.sleep(0.1)
    assert far.received[-1]["event"] == "stop"
    numbers = [int(message["sequenceNumber"]) for message in far.received[1:]]
    assert numbers == list(range(1, len(numbers) + 1))
    assert sim.timeline.of("unhandled-error") == []


@settings(max_examples=30, suppress_health_check=list(HealthCheck))
@given(st.lists(SENT, min_size=70, max_size=90))
def test_whatever_a_server_sends_has_the_documented_consequence(batch):
    with Simulation(seed=0) as sim:
        sim.run(whole_batch(sim, batch))
