"""Webhooks: requests to a server URL, with their credentials, tried again where asked to."""

from __future__ import annotations

import asyncio
import random
import time
import uuid
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from typing import Any, Literal
from urllib.parse import urlsplit

import msgspec

from ..timeline import Clock, Timeline
from ..wire.http import HttpError, HttpResponse, fetch
from ..wire.vapi_signatures import Bearer, Credential
from .account import AccountSettings
from .servers import Server

Spawn = Callable[[Coroutine[Any, Any, Any], str], "asyncio.Task[Any]"]

WEBHOOK_SECRET = "simkit-vapi-webhook-secret"  # noqa: S105 - a simulated account
"""What a server that knows of no other finds in its environment."""

VapiForgery = Literal["unsigned", "wrong-secret"]
"""Without any proof of where it comes from, or with that of who does not know the secret."""

_NOT_THE_SECRET = "not the secret"  # noqa: S105 - a stranger's guess

FREQUENT = frozenset(
    (
        "assistant.speechStarted",
        "conversation-update",
        "model-output",
        "speech-update",
        "transcript",
        "voice-input",
    )
)
"""Events that are dropped while a server fails."""

_KEPT = 100
"""Requests that :meth:`Webhooks.replay` can send again."""


@dataclass(frozen=True)
class Sent:
    """A request as it was made."""

    url: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    kind: str
    session: int | None


