"""The browser door: ``/ws`` for pages, with a session for each. Moves bytes, decides nothing."""

from __future__ import annotations

import logging
import re
import secrets
import time
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, WebSocketRoute
from starlette.types import Receive, Scope, Send

from ..wire import WireError, browser
from .browser_core import BrowserCore
from .browser_events import Sound
from .browser_session import BrowserSession
from .guard import Refused, read_body, refuse
from .media import carry
from .security import StreamTokens, bearer, is_same
from .stream import Stream, Traffic

if TYPE_CHECKING:
    from .server import Bridge

log = logging.getLogger("simkit.bridge")

_ID = re.compile(r"[A-Za-z0-9_-]{16,64}")


def ticket(secret: str, *, now: float | None = None) -> str:
    """Return a ticket for one browser, to be used once: ``<session>.<ms>.<signature>``.

    The signature is the hex HMAC-SHA256 under the secret of ``stream <session> <ms>``; a server
    that is not in Python makes it of that.

    Args:
        secret: the bridge's ``browser_secret``.
        now: epoch seconds of its issue; None for now.

    >>> ticket("0123456789abcdef", now=1_900_000_000).split(".")[1]
    '1900000000000'
    """
    session = secrets.token_hex(16)
    now_ms = round((time.time() if now is None else now) * 1000)
    return f"{session}.{StreamTokens(secret, 60.0).issue(session, now_ms)}"


class BrowserDoor:
    """Lets pages in: from known origins, with a ticket, so many at a time."""

    def __init__(self, bridge: Bridge) -> None:
        self._bridge = bridge
        config = bridge.config
        self._tickets = StreamTokens(config.browser_secret, config.browser_ticket_seconds)
        self._origins = {
            origin.lower() for origin in (*config.browser_origins, _origin_of(config.public_url))
        }
        self._traffic = traffic = Traffic()
        count = bridge.metrics.total
        count("frames", lambda: traffic.received, leg="browser", direction="in")
        count("frames", lambda: traffic.sent, leg="browser", direction="out")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Carry one page's session, from the opening of its socket to the end."""
        bridge, config = self._bridge, self._bridge.config
        try:
            session_id = self._judge(HTTPConnection(scope))
        except Refused as refused:
            bridge.note_refusal(f"browser refused: {refused.reason}", refused.reason)
            await refuse(scope, receive, send, refused)
            return
        limit = config.browser_message_limit_bytes
        stream = Stream(config, self._traffic, receive, send, max_size=limit)
        await stream.accept()
        core = BrowserCore(config, session_id)
        session = BrowserSession(config, bridge.dialect, core, bridge.metrics, session_id)
        await carry(bridge, session, session_id, stream, lambda: session.run(stream))
        if stream.breach:
            bridge.note_refusal(f"browser's socket closed: {stream.breach}", stream.breach)

    def _judge(self, request: HTTPConnection) -> str:
        """Return what the session of a page that may come in is called.

        Raises:
            Refused: it may not.
        """
        bridge, config = self._bridge, self._bridge.config
        origin = request.headers.get("origin", "")
        if origin.lower() not in self._origins and (origin or not config.browser_tickets):
            raise Refused(403, "origin not allowed")
        session_id = secrets.token_hex(16)
        if config.browser_tickets:
            session_id = self._redeem(request.url.query)
        browsers = sum(isinstance(session, BrowserSession) for session in bridge.sessions)
        if bridge.draining:
            raise Refused(503, "draining")
        if browsers >= config.browser_sessions or len(bridge.sessions) >= config.max_sessions:
            raise Refused(503, "max_sessions")
        return session_id

    def _redeem(self, query: str) -> str:
        given = parse_qs(query).get("ticket", [""])[0]
        session_id, _, token = given.partition(".")
        if not _ID.fullmatch(session_id):
            raise Refused(403, "no ticket")
        if self._tickets.redeem(token, session_id, time.time_ns() // 1_000_000):
            raise Refused(403, "ticket not good")
        if self._bridge.session_of(session_id) is not None:
            raise Refused(403, "ticket not good")
        return session_id

    async def ticket(self, request: Request) -> Response:
        """Hand out a ticket to who knows the secret: your own server, never a page.

        Raises:
            Refused: the secret is another one.
        """
        config = self._bridge.config
        given = bearer(request.headers.get("authorization", ""))
        if not is_same(given, config.browser_secret):
            raise Refused(403 if given else 401, "not authorized")
        found = {"ticket": ticket(config.browser_secret), "seconds": config.browser_ticket_seconds}
        return JSONResponse(found, headers={"Cache-Control": "no-store"})

    async def audio(self, request: Request) -> Response:
        """Take raw 16-bit PCM: for the session that ``?session=`` names, else only to be checked.

        Raises:
            Refused: it is no audio, too much, or of no session.
        """
        config = self._bridge.config
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/octet-stream":
            raise Refused(415, "not application/octet-stream")
        rate = request.query_params.get("rate", str(browser.DEFAULT_RATE))
        if not rate.isdecimal() or not 8000 <= int(rate[:9]) <= 48_000:
            raise Refused(400, "rate not from 8000 to 48000")
        limit = config.browser_message_limit_bytes
        sound = await read_body(request, limit, config.read_timeout)
        try:
            browser.check_pcm(sound)
        except WireError as error:
            return JSONResponse({"error": str(error)}, 400)
        if "session" in request.query_params:
            session = self._bridge.session_of(request.query_params["session"])
            if not isinstance(session, BrowserSession):
                raise Refused(404, "no such session")
            session.tell(Sound(sound, int(rate)))
        return JSONResponse({"received": len(sound), "sampleRate": int(rate)})


def _origin_of(url: str) -> str:
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.partition('/')[0]}"


def routes(bridge: Bridge) -> list[BaseRoute]:
    """Return what is served; nothing unless the door is open."""
    if not bridge.config.browser_door:
        return []
    door = BrowserDoor(bridge)
    found: list[BaseRoute] = [
        WebSocketRoute("/ws", door),
        bridge.route("/webhook/audio", door.audio),
    ]
    if bridge.config.browser_tickets:
        found.append(bridge.route("/ws/ticket", door.ticket))
    return found
