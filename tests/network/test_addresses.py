"""Several addresses for a host, of IPv4 and IPv6."""

from __future__ import annotations

import asyncio
import errno
import socket

import pytest

import simkit
from simkit.network import UnknownHostError
from tests.network.observer import Observer

FOUR, SIX = "192.0.2.7", "2001:db8::7"


@pytest.fixture
def bridge(network):
    return network.host("bridge", addresses=[FOUR, SIX])


@pytest.fixture
def home(network):
    return network.host("home", addresses=["192.0.2.1", "2001:db8::1"])


def asked(runner, name, port=80, **options):
    options.setdefault("type", socket.SOCK_STREAM)
    infos = runner.run(runner.get_loop().getaddrinfo(name, port, **options))
    for family, kind, proto, _, address in infos:
        assert (family == socket.AF_INET6) == (len(address) == 4)
        assert (kind, proto) == (socket.SOCK_STREAM, socket.IPPROTO_TCP)
    return [info[4] for info in infos]


def test_a_host_has_the_addresses_it_was_given(network, bridge):
    assert bridge.addresses == (FOUR, SIX)
    assert bridge.address == FOUR
    assert network.host("bridge").addresses == (FOUR, SIX)
    assert repr(bridge) == f"<Host bridge {FOUR} {SIX}>"


def test_an_address_is_kept_in_its_usual_form(network):
    assert network.host("six", addresses=["2001:0DB8::0:1"]).addresses == ("2001:db8::1",)
    assert network.host("six").address == "2001:db8::1"


def test_by_default_a_host_has_one_ipv4_address_whatever_others_have(network):
    before = network.host("before").address
    network.host("between", addresses=["10.0.0.4", SIX])
    assert before == "10.0.0.3"
    assert network.host("after").addresses == ("10.0.0.5",)


@pytest.mark.parametrize(
    "wrong",
    [
        "bridge.example.com", "10.0.0", "10.0.0.256", "2001:db8::g", "fe80::1", "fe80::1%eth0",
        "::", "::1", "127.0.0.1", "0.0.0.0", "255.255.255.255", "224.0.0.1", "ff02::1",
        "::ffff:192.0.2.7", 7, None, b"10.0.0.9", "10.0.0.9/24",
    ],
)  # fmt: skip
def test_what_no_machine_can_have_as_its_address_is_refused(network, wrong):
    known = len(network._by_address)
    with pytest.raises(ValueError, match="host bridge: addresses is a list of IPv4 and") as caught:
        network.host("bridge", addresses=["10.0.0.8", wrong])
    assert str(caught.value).endswith(f"found {wrong!r}")
    assert len(network._by_address) == known


@pytest.mark.parametrize("wrong", [[], "10.0.0.9", 7, ["10.0.0.9", "10.0.0.9"]])
def test_addresses_are_a_list_without_repetition(network, wrong):
    with pytest.raises(ValueError, match="host bridge: addresses is a list of IPv4 and IPv6"):
        network.host("bridge", addresses=wrong)


def test_two_hosts_cannot_have_one_address(network, bridge):
    with pytest.raises(ValueError, match=rf"no other host has \(bridge has {SIX}\); found"):
        network.host("other", addresses=["192.0.2.8", "2001:DB8::7"])
    other = network.host("other")
    with pytest.raises(ValueError, match="bridge has"):
        other.addresses = [FOUR]
    assert other.address.startswith("10.0.")


def test_a_name_gives_its_addresses_by_family(runner, bridge):
    six, four = (SIX, 80, 0, 0), (FOUR, 80)
    assert asked(runner, "bridge", family=socket.AF_INET) == [four]
    assert asked(runner, "bridge", family=socket.AF_INET6) == [six]
    # This machine has no IPv6: what it cannot reach comes last, or not at all.
    assert asked(runner, "bridge") == [four, six]
    assert asked(runner, "bridge", flags=socket.AI_ADDRCONFIG) == [four]


