"""The server: voice webhook, media socket, health and metrics, as a Starlette application."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Protocol
from urllib.parse import parse_qsl
from xml.sax.saxutils import quoteattr

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute

from ..wire import signatures
from . import browser, callbacks, numbers, vapi_webhook
from .config import Config, ConfigError
from .core import CallCore
from .events import CallEnded
from .fallback import fallback_clip
from .guard import Guard, Refused, read_body
from .health import Health
from .limits import Limiter
from .media import Media
from .metrics import Metrics
from .security import StreamTokens, Webhooks
from .session import Session
from .tap import CallTap, Tap
from .tools import Function, Tools, load_tools
from .vapi_leg import open_dialect

log = logging.getLogger("simkit.bridge")

MAX_FORM_BYTES = 64 * 1024
MAX_FORM_FIELDS = 200

_BUSY = '<Reject reason="busy"/>'
_SID = re.compile(r"[A-Za-z0-9_-]{1,64}")

Form = dict[str, str | list[str]]
Answer = Callable[[Request], Awaitable[Response]]


class Running(Protocol):
    """A session, of a phone or a browser."""

    call_sid: str

    @property
    def buffered(self) -> int:
        """Bytes that wait to be sent."""

    def tell(self, event: CallEnded) -> None:
        """Hand on what was heard of the call elsewhere."""

    def end(self, reason: str) -> None:
        """End the call."""


class Bridge:
    """The application's parts; one object per server process.

    Args:
        config: how it runs.
        make_core: makes the core of each call; tests put a wrong one here.
        tools: async functions that the model may call, by name, besides those that ``config``
            names.
        tap: takes down what goes over the sockets of each phone call.

    Raises:
        ConfigError: a tool is none.
    """

    session: type[Session] = Session
    """What carries a call."""

    def __init__(
        self,
        config: Config,
        make_core: Callable[[Config], CallCore] = CallCore,
        *,
        tools: Mapping[str, Function] | None = None,
        tap: Tap | None = None,
    ) -> None:
        self.config = config
        self.tap = tap
        """Who takes down what goes over the sockets of each call."""
        fallback_clip(config)
        self._make_core = make_core
        self.sessions: set[Running] = set()
        """Calls that are running."""
        self.metrics = Metrics()
        """What is counted, for all calls of the process."""
        if tools and not config.vapi_webhook_secret:
            raise ConfigError("tools: Vapi asks for them by its webhook: set vapi_webhook_secret")
        self.tools = Tools(
            load_tools(config.tools) | dict(tools or {}),
            timeout=config.tool_timeout,
            metrics=self.metrics,
        )
        """What the model may call."""
        self.limiter = Limiter(config.rate_limit, config.rate_burst)
        """Who was refused how often."""
        self.draining = False
        """True once no new calls are taken."""
        self.is_ending = False
        """True once running calls are being ended."""
        self.tokens = StreamTokens(config.twilio_auth_token, config.token_ttl)
        """What binds a stream to the webhook that was answered."""
        self._webhooks = Webhooks(config.token_ttl, config.replay_memory)
        self._carriers: set[asyncio.Task[object]] = set()

    def app(self) -> Starlette:
        """Return the ASGI application."""
        health = Health(self)
        app = Starlette(
            routes=[
                self.route("/voice/inbound", self.voice),
                WebSocketRoute("/media", Media(self)),
                Route("/health", health.health, methods=["GET"]),
                Route("/metrics", health.metrics, methods=["GET"]),
                *(route for door in _DOORS for route in door.routes(self)),
            ],
            middleware=[
                Middleware(Guard, config=self.config, metrics=self.metrics, limiter=self.limiter)
            ],
            lifespan=self._lifespan,
        )
        # A redirect would be made of the Host header, which anybody may write.
        app.router.redirect_slashes = False
        # Whoever serves it by uvicorn: with the sockets that it is deployed with.
        app.state.uvicorn = {"ws": "simkit.bridge.asgi_socket:AsgiSocket"}
        return app

    @contextlib.asynccontextmanager
    async def _lifespan(self, app: Starlette) -> AsyncIterator[None]:
        async with (
            open_dialect(self.config, self.metrics) as self.dialect,
            numbers.setting_up(self.config),
        ):
            yield
        await self.tools.close()

    # The voice webhook

    async def voice(self, request: Request) -> Response:
        """Answer a call with TwiML at once; Vapi is configured afterwards."""
        token = await self._judge_webhook(request)
        verb = _BUSY
        if token:
            told = ""
            if self.config.stream_callbacks:
                url = quoteattr(f"{self.config.public_url}/voice/stream-status")
                told = f" statusCallback={url}"
            verb = (
                f"<Connect><Stream url={quoteattr(self.config.media_url)}{told}>"
                f'<Parameter name="token" value="{token}"/>'
                "</Stream></Connect>"
            )
        twiml = f'<?xml version="1.0" encoding="UTF-8"?><Response>{verb}</Response>'
        # The answer holds a token: nobody in between may keep it.
        return Response(twiml, media_type="text/xml", headers={"Cache-Control": "no-store"})

    async def _judge_webhook(self, request: Request) -> str:
        """Return the stream token of a call that is taken; empty when there is no room for it.

        Raises:
            Refused: Twilio did not send this, or sent it before.
        """
        form = await self.signed_form(request)
        signature = request.headers.get("x-twilio-signature", "")
        call_sid = form.get("CallSid", "")
        if not isinstance(call_sid, str) or not _SID.fullmatch(call_sid):
            raise Refused(400, "CallSid missing")
        now_ms = time.time_ns() // 1_000_000
        mark = request.headers.get("i-twilio-idempotency-token", "")[:200]
        if self.config.check_signatures:
            kind_of = self._webhooks.judge(call_sid, signature, mark, now_ms)
            if kind_of == "replay":
                raise Refused(403, "replayed")
            if kind_of == "retry":
                return self._webhooks.token(call_sid, signature)
        token = ""
        if self.draining:
            self.note_refusal(f"call {call_sid} hears a busy tone: draining", "draining")
        elif len(self.sessions) + self.tokens.waiting(now_ms) >= self.config.max_sessions:
            self.note_refusal(f"call {call_sid} hears a busy tone: full", "max_sessions")
        else:
            token = self.tokens.issue(call_sid, now_ms)
        self._webhooks.answered(call_sid, signature, mark, token, now_ms)
        return token

    async def signed_form(self, request: Request) -> Form:
        """Return the form of one of Twilio's webhooks.

        Raises:
            Refused: Twilio did not send this.
        """
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/x-www-form-urlencoded":
            raise Refused(415, "not a form")
        form = _form(await read_body(request, MAX_FORM_BYTES, self.config.read_timeout))
        signature = request.headers.get("x-twilio-signature", "")
        if not self._is_signed(self.url_of(request), form, signature):
            raise Refused(403, "signature does not match")
        return form

    def url_of(self, request: Request) -> str:
        """Return the URL of a request as who sent it knows it, for signatures.

        As it was sent: a signature is over the text of the URL. Only ``public_url`` says which
        host that is; Host and X-Forwarded-* may say what they like.
        """
        query = request.scope["query_string"].decode("latin-1")
        query = f"?{query}" if query else ""
        return f"{self.config.public_url}{request.scope['path']}{query}"

    def route(self, path: str, answer: Answer, methods: Sequence[str] = ("POST",)) -> Route:
        """Return a route; what its handler refuses is counted, logged and answered."""

        async def handle(request: Request) -> Response:
            try:
                return await answer(request)
            except Refused as refused:
                self.note_refusal(f"{path} refused: {refused.reason}", refused.reason)
                return refused.response()

        return Route(path, handle, methods=list(methods))

    def session_of(self, call_sid: str) -> Running | None:
        """Return the session of a call that is running."""
        found = (session for session in self.sessions if session.call_sid == call_sid)
        return next(found, None) if call_sid else None

    def _is_signed(self, url: str, form: Form, signature: str) -> bool:
        if not self.config.check_signatures:
            return True
        return signatures.is_valid(self.config.twilio_auth_token, url, form, signature)

    def note_refusal(self, text: str, reason: str) -> None:
        """Count and log what was refused."""
        self.metrics.count("refused", reason=reason)
        log.warning("%s", text, extra={"event": "refused", "reason": reason})

    # Running and ending

    def new_session(self, tap: CallTap | None = None) -> Session:
        """Make what carries one call."""
        core = self._make_core(self.config)
        return self.session(self.config, self.dialect, core, self.metrics, tap)

    @contextlib.contextmanager
    def running(self, session: Running) -> Iterator[None]:
        """Count a session among those that run, in the task that carries it."""
        task = asyncio.current_task()
        assert task is not None
        self.sessions.add(session)
        self._carriers.add(task)
        try:
            yield
        finally:
            self.sessions.discard(session)
            self._carriers.discard(task)

    def drain(self) -> None:
        """Take no new calls; those that run, and those that were answered, go on."""
        self.draining = True

    def is_drained(self) -> bool:
        """True when nothing runs that :meth:`drain` waits for."""
        return not self.sessions and not self.tokens.waiting(time.time_ns() // 1_000_000)

    def end_calls(self) -> set[asyncio.Task[object]]:
        """End every call that is running; returns the tasks that do."""
        self.is_ending = True
        for task in self._carriers:
            task.cancel()
        return set(self._carriers)


_DOORS = (vapi_webhook, callbacks, browser)
"""What else is served besides phone calls; each knows its own routes."""


def create_app(
    config: Config | None = None, *, tools: Mapping[str, Function] | None = None
) -> Starlette:
    """Make the application; without a configuration, from the environment.

    Args:
        config: how it runs.
        tools: async functions that the model may call, by name.

    Raises:
        ConfigError: the environment lacks something, or a tool is none.
    """
    return Bridge(config or Config.from_env(), tools=tools).app()


def _form(body: bytes) -> Form:
    """Return form fields; a name that occurs twice keeps all its values, as signatures need.

    Raises:
        Refused: there are too many.
    """
    form: Form = {}
    text = body.decode("utf-8", "replace")
    try:
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=MAX_FORM_FIELDS)
    except ValueError:
        raise Refused(400, "too many form fields") from None
    for name, value in pairs:
        before = form.get(name)
        if before is None:
            form[name] = value
        else:
            form[name] = [*([before] if isinstance(before, str) else before), value]
    return form