class Webhooks:
    """Makes the account's requests.

    Attributes:
        credentials: by the id that a server's ``credentialId`` names.
        sent: the latest requests, each attempt by itself.
    """

    def __init__(
        self,
        settings: AccountSettings,
        *,
        clock: Clock,
        timeline: Timeline,
        draw: random.Random,
        spawn: Spawn,
        ssl: Any,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._timeline = timeline
        self._draw = draw
        self._spawn = spawn
        self._ssl = ssl
        self._failures: dict[str, int] = {}
        self.credentials: dict[str, Credential] = {}
        self.loses: Callable[[int], bool] = lambda session: False
        """Whether the next event of a call is lost; asked for each."""
        self.sent: deque[Sent] = deque(maxlen=_KEPT)

    def tell(self, server: Server, message: dict[str, Any], *, call_id: str, session: int) -> None:
        """Deliver an event, without waiting for it."""
        settings, kind = self._settings, message["type"]
        if self.loses(session):
            return
        twice = bool(settings.webhook_duplicate) and (
            self._draw.random() < settings.webhook_duplicate
        )
        for _ in range(2 if twice else 1):
            delay = settings.webhook_delay
            if settings.webhook_jitter:
                delay += self._draw.uniform(0.0, settings.webhook_jitter)
            if settings.webhook_late:
                delay += self._draw.uniform(0.0, settings.webhook_late)
            coro = self._deliver(server, message, call_id, session, delay)
            self._spawn(coro, f"vapi call {session} {kind}")

    async def _deliver(
        self, server: Server, message: dict[str, Any], call_id: str, session: int, delay: float
    ) -> None:
        await asyncio.sleep(delay)
        kind = message["type"]
        failed = self._failures.get(server.url, 0)
        if failed >= self._settings.drop_after and kind in FREQUENT:
            reason = f"webhook {kind} was dropped: {failed} deliveries failed"
            self._timeline.record("warning", "vapi", session=session, reason=reason)
            return
        await self.ask(server, message, call_id=call_id, session=session)

    async def ask(
        self,
        server: Server,
        message: dict[str, Any],
        *,
        call_id: str,
        session: int | None,
        seconds: float | None = None,
    ) -> HttpResponse | None:
        """Deliver a message and return the answer: 2xx, or the last one; None: there was none.

        Args:
            server: where to.
            message: what the envelope holds.
            call_id: for the header ``x-call-id``.
            session: number of the call in the timeline.
            seconds: for everything, one attempt only; None: as the server says.
        """
        body = msgspec.json.encode({"message": message})
        kind = message["type"]
        if server.url.startswith("wss:"):
            reason = f"webhook {kind}: servers over wss are not simulated, found {server.url}"
            self._timeline.record("warning", "vapi", session=session, reason=reason)
            return None
        key = str(uuid.UUID(int=self._draw.getrandbits(128), version=4))
        credential = self.credentials.get(server.credential_id or "")
        tries = 1 if seconds is not None else server.backoff.retries + 1
        response: HttpResponse | None = None
        for attempt in range(1, tries + 1):
            headers = self._headers(server, credential, body, call_id, key)
            sent = Sent(server.url, tuple(headers.items()), body, kind, session)
            try:
                response = await self._attempt(sent, seconds or server.timeout)
            except (HttpError, ValueError) as error:
                response, reason = None, str(error)
            else:
                if 200 <= response.status < 300:
                    self._failures.pop(server.url, None)
                    return response
                reason = f"HTTP {response.status}"
            self._timeline.record(
                "warning",
                "vapi",
                session=session,
                reason=f"webhook {kind}, attempt {attempt} of {tries}: {reason}",
            )
            if response is not None and response.status in server.backoff.excluded:
                break
            if attempt < tries:
                await asyncio.sleep(server.backoff.delay(attempt))
        self._failures[server.url] = self._failures.get(server.url, 0) + 1
        return response

    async def replay(self, number: int = -1) -> int:
        """Send a request again as it was, old signature included; returns the status.

        Args:
            number: which of ``sent``; -1 is the last.

        Raises:
            IndexError: there is no such request.
            HttpError: there was no answer.
        """
        return (await self._attempt(self.sent[number], 20.0, keep=False)).status

    async def forge(
        self, how: VapiForgery, server: Server, message: dict[str, Any], *, call_id: str
    ) -> int:
        """Make a request that Vapi did not, record it as ``forged``; returns the status.

        Args:
            how: what is wrong with it.
            server: where to.
            message: what the envelope holds.
            call_id: for the header ``x-call-id``.

        Raises:
            HttpError: there was no answer.
        """
        credential = self.credentials.get(server.credential_id or "")
        if how == "unsigned":
            server, credential = replace(server, secret=None), None
        elif server.secret is not None:
            server = replace(server, secret=_NOT_THE_SECRET)
        if isinstance(credential, Bearer):
            credential = replace(credential, token=_NOT_THE_SECRET)
        elif credential is not None:
            credential = replace(credential, secret_key=_NOT_THE_SECRET, secret_is_base64=False)
        body = msgspec.json.encode({"message": message})
        headers = self._headers(server, credential, body, call_id, key="forged")
        sent_ns = self._clock.now_ns
        response = await fetch(
            "POST", server.url, headers=list(headers.items()), body=body, ssl=self._ssl
        )
        self._timeline.record(
            "forged",
            "stranger",
            "bridge",
            t_ns=response.request_arrived_ns,
            sent_ns=sent_ns,
            arrived_ns=response.request_arrived_ns,
            how=how,
            path=urlsplit(server.url).path or "/",
            status=response.status,
        )
        return response.status

    def _headers(
        self, server: Server, credential: Credential | None, body: bytes, call_id: str, key: str
    ) -> dict[str, str]:
        headers = {
            "User-Agent": "Vapi",
            "Accept": "application/json, text/plain, */*",
            "Content-Type": "application/json",
            "x-call-id": call_id,
        }
        if server.secret is not None:
            headers["x-vapi-secret"] = server.secret
        if credential is not None:
            at = int(time.time())
            headers |= credential.headers("POST", server.url, body, at=at, key=key)
        return headers | dict(server.headers)

    async def _attempt(self, sent: Sent, seconds: float, *, keep: bool = True) -> HttpResponse:
        if keep:
            self.sent.append(sent)
        sent_ns = self._clock.now_ns
        asked = self._timeline.record(
            "request",
            "vapi",
            "bridge",
            session=sent.session,
            sent_ns=sent_ns,
            method="POST",
            path=urlsplit(sent.url).path or "/",
            shown={"type": sent.kind},
        )
        response = await fetch(
            "POST",
            sent.url,
            headers=list(sent.headers),
            body=sent.body,
            connect_seconds=seconds,
            total_seconds=seconds,
            ssl=self._ssl,
        )
        now_ns = self._clock.now_ns
        self._timeline.redate(asked, response.request_arrived_ns)
        self._timeline.record(
            "response",
            "bridge",
            "vapi",
            t_ns=response.sent_ns,
            session=sent.session,
            sent_ns=response.sent_ns,
            arrived_ns=now_ns,
            status=response.status,
            summary=f"to {sent.kind}",
            took_ns=now_ns - sent_ns,
        )
        return response
