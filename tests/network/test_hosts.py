from __future__ import annotations

import asyncio
import errno
import re
import socket

import pytest

from simkit.network import UnknownHostError


def address_of(runner, name, port=443, **options):
    loop = runner.get_loop()
    ((family, kind, proto, canonical, address),) = runner.run(
        loop.getaddrinfo(name, port, **options)
    )
    assert (family, kind, proto) == (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    assert canonical == ""
    return address


def test_a_host_has_an_address_of_its_own(network):
    hosts = [network.host(f"host{number}") for number in range(600)]
    assert len({host.address for host in hosts} | {network.home.address}) == 601
    for host in hosts:
        assert all(0 < int(part) < 255 for part in host.address.split(".")[3:])


def test_the_same_name_is_the_same_host(network):
    assert network.host("bridge") is network.host("BRIDGE")
    assert repr(network.host("bridge")).startswith("<Host bridge 10.0.")


@pytest.mark.parametrize(
    "name",
    ["bridge.example.com", "Bridge.Example.COM", "bridge.example.com.", b"bridge.example.com"],
)
def test_a_name_resolves_in_any_case_as_text_or_bytes(runner, network, name):
    bridge = network.host("bridge.example.com")
    assert address_of(runner, name) == (bridge.address, 443)


def test_an_alias_resolves_to_its_host(runner, network):
    twilio = network.host("twilio", "api.twilio.com", "Media.Twilio.com")
    assert address_of(runner, "API.twilio.com")[0] == twilio.address
    assert address_of(runner, "media.twilio.com")[0] == twilio.address
    assert network.host("api.twilio.com") is twilio


def test_an_address_resolves_to_itself(runner, network):
    bridge = network.host("bridge")
    assert address_of(runner, bridge.address) == (bridge.address, 443)


@pytest.mark.parametrize("name", ["localhost", "LOCALHOST", "127.0.0.1", "::1", None])
def test_loopback_names_mean_this_machine(runner, name):
    assert address_of(runner, name) == ("127.0.0.1", 443)


@pytest.mark.parametrize("name", ["0.0.0.0", "::", "", None])
def test_wildcards_are_every_address(runner, name):
    assert address_of(runner, name, flags=socket.AI_PASSIVE) == ("0.0.0.0", 443)


@pytest.mark.parametrize(
    ("port", "number"),
    [(80, 80), ("8080", 8080), (b"8080", 8080), ("http", 80), ("wss", 443), (None, 0)],
)
def test_ports_may_be_numbers_text_or_service_names(runner, port, number):
    assert address_of(runner, "localhost", port)[1] == number


def test_an_unknown_service_is_a_gaierror(runner):
    with pytest.raises(socket.gaierror):
        address_of(runner, "localhost", "nosuchservice")


def test_an_unknown_name_fails_as_dns_does_and_says_how_to_add_it(runner, network):
    network.host("bridge")
    asked = []
    network.on_refused = asked.append
    with pytest.raises(UnknownHostError) as caught:
        address_of(runner, "api.openai.com")
    assert isinstance(caught.value, socket.gaierror)
    assert caught.value.errno == socket.EAI_NONAME
    message = str(caught.value)
    assert "'api.openai.com' is not part of this simulation" in message
    assert "hosts here: bridge, home" in message
    assert "sim.host('api.openai.com').serve(app)" in message
    assert "sim.http" in message
    assert asked == ["api.openai.com"]


def test_connecting_to_an_unknown_name_fails_alike(runner):
    with pytest.raises(UnknownHostError, match="'nowhere' is not part of this simulation"):
        runner.run(asyncio.open_connection("nowhere", 80))


def test_a_name_that_nobody_knows_is_asked_for_once_more(runner, network):
    late = []

    def find(name):
        late.append(name)
        return network.host(name) if name.endswith(".late") else None

    network.find_host = find
    address = address_of(runner, "service.late")[0]
    assert address_of(runner, "service.late")[0] == address
    assert late == ["service.late"]


def test_an_address_has_its_hosts_name_again(runner, network):
    bridge = network.host("bridge")
    name = runner.run(runner.get_loop().getnameinfo((bridge.address, 443)))
    assert name == ("bridge", "443")


def test_a_port_in_use_is_refused_as_the_kernel_does(runner, loop):
    async def main():
        await loop.create_server(asyncio.Protocol, "localhost", 80)
        with pytest.raises(
            OSError, match=r"\('127\.0\.0\.1', 80\).*in use on host 'home'"
        ) as caught:
            await loop.create_server(asyncio.Protocol, "localhost", 80)
        return caught.value.errno

    assert runner.run(main()) == errno.EADDRINUSE


@pytest.mark.parametrize(("first", "second"), [("0.0.0.0", "127.0.0.1"), ("127.0.0.1", None)])
def test_a_wildcard_takes_the_port_of_every_address(runner, loop, first, second):
    async def main():
        await loop.create_server(asyncio.Protocol, first, 80)
        with pytest.raises(OSError, match="in use"):
            await loop.create_server(asyncio.Protocol, second, 80)

    runner.run(main())


def test_two_addresses_of_a_host_can_share_a_port_number(runner, loop, network):
    async def main():
        await loop.create_server(asyncio.Protocol, "127.0.0.1", 80)
        await loop.create_server(asyncio.Protocol, network.home.address, 80)

    runner.run(main())


def test_hosts_do_not_share_ports(runner, network):
    async def listen():
        return await asyncio.get_running_loop().create_server(asyncio.Protocol, "0.0.0.0", 80)

    async def main():
        for name in ("a", "b"):
            await network.host(name).spawn(listen())
        await listen()

    runner.run(main())


def test_an_address_of_another_machine_cannot_be_bound(runner, loop, network):
    network.host("bridge")

    async def main():
        with pytest.raises(OSError, match="host 'home' has 10\\.0\\.0\\.2 and 127") as caught:
            await loop.create_server(asyncio.Protocol, "bridge", 80)
        return caught.value.errno

    assert runner.run(main()) == errno.EADDRNOTAVAIL


def test_port_zero_gives_each_server_a_free_port(runner, loop):
    async def main():
        servers = [await loop.create_server(asyncio.Protocol, "localhost", 0) for _ in range(5)]
        return [server.sockets[0].getsockname()[1] for server in servers]

    ports = runner.run(main())
    assert len(set(ports)) == 5
    assert min(ports) >= 49152


def test_a_free_port_is_one_that_nothing_listens_on(runner, loop):
    async def main():
        await loop.create_server(asyncio.Protocol, "localhost", 49152)
        await loop.create_server(asyncio.Protocol, "localhost", 0)

    runner.run(main())


def test_ports_stay_below_65536_however_many_connections_there_were(network):
    assert max(network.home.free_port() for _ in range(20_000)) < 65536


def test_code_runs_on_the_host_that_spawned_it(runner, network):
    async def here():
        await asyncio.sleep(1)
        child = asyncio.create_task(where())
        return network.current().name, await child

    async def where():
        return network.current().name

    async def main():
        bridge = network.host("bridge")
        task = bridge.spawn(here(), name="program")
        return task.get_name(), await task, network.current().name

    assert runner.run(main()) == ("program", ("bridge", "bridge"), "home")


def test_connections_come_from_the_address_of_the_host_that_makes_them(runner, loop, network):
    a, b = network.host("a"), network.host("b")
    peers = []

    async def greet(reader, writer):
        peers.append(writer.get_extra_info("peername")[0])
        writer.close()

    async def client():
        reader, writer = await asyncio.open_connection("b", 80)
        await reader.read()
        writer.close()
        return writer.get_extra_info("sockname")[0], writer.get_extra_info("peername")

    async def main():
        await b.spawn(asyncio.start_server(greet, "0.0.0.0", 80))
        return await a.spawn(client())

    assert runner.run(main()) == (a.address, (b.address, 80))
    assert peers == [a.address]


def test_a_server_runs_on_its_own_host_whoever_connects(runner, network):
    where = []

    async def serve(reader, writer):
        where.append(network.current().name)
        writer.close()

    async def main():
        await network.host("bridge").spawn(asyncio.start_server(serve, "0.0.0.0", 80))
        reader, writer = await asyncio.open_connection("bridge", 80)
        await reader.read()
        writer.close()

    runner.run(main())
    assert where == ["bridge"]


@pytest.mark.parametrize("name", ["", "a b", "https://a.example", "a.example:443", "a/b", None])
def test_a_name_that_is_none_is_refused(network, name):
    with pytest.raises(ValueError, match=re.escape(f"host {name!r}: expected a name as br")):
        network.host(name)
    with pytest.raises(ValueError, match="expected a name as bridge"):
        network.host("bridge", name)
