"""The fake Vapi: ``api.vapi.ai`` and its other hosts, REST and sockets on one port."""

from __future__ import annotations

import asyncio
import random
import uuid
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from websockets.http11 import Request

from ..audio import Repertoire
from ..timeline import Clock, Timeline
from ..wire import vapi
from ..wire.disorder import Disorder
from ..wire.http import HttpRequest, HttpResponse, HttpServer
from ..wire.knobs import Sealed
from .account import AccountSettings
from .asking import Asking, AssistantAnswer, ToolResult
from .assistant import Assistant, begun_as_ordered
from .calls import LIMIT_REACHED, LOGGED, Logged, VapiCall, is_user_final
from .concurrency import Concurrency
from .control import ControlUrl
from .conversation import Conversation
from .create import Order, RefusedError, config_problems
from .faults import CallFaults, Faults
from .line import Line
from .origins import Origins, is_at
from .recital import Recital, Reciting
from .resources import Dates
from .rest import RestApi
from .scripts import Scripts
from .seed_dialect import SeedSocket
from .settings import VapiSettings
from .storage import Storage, is_recorded
from .tapes import TapedLine, Tapes
from .telling import Telling
from .transport import NO_CALL, Refusal, TransportSocket
from .webhooks import Spawn, VapiForgery, Webhooks


