"""The guard: what every request passes before any route sees it.

Paths are taken literally, sources that were refused too often are left unanswered, and what is
refused is counted. As an ASGI middleware it holds behind any server.
"""

from __future__ import annotations

import asyncio
import logging
import time

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from . import logs
from .config import Config, networks
from .limits import Limiter, source_of
from .metrics import Metrics

log = logging.getLogger("simkit.bridge")

MAX_HEAD_BYTES = 16 * 1024

CLOSE = {"Connection": "close"}
"""Headers of an answer to a request whose body was not read to its end."""

_OURS = frozenset({500, 503})


class Refused(Exception):  # noqa: N818 - an answer, not a mistake
    """A request that is not answered with what it asks for.

    Args:
        status: of HTTP.
        reason: a few words; counted by them, and told to who asked.
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason

    def response(self) -> Response:
        """Return the answer."""
        return PlainTextResponse(self.reason + "\n", self.status, CLOSE)


class Guard:
    """An application behind the rules that hold for all of its routes.

    Args:
        app: what is guarded.
        config: sets the limits.
        metrics: counts what is refused.
        limiter: who was refused how often.
    """

    def __init__(self, app: ASGIApp, config: Config, metrics: Metrics, limiter: Limiter) -> None:
        self._app = app
        self._metrics = metrics
        self._limiter = limiter
        self._proxies = networks(config.trusted_proxies)
        self._warned_of_proxy = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request, or refuse it."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        state = scope.setdefault("state", {})
        source = state["source"] = self._source(scope)
        state["charge"] = lambda: self._limiter.take(source, time.monotonic_ns())
        logs.source.set(source)
        try:
            self._check(scope, source)
        except Refused as refused:
            self._metrics.count("refused", reason=refused.reason)
            if scope["type"] == "http":
                state["charge"]()
            await refuse(scope, receive, send, refused)
            return

        if scope["type"] == "websocket":
            await self._app(scope, receive, send)
            return

        async def watched(message: Message) -> None:
            """Charge the source for what it is refused."""
            if message.get("status", 0) >= 400 and message["status"] not in _OURS:
                state["charge"]()
            await send(message)

        await self._app(scope, receive, watched)

    def _check(self, scope: Scope, source: str) -> None:
        path: bytes = scope.get("raw_path") or scope["path"].encode()
        size = len(path) + sum(len(name) + len(value) for name, value in scope["headers"])
        if size + len(scope["query_string"]) > MAX_HEAD_BYTES:
            raise Refused(431, "head too large")
        if b"%" in path:
            # One spelling for each path: what a proxy let through is what we serve.
            raise Refused(404, "path not literal")
        if path != b"/health" and not self._limiter.has_room(source, time.monotonic_ns()):
            raise Refused(429, "too many refused requests")

    def _source(self, scope: Scope) -> str:
        peer = (scope.get("client") or ("", 0))[0]
        forwarded = [
            value.decode("latin-1")
            for name, value in scope["headers"]
            if name == b"x-forwarded-for"
        ]
        if forwarded and not self._warned_of_proxy:
            directly = source_of(peer, [], [])
            if source_of(peer, forwarded, self._proxies) == directly and forwarded != [peer]:
                self._warned_of_proxy = True
                log.warning(
                    "X-Forwarded-For comes from %s, which is not in trusted_proxies: "
                    "limits take all its requests for one source's",
                    directly,
                )
        return source_of(peer, forwarded, self._proxies)


async def refuse(scope: Scope, receive: Receive, send: Send, refused: Refused) -> None:
    """Answer a request with its refusal; a WebSocket with 403, before it opens."""
    if scope["type"] == "http":
        await refused.response()(scope, receive, send)
    else:
        scope["state"]["charge"]()
        # With a response of our own uvicorn 0.54 logs an error each time.
        await send({"type": "websocket.close", "code": 1008})


async def read_body(request: Request, limit: int, seconds: float) -> bytes:
    """Read the body of a request.

    Args:
        request: whose body.
        limit: bytes that it may have.
        seconds: time that it may take.

    Raises:
        Refused: it is larger, or slower.
    """
    declared = request.headers.get("content-length", "0")
    if not declared.isdecimal() or len(declared) > 12 or int(declared) > limit:
        raise Refused(413, "body too large")
    body = bytearray()
    try:
        async with asyncio.timeout(seconds):
            async for chunk in request.stream():
                body += chunk
                if len(body) > limit:
                    raise Refused(413, "body too large")
    except TimeoutError:
        raise Refused(408, "body too slow") from None
    return bytes(body)
