"""Whatever a client sends to either socket, it has the documented or chosen consequence."""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import struct
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simkit import Simulation
from simkit.wire.websocket import WebSocketPeer, client_core
from tests.vapi.conftest import Client, tls

ZERO = b"\0\0\0\0"  # a mask that changes nothing
SOUND = base64.b64encode(b"\x10\x20" * 8).decode()
WARNING, END, VIOLATION, FINE = "warning", "end", "violation", "fine"

REAL = [
    {"type": "say", "content": "Hi.", "interruptionsEnabled": True},
    {"type": "say", "message": "Hi.", "endCallAfterSpoken": False},
    {
        "type": "add-message",
        "message": {"role": "user", "content": "x"},
        "triggerResponseEnabled": False,
    },
    {"type": "control", "control": "mute-assistant"},
    {"type": "control", "control": "unmute-assistant"},
    {"type": "handoff", "destination": {"type": "assistant"}, "content": "x"},
    {"type": "send-transport-message", "message": {"transport": "twilio", "twiml": "x"}},
    {"type": "transfer", "destination": {"type": "number", "number": "+15550100"}},
    {"type": "end-call"},
    {"type": "hangup"},
]
SEED = [
    {"type": "audio", "data": SOUND},
    {"type": "audio", "media": SOUND, "sequence": 7},
    {"type": "audio", "audio": SOUND, "sampleRate": 16000},
    {"type": "flush"},
    {"type": "cancel-response"},
]
CONTROLS = [f"{verb}-{who}" for verb in ("mute", "unmute") for who in ("assistant", "customer")]
ROLES = ["system", "user", "assistant", "tool", "developer"]


# What a text deserves, read off the sheet and not off the decoder


def parsed(data: bytes) -> Any:
    try:
        return json.loads(data.decode())
    except (ValueError, RecursionError):
        return None


def lacks(message: dict[str, Any], kind: type, *names: str) -> bool:
    """Return whether one of the fields is there and of another type."""
    return any(name in message and type(message[name]) is not kind for name in names)


def means_to_vapi(data: bytes) -> str:
    message = parsed(data)
    kind = message.get("type") if isinstance(message, dict) else None
    if kind in ("end-call", "hangup"):
        return END
    if kind == "say":
        flags = ("endCallAfterSpoken", "interruptAssistantEnabled", "interruptionsEnabled")
        if lacks(message, str, "content", "message") or lacks(message, bool, *flags):
            return WARNING
        text = message.get("content") or message.get("message") or ""
        return FINE if text.split() else WARNING
    if kind == "add-message":
        inner = message.get("message")
        if lacks(message, bool, "triggerResponseEnabled") or not isinstance(inner, dict):
            return WARNING
        if inner.get("role") not in ROLES or type(inner.get("content")) is not str:
            return WARNING
        return WARNING if lacks(inner, str, "name", "tool_call_id") else FINE
    if kind == "control":
        known = [*CONTROLS, "say-first-message"]
        return FINE if message.get("control") in known else WARNING
    if kind in ("transfer", "handoff"):
        if not isinstance(message.get("destination"), dict) or lacks(message, str, "content"):
            return WARNING
        return END if kind == "transfer" else FINE
    if kind == "send-transport-message":
        return FINE if isinstance(message.get("message"), dict) else WARNING
    return WARNING


def means_in_the_seed_dialect(data: bytes) -> str:
    message = parsed(data)
    kind = message.get("type") if isinstance(message, dict) else None
    if kind in ("flush", "cancel-response"):
        return FINE
    fields = ("data", "media", "audio")
    if kind != "audio" or lacks(message, str, *fields) or not any(map(message.get, fields)):
        return FINE if kind == "audio" and any(message.get(f) == "" for f in fields) else WARNING
    if not whole(message.get("sequence", 0)) or not whole(message.get("sampleRate", 0)):
        return WARNING
    payload = message.get("data") or message.get("media")
    try:
        sound = base64.b64decode(payload or message["audio"], validate=True)
        binascii.a2b_base64(payload or message["audio"], strict_mode=True)
    except ValueError:
        return WARNING
    if payload:
        return FINE
    rate = message.get("sampleRate", 16000)
    return FINE if len(sound) % 2 == 0 and 1 <= rate <= 192_000 else WARNING


def whole(value: Any) -> bool:
    return type(value) is int


# What is sent: bytes for the wire, and what they mean


def frame(head: int, data: bytes, mask: bytes = ZERO) -> bytes:
    bit = 0x80 if mask else 0
    if len(data) < 126:
        return bytes((head, bit | len(data))) + mask + data
    if len(data) < 65536:
        return struct.pack("!BBH", head, bit | 126, len(data)) + mask + data
    return struct.pack("!BBQ", head, bit | 127, len(data)) + mask + data


ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**40), 2**40),
    st.sampled_from([0.5, 16000.0, -1.5]),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    st.sampled_from([[], {}, [[]], {"role": "user"}, "user", SOUND, "AAA", "mute-assistant"]),
    st.sampled_from(["say", "flush", "audio", " ", "x" * 70_000]),
)
FIELDS = ["type", "content", "message", "role", "control", "destination", "name", "é"]
FIELDS += ["data", "media", "audio", "sampleRate", "sequence"]
FIELDS += ["endCallAfterSpoken", "triggerResponseEnabled"]
KEYS = st.sampled_from(FIELDS)


@st.composite
def altered_json(draw, messages) -> bytes:
    """A message with keys gone, new, or of another type, at either depth."""
    message = json.loads(json.dumps(draw(st.sampled_from(messages))))
    for _ in range(draw(st.integers(0, 2))):
        inner = [value for value in message.values() if isinstance(value, dict)]
        target = draw(st.sampled_from([message, *inner]))
        key = draw(KEYS)
        if draw(st.booleans()):
            target.pop(key, None)
        else:
            target[key] = json.loads(json.dumps(draw(ODD)))
    return json.dumps(message, ensure_ascii=draw(st.booleans())).encode()


