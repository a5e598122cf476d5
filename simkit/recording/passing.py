"""Passing on: a request or a socket goes to another address as it came, and so does the answer."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any, Literal
from urllib.parse import urlsplit

import httpx
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.websockets import WebSocket

from .far import FarSocket, RefusedError, open_far

Headers = list[tuple[bytes, bytes]]
Told = Callable[[str | bytes], object]

MAX_BODY = 16 * 1024 * 1024
"""Bytes of a request, and of an answer that is read here."""
PATIENCE = 60.0
"""Seconds without anything from a server that was asked."""

_OF_ONE_CONNECTION = {
    b"connection",
    b"keep-alive",
    b"proxy-authenticate",
    b"proxy-authorization",
    b"proxy-connection",
    b"te",
    b"trailer",
    b"transfer-encoding",
    b"upgrade",
}
_OF_AN_UPGRADE = re.compile(rb"host|sec-websocket-(?!protocol).*|sec-websocket-protocol")
_HOST = re.compile(r"[A-Za-z0-9._-]+(:\d{1,5})?|\[[0-9A-Fa-f:.]+\](:\d{1,5})?")


class TooLargeError(Exception):
    """A body is larger than :data:`MAX_BODY`."""


def end_to_end(headers: Iterable[tuple[bytes, bytes]]) -> Headers:
    """Return the headers that are meant for the far end, as they came."""
    found = [(name, value) for name, value in headers]
    own = {
        name.strip().lower()
        for key, value in found
        if key.lower() == b"connection"
        for name in value.split(b",")
    }
    own |= _OF_ONE_CONNECTION
    return [(name, value) for name, value in found if name.lower() not in own]


def forwarded(scope: Any) -> Headers:
    """Return a request's headers with what a proxy adds.

    ``Host`` and whatever proxies in front said stay as they are: the far end rebuilds from them the
    URL that was signed. ``X-Forwarded-For`` gets one address more; ``X-Forwarded-Proto: https`` is
    added where TLS ends here and nobody said so yet.
    """
    headers = end_to_end(scope["headers"])
    names = {name.lower() for name, _ in headers}
    client = scope.get("client")
    if client:
        before = [value for name, value in headers if name.lower() == b"x-forwarded-for"]
        headers = [pair for pair in headers if pair[0].lower() != b"x-forwarded-for"]
        headers.append((b"X-Forwarded-For", b", ".join([*before, client[0].encode()])))
    if scope["scheme"] in ("https", "wss") and b"x-forwarded-proto" not in names:
        headers.append((b"X-Forwarded-Proto", b"https"))
    return headers


def new_client() -> httpx.AsyncClient:
    """Make a client that adds nothing of its own, and follows nothing."""
    return httpx.AsyncClient(timeout=PATIENCE, trust_env=False)


async def body_of(request: Request) -> bytes:
    """Return a request's body.

    Raises:
        TooLargeError: there is no end to it.
        TimeoutError: it does not come.
    """
    body = b""
    async with asyncio.timeout(PATIENCE):
        async for part in request.stream():
            body += part
            if len(body) > MAX_BODY:
                raise TooLargeError
    return body


def url_of(base: str, scope: Any) -> httpx.URL:
    """Return the address of a request under another base, as it was written."""
    target = scope.get("raw_path") or scope["path"].encode()
    if scope["query_string"]:
        target += b"?" + scope["query_string"]
    return httpx.URL(base).copy_with(raw_path=urlsplit(base).path.rstrip("/").encode() + target)


async def pass_on(
    client: httpx.AsyncClient, method: str, url: httpx.URL, headers: Headers, body: bytes
) -> Response:
    """Send a request; returns the answer, which is passed on while it comes."""
    length = [name for name, _ in headers if name.lower() == b"content-length"]
    kept = [pair for pair in headers if pair[0] not in length]
    request = httpx.Request(method, url, headers=kept, content=body if body or length else None)
    try:
        response = await client.send(request, stream=True)
    except httpx.HTTPError as error:
        return PlainTextResponse(f"{type(error).__name__}\n", 502)
    answer = StreamingResponse(
        _parts(response), response.status_code, background=BackgroundTask(response.aclose)
    )
    answer.raw_headers = end_to_end(response.headers.raw)
    return answer


async def _parts(response: httpx.Response) -> AsyncIterator[bytes]:
    async for part in response.aiter_raw():
        yield part


# Sockets


async def join(url: str, near: WebSocket, headers: Headers, *, host: str = "") -> FarSocket:
    """Open a socket to the far end, with the headers of the near one.

    Args:
        url: where to.
        near: the socket that was asked for.
        headers: of its upgrade.
        host: what the far end is called; empty: as in ``url``.

    Raises:
        RefusedError: the far end is not there, says no, or speaks something else.
    """
    passed = [
        (name.decode("latin-1"), value.decode("latin-1"))
        for name, value in headers
        if not _OF_AN_UPGRADE.fullmatch(name.lower())
    ]
    host = host if _HOST.fullmatch(host) else ""
    return await open_far(url, passed, near.scope["subprotocols"], host=host)


async def refuse(near: WebSocket, error: RefusedError) -> None:
    """Answer an upgrade as the far end did, or that there is none."""
    await near.send_denial_response(Response(status_code=error.status or 502))


async def relay(
    near: WebSocket, far: FarSocket, from_near: Told, from_far: Told
) -> tuple[Literal["near", "far"], int]:
    """Pass messages on both ways until one end closes; the other is closed as that one was.

    Args:
        near: who asked for the socket; accepted by now.
        far: who was asked.
        from_near: gets each message before it is passed on.
        from_far: gets each message before it is passed on.

    Returns:
        who closed, and with which code.
    """
    to_far = asyncio.ensure_future(_to_far(near, far, from_near))
    to_near = asyncio.ensure_future(_to_near(near, far, from_far))
    try:
        await asyncio.wait((to_far, to_near), return_when=asyncio.FIRST_COMPLETED)
        if to_near.done():
            code = to_near.result()
            with contextlib.suppress(OSError, RuntimeError):  # closed meanwhile
                await near.close(1011 if code == 1006 else 1000 if code == 1005 else code)
            return "far", code
        code = to_far.result()
        if code == 1006:
            far.drop()
        else:
            far.close(None if code == 1005 else code)
        return "near", code
    finally:
        for task in (to_far, to_near):
            task.cancel()
        await asyncio.gather(to_far, to_near, return_exceptions=True)
        far.end_soon()


async def _to_far(near: WebSocket, far: FarSocket, told: Told) -> int:
    while True:
        message = await near.receive()
        if message["type"] == "websocket.disconnect":
            return int(message.get("code") or 1005)
        text = message.get("text")
        data = message["bytes"] if text is None else text
        told(data)
        await far.send(data)


async def _to_near(near: WebSocket, far: FarSocket, told: Told) -> int:
    while (data := await far.receive()) is not None:
        told(data)
        try:
            if isinstance(data, str):
                await near.send_text(data)
            else:
                await near.send_bytes(data)
        except (OSError, RuntimeError):  # the near end is gone, which it tells itself
            never: asyncio.Future[int] = asyncio.get_running_loop().create_future()
            return await never
    return far.code or 1006
