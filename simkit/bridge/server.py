"""The server: voice webhook, media socket and health, as a Starlette application."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import logging
from collections.abc import AsyncIterator, Callable
from urllib.parse import parse_qsl
from xml.sax.saxutils import quoteattr

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from ..wire import WireError, signatures, twilio
from .config import Config
from .core import CallCore
from .fallback import fallback_clip
from .metrics import Metrics
from .session import Session
from .vapi_leg import open_dialect

log = logging.getLogger("simkit.bridge")

_MAX_FORM = 64 * 1024
_START_SECONDS = 10.0


class Bridge:
    """The application's parts; one object per server process.

    Args:
        config: how it runs.
        make_core: makes the core of each call; tests put a wrong one here.
    """

    def __init__(self, config: Config, make_core: Callable[[Config], CallCore] = CallCore) -> None:
        self.config = config
        fallback_clip(config)
        self._make_core = make_core
        self.sessions: set[Session] = set()
        """Calls that are running."""
        self.metrics = Metrics()
        """What is counted, for all calls of the process."""

    def app(self) -> Starlette:
        """Return the ASGI application."""
        return Starlette(
            routes=[
                Route("/voice/inbound", self.voice, methods=["POST"]),
                WebSocketRoute("/media", self.media),
                Route("/health", self.health, methods=["GET"]),
            ],
            lifespan=self._lifespan,
        )

    @contextlib.asynccontextmanager
    async def _lifespan(self, app: Starlette) -> AsyncIterator[None]:
        async with open_dialect(self.config) as self._dialect:
            yield

    # The voice webhook

    async def voice(self, request: Request) -> Response:
        """Answer a call with TwiML at once; Vapi is configured afterwards."""
        body = await _read_limited(request)
        if body is None:
            return PlainTextResponse("form too large", 413)
        form = _form(body)
        url = self.config.public_url + request.url.path
        if request.url.query:
            url += f"?{request.url.query}"
        if not self._is_signed(url, form, request.headers.get("x-twilio-signature", "")):
            log.warning("voice webhook refused: signature does not match %s", url)
            return PlainTextResponse("invalid signature", 403)
        call_sid = form.get("CallSid", "")
        if not isinstance(call_sid, str) or not call_sid:
            return PlainTextResponse("CallSid missing", 400)
        twiml = (
            '<?xml version="1.0" encoding="UTF-8"?>'
            f"<Response><Connect><Stream url={quoteattr(self.config.media_url)}>"
            f'<Parameter name="token" value="{self._token(call_sid)}"/>'
            "</Stream></Connect></Response>"
        )
        return Response(twiml, media_type="text/xml")

    def _is_signed(self, url: str, form: dict[str, str | list[str]], signature: str) -> bool:
        if not self.config.check_signatures:
            return True
        return signatures.is_valid(self.config.twilio_auth_token, url, form, signature)

    def _token(self, call_sid: str) -> str:
        """Return what binds a stream to the call whose webhook was signed."""
        key = self.config.twilio_auth_token.encode()
        return hmac.new(key, f"stream {call_sid}".encode(), hashlib.sha256).hexdigest()

    # The media socket

    async def media(self, socket: WebSocket) -> None:
        """Carry one call."""
        signature = socket.headers.get("x-twilio-signature", "")
        if not self._is_signed(self.config.media_url, {}, signature):
            log.warning("media socket refused: signature does not match")
            await socket.close(1008)
            return
        await socket.accept()
        try:
            async with asyncio.timeout(_START_SECONDS):
                start = await self._read_start(socket)
        except (WireError, TimeoutError) as error:
            log.warning("media socket closed: %s", error or "no start message")
            await socket.close(1008)
            return
        if start is None:
            return
        session = Session(self.config, self._dialect, self._make_core(self.config), self.metrics)
        self.sessions.add(session)
        try:
            await session.run(socket, start)
        finally:
            self.sessions.discard(session)

    async def _read_start(self, socket: WebSocket) -> twilio.Start | None:
        """Read up to ``start`` and check that it belongs to a call we answered.

        Raises:
            WireError: it does not, or something else came first.
        """
        while True:
            received = await socket.receive()
            if received["type"] == "websocket.disconnect":
                return None
            message = twilio.decode(received.get("text") or "")
            if isinstance(message, twilio.Start):
                token = message.start.custom_parameters.get("token", "")
                expected = self._token(message.start.call_sid)
                if not hmac.compare_digest(token.encode(), expected.encode()):
                    raise WireError("start: the token does not belong to this call")
                return message
            if not isinstance(message, twilio.Connected):
                raise WireError("expected start")

    # Health

    async def health(self, request: Request) -> Response:
        """Tell how many calls are running."""
        return JSONResponse({"status": "ok", "activeSessions": len(self.sessions)})


def create_app(config: Config | None = None) -> Starlette:
    """Make the application; without a configuration, from the environment.

    Raises:
        ConfigError: the environment lacks something.
    """
    return Bridge(config or Config.from_env()).app()


async def _read_limited(request: Request) -> bytes | None:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MAX_FORM:
            return None
    return body


def _form(body: bytes) -> dict[str, str | list[str]]:
    """Return form fields; a name that occurs twice keeps all its values, as signatures need."""
    form: dict[str, str | list[str]] = {}
    text = body.decode("utf-8", "replace")
    for name, value in parse_qsl(text, keep_blank_values=True, max_num_fields=500):
        before = form.get(name)
        if before is None:
            form[name] = value
        else:
            form[name] = [*([before] if isinstance(before, str) else before), value]
    return form
