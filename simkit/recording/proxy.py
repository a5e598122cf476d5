"""A recording proxy: stands before a bridge in any language, and between it and Vapi.

Two doors. What Twilio says comes in at the one and goes on to the bridge; what the bridge says to
Vapi comes in at the other and goes on to Vapi, whose answers are changed in one place: the address
of a call's socket leads back here.
"""

from __future__ import annotations

import json
import secrets
from collections import OrderedDict
from typing import Any

import httpx
import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket

from ..wire.secrets import without_secrets
from .capture import Capture
from .far import RefusedError
from .pairing import Pairing, PhoneCall, VapiCall, format_of
from .passing import (
    MAX_BODY,
    Headers,
    TooLargeError,
    body_of,
    end_to_end,
    forwarded,
    join,
    new_client,
    pass_on,
    refuse,
    relay,
    url_of,
)
from .tapping import CALL_SID

SOCKETS = "/.simkit/socket/"
"""Where the sockets of calls are joined, behind the door to Vapi."""

_MOST_ADDRESSES = 10_000
_LAST_WORDS_SECONDS = 2.0
"""From the end of a stream until its recording ends, if a socket to Vapi stays open."""


class RecordingProxy:
    """Takes down what passes between Twilio, a bridge and Vapi.

    Args:
        capture: takes it down.
        bridge: where the bridge listens, ``http://127.0.0.1:3000``.
        vapi: where Vapi is.
    """

    def __init__(self, capture: Capture, bridge: str, vapi: str) -> None:
        self._capture = capture
        self.pairing = Pairing()
        self._client = new_client()
        self.to_bridge = BridgeDoor(self, bridge)
        """The ASGI application that stands where the bridge stood."""
        self.to_vapi = VapiDoor(self, vapi)
        """The ASGI application that the bridge is told is Vapi."""

    async def pass_on(self, method: str, url: httpx.URL, headers: Headers, body: bytes) -> Response:
        """Send a request on."""
        return await pass_on(self._client, method, url, headers, body)

    async def ask(
        self, method: str, url: httpx.URL, headers: Headers, body: bytes
    ) -> httpx.Response:
        """Send a request on, and read the whole answer.

        Raises:
            httpx.HTTPError: there is none.
            TooLargeError: there is no end to it.
        """
        request = httpx.Request(method, url, headers=headers, content=body)
        response = await self._client.send(request, stream=True)
        try:
            content = b""
            async for part in response.aiter_bytes():
                content += part
                if len(content) > MAX_BODY:
                    raise TooLargeError
        finally:
            await response.aclose()
        return httpx.Response(response.status_code, headers=response.headers, content=content)

    def new_phone(self) -> PhoneCall:
        """Begin to take a call down."""
        return PhoneCall(self._capture.begin())

    async def close(self) -> None:
        """Close connections that wait."""
        await self._client.aclose()


class _Door:
    """An ASGI application that sends requests and sockets elsewhere."""

    def __init__(self, proxy: RecordingProxy, url: str) -> None:
        self.proxy = proxy
        self.url = url.rstrip("/")
        self.socket_url = self.url.replace("http", "ws", 1)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            near = WebSocket(scope, receive, send)
            await near.receive()  # websocket.connect
            await self.carry(near)
            return
        request = Request(scope, receive)
        try:
            response = await self.answer(request, await body_of(request))
        except TooLargeError:
            response = PlainTextResponse("too large\n", 413)
        except TimeoutError:
            response = PlainTextResponse("too slow\n", 408)
        except ClientDisconnect:
            return
        await response(scope, receive, send)

    async def answer(self, request: Request, body: bytes) -> Response:
        """Answer a request."""
        raise NotImplementedError

    async def carry(self, near: WebSocket) -> None:
        """Carry a socket, from the request for it to its end."""
        raise NotImplementedError


class BridgeDoor(_Door):
    """Twilio's side."""

    async def answer(self, request: Request, body: bytes) -> Response:
        """Pass a webhook on, unchanged."""
        scope = request.scope
        return await self.proxy.pass_on(
            request.method, url_of(self.url, scope), forwarded(scope), body
        )

    async def carry(self, near: WebSocket) -> None:
        """Carry a stream."""
        scope = near.scope
        host = near.headers.get("host", "")
        url = str(url_of(self.socket_url, scope))
        try:
            far = await join(url, near, forwarded(scope), host=host)
        except RefusedError as error:
            await refuse(near, error)
            return
        phone = self.proxy.new_phone()
        capture = phone.capture

        def from_twilio(data: str | bytes) -> None:
            capture.take("twilio", "in", data)
            if not phone.sid and isinstance(data, str) and (found := CALL_SID.search(data)):
                capture.name(found[1])
                self.proxy.pairing.phone_named(phone, found[1])

        try:
            await near.accept(far.subprotocol)
            who, code = await relay(
                near, far, from_twilio, lambda data: capture.take("twilio", "out", data)
            )
            if who == "near":
                capture.take("twilio", "in", json.dumps({"event": "disconnected", "code": code}))
            else:
                capture.take("twilio", "out", json.dumps({"event": "closed", "code": code}))
            await phone.falls_quiet(_LAST_WORDS_SECONDS)
        finally:
            self.proxy.pairing.phone_over(phone)
            capture.end()


