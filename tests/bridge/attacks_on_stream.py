"""Attacks on the media socket. Each returns what it got."""

from __future__ import annotations

import asyncio
import contextlib

from websockets.frames import Frame, Opcode

from .attacker import CONNECTED, FORM, HOST, URL, Attacker, Stream, attack, sign

MEDIA = (
    '{"event":"media","sequenceNumber":"2","media":{"track":"inbound","chunk":"1",'
    '"timestamp":"20","payload":"fw=="},"streamSid":"MZ"}'
)


async def refusals(*asked: object) -> str:
    """Return the one status that all got before the socket opened."""
    found = await asyncio.gather(*asked)  # type: ignore[call-overload]
    return " ".join(sorted({"open" if isinstance(one, Stream) else one for one in found}))


async def codes(streams: list[Stream], within: float = 5.0) -> str:
    """Return the one code that all were closed with."""
    return " ".join(sorted({await stream.closed_with(within) for stream in streams}))


@attack("a stream without a signature, or with one over another URL", "403 before it opens")
async def unsigned(by: Attacker) -> str:
    urls = (f"{URL}/media", f"wss://{HOST}/media/", f"wss://{HOST}/", "wss://evil.example/media")
    asked = [by.upgrade(signature=sign(url)) for url in urls]
    asked.append(by.upgrade(signature=sign(f"wss://{HOST}/media", token="another")))
    return f"{await refusals(by.upgrade(signature=''), *asked)} before it opens"


@attack("a stream with a query, signed or not", "403 before it opens")
async def query(by: Attacker) -> str:
    signed = by.upgrade("/media?a=1", sign(f"wss://{HOST}/media?a=1"))
    return f"{await refusals(by.upgrade('/media?a=1'), signed)} before it opens"


@attack("a stream opened by a web page (it has an Origin)", "403 before it opens")
async def browser(by: Attacker) -> str:
    asked = [by.upgrade(Origin=origin) for origin in ("https://evil.example", URL, "null")]
    return f"{await refusals(*asked)} before it opens"


@attack("a stream on another path", "403 before it opens")
async def other_path(by: Attacker) -> str:
    paths = ("//media", "/media/", "/%6dedia", "/voice/inbound", "/health")
    return f"{await refusals(*(by.upgrade(path) for path in paths))} before it opens"


@attack("a start without the token, or with an invented one", "closed, 1008")
async def no_token(by: Attacker) -> str:
    streams = []
    for token in ("", "0", "1.2.3", "9" * 400, f"{2**62}.{'0' * 64}", "\u0661.\u0661"):
        streams.append(await by.stream())
        streams[-1].start(token)
    return f"closed, {await codes(streams)}"


@attack("the token of another call", "closed, 1008")
async def other_call(by: Attacker) -> str:
    token = (await by.webhook()).token
    stream = await by.stream()
    stream.start(token, "CA" + "9" * 32)
    return f"closed, {await stream.closed_with()}"


@attack("a token that was used", "closed, 1008")
async def used_token(by: Attacker) -> str:
    token = (await by.webhook()).token
    first, second = await by.stream(), await by.stream()
    first.start(token)
    second.start(token)
    assert await first.closed_with(0.5) == "open"
    return f"closed, {await second.closed_with()}"


@attack("a token older than `token_ttl`", "closed, 1008", token_ttl=5.0)
async def old_token(by: Attacker) -> str:
    token = (await by.webhook()).token
    await asyncio.sleep(5.1)
    stream = await by.stream()
    stream.start(token)
    return f"closed, {await stream.closed_with()}"


@attack(
    "a stream that says nothing, or only that it is connected",
    "closed, 1008, after `start_timeout`",
)
async def silent(by: Attacker) -> str:
    before = by.sim.now
    streams = [await by.stream(), await by.stream()]
    streams[1].send(CONNECTED)
    found = await codes(streams)
    assert 2.9 < by.sim.now - before < 3.5
    return f"closed, {found}, after `start_timeout`"


@attack("anything but `connected` and `start` at first", "closed, 1008")
async def wrong_order(by: Attacker) -> str:
    streams = []
    for said in (MEDIA, "{", "[]", "null", b"\0\1", '{"event":"close"}', CONNECTED):
        streams.append(await by.stream())
        if said == CONNECTED:
            streams[-1].send(said)
        streams[-1].send(said)
    return f"closed, {await codes(streams, within=1.0)}"


@attack("JSON nested 20,000 deep at first", "closed, 1008")
async def deep(by: Attacker) -> str:
    stream = await by.stream()
    stream.send('{"event":"start","x":' + "[" * 20_000 + "]" * 20_000 + "}")
    return f"closed, {await stream.closed_with()}"


