"""Doors: connections that a bridge opens to a fake."""

from __future__ import annotations

import asyncio
import re
import socket
from contextvars import copy_context

import pytest

from simkit.wall import WallError
from simkit.wall.doors import context_on, open_door
from simkit.wall.loop import machine


def test_a_door_is_on_the_loopback_at_the_port_that_was_asked_for_or_any():
    first = open_door("vapi", 0, asyncio.Protocol)
    host, port = first.address
    assert (host, first.url) == ("127.0.0.1", f"http://127.0.0.1:{port}")
    with pytest.raises(WallError, match=f"port {port} for twilio: Address already in use"):
        open_door("twilio", port, asyncio.Protocol)
    first.sock.close()
    second = open_door("twilio", port, asyncio.Protocol)
    assert second.address == ("127.0.0.1", port)
    second.sock.close()


def test_what_is_no_port_is_refused():
    told = re.escape("port 65536 for vapi: bind(): port must be 0-65535.")
    with pytest.raises(WallError, match=told):
        open_door("vapi", 65_536, asyncio.Protocol)


def test_code_in_the_context_of_a_host_runs_there():
    context = context_on("vapi")
    assert context[machine] == "vapi"
    assert machine not in copy_context()


def test_small_messages_to_a_bridge_leave_at_once():
    """Nagle's algorithm would keep a frame back until the bridge has said something."""
    door = open_door("vapi", 0, asyncio.Protocol)

    async def option() -> int:
        accepted = asyncio.get_running_loop().create_future()
        server = await asyncio.start_server(lambda _, w: accepted.set_result(w), sock=door.sock)
        _, writer = await asyncio.open_connection(*door.address)
        ours = await accepted
        found = ours.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        for end in (writer, ours):
            end.close()
            await end.wait_closed()
        server.close()
        await server.wait_closed()
        return found

    assert asyncio.run(option()) != 0
