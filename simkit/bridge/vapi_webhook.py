"""Vapi's webhook: tool calls are answered, what became of a call is noted, the rest is ignored."""

from __future__ import annotations

import hashlib
import hmac
import logging
import time
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ..wire import WireError
from ..wire.errors import explain, shorten
from ..wire.vapi_signatures import SEED_DIALECT, Bearer, Hmac
from .config import Config
from .deliveries import Deliveries
from .events import CallEnded
from .guard import Refused, read_body

if TYPE_CHECKING:
    from .server import Bridge

log = logging.getLogger("simkit.bridge")

_PROGRESS = ("scheduled", "queued", "ringing", "in-progress", "forwarding", "ended")
_KNOWN = frozenset(
    {
        "assistant.started", "conversation-update", "end-of-call-report", "function-call", "hang",
        "model-output", "speech-update", "status-update", "tool-calls", "transcript",
        "transfer-update", "user-interrupted", "voice-input",
    }
)  # fmt: skip
"""Types that are counted by name."""


class _Call(Struct, frozen=True):
    id: str = ""
    metadata: Any = None


class Message(Struct, rename="camel", frozen=True):
    """What a webhook says, as far as it is of concern here."""

    type: str = ""
    call: _Call = _Call()
    status: str = ""
    ended_reason: str = ""
    tool_call_list: list[Any] | None = None
    tool_with_tool_call_list: list[Any] | None = None
    function_call: dict[str, Any] | None = None
    event: str = ""
    """The type, as two widely copied articles word it: ``call.ended``."""

    @property
    def call_sid(self) -> str:
        """Twilio's id of the call, which the bridge gave Vapi when it created its own."""
        metadata = self.call.metadata
        found = metadata.get("twilioCallSid") if isinstance(metadata, dict) else None
        return found if isinstance(found, str) else ""


class _Envelope(Struct, frozen=True):
    message: Message


_enveloped = msgspec.json.Decoder(_Envelope)
_flat = msgspec.json.Decoder(Message)


def decode(body: bytes) -> Message:
    """Decode a webhook's body, with or without the envelope.

    Raises:
        WireError: no JSON, a wrong field, or nested too deep.
    """
    try:
        try:
            return _enveloped.decode(body).message
        except msgspec.ValidationError:
            message = _flat.decode(body)
            if not message.type and not message.event:
                raise
            return message
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise WireError(f"webhook of Vapi: {explain(error)}; found {shorten(body)}") from None


class Proof:
    """Checks where a webhook comes from, in constant time."""

    def __init__(self, config: Config) -> None:
        secret = config.vapi_webhook_secret
        self._window = config.vapi_webhook_window
        self._credential: Bearer | Hmac
        if config.vapi_webhook_auth == "secret":
            self._credential = Bearer(secret, "x-vapi-secret", "")
        elif config.vapi_webhook_auth == "bearer":
            self._credential = Bearer(secret)
        elif config.vapi_webhook_auth == "seed":
            self._credential = Hmac(secret, **SEED_DIALECT)  # type: ignore[arg-type]
        else:
            self._credential = Hmac(
                secret,
                algorithm=config.vapi_hmac_algorithm,
                signature_header=config.vapi_hmac_signature_header,
                timestamp_header=config.vapi_hmac_timestamp_header,
                signature_prefix=config.vapi_hmac_prefix,
                include_timestamp=config.vapi_hmac_timestamp,
                payload_format=config.vapi_hmac_payload,
                message_id_header=config.vapi_hmac_message_id_header,
                signature_encoding=config.vapi_hmac_encoding,
                secret_is_base64=config.vapi_hmac_secret_is_base64,
            )

    def refusal(self, headers: dict[str, str], url: str, body: bytes, now: float) -> int:
        """Return the status to refuse with: 401 without a proof, 403 with a wrong one; else 0.

        Args:
            headers: names in lower case.
            url: as Vapi knows it.
            body: as received.
            now: epoch seconds.
        """
        known = self._credential
        name = known.header_name if isinstance(known, Bearer) else known.signature_header
        given = headers.get(name.lower(), "")
        if not given:
            return 401
        if isinstance(known, Bearer):
            right = (known.prefix + known.token).encode()
            return 0 if hmac.compare_digest(given.encode("utf-8", "replace"), right) else 403
        good = known.is_valid(headers, body, now=now, window=self._window, url=url)
        return 0 if good else 403


