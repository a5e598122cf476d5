"""Loops in threads of a simulation are in its network, too."""

from __future__ import annotations

import asyncio
import socket
import threading

import httpx
import pytest
from fastapi import FastAPI

import simkit


async def echo(reader, writer):
    while data := await reader.read(100):
        writer.write(data)
    writer.close()


async def say(host, port, text=b"hello"):
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(text)
    answer = await reader.readexactly(len(text))
    writer.close()
    await writer.wait_closed()
    return answer, asyncio.get_running_loop().time()


@pytest.fixture
def office(sim):
    office, centre = sim.host("office"), sim.host("centre")
    sim.link(office, centre).latency = 0.25
    return office


async def test_a_loop_in_a_thread_connects_to_a_server_of_the_first(sim, office):
    async def serve():
        async with await asyncio.start_server(echo, port=7) as server:
            await server.serve_forever()

    async def work():
        return await asyncio.to_thread(lambda: asyncio.run(say("centre", 7)))

    server = sim.host("centre").spawn(serve())
    await asyncio.sleep(0)
    assert await office.spawn(work()) == (b"hello", 1.0)
    server.cancel()


async def test_a_loop_in_a_thread_serves_the_first(sim, office):
    stop = []

    async def serve():
        done = asyncio.Event()
        stop.append((asyncio.get_running_loop(), done))
        async with await asyncio.start_server(echo, port=7):
            await done.wait()

    async def begin():
        threading.Thread(target=lambda: asyncio.run(serve())).start()

    await sim.host("centre").spawn(begin())
    assert await office.spawn(say("centre", 7)) == (b"hello", 1.0)
    await asyncio.sleep(1)
    loop, done = stop[0]
    loop.call_soon_threadsafe(done.set)
    await asyncio.sleep(0.1)
    assert loop.is_closed()


async def test_sockets_of_the_programs_own_belong_to_the_loop_of_their_thread(sim, office):
    async def connect():
        loop = asyncio.get_running_loop()
        with socket.socket() as sock:
            sock.setblocking(False)
            await loop.sock_connect(sock, ("centre", 7))
            await loop.sock_sendall(sock, b"hello")
            return await loop.sock_recv(sock, 100), loop.time()

    async def serve():
        async with await asyncio.start_server(echo, port=7) as server:
            await server.serve_forever()

    async def work():
        return await asyncio.to_thread(lambda: asyncio.run(connect()))

    server = sim.host("centre").spawn(serve())
    await asyncio.sleep(0)
    assert await office.spawn(work()) == (b"hello", 1.0)
    server.cancel()


@pytest.fixture
def asking(sim):
    app = FastAPI()

    @app.get("/")
    def ask():
        async def inner():
            async with httpx.AsyncClient() as client:
                return (await client.get("https://crm.example/")).json()

        return asyncio.run(inner())

    sim.host("bridge.example.com").serve(app)


async def test_a_def_endpoint_runs_a_loop_of_its_own(sim, asking):
    sim.http.get("https://crm.example/").respond(json={"name": "Ada"})
    async with httpx.AsyncClient() as client:
        assert (await client.get("https://bridge.example.com/")).json() == {"name": "Ada"}


def test_a_world_with_loops_in_threads_does_the_same_again():
    async def scenario(sim):
        async def serve():
            async with await asyncio.start_server(echo, port=7) as server:
                await server.serve_forever()

        async def work(number):
            await asyncio.sleep(number / 10)
            return await asyncio.to_thread(lambda: asyncio.run(say("centre", 7)))

        server = sim.host("centre").spawn(serve())
        await asyncio.sleep(0)
        found = await asyncio.gather(*(work(number) for number in range(4)))
        server.cancel()
        return [round(when, 1) for _, when in found]

    with simkit.Simulation(verify=True) as sim:
        assert sim.run(scenario) == [0.0, 0.1, 0.2, 0.3]
