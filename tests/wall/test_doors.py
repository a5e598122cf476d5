"""Doors: connections that a bridge opens to a fake."""

from __future__ import annotations

import asyncio
import socket

from simkit.wall.doors import open_door


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