class VapiWebhook:
    """Answers ``POST /vapi/webhook``."""

    def __init__(self, bridge: Bridge) -> None:
        self._bridge = bridge
        self._proof = Proof(bridge.config)
        self._deliveries = Deliveries()

    async def handle(self, request: Request) -> Response:
        """Take one message: 200 for all that are understood, whatever they are about.

        Raises:
            Refused: it is not Vapi's, or not understood.
        """
        config = self._bridge.config
        body = await read_body(request, config.vapi_webhook_limit_bytes, config.read_timeout)
        url = self._bridge.url_of(request)
        refusal = self._proof.refusal(_headers(request), url, body, time.time())
        if refusal:
            raise Refused(refusal, "unsigned webhook" if refusal == 401 else "forged webhook")
        try:
            message = decode(body)
        except WireError as error:
            log.warning("%s", error)
            raise Refused(400, "webhook not understood") from None
        return JSONResponse(await self._take(message, body))

    async def _take(self, message: Message, body: bytes) -> dict[str, Any]:
        kind = message.type or {"call.ended": "status-update"}.get(message.event, message.event)
        counted = kind if kind in _KNOWN else "other"
        if kind == "tool-calls":
            self._bridge.metrics.count("vapi_webhooks", type=counted, news="new")
            asked = message.tool_call_list or message.tool_with_tool_call_list or []
            return {"results": await self._bridge.tools.answer(message.call.id, asked)}
        if kind == "function-call":
            self._bridge.metrics.count("vapi_webhooks", type=counted, news="new")
            return await self._answer_older(message, body)
        status = message.status or ("ended" if message.event == "call.ended" else "")
        progress = -1
        if kind == "status-update" and status in _PROGRESS:
            progress = _PROGRESS.index(status)
        digest = hashlib.blake2b(body, digest_size=16).hexdigest()
        news = self._deliveries.take(message.call.id, digest, progress)
        self._bridge.metrics.count("vapi_webhooks", type=counted, news=news)
        if kind in ("status-update", "end-of-call-report"):
            self._note(message, kind, status, news)
        return {}

    def _note(self, message: Message, kind: str, status: str, news: str) -> None:
        """Log what became of a call; one that is over for Vapi is over here as well."""
        session = self._bridge.session_of(message.call_sid)
        reason = message.ended_reason or "no reason given"
        what = f"{kind} {status}".rstrip() + (f" ({reason})" if message.ended_reason else "")
        told = "" if news == "new" else f", {news}: ignored"
        where = "" if session is not None else ", of no running call"
        log.info("call %s: Vapi: %s%s%s", message.call_sid or message.call.id, what, told, where)
        is_end = status == "ended" or kind == "end-of-call-report"
        if session is not None and is_end and news == "new":
            session.tell(CallEnded(reason))

    async def _answer_older(self, message: Message, body: bytes) -> dict[str, Any]:
        """Answer the older form of a tool call, which has no id of its own."""
        asked = dict(message.function_call or {})
        asked["id"] = hashlib.blake2b(body, digest_size=16).hexdigest()
        [found] = await self._bridge.tools.answer(message.call.id, [asked])
        return {"result": found.get("result", found.get("error", ""))}


def _headers(request: Request) -> dict[str, str]:
    """Return headers by name; of one that comes twice, both, which then is no proof of anything."""
    found: dict[str, str] = {}
    for name, value in request.headers.items():
        found[name] = f"{found[name]}, {value}" if name in found else value
    return found


def routes(bridge: Bridge) -> list[Route]:
    """Return what is served; nothing without a secret."""
    if not bridge.config.vapi_webhook_secret:
        return []
    return [bridge.route("/vapi/webhook", VapiWebhook(bridge).handle)]