class VapiDoor(_Door):
    """Vapi's side."""

    def __init__(self, proxy: RecordingProxy, url: str) -> None:
        super().__init__(proxy, url)
        self._host = httpx.URL(self.url).netloc
        self._addresses: OrderedDict[str, tuple[str, VapiCall]] = OrderedDict()

    async def answer(self, request: Request, body: bytes) -> Response:
        """Pass a request to Vapi's API on; the answer to a new call is changed."""
        scope = request.scope
        headers = [pair for pair in end_to_end(scope["headers"]) if pair[0].lower() != b"host"]
        headers.insert(0, (b"Host", self._host))
        url = url_of(self.url, scope)
        if request.method != "POST" or not scope["path"].rstrip("/").endswith("/call"):
            return await self.proxy.pass_on(request.method, url, headers, body)
        own = (b"accept-encoding", b"content-length")
        headers = [pair for pair in headers if pair[0].lower() not in own]
        headers.append((b"Accept-Encoding", b"identity"))
        return await self._create(request, url, headers, body)

    async def _create(
        self, request: Request, url: httpx.URL, headers: Headers, body: bytes
    ) -> Response:
        asked = _read(body)
        call = VapiCall(body.decode("utf-8", "replace"), format_of(asked))
        self.proxy.pairing.vapi_began(call)
        path = request.scope["path"]
        said = {"event": "request", "method": "POST", "path": path, "body": asked}
        call.take("out", json.dumps(without_secrets(said)))
        answer: dict[str, Any] = {"event": "response", "path": path}
        try:
            response = await self.proxy.ask("POST", url, headers, body)
        except (httpx.HTTPError, TooLargeError) as error:
            call.take("in", json.dumps({**answer, "error": type(error).__name__}))
            self.proxy.pairing.vapi_over(call)
            return PlainTextResponse(f"{type(error).__name__}\n", 502)
        content, found = response.content, _read(response.content)
        answer |= {"status": response.status_code, "body": found}
        call.take("in", json.dumps(without_secrets(answer)))
        transport = found.get("transport") if isinstance(found, dict) else None
        if isinstance(transport, dict) and isinstance(transport.get("websocketCallUrl"), str):
            transport["websocketCallUrl"] = self._lead_here(
                transport["websocketCallUrl"], call, request.headers.get("host", "")
            )
            content = json.dumps(found).encode()
        else:
            self.proxy.pairing.vapi_over(call)
        changed = (b"content-length", b"content-encoding")
        kept = [p for p in end_to_end(response.headers.raw) if p[0].lower() not in changed]
        passed = Response(content, response.status_code)
        passed.raw_headers = [*kept, (b"content-length", str(len(content)).encode())]
        return passed

    def _lead_here(self, url: str, call: VapiCall, host: str) -> str:
        """Return an address at this door that leads to Vapi's; as hard to guess as that one."""
        name = secrets.token_urlsafe(24)
        self._addresses[name] = (url, call)
        if len(self._addresses) > _MOST_ADDRESSES:
            _, (_, oldest) = self._addresses.popitem(last=False)
            self.proxy.pairing.vapi_over(oldest)
        return f"ws://{host}{SOCKETS}{name}"

    async def carry(self, near: WebSocket) -> None:
        """Carry a call's socket, or one at another address of Vapi's, as in the seed dialect."""
        scope = near.scope
        path = scope["path"]
        if path.startswith(SOCKETS):
            known = self._addresses.get(path.removeprefix(SOCKETS))
            if known is None:
                await near.send_denial_response(Response(status_code=404))
                return
            url, call = known
        else:
            url, call = str(url_of(self.socket_url, scope)), VapiCall()
            self.proxy.pairing.vapi_began(call)
        try:
            far = await join(url, near, end_to_end(scope["headers"]))
        except RefusedError as error:
            if not path.startswith(SOCKETS):
                self.proxy.pairing.vapi_over(call)
            await refuse(near, error)
            return
        call.opened()
        event, code = "disconnected", 1006
        try:
            await near.accept(far.subprotocol)
            who, code = await relay(
                near,
                far,
                lambda data: call.take("out", data),
                lambda data: call.take("in", data),
            )
            event = "closed" if who == "near" else "disconnected"
        finally:
            call.closed(event, code)
            if not path.startswith(SOCKETS):
                self.proxy.pairing.vapi_over(call)


def _read(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return f"{len(body)} bytes that are no JSON"
