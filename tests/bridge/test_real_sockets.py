"""Faults on real sockets: what breaks is one call's, and nothing of it stays.

Each test runs a bridge and its callers in one loop, for a fraction of a second of real time; no
outcome depends on how fast that was.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks.callers import Call, Callers, sever
from benchmarks.serve import AUTH_TOKEN, PUBLIC_URL
from simkit.bridge import Bridge, Config
from simkit.bridge.asgi_socket import AsgiSocket
from simkit.bridge.protocols import ServerConfig
from simkit.bridge.serve import listen
from tests.bridge.serving import Server, serving

pytestmark = pytest.mark.skipif(os.name != "posix", reason="resets a socket by SO_LINGER")

ROOT = Path(__file__).parents[2]
VAPI = """
import asyncio
from simkit.wire import vapi
from simkit.wire.http import HttpResponse, HttpServer
from simkit.wire.websocket import WebSocketPeer, server_core

async def create(request):
    url = vapi.CallTransport(f"ws://127.0.0.1:{port}/")
    return HttpResponse(201, [], vapi.encode(vapi.Call("one", url)))

async def main():
    global port
    server = await asyncio.get_running_loop().create_server(
        lambda: HttpServer(create, lambda path: WebSocketPeer(server_core())), "127.0.0.1", 0
    )
    port = server.sockets[0].getsockname()[1]
    print(port, flush=True)
    await server.serve_forever()

asyncio.run(main())
"""
SECOND_OF_PHONE = bytes(range(128, 208)) * 100
SECOND_OF_AGENT = bytes(32_000)


class Room:
    """A bridge, and everybody who calls it."""

    def __init__(self, bridge: Bridge, server: Server, callers: Callers) -> None:
        self.bridge = bridge
        self.server = server
        self.callers = callers
        self._number = 0

    async def call(self) -> Call:
        """Place a call in which both sides speak."""
        self._number += 1
        return await self.callers.place(self._number)

    async def calls(self, count: int) -> list[Call]:
        """Place some at once."""
        return await asyncio.gather(*(self.call() for _ in range(count)))


async def until(condition: Callable[[], object]) -> None:
    """Wait for something that has to come."""
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.005)


def all_heard(calls: list[Call], frames: int = 5) -> Awaitable[None]:
    """Wait until so many more frames of each side have come out at the other."""
    goals = [(one, len(one.due_ns) + frames) for call in calls for one in call.directions]
    return until(lambda: all(len(one.came_ns) >= goal for one, goal in goals))


async def end_well(calls: list[Call]) -> None:
    """Everything that was said comes out, once and in order; then they hang up."""
    for call in calls:
        call.stop_sending()
    await until(lambda: all(call.is_complete for call in calls))
    assert [call.ends for call in calls] == [[]] * len(calls)
    for call in calls:
        call.hang_up()


@contextlib.asynccontextmanager
async def room(vapi_port: int = 0, **settings: Any) -> AsyncIterator[Room]:
    """Open a room; when it is left, nothing of its calls is.

    Args:
        vapi_port: where another process is Vapi; 0: the callers' own is.
    """
    callers = Callers()
    vapi = await callers.listen()
    bridge = Bridge(
        Config(
            public_url=PUBLIC_URL,
            twilio_auth_token=AUTH_TOKEN,
            vapi_api_key="key",
            vapi_url=f"http://127.0.0.1:{vapi_port or callers.port}",
            **settings,
        )
    )
    config, sockets = ServerConfig(bridge, loop="none"), [listen("127.0.0.1", 0)]
    async with serving(config, sockets) as (server, callers.bridge_port):
        held = len(asyncio.all_tasks())
        yield Room(bridge, server, callers)
        await until(lambda: not bridge.sessions and len(asyncio.all_tasks()) <= held)
        await until(lambda: all(is_gone(call) for call in callers.calls.values()))
        await until(lambda: not streams(server))
    vapi.close()


def streams(server: Server) -> list[AsgiSocket]:
    """Return the sockets that uvicorn holds."""
    return [peer for peer in server.server_state.connections if isinstance(peer, AsgiSocket)]


def is_gone(call: Call) -> bool:
    """True when neither socket of a call is left."""
    return all(peer is None or peer.is_lost for peer in (call.phone, call.agent))


def test_no_frame_waits_for_the_next_one() -> None:
    """asyncio switches Nagle's algorithm off only where a socket was made with its protocol."""

    async def story() -> None:
        async with room() as all_of:
            call = await all_of.call()
            (stream,) = streams(all_of.server)
            connection = stream.transport.get_extra_info("socket")
            assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            await end_well([call])

    asyncio.run(story())


