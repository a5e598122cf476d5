"""The websockets library, client and server."""

from __future__ import annotations

import asyncio
import contextlib

import pytest
import websockets
from websockets.utils import accept_key

from simkit import seconds
from tests.libraries.serving import NAME

FRAME_NS = 20_000_000
FIVE_MINUTES_OF_FRAMES = 300 * 50


@contextlib.asynccontextmanager
async def serving(host, handler, port=8765, **options):
    async def serve():
        return await websockets.serve(handler, "0.0.0.0", port, **options)

    server = await host.spawn(serve())
    try:
        yield server
    finally:
        server.close()
        await server.wait_closed()


async def shout(websocket):
    async for message in websocket:
        await websocket.send(message.upper())


async def stay(websocket):
    await websocket.wait_closed()


async def test_ws_there_and_back_takes_a_round_trip(sim, bridge):
    async with serving(bridge, shout), websockets.connect(f"ws://{NAME}:8765/") as websocket:
        sent_at = sim.now
        await websocket.send("hello")
        assert await websocket.recv() == "HELLO"
        assert sim.now - sent_at == pytest.approx(0.02)
    assert websocket.close_code == 1000


async def test_a_long_message_arrives_whole(bridge):
    async def count(websocket):
        async for message in websocket:
            await websocket.send(str(len(message)))

    async with serving(bridge, count), websockets.connect(f"ws://{NAME}:8765/") as websocket:
        await websocket.send(b"x" * 500_000)
        assert await websocket.recv() == "500000"


async def test_a_server_of_the_default_address_is_reached_at_localhost(bridge):
    async with (
        await websockets.serve(shout, "localhost", 8765),
        websockets.connect("ws://localhost:8765/") as websocket,
    ):
        await websocket.send("hello")
        assert await websocket.recv() == "HELLO"


async def test_ten_idle_minutes_are_survived_by_pings(sim, bridge):
    async with (
        serving(bridge, stay) as server,
        websockets.connect(f"ws://{NAME}:8765/") as websocket,
    ):
        await asyncio.sleep(600)
        (other_end,) = server.connections
        # Measured by the last ping of each side.
        assert (websocket.latency, other_end.latency) == pytest.approx((0.02, 0.02))
    assert websocket.close_code == 1000
    assert sim.now > 600


async def test_an_idle_websocket_whose_peer_is_silent_ends_by_its_own_timeout(sim, bridge):
    async def silent(reader, writer):
        request = await reader.readuntil(b"\r\n\r\n")
        key = request.split(b"Sec-WebSocket-Key: ")[1].split(b"\r\n")[0].decode()
        writer.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
            b"Connection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + accept_key(key).encode() + b"\r\n\r\n"
        )
        await reader.read()
        writer.close()

    await bridge.spawn(asyncio.start_server(silent, "0.0.0.0", 8765))
    async with websockets.connect(f"ws://{NAME}:8765/", close_timeout=1) as websocket:
        with pytest.raises(websockets.ConnectionClosedError, match="keepalive ping timeout"):
            await websocket.recv()
        assert sim.now == pytest.approx(41, abs=1.1)
    await asyncio.sleep(1)


async def test_wss_makes_a_real_handshake_with_a_server_that_has_a_certificate(
    sim, bridge, server_context, client_context
):
    async with serving(bridge, shout, port=443, ssl=server_context):
        asked_at = sim.now
        async with websockets.connect(f"wss://{NAME}/", ssl=client_context) as websocket:
            # A round trip each for TCP, TLS 1.3 and the upgrade.
            assert sim.now - asked_at == pytest.approx(0.06)
            names = websocket.transport.get_extra_info("peercert")["subjectAltName"]
            assert names == (("DNS", NAME),)
            await websocket.send("hello")
            assert await websocket.recv() == "HELLO"


async def test_a_server_refuses_and_answers_plain_http_as_it_is_told(bridge):
    def respond(connection, request):
        return None if request.path == "/open" else connection.respond(403, "not here\n")

    async with serving(bridge, shout, process_request=respond):
        with pytest.raises(websockets.InvalidStatus, match="403"):
            await websockets.connect(f"ws://{NAME}:8765/shut")
        async with websockets.connect(f"ws://{NAME}:8765/open") as websocket:
            await websocket.close(4000, "that is all")
            assert (websocket.close_code, websocket.close_reason) == (4000, "that is all")


async def test_a_five_minute_call_of_20_ms_frames_keeps_time_in_both_directions(sim, bridge):
    """Absolute deadlines, as a pacer writes them: the last of 15,000 frames is not late."""

    async def talk(websocket):
        loop = asyncio.get_running_loop()
        began = loop.time()
        for number in range(FIVE_MINUTES_OF_FRAMES):
            await asyncio.sleep(began + 0.02 * number - loop.time())
            await websocket.send(number.to_bytes(4, "big") + bytes(156))

    async def listen(websocket, arrivals):
        for number in range(FIVE_MINUTES_OF_FRAMES):
            frame = await websocket.recv()
            assert int.from_bytes(frame[:4], "big") == number
            arrivals.append(sim.now_ns)

    async def call(websocket):
        await asyncio.gather(talk(websocket), listen(websocket, at_server))
        await websocket.wait_closed()

    at_server, at_client = [], []
    async with serving(bridge, call), websockets.connect(f"ws://{NAME}:8765/") as websocket:
        began_ns = sim.now_ns
        await asyncio.gather(talk(websocket), listen(websocket, at_client))
    latency_ns = seconds(0.01)
    due = [latency_ns + number * FRAME_NS for number in range(FIVE_MINUTES_OF_FRAMES)]
    assert _late(at_server, began_ns, due) <= 1
    # The server began when it sent its answer to the upgrade, one latency before the client.
    assert _late(at_client, began_ns - latency_ns, due) <= 1


def _late(arrivals, began_ns, due):
    """Return the largest deviation in ns from when each frame was due."""
    assert len(arrivals) == len(due)
    return max(abs(at - began_ns - due_ns) for at, due_ns in zip(arrivals, due, strict=True))
