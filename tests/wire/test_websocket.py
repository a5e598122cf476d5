"""One end of a WebSocket against another, byte by byte: the handshake and messages."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.http11 import Request

from simkit.wire.websocket import address_of, client_core, server_core
from tests.wire.peers import MASK, Peer, Wire, carry, frame, opened, pair

SIZES = (0, 1, 125, 126, 127, 65535, 65536, 1_000_000)


def test_a_client_and_a_server_open():
    client, server = opened()
    assert client.is_open
    assert server.is_open
    assert server.request is not None
    assert server.request.path == "/media"
    assert server.request.headers["Host"] == "bridge.example.com"


def test_the_upgrade_asks_for_no_extension_and_no_subprotocol():
    client, server = pair()
    carry(client, server)
    assert server.request is not None
    assert not {"Sec-WebSocket-Extensions", "Sec-WebSocket-Protocol", "Origin"} & {
        *server.request.headers
    }


def test_a_client_may_add_headers():
    class Twilio(Peer):
        def upgrade_request(self) -> Request:
            request = super().upgrade_request()
            request.headers["x-twilio-signature"] = "abc="
            return request

    client, server = Twilio(client_core("ws://h/")), Peer(server_core())
    server.connection_made(Wire())
    client.connection_made(Wire())
    carry(client, server)
    assert server.request is not None
    assert server.request.headers["X-Twilio-Signature"] == "abc="


def test_a_server_may_refuse():
    client, server = pair()
    server.refusal = 403
    carry(client, server)
    assert client.seen == [("close", 1006, "upgrade refused with HTTP 403")]
    assert "open" not in server.seen
    assert not client.is_open
    client.connection_lost(None)
    assert len(client.seen) == 1


@pytest.mark.parametrize(
    "answer",
    [
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: d3Jvbmc=\r\n\r\n",
    ],
    ids=["not HTTP", "not an upgrade", "wrong accept"],
)
def test_a_wrong_answer_never_opens(answer):
    client, _ = pair()
    client.data_received(answer)
    client.connection_lost(None)
    assert [event[:2] for event in client.seen] == [("close", 1006)]
    assert not client.is_open


def test_a_garbled_answer_closes_with_a_reason():
    client, _ = pair()
    client.data_received(b"nonsense\r\n\r\n")
    client.connection_lost(None)
    assert client.seen[0][2] != ""


@pytest.mark.parametrize(
    "request_", [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01\r\n\r\n", b"x" * 100_000]
)
def test_what_is_no_upgrade_never_opens(request_):
    _, server = pair()
    for at in range(0, len(request_), 1000):
        server.data_received(request_[at : at + 1000])
    assert server.seen == []
    assert server.transport.ended
    assert not server.is_open


def test_closing_before_it_opened_closes_the_connection():
    client, _ = pair()
    client.close()
    assert client.transport.closed


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kind", ["text", "binary"])
def test_messages_of_any_size_arrive_whole_in_both_directions(kind, size):
    client, server = opened()
    data = bytes(range(256)) * (size // 256) + bytes(size % 256)
    data = data if kind == "binary" else data.translate(bytes(b & 0x7F for b in range(256)))
    for sender, receiver in ((client, server), (server, client)):
        getattr(sender, f"send_{kind}")(data)
        carry(client, server)
        assert receiver.seen == [(kind, data)]


def test_kinds_and_sizes_may_change_from_message_to_message():
    client, server = opened()
    sent = [
        (kind, bytes(size))
        for size in (5, 5, 0, 125, 126, 5, 65535, 65536, 126)
        for kind in ("text", "binary", "binary")
    ]
    for sender, receiver in ((client, server), (server, client)):
        for kind, data in sent:
            getattr(sender, f"send_{kind}")(data)
        carry(client, server)
        assert receiver.seen == sent


@pytest.mark.parametrize("step", [1, 2, 3, 7, 100])
def test_bytes_may_arrive_in_pieces(step):
    client, server = pair()
    carry(client, server, step=step)
    for sender, receiver in ((client, server), (server, client)):
        for size in (0, 5, 125, 126, 300):
            sender.send_text(b"t" * size)
            sender.send_binary(b"b" * size)
        sender.ping()
        carry(client, server, step=step)
        assert receiver.seen == ["open"] + [
            (kind, kind[0].encode() * size)
            for size in (0, 5, 125, 126, 300)
            for kind in ("text", "binary")
        ]
        assert sender.seen[-1] == "pong"
        sender.seen.remove("pong")


@given(cuts=st.lists(st.integers(1, 60), max_size=60))
@settings(deadline=None)
def test_any_cut_of_the_stream_after_the_handshake_is_the_same(cuts):
    client, server = opened()
    for number in range(12):
        client.send_text(b"%d" % number * number * 11)
    client.ping()
    client.close(4000, "done")
    data, at = client.transport.take(), 0
    for size in [*cuts, len(data)]:
        if data[at : at + size]:
            server.data_received(data[at : at + size])
        at += size
    texts = [("text", b"%d" % number * number * 11) for number in range(12)]
    assert server.seen == [*texts, ("close", 4000, "done")]


def test_a_whole_frame_may_follow_the_answer_at_once():
    client, server = pair()
    server.data_received(client.transport.take())
    server.send_text(b"hello")
    client.data_received(server.transport.take())
    assert client.seen == ["open", ("text", b"hello")]


@pytest.mark.parametrize("left", [1, 3, 6])
def test_half_a_frame_may_follow_the_answer_at_once(left):
    client, server = pair()
    server.data_received(client.transport.take())
    server.send_text(b"hello")
    data = server.transport.take()
    client.data_received(data[:-left])
    client.data_received(data[-left:])
    assert client.seen == ["open", ("text", b"hello")]


def test_a_client_masks_and_a_server_does_not():
    client, server = opened()
    client.send_text(b"hello")
    server.send_text(b"hello")
    assert client.transport.take()[1] == 0x80 | 5
    assert server.transport.take() == b"\x81\x05hello"


@pytest.mark.parametrize("mask", [MASK, b"\x01\x02\x03\x04", b"\xff\x00\xff\x00"])
def test_any_mask_is_taken_off(mask):
    _, server = opened()
    data = b"some sound"
    masked = bytes(byte ^ mask[at % 4] for at, byte in enumerate(data))
    server.data_received(frame(0x82, masked, mask=mask))
    assert server.seen == [("binary", data)]


def test_fragments_are_joined_around_a_ping():
    _, server = opened()
    server.data_received(frame(0x01, b"he") + frame(0x00, b"ll") + frame(0x89, b"?"))
    assert server.transport.take() == b"\x8a\x01?"
    server.data_received(frame(0x80, b"o") + frame(0x82, b"next"))
    server.data_received(frame(0x02) + frame(0x00) + frame(0x80))
    assert server.seen == [("text", b"hello"), ("binary", b"next"), ("binary", b"")]


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("https://api.vapi.ai/call", ("api.vapi.ai", 443, True)),
        ("http://h", ("h", 80, False)),
        ("wss://h:8443/x?y=1", ("h", 8443, True)),
        ("ws://user:pass@H.example:1/", ("h.example", 1, False)),
        ("wss://[::1]/", ("::1", 443, True)),
    ],
)
def test_a_url_names_host_port_and_tls(url, address):
    assert address_of(url) == address


@pytest.mark.parametrize("url", ["", "ftp://h/", "h:80", "https://", "wss:///media", "https://:1/"])
def test_a_url_without_scheme_or_host_is_refused_by_name(url):
    with pytest.raises(ValueError, match=f"found {url!r}"):
        address_of(url)
