"""Datagrams of both families: who may send to whom, and under which name."""

from __future__ import annotations

import asyncio
import socket

import pytest

from tests.network.loops import IPV6_LOOPS, on
from tests.network.test_dual_stack import FOUR, SIX, settle, shown


class Heard(asyncio.DatagramProtocol):
    def __init__(self):
        self.log = []

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, addr):
        self.log.append((data, shown(addr)))

    def error_received(self, exc):
        self.log.append((type(exc).__name__, exc.errno))


async def endpoint(local=None, remote=None, **options):
    loop = asyncio.get_running_loop()
    _, protocol = await loop.create_datagram_endpoint(
        Heard, local_addr=local, remote_addr=remote, **options
    )
    return protocol


@IPV6_LOOPS
def test_datagrams_go_by_ipv6_with_names_of_four(factory):
    async def main():
        server = await endpoint(("::1", 0))
        name = server.transport.get_extra_info("sockname")
        client = await endpoint(remote=name[:2])
        client.transport.sendto(b"hello")
        await settle()
        names = [shown(client.transport.get_extra_info(n)) for n in ("sockname", "peername")]
        log = server.log
        client.transport.close()
        server.transport.close()
        await settle()
        return shown(name), names, log

    six = ("::1", 0, 0)
    assert on(factory, main) == (six, [six, six], [(b"hello", six)])


@IPV6_LOOPS
def test_a_datagram_socket_sends_to_addresses_of_its_own_family(factory):
    async def main():
        logs = []
        for family, local, remote in (
            (FOUR, "0.0.0.0", "::1"),
            (SIX, "::1", "127.0.0.1"),
            (SIX, "::1", "::ffff:127.0.0.1"),
            (SIX, "::", "::ffff:127.0.0.1"),
        ):
            server = await endpoint(("127.0.0.1" if "127" in remote else "::1", 0))
            port = server.transport.get_extra_info("sockname")[1]
            sock = socket.socket(family, socket.SOCK_DGRAM)
            sock.bind((local, 0))
            client = await endpoint(sock=sock)
            client.transport.sendto(b"hello", (remote, port))
            await settle()
            server.transport.sendto(
                b"back", ("::1" if ":" in local and "127" not in remote else "127.0.0.1",
                          client.transport.get_extra_info("sockname")[1])
            )  # fmt: skip
            await settle()
            logs.append((client.log, server.log))
            for each in (client, server):
                each.transport.close()
            await settle()
        return logs

    wrong_family = ("gaierror", socket.EAI_ADDRFAMILY)
    logs = on(factory, main)
    assert [log for log, _ in logs[:2]] == [[wrong_family], [wrong_family]]
    assert logs[2] == ([("OSError", 101)], [])
    assert logs[3] == ([(b"back", ("::ffff:127.0.0.1", 0, 0))], [(b"hello", ("127.0.0.1",))])


@IPV6_LOOPS
def test_a_datagram_endpoint_of_a_family_is_bound_everywhere_in_it(factory):
    async def main():
        found = []
        for family in (FOUR, SIX):
            made = await endpoint(family=family)
            found.append(shown(made.transport.get_extra_info("sockname")))
            made.transport.close()
        await settle()
        return found

    assert on(factory, main) == [("0.0.0.0",), ("::", 0, 0)]


@IPV6_LOOPS
def test_a_datagram_endpoint_needs_both_its_addresses_in_one_family(factory):
    async def main():
        with pytest.raises(ValueError, match="can not get address information"):
            await endpoint(("127.0.0.1", 0), ("::1", 9))
        with pytest.raises(OSError, match=r".") as caught:
            await endpoint(("127.0.0.1", 0), ("::1", 9), family=FOUR)
        return caught.value.errno

    assert on(factory, main) == socket.EAI_ADDRFAMILY


@IPV6_LOOPS
@pytest.mark.parametrize("size", [65_507, 65_508, 65_527, 65_528])
def test_a_datagram_holds_twenty_bytes_more_in_ipv6(factory, size):
    async def main():
        found = []
        for address in ("127.0.0.1", "::1"):
            made = await endpoint((address, 0))
            made.transport.sendto(bytes(size), made.transport.get_extra_info("sockname")[:2])
            await settle()
            found.append([entry[1] for entry in made.log if entry[0] == "OSError"])
            made.transport.close()
        await settle()
        return found

    assert on(factory, main) == [[90] if size > 65_507 else [], [90] if size > 65_527 else []]


@IPV6_LOOPS
def test_a_connected_datagram_socket_hears_its_peer_however_it_was_written(factory):
    async def main():
        loop = asyncio.get_running_loop()
        server = await endpoint(("::1", 0))
        port = server.transport.get_extra_info("sockname")[1]
        with socket.socket(SIX, socket.SOCK_DGRAM) as sock:
            sock.setblocking(False)
            await loop.sock_connect(sock, ("0:0:0::1", port))
            peer = shown(sock.getpeername())
            await loop.sock_sendto(sock, b"hello", sock.getpeername())
            await settle()
            server.transport.sendto(b"answer", sock.getsockname())
            answer = await loop.sock_recv(sock, 100)
            server.transport.close()
            await settle()
            await loop.sock_sendto(sock, b"anybody there?", sock.getpeername())
            with pytest.raises(ConnectionRefusedError):
                await loop.sock_recv(sock, 100)
        return peer, answer, server.log

    six = ("::1", 0, 0)
    assert on(factory, main) == (six, b"answer", [(b"hello", six)])
