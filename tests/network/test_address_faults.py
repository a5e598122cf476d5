"""One address of a host that does not work, and what clients make of it."""

from __future__ import annotations

import asyncio
import errno

import aiohttp
import anyio
import httpx
import pytest
import websockets

import simkit
from tests.network.observer import Observer

FOUR, SIX = "192.0.2.7", "2001:db8::7"
NAME = "api.example.com"
ROUND_TRIP = 0.04


@pytest.fixture
def api(network):
    network.host("home", addresses=["192.0.2.1", "2001:db8::1"])
    api = network.host(NAME, addresses=[FOUR, SIX])
    network.link("home", NAME).latency = ROUND_TRIP / 2
    return api


async def answer(reader, writer):
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
    writer.close()


async def serve(api, port=80):
    return await api.spawn(asyncio.start_server(answer, ["0.0.0.0", "::"], port))


def fault(api, address, kind):
    setattr(api.at(address), kind, True)


async def by_asyncio(**options):
    transport, _ = await asyncio.get_running_loop().create_connection(Observer, NAME, 80, **options)
    transport.close()
    return transport.get_extra_info("peername")[0]


async def by_asyncio_happily():
    return await by_asyncio(happy_eyeballs_delay=0.1)


async def by_anyio():
    async with await anyio.connect_tcp(NAME, 80) as stream:
        return stream.extra(anyio.abc.SocketAttribute.remote_address)[0]


async def by_httpx():
    async with httpx.AsyncClient() as client:
        answer = await client.get(f"http://{NAME}/")
        return answer.extensions["network_stream"].get_extra_info("server_addr")[0]


async def by_aiohttp():
    async with aiohttp.ClientSession() as session, session.get(f"http://{NAME}/") as answer:
        assert answer.status == 204
    return  # it has closed the connection, and does not tell where it went


@pytest.mark.parametrize(
    ("way", "kind", "took"),
    [
        # In turn: an answer that does not come is waited for as long as Linux does.
        (by_asyncio, None, ROUND_TRIP),
        (by_asyncio, "refuse", 2 * ROUND_TRIP),
        (by_asyncio, "unreachable", 2 * ROUND_TRIP),
        (by_asyncio, "unanswered", 127 + ROUND_TRIP),
        # Happy eyeballs: the next address has its chance after a while.
        (by_asyncio_happily, None, ROUND_TRIP),
        (by_asyncio_happily, "refuse", 2 * ROUND_TRIP),
        (by_asyncio_happily, "unanswered", 0.1 + ROUND_TRIP),
        (by_anyio, None, ROUND_TRIP),
        (by_anyio, "refuse", 2 * ROUND_TRIP),
        (by_anyio, "unanswered", 0.25 + ROUND_TRIP),
        (by_httpx, None, 2 * ROUND_TRIP),
        (by_httpx, "unreachable", 3 * ROUND_TRIP),
        (by_httpx, "unanswered", 0.25 + 2 * ROUND_TRIP),
        (by_aiohttp, None, 2 * ROUND_TRIP),
        (by_aiohttp, "unreachable", 3 * ROUND_TRIP),
        (by_aiohttp, "unanswered", 0.25 + 2 * ROUND_TRIP),
    ],
)
def test_a_client_reaches_the_address_that_works(runner, loop, api, way, kind, took):
    async def main():
        await serve(api)
        if kind is not None:
            fault(api, SIX, kind)
        start = loop.time()
        peer = await way()
        assert peer in (None, SIX if kind is None else FOUR)
        return loop.time() - start

    assert runner.run(main()) == pytest.approx(took)


def test_a_websocket_client_without_happy_eyeballs_never_gets_to_ipv4(runner, loop, api):
    async def main():
        fault(api, SIX, "unanswered")
        with pytest.raises(TimeoutError, match="timed out during opening handshake"):
            await websockets.connect(f"ws://{NAME}/")
        return loop.time()

    assert runner.run(main()) == 10


def test_both_families_that_fail_are_both_told(runner, loop, api):
    async def main():
        await serve(api)
        fault(api, SIX, "unreachable")
        fault(api, FOUR, "refuse")
        with pytest.raises(OSError, match=r"Multiple exceptions: .Errno 113. .*, .Errno 111. "):
            await loop.create_connection(Observer, NAME, 80)
        with pytest.raises(OSError, match="Connect call failed") as caught:
            await loop.create_connection(Observer, SIX, 80)
        return caught.value.errno

    assert runner.run(main()) == errno.EHOSTUNREACH


def test_the_slower_address_of_a_race_is_never_accepted(runner, loop, network, api):
    accepted = []

    def accept():
        accepted.append(Observer())
        return accepted[-1]

    network.listen(api, 80, accept)

    async def main():
        _, client = await loop.create_connection(Observer, NAME, 80, happy_eyeballs_delay=0)
        await asyncio.sleep(1)
        client.transport.close()
        await asyncio.sleep(1)

    runner.run(main())
    assert [end.log for end in accepted] == [["made", "eof", "lost"]]


def test_open_connections_are_not_concerned(runner, loop, network, api):
    server = Observer()
    network.listen(api, 80, lambda: server)

    async def main():
        _, client = await loop.create_connection(Observer, NAME, 80)
        fault(api, SIX, "unanswered")
        client.transport.write(b"hello")
        await asyncio.sleep(1)
        client.transport.close()

    runner.run(main())
    assert server.data == b"hello"


def test_a_fault_can_be_taken_back(runner, loop, api):
    async def main():
        await serve(api)
        fault(api, SIX, "refuse")
        first = await by_asyncio()
        api.at(SIX).refuse = False
        return first, await by_asyncio()

    assert runner.run(main()) == (FOUR, SIX)


@pytest.mark.parametrize("kind", ["refuse", "unreachable", "unanswered"])
@pytest.mark.parametrize("wrong", [1, None, "yes", 0.5])
def test_a_fault_is_true_or_false(api, kind, wrong):
    text = rf"host {NAME} at {SIX}: {kind} is True or False; found"
    with pytest.raises(ValueError, match=text):
        setattr(api.at("2001:DB8::7"), kind, wrong)
    assert getattr(api.at(SIX), kind) is False


@pytest.mark.parametrize("wrong", ["2001:db8::8", "api.example.com", "", None, 4])
def test_a_fault_has_its_place_at_an_address_of_the_host(api, wrong):
    text = f"host {NAME}: at is one of {FOUR}, {SIX}; found {wrong!r}"
    with pytest.raises(ValueError, match=text):
        api.at(wrong)


@pytest.mark.parametrize(("broken", "later"), [(False, 0), (True, 0.25)])
def test_a_fake_can_have_an_address_that_does_not_answer(broken, later):
    async def ask():
        async with httpx.AsyncClient() as client:
            return (await client.get("https://api.vapi.ai/call")).status_code, sim.now

    with simkit.Simulation() as sim:
        office = sim.host("office", addresses=["192.0.2.1", "2001:db8::1"])
        vapi = sim.host("api.vapi.ai", addresses=[FOUR, SIX])
        vapi.at(SIX).unanswered = broken
        # To connect and to be turned away without a key take a round trip of 20 ms each.
        assert sim.run(office.spawn(ask())) == (401, pytest.approx(0.04 + later))
