"""Where a bridge listens, as people write it."""

from __future__ import annotations

import pytest

from simkit.wall import BridgeError, WallSimulation
from simkit.wall.address import BridgeAddress, bridge_address


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://127.0.0.1:3000", BridgeAddress("127.0.0.1", 3000)),
        ("http://localhost:3000/", BridgeAddress("localhost", 3000)),
        ("http://LOCALHOST", BridgeAddress("localhost", 80)),
        ("http://[::1]:3000/in", BridgeAddress("::1", 3000, "/in")),
        ("http://127.1.2.3:3000/a/b", BridgeAddress("127.1.2.3", 3000, "/a/b")),
    ],
)
def test_a_port_of_this_machine_is_taken(url, expected):
    assert bridge_address(url) == expected


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("https://127.0.0.1:3000", "not an http URL; TLS is its proxy's"),
        ("ws://127.0.0.1:3000", "not an http URL; expected"),
        ("127.0.0.1:3000", "not an http URL"),
        ("localhost:3000", "not an http URL"),
        ("", "not an http URL"),
        ("http://", "no host"),
        ("http://:3000", "no host"),
        ("http://example.com:3000", "example.com is not this machine"),
        ("http://10.0.0.1", "10.0.0.1 is not this machine"),
        ("http://localhost.example.com", "is not this machine"),
        ("http://127.0.0.1:x", "Port could not be cast"),
        ("http://127.0.0.1:70000", "Port out of range"),
        ("http://127.0.0.1:0", "port 0"),
        ("http://[::1", "Invalid IPv6 URL"),
        ("http://127.0.0.1:3000/?a=b", "only host, port and path count"),
        ("http://127.0.0.1:3000/#a", "only host, port and path count"),
        ("http://me@127.0.0.1:3000", "only host, port and path count"),
    ],
)
def test_anything_else_is_told_with_what_was_expected(url, problem):
    with pytest.raises(BridgeError) as caught:
        WallSimulation(bridge=url)
    text = str(caught.value)
    assert text.startswith(f"bridge {url!r}: ")
    assert problem in text
    assert text.endswith("expected http://127.0.0.1:PORT, with the path of its voice webhook if "
                         "it has another")  # fmt: skip


def test_it_prints_as_people_write_it():
    for url in ("http://127.0.0.1:3000", "http://[::1]:3000/in"):
        assert str(bridge_address(url)) == url