def test_twilios_socket_is_reset_in_one_of_many_calls() -> None:
    async def story() -> None:
        async with room() as all_of:
            victim, *others = await all_of.calls(6)
            await all_heard([victim, *others])
            victim.reset()
            await until(lambda: victim.agent is not None and victim.agent.is_lost)
            await all_heard(others)
            await end_well(others)

    asyncio.run(story())


def test_vapis_socket_is_reset_in_one_of_many_calls_and_joined_again() -> None:
    async def story() -> None:
        async with room() as all_of:
            victim, *others = await all_of.calls(6)
            await all_heard([victim, *others])
            lost = victim.agent
            assert lost is not None
            sever(lost)
            await until(lambda: victim.agent is not lost and victim.agent.is_open)
            victim.begin(victim.to_vapi)
            await all_heard([victim, *others])
            victim.hang_up()
            await end_well(others)

    asyncio.run(story())


async def running(*command: str) -> asyncio.subprocess.Process:
    """Start a Python process; returns when it has written its first line."""
    return await asyncio.create_subprocess_exec(
        sys.executable, *command, stdout=asyncio.subprocess.PIPE, cwd=ROOT
    )


def test_vapis_process_is_killed_and_the_bridge_goes_on() -> None:
    async def story() -> None:
        process = await running("-c", VAPI)
        assert process.stdout is not None
        port = int(await process.stdout.readline())
        async with room(vapi_port=port) as all_of:
            calls = await asyncio.gather(
                *(all_of.callers.place(number, is_alone=True) for number in range(3))
            )
            await until(lambda: all_of.bridge.sessions)
            process.kill()
            await process.wait()
            for call in calls:
                call.hang_up()
            await until(lambda: not all_of.bridge.sessions)
            with contextlib.closing(await all_of.callers.listen(port)):
                await end_well([await all_of.call()])

    asyncio.run(story())


def test_a_burst_of_either_side_comes_out_whole_and_in_order() -> None:
    async def story() -> None:
        async with room() as all_of:
            eager, *others = await all_of.calls(4)
            await all_heard([eager, *others])
            for direction, count in zip(eager.directions, (100, 1500), strict=True):
                for _ in range(count):
                    direction.send(direction.due_ns[-1])
            await until(lambda: eager.is_complete)
            await all_heard(others)
            await end_well([eager, *others])

    asyncio.run(story())


def test_a_vapi_that_does_not_read_costs_no_more_than_the_limit() -> None:
    limit = 65_536

    async def story() -> None:
        async with room(queue_limit_bytes=limit) as all_of:
            stuck = await all_of.call()
            assert stuck.agent is not None
            assert stuck.phone is not None
            stuck.agent.transport.pause_reading()
            (session,) = all_of.bridge.sessions
            others = await all_of.calls(3)
            stuck.to_vapi.is_sending = False
            refused = False
            for _ in range(1000):
                stuck.phone.say(SECOND_OF_PHONE)
                await asyncio.sleep(0)
                assert session.buffered <= limit + 4 * len(SECOND_OF_PHONE)
                refused = refused or session.buffered > limit
                if refused:
                    break
            assert refused, "the system's own buffers took everything"
            for _ in range(10):
                stuck.phone.say(SECOND_OF_PHONE)
            await all_heard(others)
            assert session.buffered <= limit + 4 * len(SECOND_OF_PHONE)
            stuck.hang_up()
            sever(stuck.agent)
            await end_well(others)

    asyncio.run(story())


def test_a_twilio_that_does_not_read_costs_no_more_than_the_limit() -> None:
    limit = 65_536

    async def story() -> None:
        async with room(queue_limit_bytes=limit) as all_of:
            stuck = await all_of.call()
            assert stuck.agent is not None
            assert stuck.phone is not None
            stuck.phone.transport.pause_reading()
            (session,) = all_of.bridge.sessions
            others = await all_of.calls(3)
            stuck.to_twilio.is_sending = False
            for _ in range(1000):
                stuck.agent.send_binary(SECOND_OF_AGENT)
                await asyncio.sleep(0.001)
                assert session.buffered <= limit
                if session._to_twilio.refused:
                    break
            assert session._to_twilio.refused, "the system's own buffers took everything"
            await all_heard(others)
            stuck.reset()
            await end_well(others)

    asyncio.run(story())


def test_calls_that_run_when_the_process_is_told_to_end_run_on() -> None:
    async def story() -> None:
        callers = Callers()
        vapi = await callers.listen()
        url = f"http://127.0.0.1:{callers.port}"
        process = await running("benchmarks/serve.py", "ours", "--vapi", url)
        assert process.stdout is not None
        callers.bridge_port = int(await process.stdout.readline())
        calls = await asyncio.gather(*(callers.place(number) for number in range(20)))
        process.send_signal(signal.SIGTERM)
        await all_heard(calls)
        await end_well(calls)
        assert await process.wait() == 0
        vapi.close()

    asyncio.run(story())
