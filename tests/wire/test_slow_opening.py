"""A server that keeps its client waiting for the upgrade."""

from __future__ import annotations

import asyncio

import pytest

from simkit import Simulation
from simkit.vapi import HOST

UPGRADE = (
    f"GET /ws HTTP/1.1\r\nHost: {HOST}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Authorization: Bearer key\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    "Sec-WebSocket-Version: 13\r\n\r\n"
).encode()


@pytest.mark.parametrize("leave", ["close", "write_eof", "abort"])
async def test_a_client_that_left_while_it_was_kept_waiting_is_forgotten(
    sim: Simulation, leave: str
) -> None:
    sim.vapi.open_delay = 1.0
    _, writer = await asyncio.open_connection(HOST, 443)
    writer.write(UPGRADE)
    await asyncio.sleep(0.5)
    getattr(writer if leave != "abort" else writer.transport, leave)()
    await asyncio.sleep(1.0)
    assert sim.timeline.of("unhandled-error", "open") == []
    writer.close()


async def test_a_client_that_waits_is_let_in_late(sim: Simulation) -> None:
    sim.vapi.open_delay = 1.0
    reader, writer = await asyncio.open_connection(HOST, 443)
    writer.write(UPGRADE)
    assert b"101" in await reader.readline()
    assert 1.0 < sim.now < 1.1
    writer.close()
