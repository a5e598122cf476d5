"""One end of a WebSocket, driven by callbacks, on plain asyncio.

The handshake, control frames, fragments and every error are handled by the sans-I/O core of the
``websockets`` library. Unfragmented data frames, nearly all there are in a call, take a short
path around it: a frame each 20 ms in both directions is the hot path of a simulation.
"""

from __future__ import annotations

import asyncio
import os
from typing import Any
from urllib.parse import urlsplit

from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.http11 import Request, Response
from websockets.protocol import State
from websockets.server import ServerProtocol
from websockets.uri import parse_uri

try:
    from websockets.speedups import apply_mask
except ImportError:  # pragma: no cover - a platform without the C extension
    from websockets.utils import apply_mask

MAX_MESSAGE = 16 * 1024 * 1024
"""Bytes of the largest message accepted, unless an endpoint says otherwise; a larger one closes the
socket with 1009."""

_MAX_HEAD = 64 * 1024
_TEXT = 0x81  # final fragment, text
_BINARY = 0x82
_PING = 0x89


class WebSocketPeer(asyncio.Protocol):
    """An endpoint; subclasses override the ``on_...`` methods.

    ``on_text`` and ``on_binary`` get whole messages as bytes. ``on_close`` is called once, with
    the close code: 1005 for a close frame without a code, 1006 when there was no close frame.
    """

    answers_pings = True
    """Client: False leaves the server's pings without an answer."""
    max_message = MAX_MESSAGE
    """Bytes of the largest message accepted; the core's limit has to be the same."""

    def __init__(self, core: ServerProtocol | ClientProtocol) -> None:
        self.core: Any = core
        self.transport: Any = None
        self._rest = b""
        self._is_midway = False  # in a message of which more is to come
        self._head_ended = False
        self._fragments: list[bytes] = []
        self._fragments_are_text = False
        self._is_client = isinstance(core, ClientProtocol)
        # A fixed mask serves a fake: masks protect from proxies, and there are none.
        self._mask = os.urandom(4) if self._is_client else b""
        # What arrives with two bytes of length: its second byte, and where its payload begins.
        self._second, self._head = (126, 4) if self._is_client else (0x80 | 126, 8)
        self._usual_head, self._usual_size = b"", -1  # of what arrived so last
        self._sent_head = self._sent_length = -1
        self._sent_header = b""  # of the message sent last: most are as long as the one before
        self._opened = False
        self._closed = False
        self._failed = False
        self.is_open = False
        """True while messages can be sent."""
        self.refused_with: int | None = None
        """Client: the HTTP status of the answer that was no upgrade."""

    # To override

    def on_request(self, request: Request) -> Response | None:
        """Server: answer an upgrade request; None accepts it."""
        return None

    def answer(self, request: Request) -> None:
        """Server: answer at once; one that must ask first overrides this and responds later."""
        self.respond(self.on_request(request) or self.core.accept(request))

    def respond(self, response: Response) -> None:
        """Server: send the answer to the upgrade request."""
        self.core.send_response(response)
        self._opened = self.is_open = self.core.state is State.OPEN
        self._write()
        if self._opened:
            self.on_open()

    def on_open(self) -> None:
        """The handshake is complete."""

    def on_text(self, data: bytes) -> None:
        """A text message."""

    def on_binary(self, data: bytes) -> None:
        """A binary message."""

    def on_ping(self) -> None:
        """The far end sent a ping; the answer has been written."""

    def on_pong(self) -> None:
        """The far end answered a ping."""

    def on_violation(self, reason: str) -> None:
        """The far end broke the protocol; a close frame that says so leaves after this."""

    def on_close(self, code: int, reason: str) -> None:
        """The socket is closed, or never opened (then the reason says why)."""

    # Sending

    def send_text(self, data: bytes) -> None:
        """Send a text message, given as UTF-8."""
        self._send(_TEXT, data)

    def send_binary(self, data: bytes) -> None:
        """Send a binary message."""
        self._send(_BINARY, data)

    def _send(self, head: int, data: bytes) -> None:
        if not self.is_open:
            return
        length = len(data)
        if length != self._sent_length or head != self._sent_head:
            self._sent_head, self._sent_length = head, length
            self._sent_header = self._header(head, length)
        if self._is_client:
            data = apply_mask(data, self._mask)
        self.transport.write(self._sent_header + data)

    def _header(self, head: int, length: int) -> bytes:
        """Return what goes before a payload: opcode, length and, from a client, the mask."""
        masked = 0x80 if self._is_client else 0
        if length < 126:
            return bytes((head, masked | length)) + self._mask
        if length < 65536:
            return bytes((head, masked | 126, length >> 8, length & 255)) + self._mask
        return bytes((head, masked | 127)) + length.to_bytes(8, "big") + self._mask

    def ping(self) -> None:
        """Ask the far end for a pong."""
        if self.is_open:
            self.core.send_ping(b"")
            self._write()

    def close(self, code: int | None = 1000, reason: str = "") -> None:
        """Begin the closing handshake; None sends a close frame without a code."""
        if self.core.state is State.OPEN:
            self.core.send_close(code, reason)
            self._pump()
        elif self.transport is not None and not self._opened:
            self.transport.close()

    def drop(self) -> None:
        """Lose the connection without a word."""
        if self.transport is not None:
            self.transport.abort()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection is there; a client asks for the upgrade."""
        self.transport = transport
        if self._is_client:
            self.core.send_request(self.upgrade_request())
            self._pump()

    def upgrade_request(self) -> Request:
        """Client: the request to send; may be extended."""
        request: Request = self.core.connect()
        return request

    def data_received(self, data: bytes) -> None:
        """Take bytes from the connection."""
        if (
            len(data) != self._usual_size
            or not data.startswith(self._usual_head)
            or not self.is_open
            or self._is_midway
        ) and not self._is_usual(data):
            self._take_apart(data)
            return
        head = self._head
        payload = data[head:]
        if head == 8:
            payload = apply_mask(payload, data[4:8])
        if data[0] == _TEXT:
            self.on_text(payload)
        else:
            self.on_binary(payload)

    def _is_usual(self, data: bytes) -> bool:
        """Tell whether it is one whole message of 126 bytes to 64 KiB; the next is often like it.

        Nearly everything that arrives in a call is.
        """
        length = len(data) - self._head
        if (
            length <= 0
            or data[0] not in (_TEXT, _BINARY)
            or data[1] != self._second
            or data[2] << 8 | data[3] != length
            or length > self.max_message
            or not self.is_open
            or self._is_midway
        ):
            return False
        self._usual_head, self._usual_size = data[:4], len(data)
        return True

    def _take_apart(self, data: bytes) -> None:
        """Take bytes that hold any number of messages, and parts of them."""
        if self._rest:
            data = self._rest + data
        if not self._opened:
            data = self._take_head(data)
            if not self._opened:
                return
        at, end = 0, len(data)
        core, max_message = self.core, self.max_message
        masked = 0 if self._is_client else 0x80
        while end - at >= 2:
            second = data[at + 1]
            length = second & 0x7F
            head = 2
            if length == 126:
                head = 4
                length = int.from_bytes(data[at + 2 : at + 4], "big")
            elif length == 127:
                head = 10
                length = int.from_bytes(data[at + 2 : at + 10], "big")
            if second & 0x80:
                head += 4
            if end - at < head:
                break
            stop = at + head + length
            if length > max_message:
                stop = end  # the core refuses it on sight of the header
            elif stop > end:
                break
            first = data[at]
            plain = (
                first in (_TEXT, _BINARY)
                and second & 0x80 == masked
                and self.is_open
                and not self._fragments
                and length <= max_message
            )
            if plain:
                payload = data[at + head : stop]
                if masked:
                    payload = apply_mask(payload, data[at + head - 4 : at + head])
                at = stop
                if first == _TEXT:
                    self.on_text(payload)
                else:
                    self.on_binary(payload)
            elif first == _PING and second < 126 and not self.answers_pings:
                at = stop
            else:
                core.receive_data(data[at:stop])
                at = stop
                self._pump()
        self._rest = data[at:]
        self._is_midway = bool(self._rest or self._fragments)

    def _take_head(self, data: bytes) -> bytes:
        """Give the core the head of the handshake, and return what follows an upgrade.

        Frames may follow the answer at once, also half a frame; the core must not keep that half,
        since its rest goes another way.
        """
        self._rest = b""
        if not self._head_ended:
            end = data.find(b"\r\n\r\n") + 4
            if end < 4 and len(data) <= _MAX_HEAD:
                self._rest = data
                return b""
            self._head_ended = True
            if end >= 4:
                self.core.receive_data(data[:end])
                data = data[end:]
                self._pump()
        if not self._opened:
            # The body of a refusal, or no HTTP at all.
            self.core.receive_data(data)
            self._pump()
            return b""
        return data

    def eof_received(self) -> None:
        """The far end closed its direction."""
        if not self._opened and self._rest:
            self._head_ended = True
            self.core.receive_data(self._rest)
            self._rest = b""
        self.core.receive_eof()
        self._pump()

    def connection_lost(self, error: Exception | None) -> None:
        """The connection is gone."""
        code = self.core.close_rcvd.code if self.core.close_rcvd else 1006
        reason = self.core.close_rcvd.reason if self.core.close_rcvd else str(error or "")
        if self._head_ended and not self._opened and self.core.handshake_exc is not None:
            reason = f"upgrade not understood: {self.core.handshake_exc}"
        self._finish(code, reason)

    # The slow path

    def _pump(self) -> None:
        """Hand on what the core has understood and written."""
        for event in self.core.events_received():
            if isinstance(event, Frame):
                self._on_frame(event)
            elif isinstance(event, Request):
                self.answer(event)
            elif self.core.state is State.OPEN:
                self._opened = self.is_open = True
                self.on_open()
            elif event.status_code == 101:
                self._finish(1006, f"upgrade not understood: {self.core.handshake_exc}")
            else:
                self.refused_with = event.status_code
                self._finish(1006, f"upgrade refused with HTTP {event.status_code}")
        error = self.core.parser_exc
        if error is not None and not self._failed:
            self._failed = True
            if not isinstance(error, EOFError):
                self.on_violation(str(error))
        self._write()

    def _write(self) -> None:
        if self._opened:
            self.is_open = self.core.state is State.OPEN and not self._closed
        for data in self.core.data_to_send():
            if self.transport is None or self.transport.is_closing():
                continue
            if data:
                self.transport.write(data)
            elif self.transport.can_write_eof():
                self.transport.write_eof()
            else:  # TLS knows no half-close
                self.transport.close()

    def _on_frame(self, frame: Frame) -> None:
        if frame.opcode in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
            if frame.opcode is not Opcode.CONT:
                self._fragments_are_text = frame.opcode is Opcode.TEXT
            self._fragments.append(bytes(frame.data))
            if frame.fin:
                message = b"".join(self._fragments)
                self._fragments.clear()
                if self._fragments_are_text:
                    self.on_text(message)
                else:
                    self.on_binary(message)
        elif frame.opcode is Opcode.PING:
            self._write()
            self.on_ping()
        elif frame.opcode is Opcode.PONG:
            self.on_pong()
        elif frame.opcode is Opcode.CLOSE:
            self._finish(self.core.close_rcvd.code, self.core.close_rcvd.reason)

    def _finish(self, code: int, reason: str) -> None:
        self.is_open = False
        if not self._closed:
            self._closed = True
            self.on_close(code, reason)


def client_core(url: str, max_message: int = MAX_MESSAGE) -> ClientProtocol:
    """Make the protocol core of a client, without extensions."""
    return ClientProtocol(parse_uri(url), max_size=max_message)


def server_core() -> ServerProtocol:
    """Make the protocol core of a server, without extensions."""
    return ServerProtocol(max_size=MAX_MESSAGE)


def address_of(url: str) -> tuple[str, int, bool]:
    """Return (host, port, TLS?) of an http, https, ws or wss URL.

    Raises:
        ValueError: another scheme, or no host.
    """
    parts = urlsplit(url)
    secure = {"https": True, "wss": True, "http": False, "ws": False}.get(parts.scheme)
    if secure is None or not parts.hostname:
        raise ValueError(f"expected an http, https, ws or wss URL with a host, found {url!r}")
    return parts.hostname, parts.port or (443 if secure else 80), secure
