"""A little HTTP/1.1 for the fakes, on plain asyncio: one request out, or a small server.

The grammar is h11's. One request per connection, as Twilio's webhooks do (``Connection: close``);
the server keeps connections alive as long as the client does.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from ssl import SSLError
from typing import Any
from urllib.parse import urlsplit

import h11

from .websocket import WebSocketPeer, address_of

MAX_BODY = 4 * 1024 * 1024
"""Bytes of the largest body read; more is an error."""

Headers = list[tuple[str, str]]


@dataclass
class HttpRequest:
    """A request as a server sees it; header names are lower case."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    sent_ns: int | None = None
    """When it left the client, where the network knows."""

    @property
    def path(self) -> str:
        """The path without query."""
        return urlsplit(self.target).path


@dataclass
class HttpResponse:
    """A response; header names as sent."""

    status: int
    headers: Headers = field(default_factory=list)
    body: bytes = b""
    sent_ns: int | None = None
    """When it left the server, where the network knows."""
    request_arrived_ns: int | None = None
    """When the request had reached the server, where the network knows."""

    def header(self, name: str) -> str:
        """Return a header's value, empty when there is none."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), "")


class HttpError(Exception):
    """A request failed below HTTP: not resolved, refused, timed out, cut off, not HTTP."""

    def __init__(self, stage: str, reason: str, cause: str = "") -> None:
        super().__init__(f"{stage}: {reason}")
        self.stage = stage
        """``connect`` or ``read``."""
        self.cause = cause
        """``timeout``, ``name`` (not resolved), ``tls``, or empty for anything else."""


async def fetch(
    method: str,
    url: str,
    *,
    headers: Headers,
    body: bytes = b"",
    connect_seconds: float = 5.0,
    read_seconds: float | None = None,
    total_seconds: float = 15.0,
    ssl: Any = True,
) -> HttpResponse:
    """Make one request over a connection of its own.

    ``read_seconds`` is for the answer, once there is a connection; None for what is left of
    ``total_seconds``.

    Raises:
        HttpError: no answer came, and at which stage it failed.
        ValueError: no http or https URL with a host.
    """
    host, port, secure = address_of(url)
    parts = urlsplit(url)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    writer = None
    stage = "connect"
    try:
        async with asyncio.timeout(total_seconds):
            async with asyncio.timeout(connect_seconds):
                reader, writer = await asyncio.open_connection(
                    host, port, ssl=ssl if secure else None
                )
            stage = "read"
            connection = h11.Connection(h11.CLIENT)
            all_headers = [("Host", parts.netloc.rpartition("@")[2]), *headers]
            if body or method == "POST":
                all_headers.append(("Content-Length", str(len(body))))
            head = connection.send(h11.Request(method=method, target=target, headers=all_headers))
            writer.write((head or b"") + body)
            if body:
                connection.send(h11.Data(data=body))
            connection.send(h11.EndOfMessage())
            arrived_ns = writer.get_extra_info("simkit.arrival_ns")
            async with asyncio.timeout(read_seconds):
                response = await _read_response(connection, reader)
            response.request_arrived_ns = arrived_ns
            response.sent_ns = writer.get_extra_info("simkit.sent_ns")
            return response
    except TimeoutError:
        raise HttpError(stage, "timed out", "timeout") from None
    except (OSError, UnicodeError, h11.ProtocolError) as error:
        raise HttpError(stage, str(error) or type(error).__name__, _cause(error)) from error
    finally:
        if writer is not None:
            writer.close()


def _cause(error: Exception) -> str:
    if isinstance(error, (socket.gaierror, UnicodeError)):
        return "name"
    return "tls" if isinstance(error, SSLError) else ""


async def _read_response(connection: h11.Connection, reader: asyncio.StreamReader) -> HttpResponse:
    response = HttpResponse(0)
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            data = await reader.read(65536)
            if not data and not response.status:
                raise h11.RemoteProtocolError("the connection was closed without an answer")
            connection.receive_data(data)
        elif isinstance(event, h11.Response):
            response.status = event.status_code
            response.headers = [
                (key.decode(), value.decode("latin-1")) for key, value in event.headers
            ]
        elif isinstance(event, h11.Data):
            response.body += bytes(event.data)
            if len(response.body) > MAX_BODY:
                raise h11.RemoteProtocolError(f"body of over {MAX_BODY} bytes")
        elif isinstance(event, h11.EndOfMessage):
            return response


Handler = Callable[[HttpRequest], Awaitable[HttpResponse]]


class HttpServer(asyncio.Protocol):
    """One connection of a small server that speaks HTTP, and WebSocket where it is asked to.

    Args:
        handle: answers plain requests.
        upgrade: makes the endpoint for a WebSocket upgrade to a path; it checks the request.
            None: an upgrade is a request like any other.
    """

    def __init__(
        self, handle: Handler, upgrade: Callable[[str], WebSocketPeer] | None = None
    ) -> None:
        self._handle = handle
        self._upgrade = upgrade
        self._connection = h11.Connection(h11.SERVER)
        self._transport: Any = None
        self._head = b""
        self._request: HttpRequest | None = None
        self._task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client connected."""
        self._transport = transport

    def connection_lost(self, error: Exception | None) -> None:
        """The client is gone."""
        if self._task is not None:
            self._task.cancel()

    def data_received(self, data: bytes) -> None:
        """Take bytes; the first head decides between HTTP and WebSocket."""
        # What came ahead of its turn is in h11's hands already, and so is its rest.
        if self._request is None and not self._connection.trailing_data[0]:
            self._head += data
            if b"\r\n\r\n" not in self._head:
                if len(self._head) > 65536:
                    self._transport.abort()
                return
            data, self._head = self._head, b""
            head = data.partition(b"\r\n\r\n")[0]
            if self._upgrade is not None and b"\r\nupgrade: websocket" in head.lower():
                peer = self._upgrade((head.split(b" ", 2)[1]).decode("latin-1"))
                self._transport.set_protocol(peer)
                peer.connection_made(self._transport)
                peer.data_received(data)
                return
        self._connection.receive_data(data)
        self._next_events()

    def _next_events(self) -> None:
        try:
            while True:
                event = self._connection.next_event()
                if event is h11.NEED_DATA or event is h11.PAUSED:
                    return
                if isinstance(event, h11.Request):
                    headers = {
                        key.decode(): value.decode("latin-1") for key, value in event.headers
                    }
                    self._request = HttpRequest(
                        event.method.decode(),
                        event.target.decode(),
                        headers,
                        b"",
                        self._transport.get_extra_info("simkit.sent_ns"),
                    )
                elif isinstance(event, h11.Data) and self._request is not None:
                    self._request.body += bytes(event.data)
                    if len(self._request.body) > MAX_BODY:
                        self._transport.abort()
                        return
                elif isinstance(event, h11.EndOfMessage) and self._request is not None:
                    self._task = asyncio.get_running_loop().create_task(
                        self._answer(self._request), name=f"http {self._request.path}"
                    )
                elif isinstance(event, h11.ConnectionClosed):
                    self._transport.close()
                    return
        except h11.RemoteProtocolError:
            self._transport.abort()

    def _render(self, response: HttpResponse, *, with_body: bool) -> bytes:
        headers = [*response.headers, ("Content-Length", str(len(response.body)))]
        connection = self._connection
        sent = connection.send(h11.Response(status_code=response.status, headers=headers)) or b""
        if with_body:
            sent += connection.send(h11.Data(data=response.body)) or b""
        return sent + (connection.send(h11.EndOfMessage()) or b"")

    async def _answer(self, request: HttpRequest) -> None:
        with_body = request.method != "HEAD"
        try:
            sent = self._render(await self._handle(request), with_body=with_body)
        except Exception:
            asyncio.get_running_loop().call_exception_handler(
                {
                    "message": f"{request.method} {request.path} failed",
                    "exception": sys.exc_info()[1],
                }
            )
            sent = self._render(HttpResponse(500), with_body=with_body)
        connection = self._connection
        self._transport.write(sent)
        self._request = None
        if connection.our_state is h11.MUST_CLOSE:
            self._transport.close()
        else:
            connection.start_next_cycle()
            self._next_events()
