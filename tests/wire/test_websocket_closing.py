"""One end of a WebSocket against another, byte by byte: violations, pings and the end."""

from __future__ import annotations

import struct

import pytest

from simkit.wire import websocket
from simkit.wire.websocket import client_core, server_core
from tests.wire.peers import Peer, Wire, carry, close_code, frame, opened, pair


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (frame(0x81, b"hi", mask=None), 1002),
        (frame(0xC1, b"hi"), 1002),
        (frame(0x83, b"hi"), 1002),
        (frame(0x8B), 1002),
        (frame(0x80, b"alone"), 1002),
        (frame(0x01, b"a") + frame(0x81, b"b"), 1002),
        (frame(0x09, b"fragmented ping"), 1002),
        (frame(0x89, b"p" * 126), 1002),
        (frame(0x88, b"\x03"), 1002),
        (frame(0x88, struct.pack("!H", 1005)), 1002),
        (frame(0x88, struct.pack("!H", 1000) + b"\xff"), 1007),
    ],
    ids=[
        "unmasked",
        "reserved bit",
        "reserved data opcode",
        "reserved control opcode",
        "continuation of nothing",
        "new message within another",
        "fragmented ping",
        "long ping",
        "half a close code",
        "close code for no code",
        "close reason not UTF-8",
    ],
)
def test_a_violation_closes_the_socket_with_its_code(data, code):
    client, server = opened()
    client.transport.write(data)
    carry(client, server)
    assert client.seen == [("close", code, client.seen[0][2])]
    assert server.transport.ended
    server.data_received(frame(0x81, b"more"))
    assert ("text", b"more") not in server.seen
    server.connection_lost(None)
    assert [event[0] for event in server.seen] == ["close"]


def test_a_masked_frame_from_a_server_is_a_violation():
    client, server = opened()
    server.transport.write(frame(0x81, b"hi"))
    carry(client, server)
    assert [event[:2] for event in server.seen] == [("close", 1002)]
    assert client.seen == []


def test_a_violation_is_told_once_in_words():
    class Told(Peer):
        def on_violation(self, reason: str) -> None:
            self.seen.append(reason)

    client, server = Peer(client_core("ws://bridge.example.com/media")), Told(server_core())
    for peer in (server, client):
        peer.connection_made(Wire())
    carry(client, server)
    server.data_received(frame(0x81, b"hi", mask=None))
    server.data_received(frame(0x81, b"hi", mask=None))
    assert server.seen == ["open", "incorrect masking"]


def test_a_message_of_the_largest_size_passes_and_one_more_byte_closes_with_1009(monkeypatch):
    monkeypatch.setattr(websocket, "MAX_MESSAGE", 1000)
    monkeypatch.setattr(websocket.WebSocketPeer, "max_message", 1000)
    client, server = opened()
    client.send_text(b"x" * 1000)
    carry(client, server)
    assert server.seen == [("text", b"x" * 1000)]
    client.send_text(b"x" * 1001)
    carry(client, server)
    assert [event[:2] for event in client.seen] == [("close", 1009)]
    assert len(server.seen) == 1


def test_fragments_count_together(monkeypatch):
    monkeypatch.setattr(websocket, "MAX_MESSAGE", 1000)
    monkeypatch.setattr(websocket.WebSocketPeer, "max_message", 1000)
    client, server = opened()
    client.transport.write(frame(0x01, b"x" * 600) + frame(0x80, b"x" * 401))
    carry(client, server)
    assert [event[:2] for event in client.seen] == [("close", 1009)]
    assert server.seen == []


@pytest.mark.parametrize("length", [websocket.MAX_MESSAGE + 1, 2**63])
def test_a_claim_of_too_much_is_refused_on_sight_of_the_header(length):
    _, server = opened()
    server.data_received(frame(0x82, b"beginning", length=length))
    assert close_code(server.transport.take()) == 1009
    server.data_received(b"more of it" * 100)
    assert server.seen == []


def test_a_ping_is_answered():
    client, server = opened()
    for sender in (client, server):
        sender.ping()
        carry(client, server)
    assert client.seen == server.seen == ["pong"]


def test_who_answers_no_ping_still_answers_a_close():
    client, server = opened()
    client.answers_pings = False
    server.ping()
    server.close(4000)
    carry(client, server)
    assert client.seen == server.seen == [("close", 4000, "")]


@pytest.mark.parametrize(
    ("code", "reason", "told"),
    [(1000, "", 1000), (1001, "bye", 1001), (4999, "ä" * 60, 4999), (None, "", 1005)],
)
@pytest.mark.parametrize("closer", [0, 1], ids=["client", "server"])
def test_the_code_of_a_close_is_told_once_on_each_side(closer, code, reason, told):
    ends = opened()
    ends[closer].close(code, reason)
    assert not ends[closer].is_open
    carry(*ends)
    for end in ends:
        end.eof_received()
        end.connection_lost(None)
        end.close()
        assert end.seen == [("close", told, reason)]
        assert not end.is_open


def test_both_may_close_at_once():
    client, server = opened()
    client.close(4001)
    server.close(4002)
    carry(client, server)
    assert [client.seen[0][1], server.seen[0][1]] == [4002, 4001]


def test_after_the_closing_handshake_the_server_ends_the_connection():
    client, server = opened()
    client.close()
    carry(client, server)
    assert server.transport.ended


def test_without_half_close_the_server_closes_the_connection():
    client, server = opened(half_close=False)
    client.close()
    carry(client, server)
    assert server.transport.closed


def test_a_lost_connection_is_1006():
    client, server = opened()
    client.drop()
    assert client.transport.aborted
    server.connection_lost(ConnectionResetError("reset by peer"))
    assert server.seen == [("close", 1006, "reset by peer")]
    client.connection_lost(None)
    assert client.seen == [("close", 1006, "")]


def test_after_closing_nothing_is_sent():
    client, _ = opened()
    client.close()
    client.transport.take()
    client.send_text(b"late")
    client.send_binary(b"late")
    client.ping()
    assert client.transport.take() == b""


def test_closing_again_changes_nothing_while_the_answer_is_awaited():
    client, _ = opened()
    client.close(4000)
    client.transport.take()
    client.close(4001)
    assert client.transport.take() == b""
    assert not client.transport.closed


def test_closing_before_it_opens_gives_up_the_connection_if_there_is_one():
    client, _ = pair()
    client.close()
    assert client.transport.closed
    alone = Peer(server_core())
    alone.close()
    alone.drop()
    assert alone.seen == []


def test_before_opening_nothing_is_sent():
    client, _ = pair()
    client.transport.take()
    client.send_text(b"early")
    client.ping()
    assert client.transport.take() == b""


def test_what_arrives_behind_a_close_is_not_delivered():
    _, server = opened()
    server.data_received(frame(0x88, struct.pack("!H", 1000)) + frame(0x81, b"late"))
    assert server.seen == [("close", 1000, "")]


def test_a_handler_may_close_in_the_middle_of_a_burst():
    class Once(Peer):
        def on_text(self, data: bytes) -> None:
            super().on_text(data)
            self.close(4000)

    server = Once(server_core())
    server.connection_made(Wire())
    client, _ = pair()
    carry(client, server)
    for _ in range(3):
        client.send_text(b"again")
    carry(client, server)
    assert server.seen[:2] == ["open", ("text", b"again")]
    assert server.seen[-1] == ("close", 4000, "")
    assert len(server.seen) <= 5
