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
