"""The fake Vapi: ``api.vapi.ai``, REST and sockets on one port."""

from __future__ import annotations

import asyncio
import datetime
import random
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import msgspec
from websockets.http11 import Request

from ..audio import Repertoire
from ..timeline import Clock, Timeline
from ..wire import WireError, vapi
from ..wire.disorder import Disorder
from ..wire.http import HttpRequest, HttpResponse, HttpServer
from .assistant import Assistant, Script
from .conversation import Conversation
from .seed_dialect import SeedSocket
from .transport import TransportSocket

HOST = "api.vapi.ai"
API_KEY = "simkit-vapi-api-key"
"""A private key that the fake accepts; any other Bearer token does as well, unless told."""


@dataclass
class VapiCall:
    """A call that was created."""

    id: str
    session: int
    audio: vapi.AudioFormat
    created_at: str
    socket: TransportSocket | None = None

    @property
    def status(self) -> str:
        """``queued`` until its socket opens, then ``in-progress``, then ``ended``."""
        if self.socket is None:
            return "queued"
        return "ended" if self.socket.ended_reason else "in-progress"


class Vapi:
    """A simulated Vapi account.

    Attributes:
        create_delay: seconds that ``POST /call`` takes.
        open_delay: seconds that a socket's upgrade waits for its answer.
        api_key: the only key accepted; None accepts any.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        timeline: Timeline,
        repertoire: Repertoire,
        random_for: Callable[[str], random.Random],
    ) -> None:
        self._clock = clock
        self._timeline = timeline
        self._repertoire = repertoire
        self._random_for = random_for
        self._ids = random_for("vapi ids")
        self._assistant = Assistant()
        self._swap = 0.0
        self._duplicate = 0.0
        self.create_delay = 0.0
        self.open_delay = 0.0
        self.api_key: str | None = None
        self.calls: list[VapiCall] = []
        """Every call that was created, in order."""
        self._sessions = 0

    def assistant(
        self,
        *,
        first_message: Any = None,
        replies: Script = (),
        **settings: Any,
    ) -> Assistant:
        """Set the assistant that answers every call from now on, and return it.

        Args:
            first_message: said first; None waits for the caller.
            replies: said in turn, or a function of the caller's words.
            settings: any other field of :class:`Assistant`.

        Raises:
            ValueError: a setting outside its range.
            TypeError: an unknown setting.
        """
        self._assistant = Assistant(first_message=first_message, replies=replies, **settings)
        return self._assistant

    def disorder(self, *, swap: float = 0.0, duplicate: float = 0.0) -> None:
        """Let audio of later calls leave out of order or twice (seed dialect: it is numbered).

        Raises:
            ValueError: a share outside 0 to 1.
        """
        Disorder[bytes](self._random_for("check"), swap=swap, duplicate=duplicate)
        self._swap, self._duplicate = swap, duplicate

    def connection(self) -> asyncio.Protocol:
        """Make the protocol of one incoming connection."""
        return HttpServer(self._handle, self._upgrade)

    def next_session(self) -> int:
        """Return the number of the next session in the timeline, of Vapi's or another service's."""
        self._sessions += 1
        return self._sessions

    def settle(self) -> None:
        """Bring the timeline up to date with what every assistant received."""
        for call in self.calls:
            if call.socket is not None and call.socket.conversation is not None:
                call.socket.conversation.hearing.settle()

    # REST

    async def _handle(self, request: HttpRequest) -> HttpResponse:
        refusal = self._refuse(request)
        if refusal is not None:
            return refusal
        if request.method == "POST" and request.path == "/call":
            return await self._create(request)
        if request.method == "GET" and request.path.startswith("/call/"):
            for call in self.calls:
                if call.id == request.path.removeprefix("/call/"):
                    return _json(200, self._describe(call, monitor=True))
        return _problem(404, f"Cannot {request.method} {request.path}")

    def _refuse(self, request: HttpRequest) -> HttpResponse | None:
        if "user-agent" not in request.headers:
            return HttpResponse(403, [("Content-Type", "text/plain")], b"error code: 1010")
        kind, _, key = request.headers.get("authorization", "").partition(" ")
        if kind != "Bearer" or not key or self.api_key not in (None, key):
            return _problem(
                401,
                "Invalid Key. Hot tip, you may be using the private key instead of the public "
                "key, or vice versa.",
            )
        return None

    async def _create(self, request: HttpRequest) -> HttpResponse:
        sent_ns = self._clock.now_ns if request.sent_ns is None else request.sent_ns
        try:
            wanted = vapi.decode_create_call(request.body)
        except WireError as error:
            self._note_create(sent_ns, 0, str(error), 400)
            return _problem(400, [str(error)])
        call = self._new_call(wanted.transport.audio_format)
        audio = call.audio
        self._note_create(sent_ns, call.session, f"{audio.format}/{audio.sample_rate}", 201)
        if self.create_delay:
            await asyncio.sleep(self.create_delay)
        return _json(201, self._describe(call, monitor=False, assistant_id=wanted.assistant_id))

    def _note_create(self, sent_ns: int, session: int, shown: str, status: int) -> None:
        self._timeline.record(
            "request",
            "bridge",
            "vapi",
            t_ns=sent_ns,
            session=session or None,
            sent_ns=sent_ns,
            arrived_ns=self._clock.now_ns,
            method="POST",
            path="/call",
            shown={"format": shown} if status == 201 else {"status": status, "error": shown},
        )

    def _new_call(self, audio: vapi.AudioFormat) -> VapiCall:
        identity = str(uuid.UUID(int=self._ids.getrandbits(128), version=4))
        now = datetime.datetime.fromtimestamp(time.time(), datetime.UTC)
        created = now.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        call = VapiCall(identity, self.next_session(), audio, created)
        self.calls.append(call)
        return call

    def _describe(
        self, call: VapiCall, *, monitor: bool, assistant_id: Any = msgspec.UNSET
    ) -> vapi.Call:
        return vapi.Call(
            id=call.id,
            assistant_id=assistant_id,
            created_at=call.created_at,
            updated_at=call.created_at,
            org_id="00000000-0000-4000-8000-000000000000",
            cost=0,
            status=call.status,
            transport=vapi.CallTransport(f"wss://{HOST}/{call.id}/transport"),
            monitor=(
                {
                    "listenUrl": f"wss://{HOST}/{call.id}/listen",
                    "controlUrl": f"https://{HOST}/{call.id}/control",
                }
                if monitor
                else msgspec.UNSET
            ),
            subscription_limits=vapi.SubscriptionLimits(
                concurrency_blocked=False,
                concurrency_limit=10,
                remaining_concurrent_calls=max(0, 10 - self._running()),
            ),
        )

    def _running(self) -> int:
        return sum(call.status != "ended" for call in self.calls)

    # Sockets

    def _upgrade(self, path: str) -> TransportSocket:
        delay_ns = round(self.open_delay * 1e9)
        if path == "/ws":
            return SeedSocket(
                self._join_seed, clock=self._clock, timeline=self._timeline, open_delay_ns=delay_ns
            )
        return TransportSocket(
            self._join, clock=self._clock, timeline=self._timeline, open_delay_ns=delay_ns
        )

    def _join(self, socket: TransportSocket, request: Request) -> Conversation | None:
        """Return the conversation that a socket's path names; None refuses the socket."""
        for call in self.calls:
            if request.path == f"/{call.id}/transport" and call.socket is None:
                return self._begin(call, socket, self._assistant)
        return None

    def _join_seed(self, socket: TransportSocket, request: Request) -> Conversation | None:
        """Return a new conversation for a client of the seed dialect."""
        if not request.headers.get("Authorization", "").startswith("Bearer "):
            return None
        call = self._new_call(vapi.AudioFormat("mulaw", "raw", 8000))
        if isinstance(socket, SeedSocket) and (self._swap or self._duplicate):
            draw = self._random_for(f"vapi call {call.session} disorder")
            socket.disorder = Disorder(draw, swap=self._swap, duplicate=self._duplicate)
        # Between replies this dialect is silent: it has no frames to fill.
        return self._begin(call, socket, replace(self._assistant, silence_frames=False))

    def _begin(self, call: VapiCall, socket: TransportSocket, assistant: Assistant) -> Conversation:
        call.socket = socket
        socket.opens(call.session, call.audio)
        return Conversation(
            call.session,
            assistant,
            socket,
            clock=self._clock,
            timeline=self._timeline,
            repertoire=self._repertoire,
            draw=self._random_for(f"vapi call {call.session} voice"),
        )


def _json(status: int, body: object) -> HttpResponse:
    headers = [("Content-Type", "application/json; charset=utf-8")]
    return HttpResponse(status, headers, msgspec.json.encode(body))


_ERRORS = {400: "Bad Request", 401: "Unauthorized", 404: "Not Found"}


def _problem(status: int, message: str | list[str]) -> HttpResponse:
    """Answer as NestJS does."""
    return _json(status, {"message": message, "error": _ERRORS[status], "statusCode": status})