def test_a_machine_with_ipv6_gets_it_first(runner, bridge, home):
    assert asked(runner, "bridge") == [(SIX, 80, 0, 0), (FOUR, 80)]
    assert asked(runner, "bridge", flags=socket.AI_ADDRCONFIG) == [(SIX, 80, 0, 0), (FOUR, 80)]


def test_all_addresses_of_a_family_are_given_in_order(runner, network):
    network.host("big", addresses=["192.0.2.9", SIX, "192.0.2.3"])
    assert asked(runner, "big") == [("192.0.2.9", 80), ("192.0.2.3", 80), (SIX, 80, 0, 0)]


@pytest.mark.parametrize("text", [SIX, "2001:DB8:0::7", b"2001:db8::7"])
def test_an_ipv6_address_resolves_to_itself_however_it_is_written(runner, bridge, text):
    assert asked(runner, text) == [(SIX, 80, 0, 0)]


def test_an_ipv6_address_that_no_host_has_is_not_part_of_the_simulation(runner, bridge):
    with pytest.raises(UnknownHostError, match="'2001:db8::8' is not part of this simulation"):
        asked(runner, "2001:db8::8")
    with pytest.raises(UnknownHostError, match="'2001:db8::8' is not part of this simulation"):
        runner.run(asyncio.open_connection("2001:db8::8", 80))


def test_a_name_without_an_address_of_the_family_says_how_to_give_it_one(runner, network):
    network.host("bridge")
    with pytest.raises(
        socket.gaierror, match=r"has 10\.0\.0\.3\. Give it others with sim"
    ) as found:
        asked(runner, "bridge", family=socket.AF_INET6)
    assert found.value.errno == socket.EAI_NODATA


def test_the_name_of_a_host_is_its_canonical_name(runner, network):
    network.host("bridge", "www.bridge", addresses=[FOUR, SIX])
    loop = runner.get_loop()
    infos = runner.run(loop.getaddrinfo("www.bridge", 80, flags=socket.AI_CANONNAME))
    assert [info[3] for info in infos] == ["bridge", ""]


def test_datagrams_are_asked_for_by_their_own_protocol(runner, loop, bridge):
    [info] = runner.run(loop.getaddrinfo(SIX, 53, type=socket.SOCK_DGRAM))
    assert info == (
        socket.AF_INET6, socket.SOCK_DGRAM, socket.IPPROTO_UDP, "", (SIX, 53, 0, 0)
    )  # fmt: skip


def test_an_ipv6_address_has_its_hosts_name_again(runner, loop, bridge):
    assert runner.run(loop.getnameinfo((SIX, 443, 0, 0))) == ("bridge", "443")


async def names_of(loop, *address, **options):
    """Connect; return own name, peer's name, and the same two as the server sees them."""
    transport, client = await loop.create_connection(Observer, *address, **options)
    server = getattr(loop, "last_accepted", None)
    while server is None or not hasattr(server, "transport"):
        await asyncio.sleep(0.001)
        server = loop.last_accepted
    names = [
        end.transport.get_extra_info(name)
        for end in (client, server)
        for name in ("sockname", "peername")
    ]
    families = {end.transport.get_extra_info("socket").family for end in (client, server)}
    transport.close()
    assert names[:2] == names[:1:-1]
    return names[0], names[1], families


@pytest.fixture
def accepting(loop):
    def accept():
        loop.last_accepted = Observer()
        return loop.last_accepted

    return accept


def test_a_connection_by_ipv6_has_names_of_four(runner, loop, network, bridge, home, accepting):
    network.listen(bridge, 80, accepting)
    own, peer, families = runner.run(names_of(loop, "bridge", 80))
    assert (own, peer) == (("2001:db8::1", own[1], 0, 0), (SIX, 80, 0, 0))
    assert families == {socket.AF_INET6}


