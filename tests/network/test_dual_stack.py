"""IPv4 and IPv6 side by side, on the simulated network and on the machine's own loopback."""

from __future__ import annotations

import asyncio
import socket

import anyio
import pytest

from tests.network.loops import IPV6_LOOPS, on

STREAM, FOUR, SIX = socket.SOCK_STREAM, socket.AF_INET, socket.AF_INET6


def shown(name):
    """A socket's name without its port, which differs from run to run."""
    return (name[0], *name[2:])


async def settle():
    for _ in range(4):
        await asyncio.sleep(0.004)


async def met(host, port, **options):
    """Connect to an Observer's server; return the names at both ends, or the error's number."""
    try:
        reader, writer = await asyncio.open_connection(host, port, **options)
    except OSError as error:
        return type(error).__name__, error.errno
    names = [shown(writer.get_extra_info(name)) for name in ("sockname", "peername")]
    assert await reader.read() == repr(names[::-1]).encode()
    writer.close()
    await writer.wait_closed()
    return names


def telling(reader, writer):
    """Serve: tell the client what the server's end is called."""
    names = [shown(writer.get_extra_info(name)) for name in ("sockname", "peername")]
    writer.write(repr(names).encode())
    writer.close()


LOOP4 = [("127.0.0.1",), ("127.0.0.1",)]
LOOP6 = [("::1", 0, 0), ("::1", 0, 0)]
REFUSED = ("ConnectionRefusedError", 111)


@IPV6_LOOPS
@pytest.mark.parametrize(
    ("hosts", "four", "six"),
    [
        ("::", REFUSED, LOOP6),
        ("0.0.0.0", LOOP4, REFUSED),
        ("::1", REFUSED, LOOP6),
        ("127.0.0.1", LOOP4, REFUSED),
        (["127.0.0.1", "::1"], LOOP4, LOOP6),
        (None, LOOP4, LOOP6),
        ("", LOOP4, LOOP6),
    ],
)
def test_a_server_takes_what_it_was_bound_to(factory, hosts, four, six):
    async def main():
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        server = await asyncio.start_server(telling, hosts, port)
        families = sorted(sock.family for sock in server.sockets)
        assert all(
            (len(sock.getsockname()) == 4) == (sock.family == SIX) for sock in server.sockets
        )
        found = await met("127.0.0.1", port), await met("::1", port)
        server.close()
        await settle()
        return families, found

    expected = [family for family, names in ((FOUR, four), (SIX, six)) if names != REFUSED]
    assert on(factory, main) == (expected, (four, six))


@IPV6_LOOPS
@pytest.mark.parametrize("only", [False, True])
def test_a_programs_own_ipv6_socket_takes_ipv4_unless_it_says_otherwise(factory, only):
    async def main():
        with socket.socket(SIX) as sock:
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, only)
            sock.bind(("::", 0))
            port = sock.getsockname()[1]
            name = shown(sock.getsockname())
            seen = []

            def tell(reader, writer):
                seen.extend(shown(writer.get_extra_info(n)) for n in ("sockname", "peername"))
                writer.close()

            server = await asyncio.start_server(tell, sock=sock)
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                await reader.read()
                writer.close()
                seen.append(shown(writer.get_extra_info("peername")))
            except OSError as error:
                seen.append(error.errno)
            server.close()
            await settle()
        return name, seen

    mapped = ("::ffff:127.0.0.1", 0, 0)
    assert on(factory, main) == (("::", 0, 0), [111] if only else [mapped, mapped, ("127.0.0.1",)])


