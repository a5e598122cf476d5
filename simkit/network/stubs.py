"""HTTP stubs: the services a bridge calls besides Twilio and Vapi, as hosts of the network.

Routes are respx's; requests reach them over simulated connections, whichever client made them,
and async side effects run on the virtual clock.
"""

from __future__ import annotations

from functools import partial

import httpx
import respx
from respx.models import AllMockedAssertionError
from respx.patterns import Host as HostPattern
from respx.patterns import Pattern

from ..wire.http import HttpRequest, HttpResponse, HttpServer
from ..wire.websocket import WebSocketPeer, server_core
from .hosts import Host
from .internet import Network

_HOP_HEADERS = ("content-length", "transfer-encoding", "connection", "content-encoding")


class StubbedHttp:
    """A respx router behind every host name that its routes mention."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self.router = respx.Router(assert_all_called=False)
        network.find_host = self._host_for

    def _host_for(self, name: str) -> Host | None:
        """Make a host for a name that a route mentions, when it is first looked up."""
        if not any(name in _hosts_of(route.pattern) for route in self.router.routes):
            return None
        host = self._network.host(name)
        for port, scheme in ((443, "https"), (80, "http")):
            self._network.listen(host, port, partial(self._connection, name, scheme))
        return host

    def _connection(self, name: str, scheme: str) -> HttpServer:
        async def handle(request: HttpRequest) -> HttpResponse:
            return await self._answer(f"{scheme}://{name}{request.target}", request)

        return HttpServer(handle, lambda path: WebSocketPeer(server_core()))

    async def _answer(self, url: str, request: HttpRequest) -> HttpResponse:
        asked = httpx.Request(request.method, url, headers=request.headers, content=request.body)
        try:
            answer = await self.router.async_handler(asked)
        except AllMockedAssertionError:
            text = f"sim.http has no route for {request.method} {url}\n"
            return HttpResponse(501, [("Content-Type", "text/plain")], text.encode())
        headers = [
            (name, value)
            for name, value in answer.headers.items()
            if name.lower() not in _HOP_HEADERS
        ]
        return HttpResponse(answer.status_code, headers, answer.content)


def _hosts_of(pattern: Pattern | None) -> set[str]:
    """Return the host names that a respx pattern is restricted to."""
    if pattern is None:
        return set()
    return {
        part.value
        for part in pattern
        if isinstance(part, HostPattern) and isinstance(part.value, str)
    }
