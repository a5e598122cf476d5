"""Bugs at the doors and in the machine: webhooks, signatures, limits, and the event loop."""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncIterator, Sequence
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from simkit.bridge import Bridge, CallCore, Config
from simkit.bridge.events import Action, CloseTwilio, EndVapi, Malformed, VapiReady
from simkit.bridge.security import StreamTokens, Webhooks
from simkit.bridge.seed_sockets import SeedSockets, _Waiting
from simkit.bridge.session import Session
from simkit.bridge.vapi_seed import SeedDialect
from simkit.bridge.vapi_socket import VapiSocket
from simkit.bridge.vapi_webhook import Proof, VapiWebhook
from simkit.wire import WireError, twilio
from tests.zoo.bug import SCENARIO, bug

# Webhooks


@bug("slow-configure", SCENARIO, says="the phone rang for 12")
class ConfiguresBeforeItAnswers(Bridge):
    """Creates the call at Vapi before it answers Twilio."""

    async def voice(self, request: Request) -> Response:
        response = await super().voice(request)
        await self.dialect.create("ahead")
        return response


@bug("greeting", "twiml-in-time")
class SignsItsInnerAddress(Bridge):
    """Checks the signature over the URL at which the proxy reaches the bridge."""

    def url_of(self, request: Request) -> str:
        return f"http://10.0.0.5:3000{request.url.path}"


@bug("forged-webhook", "signature-required", how="other-query")
class LeavesOutTheQuery(Bridge):
    """Checks the signature over the URL without its query."""

    def url_of(self, request: Request) -> str:
        return super().url_of(request).partition("?")[0]


@bug("forged-webhook", "signature-required", config={"check_signatures": False})
class AsksForNoSignature(Bridge):
    """Believes anybody who knows the URL."""


class _TakesAll(Webhooks):
    def judge(self, call_sid: str, signature: str, mark: str, now_ms: int) -> Any:
        return "new"


@bug("forged-webhook", "signature-required", how="replayed")
class TakesReplays(Bridge):
    """A webhook that was answered is answered again, whoever sends it."""

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self._webhooks = _TakesAll(60.0, 1000)


@bug("webhook-chaos", "signature-required", side="vapi")
class BelievesAnybodyAboutVapi(Bridge):
    """Asks nobody for the secret that Vapi was given."""

    def route(self, path: str, answer: Any, methods: Sequence[str] = ("POST",)) -> Route:
        if isinstance(getattr(answer, "__self__", None), VapiWebhook):
            answer.__self__._proof = _NoProof(self.config)
        return super().route(path, answer, methods)


class _NoProof(Proof):
    def refusal(self, headers: dict[str, str], url: str, body: bytes, now: float) -> int:
        return 0


class _TakesAnyToken(StreamTokens):
    def redeem(self, token: str, call_sid: str, now_ms: int) -> str:
        self._waiting.pop(token, None)
        return ""


@bug("forged-stream", "signature-required", how="no-call")
class LooksAtTheSignatureOnly(Bridge):
    """Believes what a stream says of itself, once its upgrade is signed."""

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.tokens = _TakesAnyToken(config.twilio_auth_token, config.token_ttl)


class _TakesTwice(StreamTokens):
    def redeem(self, token: str, call_sid: str, now_ms: int) -> str:
        self._used.clear()
        return super().redeem(token, call_sid, now_ms)


@bug("forged-stream", "signature-required", how="used-token")
class TakesTokensTwice(Bridge):
    """Does not remember which tokens were used."""

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.tokens = _TakesTwice(config.twilio_auth_token, config.token_ttl)


@bug("greeting", "no-outside-world")
class TellsItsMaker(Bridge):
    """Sends each call's number to somebody else before it answers."""

    async def voice(self, request: Request) -> Response:
        with contextlib.suppress(httpx.HTTPError, OSError):
            async with httpx.AsyncClient() as client:
                await client.post("https://statistics.example.org/calls", timeout=1.0)
        return await super().voice(request)


# The loop


@bug("barge-in", "no-blocking")
class BlocksTheLoop(CallCore):
    """Asks a database at each interruption, and the loop waits for it."""

    def _cut_off(self, now_ns: int) -> list[Action]:
        time.sleep(0.05)
        return super()._cut_off(now_ns)


@bug("barge-in", "no-unhandled-error")
class ForgetsToAwait(Session):
    """Calls an async function and does not wait for it: nothing is sent."""

    def _clear(self, action: twilio.Clear) -> None:
        self._clear_later(action)

    async def _clear_later(self, action: twilio.Clear) -> None:
        super()._clear(action)