@IPV6_LOOPS
@pytest.mark.parametrize(
    ("family", "address", "names"),
    [
        (SIX, "::1", LOOP6),
        (SIX, "::ffff:127.0.0.1", [("::ffff:127.0.0.1", 0, 0)] * 2),
        (FOUR, "127.0.0.1", LOOP4),
        (FOUR, "::1", ("gaierror", socket.EAI_ADDRFAMILY)),
        (SIX, "127.0.0.1", ("gaierror", socket.EAI_ADDRFAMILY)),
    ],
)
def test_a_programs_own_socket_connects_in_its_own_family(factory, family, address, names):
    async def main():
        loop = asyncio.get_running_loop()
        server = await asyncio.start_server(telling, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        other = await asyncio.start_server(telling, "::1", port)
        with socket.socket(family) as sock:
            sock.setblocking(False)
            try:
                await loop.sock_connect(sock, (address, port))
                found = [shown(sock.getsockname()), shown(sock.getpeername())]
            except OSError as error:
                found = type(error).__name__, error.errno
        server.close()
        other.close()
        await settle()
        return found

    assert on(factory, main) == names


@IPV6_LOOPS
@pytest.mark.parametrize("swapped", [False, True])
@pytest.mark.parametrize(
    ("one", "two", "collide"),
    [
        (("::", True), ("0.0.0.0", None), False),
        (("::", False), ("0.0.0.0", None), True),
        (("::", False), ("127.0.0.1", None), True),
        (("::", True), ("127.0.0.1", None), False),
        (("::1", False), ("127.0.0.1", None), False),
        (("::1", True), ("::", True), True),
        (("::", True), ("::", False), True),
        (("127.0.0.1", None), ("0.0.0.0", None), True),
    ],
)
def test_ports_collide_where_something_could_be_sent_to_both(factory, swapped, one, two, collide):
    if swapped:
        one, two = two, one

    async def main():
        with bindable(*one) as first, bindable(*two) as second:
            first.bind((one[0], 0))
            try:
                second.bind((two[0], first.getsockname()[1]))
            except OSError as error:
                return error.errno
        return 0

    def bindable(address, only):
        sock = socket.socket(FOUR if only is None else SIX)
        if only is not None:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, only)
        return sock

    assert on(factory, main) == (98 if collide else 0)


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


def two_addresses(factory):
    """A loop to which the name "both" is ::1 and then 127.0.0.1."""
    loop = factory()
    real = loop.getaddrinfo

    async def getaddrinfo(host, *args, **options):
        if host != "both":
            return await real(host, *args, **options)
        return [
            info for each in ("::1", "127.0.0.1") for info in await real(each, *args, **options)
        ]

    loop.getaddrinfo = getaddrinfo
    return loop


@IPV6_LOOPS
@pytest.mark.parametrize("options", [{}, {"happy_eyeballs_delay": 0.25}], ids=["in turn", "happy"])
def test_a_connection_falls_through_to_the_address_that_listens(factory, options):
    async def main():
        server = await asyncio.start_server(telling, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        found = await met("both", port, **options)
        server.close()
        await settle()
        return found

    assert on(lambda: two_addresses(factory), main) == LOOP4


@IPV6_LOOPS
@pytest.mark.parametrize("options", [{}, {"happy_eyeballs_delay": 0.25}], ids=["in turn", "happy"])
def test_when_no_address_listens_the_errors_of_all_are_told(factory, options):
    async def main():
        server = await asyncio.start_server(telling, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        server.close()
        await settle()
        with pytest.raises(OSError, match="Multiple exceptions") as caught:
            await asyncio.open_connection("both", port, **options)
        return str(caught.value).replace(str(port), "PORT")

    assert on(lambda: two_addresses(factory), main) == (
        "Multiple exceptions: [Errno 111] Connect call failed ('::1', PORT, 0, 0), "
        "[Errno 111] Connect call failed ('127.0.0.1', PORT)"
    )


@IPV6_LOOPS
def test_a_client_is_bound_in_the_family_of_the_server(factory):
    async def main():
        server = await asyncio.start_server(telling, ["127.0.0.1", "::1"], 0)
        port = next(sock.getsockname()[1] for sock in server.sockets if sock.family == FOUR)
        found = [
            await met("127.0.0.1", port, local_addr=("127.0.0.1", 0)),
            await met("both", port, local_addr=("127.0.0.1", 0)),
        ]
        with pytest.raises(OSError, match="no matching local address with family="):
            await asyncio.open_connection("127.0.0.1", port, local_addr=("::1", 0))
        server.close()
        await settle()
        return found

    assert on(lambda: two_addresses(factory), main) == [LOOP4, LOOP4]


@IPV6_LOOPS
def test_a_listener_of_anyio_takes_both_families(factory):
    async def main():
        async def handle(stream):
            async with stream:
                name = stream.extra(anyio.abc.SocketAttribute.remote_address)
                await stream.send(name[0].encode())

        listener = await anyio.create_tcp_listener()
        port = listener.extra(anyio.abc.SocketAttribute.local_port)
        found = []
        async with anyio.create_task_group() as group:
            group.start_soon(listener.serve, handle)
            for address in ("127.0.0.1", "::1"):
                async with await anyio.connect_tcp(address, port) as stream:
                    found.append(await stream.receive())
            group.cancel_scope.cancel()
        await listener.aclose()
        return found

    assert on(factory, main) == [b"::ffff:127.0.0.1", b"::1"]


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