@attack("such JSON, and other nonsense, on a stream that has started", "ignored; the call goes on")
async def deep_in_call(by: Attacker) -> str:
    stream = await by.stream()
    stream.start((await by.webhook()).token)
    for said in ('{"event":"media","x":' + "[" * 20_000 + "]" * 20_000 + "}", "{", b"\0"):
        stream.send(said)
    assert len(by.bridge.sessions) in (0, 1)
    found = await stream.closed_with(0.5)
    return "ignored; the call goes on" if found == "open" else found


@attack("a message of more than `max_message_bytes`, whole or in pieces", "closed, 1009")
async def large_message(by: Attacker) -> str:
    whole, pieces = await by.stream(), await by.stream()
    whole.send("x" * 65_537)
    pieces.writer.write(b"\x01\xfe\xff\xff" + bytes(4) + b"x" * 65_535)
    pieces.writer.write(b"\x80\xfe\x00\xff" + bytes(4) + b"x" * 255)
    announced = await by.stream()
    announced.writer.write(b"\x81\xff" + (10_000_000).to_bytes(8) + bytes(4))
    return f"closed, {await codes([whole, pieces, announced])}"


@attack("more messages than `message_rate` and `message_burst`", "closed, 1008", message_burst=100)
async def many_messages(by: Attacker) -> str:
    stream = await by.stream()
    stream.start((await by.webhook()).token)
    for _ in range(150):
        stream.send(MEDIA)
    found = await stream.closed_with()
    await asyncio.sleep(2)  # until both sides of the call are closed
    assert by.bridge.metrics.value("refused", reason="too many messages") == 1
    return f"closed, {found}"


@attack("frames that are no WebSocket: unmasked, reserved bits, unknown kinds", "closed, 1002")
async def no_frames(by: Attacker) -> str:
    streams = []
    for data in (b"\x81\x02{}", b"\xc1\x82" + bytes(4) + b"{}", b"\x83\x80" + bytes(4)):
        streams.append(await by.stream())
        streams[-1].writer.write(data)
    return f"closed, {await codes(streams)}"


@attack("compression, to inflate in memory", "not taken up")
async def compression(by: Attacker) -> str:
    stream = await by.upgrade(Sec_WebSocket_Extensions="permessage-deflate")
    return "not taken up" if isinstance(stream, Stream) else stream


@attack("a peer that is gone without a word", "dropped within 45 s")
async def gone(by: Attacker) -> str:
    stream = await by.stream()
    stream.start((await by.webhook()).token)
    await asyncio.sleep(1)
    assert len(by.bridge.sessions) == 1
    stream.writer.transport.pause_reading()  # type: ignore[attr-defined]
    await asyncio.sleep(45)
    left = by.bridge.sessions or by.server.server_state.connections
    return "open" if left else "dropped within 45 s"


@attack("a peer that answers nothing once it was refused", "dropped within 11 s")
async def lingering(by: Attacker) -> str:
    stream = await by.stream()
    stream.start("wrong")
    await asyncio.sleep(11)
    return "open" if by.server.server_state.connections else "dropped within 11 s"


@attack("a peer that hangs up and does not take what was sent to it", "dropped within 12 s")
async def unread(by: Attacker) -> str:
    by.sim.link(HOST, "home").towards("home").window = 16_384
    stream = await by.stream()
    stream.start((await by.webhook()).token)
    stream.writer.transport.pause_reading()  # type: ignore[attr-defined]
    await asyncio.sleep(10)
    stream.send(
        '{"event":"stop","sequenceNumber":"2","stop":{"accountSid":"AC","callSid":"CA"},'
        f'"streamSid":"MZ{"2" * 32}"}}'
    )
    await asyncio.sleep(12)
    return "open" if by.server.server_state.connections else "dropped within 12 s"


@attack("pings without end, whose answers are not read", "dropped at 1 MiB")
async def pings(by: Attacker) -> str:
    stream = await by.stream()
    stream.writer.transport.pause_reading()  # type: ignore[attr-defined]
    await asyncio.sleep(0.1)
    with contextlib.suppress(ConnectionError):
        for _ in range(200):
            stream.writer.write(Frame(Opcode.PING, b"x" * 125).serialize(mask=True) * 100)
            await stream.writer.drain()
    await asyncio.sleep(1)
    assert by.bridge.metrics.value("refused", reason="pongs not read") == 1
    return "open" if by.server.server_state.connections else "dropped at 1 MiB"


@attack("a call more than `max_sessions`", "a busy tone; 403 for its stream", max_sessions=1)
async def full(by: Attacker) -> str:
    first = await by.webhook()
    waiting = await by.webhook(FORM | {"CallSid": "CA" + "3" * 32})
    assert '<Reject reason="busy"/>' in waiting.text
    stream = await by.stream()
    stream.start(first.token)
    assert await stream.closed_with(0.5) == "open"
    running = await by.webhook(FORM | {"CallSid": "CA" + "4" * 32})
    assert '<Reject reason="busy"/>' in running.text
    return f"a busy tone; {await refusals(by.upgrade())} for its stream"