def test_the_same_host_is_reached_by_ipv4_and_loopback(runner, loop, network, home, accepting):
    network.listen(home, 80, accepting)
    for address, own in [
        ("192.0.2.1", "192.0.2.1"), ("2001:db8::1", "2001:db8::1"), ("localhost", "::1"),
        ("127.0.0.1", "127.0.0.1"), ("::1", "::1"), ("::", "::1"), ("0.0.0.0", "127.0.0.1"),
    ]:  # fmt: skip
        found, peer, _ = runner.run(names_of(loop, address, 80))
        assert (found[0], peer[0]) == (own, own)


def test_a_host_without_ipv6_has_no_way_to_it(runner, loop, bridge):
    with pytest.raises(OSError, match="Network is unreachable") as caught:
        runner.run(loop.create_connection(Observer, SIX, 80))
    assert caught.value.errno == errno.ENETUNREACH
    assert loop.time() == 0


def test_a_host_without_ipv6_reaches_another_by_ipv4_at_once(
    runner, loop, network, bridge, accepting
):
    network.listen(bridge, 80, accepting)
    own, peer, _ = runner.run(names_of(loop, "bridge", 80))
    assert (own[0], peer) == (network.home.address, (FOUR, 80))


def test_without_ipv6_its_wildcard_and_loopback_mean_those_of_ipv4(runner, loop, accepting):
    async def main():
        server = await loop.create_server(accepting, "::", 80)
        names = [sock.getsockname() for sock in server.sockets]
        return names, (await names_of(loop, "::1", 80))[1]

    assert runner.run(main()) == ([("0.0.0.0", 80)], ("127.0.0.1", 80))


def test_localhost_is_every_loopback_address_that_there_is(runner, loop, network):
    async def main():
        server = await loop.create_server(Observer, "localhost", 80)
        names = [sock.getsockname()[0] for sock in server.sockets]
        server.close()
        return names

    assert runner.run(main()) == ["127.0.0.1"]
    network.host("home", addresses=["192.0.2.1", "2001:db8::1"])
    assert runner.run(main()) == ["::1", "127.0.0.1"]


def test_addresses_can_change_while_a_server_listens_everywhere(runner, loop, network, accepting):
    bridge = network.host("bridge")
    network.listen(bridge, 80, accepting)
    network.host("home", addresses=["10.0.0.2", "2001:db8::1"])
    bridge.addresses = ["192.0.2.9", SIX]
    assert runner.run(names_of(loop, "bridge", 80))[1] == (SIX, 80, 0, 0)
    with pytest.raises(UnknownHostError):
        runner.run(names_of(loop, "10.0.0.3", 80))


def test_an_address_that_a_program_is_bound_to_stays(runner, loop, home):
    async def main():
        server = await loop.create_server(Observer, "2001:db8::1", 80)
        with pytest.raises(ValueError, match="a program is bound at port 80; found") as caught:
            home.addresses = ["192.0.2.1"]
        server.close()
        home.addresses = ["192.0.2.1"]
        return str(caught.value)

    assert runner.run(main()).startswith("host home: addresses is a list with 2001:db8::1, to")


def test_a_served_program_is_reached_by_either_family():
    async def app(scope, receive, send):
        peers.append(scope["client"][0])
        await send({"type": "http.response.start", "status": 204})
        await send({"type": "http.response.body"})

    async def get(address):
        reader, writer = await asyncio.open_connection(address, 80)
        writer.write(b"GET / HTTP/1.1\r\nHost: bridge\r\nConnection: close\r\n\r\n")
        assert (await reader.read()).startswith(b"HTTP/1.1 204")
        writer.close()

    peers = []
    with simkit.Simulation() as sim:
        sim.host("bridge", addresses=[FOUR, SIX]).serve(app, port=80)
        office = sim.host("office", addresses=["192.0.2.1", "2001:db8::1"])
        sim.run(asyncio.sleep(0))  # it is up then
        for address in (FOUR, SIX):
            sim.run(office.spawn(get(address)))
    assert peers == ["192.0.2.1", "2001:db8::1"]
