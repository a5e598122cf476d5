"""The proxy's doors on real sockets: TLS outside, plain inside, and an end when told to."""

from __future__ import annotations

import asyncio
import os
import signal
import ssl
from pathlib import Path

import httpx
import trustme

from simkit.bridge.serve import listen
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
    serving = asyncio.create_task(serve(proxy, *doors, tls_cert=str(cert), tls_key=str(key)))
    async with bridge, httpx.AsyncClient(verify=trusted) as client:
        headers = {"Host": "bridge.example.com", "X-Twilio-Signature": "s="}
        response = await client.get(f"https://127.0.0.1:{here}/voice", headers=headers)
    os.kill(os.getpid(), signal.SIGTERM)
    async with asyncio.timeout(5):
        await serving
    return response.text


def test_tls_ends_at_the_door_and_sigterm_ends_the_proxy(tmp_path: Path) -> None:
    head = asyncio.run(asked_by_tls(tmp_path)).splitlines()
    assert head[0] == "GET /voice HTTP/1.1"
    lines = {line.lower() for line in head}
    assert {"host: bridge.example.com", "x-twilio-signature: s="} <= lines
    assert {"x-forwarded-proto: https", "x-forwarded-for: 127.0.0.1"} <= lines