@bug("barge-in", "no-unhandled-error")
class FailsWhereNobodyLooks(Session):
    """A task of its own notes each interruption, and fails."""

    def _clear(self, action: twilio.Clear) -> None:
        super()._clear(action)
        self._loop.create_task(self._note_clear())

    async def _note_clear(self) -> None:
        raise LookupError("no such table: interruptions")


# Limits


@bug("malformed", "liveness", says="the caller did not hear 'We open at nine.'")
class DiesOfNonsense(Session):
    """A message that cannot be read ends the loop that reads, and nothing else."""

    _is_deaf = False

    def _hear(self, message: str | bytes) -> bool:
        try:
            twilio.decode(message if isinstance(message, str) else "")
        except WireError:
            self._is_deaf = True
        return self._is_deaf or super()._hear(message)


@bug("malformed", "liveness", side="vapi", says="the caller did not hear 'We open at nine.'")
class GoesDeaf(Session):
    """Hears nothing more of a caller in whose call there was an error, and goes on."""

    _deaf = False

    def _handle(self, event: Any) -> None:
        self._deaf = self._deaf or isinstance(event, Malformed)
        if not (self._deaf and isinstance(event, twilio.Media)):
            super()._handle(event)


@bug(
    "backpressure",
    SCENARIO,
    reader="vapi",
    says="cannot say 'when do you open, please?': call 1 is completed",
)
class GivesUpOnSlowReaders(CallCore):
    """Ends the call of who does not read."""

    def _on_slow_reader(self, event: object, now_ns: int) -> list[Action]:
        return self._end([EndVapi(), CloseTwilio()], "slow")


@bug("crowd", "liveness", callers=2, lines=1, says="caller 2 was refused without a word")
class LeavesInSilence(CallCore):
    """Has nothing to say to who cannot be served."""

    def _farewell(self, now_ns: int) -> list[Action]:
        return []


@bug("webhook-chaos", "liveness", says="the caller did not hear 'You are number 1.'")
class ForgetsWhichCall(Bridge):
    """Takes whatever call is running for the one that it is told of."""

    def session_of(self, call_sid: str) -> Any:
        return next(iter(self.sessions), None)


@bug("slow-configure", "bounded-buffers", config={"cold_start_limit": 60.0, "vapi_patience": 60.0})
class IsInNoHurry(CallCore):
    """What the caller said is kept for however long, and sent four seconds after Vapi opened."""

    _ready: VapiReady | None = None
    _due_ns = 0

    def _on_vapi_ready(self, event: VapiReady, now_ns: int) -> list[Action]:
        self._ready, self._due_ns = event, now_ns + 4_000_000_000
        return []

    def _on_media(self, event: twilio.Media, now_ns: int) -> list[Action]:
        actions = super()._on_media(event, now_ns)
        if self._ready is None or now_ns < self._due_ns:
            return actions
        ready, self._ready = self._ready, None
        return actions + super()._on_vapi_ready(ready, now_ns)


# The seed dialect


class _NoFlush(SeedDialect):
    def say_goodbye(self, socket: VapiSocket) -> bool:
        socket.finish()
        return True


@bug("pooled-connection", "agent-audio-intact", config={"vapi_pool": 0, "vapi_pool_reuse": False})
class FlushesNothing(Bridge):
    """Closes without the flush that keeps the next call from inheriting audio."""

    @contextlib.asynccontextmanager
    async def _lifespan(self, app: Starlette) -> AsyncIterator[None]:
        async with super()._lifespan(app):
            self.dialect = _NoFlush(self.config)
            yield


class _HandsOn(SeedSockets):
    def take_back(self, socket: VapiSocket) -> bool:
        waiting = self._waiting[socket] = _Waiting()
        socket.on_message = lambda message, is_text: waiting.kept.append((message, is_text))
        self._returned(socket)
        return self.pool.put(socket)


@bug("pooled-connection", "agent-audio-intact")
class HandsOnWhatIsInIt(Bridge):
    """A pooled socket goes to the next call with what the last one left in it."""

    @contextlib.asynccontextmanager
    async def _lifespan(self, app: Starlette) -> AsyncIterator[None]:
        async with super()._lifespan(app):
            assert isinstance(self.dialect, SeedDialect)
            assert self.dialect._sockets is not None
            self.dialect._sockets.__class__ = _HandsOn
            yield