class Vapi(Scripts, Sealed):
    """A simulated Vapi account.

    Args:
        clock: time.
        timeline: where everything is recorded.
        repertoire: everything anyone says.
        random_for: a seeded generator for each named purpose.
        spawn: runs a coroutine on Vapi's machine.
        ssl: passed to connections over TLS; True for the loop's default.
        origins: what clients are told of where its hosts are.

    Attributes:
        open_delay: seconds that a socket's upgrade waits for its answer.
        api_key: the only private key accepted; None accepts any.
        public_key: the only public key accepted by control URLs that need one; None accepts any.
        rest: the REST API, to let it fail or take its time.
        webhooks: the requests made to servers, and the credentials of the account.
        account: knobs of REST, webhooks, control URL and artifact.
        assistants: configurations of saved assistants, by id: what ``POST /call`` means by
            ``assistantId``; an id that is not there is an assistant without configuration.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        timeline: Timeline,
        repertoire: Repertoire,
        random_for: Callable[[str], random.Random],
        spawn: Spawn,
        ssl: Any = True,
        origins: Origins | None = None,
    ) -> None:
        self._origins = origins or Origins()
        self._clock = clock
        self._timeline = timeline
        self._repertoire = repertoire
        self._ids = random_for("vapi ids")
        Scripts.__init__(self, random_for)
        self.settings = VapiSettings()
        """Knobs of the sockets."""
        self.faults = Faults()
        """What goes wrong; nothing, until it is asked to."""
        self._faults = CallFaults(self.faults, 0, timeline=timeline, draw=random_for("vapi faults"))
        self.open_delay = 0.0
        self.api_key: str | None = None
        self.public_key: str | None = None
        self.assistants: dict[str, dict[str, Any]] = {}
        self.calls: list[VapiCall] = []
        """Every call that was created, in order."""
        self._concurrency = Concurrency(self.calls)
        self._sessions = 0
        self.account = AccountSettings()
        self._dates = dates = Dates(clock)
        self._storage = Storage(dates, random_for("vapi storage"), self._origins)
        self.rest = RestApi(
            self._create,
            self.calls,
            lambda: self.api_key,
            self.account,
            clock=clock,
            timeline=timeline,
            dates=dates,
            storage=self._storage,
        )
        self.webhooks = Webhooks(
            self.account,
            clock=clock,
            timeline=timeline,
            draw=random_for("vapi webhooks"),
            spawn=spawn,
            ssl=ssl,
        )
        self._call_faults: dict[int, CallFaults] = {}
        self.webhooks.loses = self._loses_webhook
        self._telling = Telling(
            self.webhooks,
            self.account,
            clock=clock,
            dates=dates,
            spawn=spawn,
            storage=self._storage,
        )
        self._asking = Asking(
            self.webhooks,
            self._telling,
            self.account,
            clock=clock,
            timeline=timeline,
            dates=dates,
            draw=random_for("vapi tools"),
        )
        self._control = ControlUrl(
            self._find,
            lambda: self.public_key,
            self.account,
            clock=clock,
            timeline=timeline,
        )
        self._seal("vapi")

    # Knobs

    @property
    def create_delay(self) -> float:
        """Seconds that ``POST /call`` takes."""
        return self.rest.create_delay

    @create_delay.setter
    def create_delay(self, seconds: float) -> None:
        self.rest.create_delay = seconds

    @property
    def concurrency_limit(self) -> int | None:
        """How many calls may be under way; None: 10 are shown as the limit, and not enforced.

        Raises:
            ValueError: on assignment, a number below 0.
        """
        return self._concurrency.limit

    @concurrency_limit.setter
    def concurrency_limit(self, limit: int | None) -> None:
        self._concurrency.limit = limit

    @property
    def server(self) -> dict[str, Any] | None:
        """The account's server object, as the API has it; an assistant's own takes its place.

        Raises:
            ValueError: on assignment, what the API would refuse.
        """
        return self._telling.account_server

    @server.setter
    def server(self, found: dict[str, Any] | None) -> None:
        self._telling.account_server = found

    # Asking servers

    async def ask_tool(
        self,
        call: VapiCall,
        name: str,
        arguments: dict[str, Any] | None = None,
        *,
        tool: dict[str, Any] | None = None,
    ) -> ToolResult:
        """Call a tool as the model does, and return what the model gets.

        Args:
            call: in which.
            name: of the function.
            arguments: for it.
            tool: its configuration, with a ``server`` of its own perhaps, or ``async``.
        """
        return await self._asking.tool(call, name, arguments or {}, tool or {})

    async def ask_assistant(
        self, *, customer: str = "+15550199", number: str = "+15550100"
    ) -> AssistantAnswer:
        """Ask the account's server which assistant takes a call from ``customer`` to ``number``."""
        return await self._asking.assistant({"number": customer}, {"number": number})

    async def forges(self, how: VapiForgery) -> int:
        """Tell the server of the latest call that it is over, as Vapi never would.

        Args:
            how: what is wrong with the request.

        Returns:
            The status of the answer.

        Raises:
            HttpError: there was no answer.
            ValueError: there was no call, or nobody is told of it.
        """
        if not self.calls:
            raise ValueError("forges: there was no call")
        return await self._telling.forge_end(how, self.calls[-1])

    # The hosts

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

    async def _handle(self, request: HttpRequest) -> HttpResponse:
        host = request.headers.get("host", "")
        if is_at(self._origins.storage, host):
            return self._storage.handle(request, self._clock.now_ns)
        if is_at(self._origins.control, host):
            return await self._control.handle(request)
        if request.method == "POST" and request.path == "/call":
            late = self._faults.take("slow_create")
            if late is not None:
                await asyncio.sleep(late)
            status = self._faults.take("failed_create")
            if status is not None:
                self.rest.fails(int(status), message="fault", path="/call")
        return await self.rest.handle(request)

    # Calls

    def _create(self, order: Order) -> tuple[VapiCall, dict[str, Any]]:
        """Make a call as ordered, if the account may hold another.

        Raises:
            RefusedError: it may not, and that is what Vapi answers.
        """
        saved = self.assistants.get(order.assistant_id or "", {})
        wrong = config_problems(saved)
        if wrong:
            raise RefusedError(wrong)
        blocked = self._concurrency.is_reached
        if blocked and self.account.concurrency_answer == "400":
            raise RefusedError("Over Concurrency Limit")
        call = self._new_call(order.audio)
        call.assistant_id, call.name, call.metadata = (
            order.assistant_id,
            order.name,
            order.metadata,
        )
        # What overrides mention replaces a part whole.
        overrides = {name: value for name, value in order.overrides.items() if value is not None}
        call.config = saved | order.assistant | overrides
        if blocked:
            call.ended_reason, call.ended_ns = LIMIT_REACHED, self._clock.now_ns
        return call, self._concurrency.told(blocked=blocked)

    def _new_call(self, audio: vapi.AudioFormat) -> VapiCall:
        identity = str(uuid.UUID(int=self._ids.getrandbits(128), version=4))
        now_ns = self._clock.now_ns
        created = self._dates.iso(now_ns)
        call = VapiCall(identity, self.next_session(), audio, created, self._origins)
        call.created_ns = now_ns
        self.calls.append(call)
        return call

    def _find(self, identity: str) -> VapiCall | None:
        return next((call for call in self.calls if call.id == identity), None)

    # Sockets

    def _upgrade(self, path: str) -> TransportSocket:
        delay_ns = round((self.open_delay + (self._faults.take("slow_open") or 0)) * 1e9)
        if self._recitals and path != "/ws":
            delay_ns = max(delay_ns, self._recitals[0].opens_ns() - self._clock.now_ns)
        kind, find = (
            (SeedSocket, self._join_seed) if path == "/ws" else (TransportSocket, self._join)
        )
        return kind(
            find,
            settings=self.settings,
            clock=self._clock,
            timeline=self._timeline,
            open_delay_ns=delay_ns,
        )

    def _refusal(self, request: Request, *, needs_key: bool) -> Refusal | None:
        status = self._faults.take("failed_open")
        if status is not None:
            return Refusal(status, "fault")
        if needs_key and not request.headers.get("Authorization", "").startswith("Bearer "):
            return Refusal(401, "no key")
        return None

    def _join(self, socket: TransportSocket, request: Request) -> Conversation | Refusal:
        """Return the conversation that a socket's path names, or why there is none."""
        refusal = self._refusal(request, needs_key=self.settings.upgrade_key == "required")
        if refusal is not None:
            return refusal
        for call in self.calls:
            if request.path == f"/{call.id}/transport" and call.status == "queued":
                return self._begin(call, socket, begun_as_ordered(self._assistant, call.config))
        return Refusal(500, NO_CALL, opens_first=self.settings.no_call == "1008")

    def _join_seed(self, socket: TransportSocket, request: Request) -> Conversation | Refusal:
        """Return a new conversation for a client of the seed dialect."""
        refusal = self._refusal(request, needs_key=True)
        if refusal is not None:
            return refusal
        last = next((call.socket for call in reversed(self.calls)), None)
        call = self._new_call(vapi.AudioFormat("mulaw", "raw", 8000))
        if isinstance(socket, SeedSocket) and isinstance(last, SeedSocket):
            socket.inherited = last.left
        if isinstance(socket, SeedSocket) and (self._swap or self._duplicate):
            draw = self._random_for(f"vapi call {call.session} disorder")
            socket.disorder = Disorder(draw, swap=self._swap, duplicate=self._duplicate)
        # Between replies this dialect is silent: it has no frames to fill.
        return self._begin(call, socket, replace(self._assistant, silence_frames=False))

    def _begin(self, call: VapiCall, socket: TransportSocket, assistant: Assistant) -> Conversation:
        call.socket = socket
        call.assistant = assistant
        call.started_ns = self._clock.now_ns
        draw = self._random_for(f"vapi call {call.session} faults")
        faults = CallFaults(self.faults, call.session, timeline=self._timeline, draw=draw)
        self._call_faults[call.session] = faults
        socket.opens(call.session, call.audio, faults)
        line: Line = socket
        if is_recorded(call, self.account):
            call.tapes = Tapes(call.audio, call.started_ns)
            line = TapedLine(socket, call.tapes.assistant, self._clock)
        make: Callable[..., Conversation] = Conversation
        if self._recitals is not None and not isinstance(socket, SeedSocket):
            recital = self._recitals.popleft() if self._recitals else Recital(lambda _: iter(()))
            make = partial(Reciting, recital, socket)
        conversation = make(
            call.session,
            assistant,
            line,
            clock=self._clock,
            timeline=self._timeline,
            repertoire=self._repertoire,
            draw=self._random_for(f"vapi call {call.session} voice"),
            faults=faults,
        )
        if call.tapes is not None:
            conversation.hearing.tape = call.tapes.customer
        conversation.on_message = lambda message: self._hear(call, conversation, message)
        return conversation

    def _loses_webhook(self, session: int) -> bool:
        faults = self._call_faults.get(session, self._faults)
        return faults.take("webhook_outage") is not None

    def _hear(
        self, call: VapiCall, conversation: Conversation, message: vapi.ServerMessage
    ) -> None:
        """Keep a server message, and tell the call's server of it."""
        if isinstance(message, LOGGED):
            is_final = is_user_final(message)
            end_ns = conversation.hearing.ended_ns if is_final else 0
            call.log.append(Logged(self._clock.now_ns, message, end_ns))
        if isinstance(message, vapi.TransferUpdate) and isinstance(message.destination, dict):
            call.destination = message.destination
        if isinstance(message, vapi.StatusUpdate) and message.status == "ended":
            call.ended_ns = self._clock.now_ns
            call.ended_reason = message.ended_reason or "customer-ended-call"
            self._storage.keep(call, self.account)
            self._telling.end(call)
        else:
            self._telling.hear(call, message)
