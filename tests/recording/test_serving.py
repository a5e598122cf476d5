"""The proxy's doors on real sockets: TLS outside, plain inside, and an end when told to."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import ssl
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme
import websockets

from simkit.bridge.serve import listen
from simkit.recording import read, serving
from simkit.recording.capture import Capture
from simkit.recording.proxy import RecordingProxy
from simkit.recording.serving import serve


async def show(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Be a bridge that answers with the head of the request."""
    head = await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(head) + head)
    await writer.drain()
    writer.close()


async def asked_by_tls(place: Path) -> str:
    authority = trustme.CA()
    own = authority.issue_cert("127.0.0.1")
    cert, key = place / "cert.pem", place / "key.pem"
    own.cert_chain_pems[0].write_to_path(str(cert))
    own.private_key_pem.write_to_path(str(key))
    trusted = ssl.create_default_context()
    authority.configure_trust(trusted)
    bridge = await asyncio.start_server(show, "127.0.0.1", 0)
    port = bridge.sockets[0].getsockname()[1]
    proxy = RecordingProxy(Capture(place), f"http://127.0.0.1:{port}", "http://127.0.0.1:1")
    doors = [listen("127.0.0.1", 0), listen("127.0.0.1", 0)]
    here = doors[0].getsockname()[1]
    running = asyncio.create_task(serve(proxy, *doors, tls_cert=str(cert), tls_key=str(key)))
    async with bridge, httpx.AsyncClient(verify=trusted) as client:
        headers = {"Host": "bridge.example.com", "X-Twilio-Signature": "s="}
        response = await client.get(f"https://127.0.0.1:{here}/voice", headers=headers)
    os.kill(os.getpid(), signal.SIGTERM)
    async with asyncio.timeout(5):
        await running
    return response.text


def test_tls_ends_at_the_door_and_sigterm_ends_the_proxy(tmp_path: Path) -> None:
    head = asyncio.run(asked_by_tls(tmp_path)).splitlines()
    assert head[0] == "GET /voice HTTP/1.1"
    lines = {line.lower() for line in head}
    assert {"host: bridge.example.com", "x-twilio-signature: s="} <= lines
    assert {"x-forwarded-proto: https", "x-forwarded-for: 127.0.0.1"} <= lines


async def reader_of(port: int, data: bytes, opened: list[asyncio.StreamWriter]) -> Any:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    opened.append(writer)
    writer.write(data)
    await writer.drain()
    return reader


async def end_of(serving: asyncio.Task[None]) -> None:
    os.kill(os.getpid(), signal.SIGTERM)
    async with asyncio.timeout(10):
        await serving


async def besieged(place: Path) -> list[bytes]:
    """Return what each of three connections with half a head got, and one too many."""
    proxy = RecordingProxy(Capture(place), "http://127.0.0.1:1", "http://127.0.0.1:1")
    doors = [listen("127.0.0.1", 0), listen("127.0.0.1", 0)]
    ports = [door.getsockname()[1] for door in doors]
    running = asyncio.create_task(serve(proxy, *doors))
    whole = b"GET /voice HTTP/1.1\r\nHost: a\r\n\r\n"
    opened: list[asyncio.StreamWriter] = []
    async with asyncio.timeout(10):
        slow = [await reader_of(ports[0], whole[:12], opened) for _ in range(3)]
        extra = await reader_of(ports[0], whole, opened)
        got = [await reader.read() for reader in (extra, *slow)]
        for port in ports:  # there is room again
            asked = await reader_of(port, whole, opened)
            got.append((await asked.readline()).rstrip())
    for writer in opened:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
    await end_of(running)
    return got


def test_slow_heads_and_a_crowd_do_not_shut_the_doors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving._Http, "max_connections", 3)
    monkeypatch.setattr(serving._Http, "head_seconds", 0.3)
    refused, answered = [b""] * 4, [b"HTTP/1.1 502 Bad Gateway"] * 2
    assert asyncio.run(besieged(tmp_path)) == refused + answered


async def ended_in_the_middle(place: Path) -> list[int | None]:
    """Have SIGTERM come during a call; returns with which codes both ends were closed."""
    codes: list[int | None] = []

    async def bridge(socket: Any) -> None:
        with contextlib.suppress(websockets.ConnectionClosed):
            async for message in socket:
                await socket.send(message)
        codes.append(socket.close_code)

    capture = Capture(place, name=lambda sid: sid)
    async with websockets.serve(bridge, "127.0.0.1", 0) as inner:
        port = inner.sockets[0].getsockname()[1]
        proxy = RecordingProxy(capture, f"http://127.0.0.1:{port}", "http://127.0.0.1:1")
        doors = [listen("127.0.0.1", 0), listen("127.0.0.1", 0)]
        here = doors[0].getsockname()[1]
        running = asyncio.create_task(serve(proxy, *doors))
        async with websockets.connect(f"ws://127.0.0.1:{here}/media") as twilio:
            start = {"event": "start", "start": {"callSid": "CA1", "streamSid": "MZ1"}}
            media = {"event": "media", "media": {"payload": "/////w=="}, "streamSid": "MZ1"}
            for message in (start, *[media] * 20):
                await twilio.send(json.dumps(message))
                await twilio.recv()
            await end_of(running)
            await twilio.wait_closed()
            codes.append(twilio.close_code)
    capture.close()
    return codes


def test_sigterm_during_a_call_leaves_its_recording_whole(tmp_path: Path) -> None:
    codes = asyncio.run(ended_in_the_middle(tmp_path))
    recording = read(tmp_path / "CA1")
    assert recording.cut_tail == ""
    assert [e.message["event"] for e in recording.events if e.leg == "call"] == ["ended"]
    assert [len(list(recording.frames("twilio", way))) for way in ("in", "out")] == [20, 20]
    assert (tmp_path / "CA1" / "caller.flac").exists()
    [ended] = recording.messages("twilio", "in", "disconnected")
    assert [ended.message["code"], *codes] == [1012] * 3
