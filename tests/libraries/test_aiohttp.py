"""aiohttp, client and server."""

from __future__ import annotations

import asyncio
import contextlib
import socket

import aiohttp
import pytest
from aiohttp import web

from tests.libraries.serving import NAME, URL, serving
from tests.libraries.test_httpx import APP as STARLETTE


async def whoami(request):
    port = request.transport.get_extra_info("peername")[1] if request.remote else None
    return web.json_response({"port": port, "scheme": request.scheme, "host": request.host})


async def shout(request):
    websocket = web.WebSocketResponse(heartbeat=20)
    await websocket.prepare(request)
    async for message in websocket:
        await websocket.send_str(message.data.upper())
    return websocket


def at(port):
    return lambda runner: web.TCPSite(runner, "0.0.0.0", port)


@contextlib.asynccontextmanager
async def aiohttp_serving(host, make_site=at(8000), **options):  # noqa: B008
    app = web.Application()
    app.add_routes([web.get("/", whoami), web.get("/shout", shout)])

    async def start():
        runner = web.AppRunner(app, **options)
        await runner.setup()
        await make_site(runner).start()
        return runner

    runner = await host.spawn(start())
    try:
        yield
    finally:
        await runner.cleanup()


@pytest.mark.parametrize(("scheme", "port"), [("https", 443), ("http", 80)])
async def test_a_request_is_answered_after_two_round_trips(sim, bridge, scheme, port):
    async with (
        aiohttp_serving(bridge, at(port)),
        aiohttp.ClientSession() as session,
        session.get(f"{scheme}://{NAME}/") as response,
    ):
        told = await response.json()
        assert (told["scheme"], told["host"]) == (scheme, NAME)
        assert sim.now == 0.04


async def test_a_refusal_is_aiohttps_own_error(bridge):
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ClientConnectorError, match=f"{NAME}:81"):
            await session.get(f"http://{NAME}:81/")


async def test_a_site_may_be_a_socket_that_the_program_bound(bridge):
    def own_socket(runner):
        sock = socket.socket()
        sock.bind(("0.0.0.0", 8000))
        return web.SockSite(runner, sock)

    async with (
        aiohttp_serving(bridge, own_socket),
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{URL}/shout") as websocket,
    ):
        await websocket.send_str("hello")
        assert await websocket.receive_str() == "HELLO"


async def test_a_site_may_be_a_unix_socket(bridge):
    def unix_site(runner):
        return web.UnixSite(runner, "/run/app.sock")

    async def ask():
        connector = aiohttp.UnixConnector("/run/app.sock")
        async with (
            aiohttp.ClientSession(connector=connector) as session,
            session.get("http://localhost/") as response,
        ):
            return (await response.json())["host"]

    async with aiohttp_serving(bridge, unix_site):
        assert await bridge.spawn(ask()) == "localhost"


async def test_a_websocket_of_both_sides_lives_through_idle_minutes(sim, bridge):
    async with (
        aiohttp_serving(bridge),
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{URL}/shout", heartbeat=20) as websocket,
    ):
        sent_at = sim.now
        await websocket.send_str("hello")
        assert (await websocket.receive()).data == "HELLO"
        assert sim.now - sent_at == pytest.approx(0.02)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(websocket.receive(), 600)
        await websocket.send_str("still here")
        assert (await websocket.receive()).data == "STILL HERE"
        await websocket.close()
        assert websocket.closed


async def test_the_pool_reuses_connections_until_they_expire_by_the_virtual_clock(sim, bridge):
    ports = []
    async with (
        aiohttp_serving(bridge, keepalive_timeout=3600),
        aiohttp.ClientSession(URL) as session,
    ):
        for pause in (1, 20, 1, 0):
            async with session.get("/") as response:
                ports.append((await response.json())["port"])
            await asyncio.sleep(pause)
    first, within_keep_alive, after_expiry, reused = ports
    assert first == within_keep_alive
    assert after_expiry != first
    assert reused == after_expiry


async def test_the_client_talks_to_uvicorn_and_times_out_on_the_virtual_clock(sim, bridge):
    async with serving(bridge, STARLETTE), aiohttp.ClientSession(URL) as session:
        async with session.get("/") as response:
            assert response.status == 200
        asked_at = sim.now
        with pytest.raises(TimeoutError):
            async with session.get("/slow", timeout=aiohttp.ClientTimeout(total=2)) as response:
                await response.read()
        assert sim.now - asked_at == pytest.approx(2, abs=0.01)


async def test_https_makes_a_real_handshake(sim, bridge, certificate, client_context, tmp_path):
    pem = tmp_path / "server.pem"
    certificate.private_key_and_cert_chain_pem.write_to_path(pem)
    async with (
        serving(bridge, STARLETTE, port=443, ssl_certfile=pem),
        aiohttp.ClientSession() as session,
        session.get(f"https://{NAME}/", ssl=client_context) as response,
    ):
        assert response.status == 200


async def test_an_unknown_host_is_a_connection_error_that_says_why(sim):
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ClientConnectorError, match="not part of this simulation"):
            await session.get("http://nowhere.example.com/")
