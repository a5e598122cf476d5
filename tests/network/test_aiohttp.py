"""aiohttp, unmodified, as client and as server."""

from __future__ import annotations

import socket

import pytest

aiohttp = pytest.importorskip("aiohttp")
web = pytest.importorskip("aiohttp.web")

NAME = "bridge.example.com"


async def tell(request):
    return web.json_response([request.scheme, request.host, request.remote])


async def shout(request):
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    async for message in socket:
        await socket.send_str(message.data.upper())
    return socket


def application():
    app = web.Application()
    app.add_routes([web.get("/", tell), web.get("/shout", shout)])
    return app


async def serve(make_site):
    runner = web.AppRunner(application())
    await runner.setup()
    await make_site(runner).start()
    return runner


@pytest.fixture
def bridge(network):
    bridge = network.host(NAME)
    network.link("home", NAME).latency = 0.02
    return bridge


@pytest.mark.parametrize(("scheme", "port"), [("https", 443), ("http", 80)])
def test_a_request_is_answered_after_two_round_trips(runner, loop, bridge, scheme, port):
    async def main():
        server = await bridge.spawn(serve(lambda runner: web.TCPSite(runner, "0.0.0.0", port)))
        async with aiohttp.ClientSession() as client, client.get(f"{scheme}://{NAME}/") as answer:
            told = await answer.json(), loop.time()
        await server.cleanup()
        return told

    assert runner.run(main()) == ([scheme, NAME, "10.0.0.2"], 0.08)


def test_a_server_on_its_own_machine_knows_that_it_is_behind_tls(runner):
    async def main():
        server = await serve(lambda runner: web.TCPSite(runner, "0.0.0.0", 443))
        async with aiohttp.ClientSession() as client, client.get("https://localhost/") as answer:
            told = await answer.json()
        await server.cleanup()
        return told[0]

    assert runner.run(main()) == "https"


def test_a_web_socket_on_a_socket_that_the_program_bound(runner, bridge):
    def own_socket(runner):
        sock = socket.socket()
        sock.bind(("0.0.0.0", 443))
        return web.SockSite(runner, sock)

    async def main():
        server = await bridge.spawn(serve(own_socket))
        async with (
            aiohttp.ClientSession() as client,
            client.ws_connect(f"wss://{NAME}/shout") as connection,
        ):
            await connection.send_str("hello")
            answer = await connection.receive_str()
        await server.cleanup()
        return answer

    assert runner.run(main()) == "HELLO"


def test_a_connection_is_kept_for_the_next_request(runner, loop, bridge):
    async def main():
        server = await bridge.spawn(serve(lambda runner: web.TCPSite(runner, "0.0.0.0", 80)))
        async with aiohttp.ClientSession() as client:
            for _ in range(3):
                async with client.get(f"http://{NAME}/") as answer:
                    await answer.read()
        took = loop.time()
        await server.cleanup()
        return took

    assert runner.run(main()) == 0.16


def test_a_refusal_is_aiohttps_own_error(runner, bridge):
    async def main():
        async with aiohttp.ClientSession() as client:
            with pytest.raises(aiohttp.ClientConnectorError, match=f"{NAME}:81"):
                await client.get(f"http://{NAME}:81/")

    runner.run(main())


def test_a_unix_site(runner):
    async def main():
        server = await serve(lambda runner: web.UnixSite(runner, "/run/app.sock"))
        connector = aiohttp.UnixConnector("/run/app.sock")
        async with (
            aiohttp.ClientSession(connector=connector) as client,
            client.get("http://localhost/") as answer,
        ):
            told = await answer.json()
        await server.cleanup()
        return told[:2]

    assert runner.run(main()) == ["http", "localhost"]