@st.composite
def altered_bytes(draw, messages) -> bytes:
    """A message with bits flipped, cut off, or something put in."""
    data = bytearray(json.dumps(draw(st.sampled_from(messages))).encode())
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
    lambda opening, depth: b'{"type":"control","control":"mute-customer","x":' + opening * depth,
    st.sampled_from([b"[", b'{"a":']),
    st.integers(1, 30_000),
)
BARE = st.binary(max_size=40).map(base64.b64encode)
BROKEN = st.one_of(
    st.just(frame(0x81, b"{}", b"")),  # a client has to mask
    st.integers(126, 400).map(lambda size: frame(0x89, b"x" * size)),
    st.sampled_from([0x01, 0x09, 0x0A, 0x08]).map(
        lambda head: frame(head, b"") + (frame(0x81, b"{}") if head == 0x01 else b"")
    ),
    st.integers(0x83, 0x87).map(lambda head: frame(head, b"")),
    st.integers(0x91, 0xFF).filter(lambda head: head & 0x70).map(lambda head: frame(head, b"")),
    st.sampled_from([frame(0x80, b"{}"), frame(0x88, b"\x03"), frame(0x88, b"\x03\xed")]),
)


@st.composite
def in_fragments(draw, texts, meaning) -> tuple[bytes, str]:
    """A text in pieces, perhaps with a ping or a pong in between."""
    data = draw(texts)
    cuts = sorted(draw(st.lists(st.integers(0, len(data)), max_size=3)))
    pieces = [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]
    wire = b""
    for number, piece in enumerate(pieces):
        last = 0x80 if number == len(pieces) - 1 else 0
        wire += frame((0x00 if number else 0x01) | last, piece)
        if not last:
            wire += draw(st.sampled_from([b"", frame(0x89, b"x"), frame(0x8A, b"")]))
    return wire, meaning(data)


def sent(messages, meaning, binary: str) -> st.SearchStrategy[list[tuple[bytes, str]]]:
    texts = st.one_of(
        altered_json(messages), altered_json(messages), altered_bytes(messages), BARE, DEEP
    )
    one = st.one_of(
        *[texts.map(lambda data: (frame(0x81, data), meaning(data)))] * 5,
        in_fragments(texts, meaning),
        st.binary(max_size=2000).map(lambda data: (frame(0x82, data), binary)),
        st.sampled_from([(frame(0x89, b"p" * 125), FINE), (frame(0x8A, b""), FINE)]),
        BROKEN.map(lambda data: (data, VIOLATION)),
    )
    return st.lists(one, min_size=70, max_size=90)


# A client that speaks in bytes


class Far(WebSocketPeer):
    def __init__(self, url: str) -> None:
        super().__init__(client_core(url))
        self.opened = asyncio.get_running_loop().create_future()
        self.closed_with: int | None = None
        self.told: list[dict[str, Any]] = []
        self.frames = 0

    def upgrade_request(self) -> Any:
        request = super().upgrade_request()
        request.headers["Authorization"] = "Bearer key"
        return request

    def on_open(self) -> None:
        self.opened.set_result(None)

    def on_text(self, data: bytes) -> None:
        self.told.append(json.loads(data))

    def on_binary(self, data: bytes) -> None:
        self.frames += 1

    def on_close(self, code: int, reason: str) -> None:
        self.closed_with = code


async def opened(sim: Simulation, seed: bool) -> Far:
    url = "wss://api.vapi.ai/ws"
    if not seed:
        url = (await Client(sim).create()).json()["transport"]["websocketCallUrl"]
    far = Far(url)
    await asyncio.get_running_loop().create_connection(lambda: far, "api.vapi.ai", 443, ssl=tls())
    await far.opened
    return far


async def whole_batch(sim: Simulation, batch: list[tuple[bytes, str]], *, seed: bool) -> None:
    sim.vapi.assistant(first_message="Hi.")
    far = await opened(sim, seed)
    expected = 0
    for wire, means in [*batch, (frame(0x88, b"\x03\xe8"), "the end")]:
        if means in (WARNING, FINE):
            expected += means == WARNING
            far.transport.write(wire)
            continue
        # Everything before it has arrived, and the call is as it was.
        await asyncio.sleep(0.1)
        frames = far.frames
        await asyncio.sleep(0.1)
        assert seed or far.frames == frames + 5
        assert far.closed_with is None
        assert len(sim.timeline.of("warning")) == expected
        far.transport.write(wire)
        await asyncio.sleep(0.1)
        assert far.closed_with == (1002 if means == VIOLATION else 1000)
        assert sim.vapi.calls[-1].status == "ended"
        if means != "the end":
            far = await opened(sim, seed)
    assert len(sim.timeline.of("warning")) == expected
    assert sim.timeline.of("unhandled-error") == []


@settings(max_examples=20, suppress_health_check=list(HealthCheck))
@given(sent(REAL, means_to_vapi, FINE))
def test_whatever_a_client_sends_has_the_documented_consequence(batch):
    with Simulation(seed=0) as sim:
        sim.run(whole_batch(sim, batch, seed=False))


@settings(max_examples=20, suppress_health_check=list(HealthCheck))
@given(sent(SEED, means_in_the_seed_dialect, WARNING))
def test_whatever_a_client_of_the_seed_dialect_sends_has_the_chosen_consequence(batch):
    with Simulation(seed=0) as sim:
        sim.run(whole_batch(sim, batch, seed=True))
