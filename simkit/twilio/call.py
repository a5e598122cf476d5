"""A phone call at Twilio: its course from the first webhook, or the first ring, to its end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from ..audio import Speech
from ..wire.errors import shorten
from ..wire.http import HttpResponse
from . import sounds
from .callbacks import Callbacks, Progress, Spawn
from .callee import Person
from .carrier import Line
from .channel import Channel
from .ear import Ear
from .legs import Leg, Literally, Step
from .mouth import Mouth
from .stream import MediaStream
from .streams import Streaming, Streams
from .twiml import Document, StreamOrder, TwimlError, parse
from .verbs import Interpreter
from .webhooks import Ask, Sent, WebhookError, Webhooks, media_type

_MOST_DOCUMENTS = 100
"""Documents that one call may ask for: a redirect to itself comes to an end."""

_NS = 1_000_000_000


class CallFailed(Exception):  # noqa: N818 - what happened to the call, named as Twilio does
    """The call was not connected to a stream; says what the bridge answered."""


class NotInProgress(Exception):  # noqa: N818 - Twilio's words for it (21220)
    """The call is not in a state in which it can be controlled so."""


class CallFlow:
    """The course of one call. Runs as a task on Twilio's host.

    Attributes:
        status: ``queued``, ``initiated``, ``ringing``, ``in-progress``, or how it ended.
        failure: why the bridge was not connected, in words; empty when nothing is known.
        answered: set when a stream flows or something plays, and when a person picks up.
        put_through: set when what Twilio says or plays before it connects a stream is over, too.
        ended: set when the call is over.
        created_ns: when it came or was asked for.
        started_ns: when it was answered; None when not.
        ended_ns: when it was over; None while it is not.
    """

    def __init__(
        self,
        leg: Leg,
        *,
        channel: Channel,
        webhooks: Webhooks,
        callbacks: Callbacks,
        streams: Streams,
        spawn: Spawn,
        callee: Person | None = None,
    ) -> None:
        self.leg = leg
        self.channel = channel
        self.streams = streams
        self._webhooks = webhooks
        self._progress = Progress(leg, callbacks)
        self._spawn = spawn
        self._callee = callee
        self._over = False
        self._outcome = ""
        self._next: Step | None = None
        self._limit: asyncio.TimerHandle | None = None
        self._interpreter = Interpreter(
            channel=channel,
            streams=streams,
            ask=lambda ask: self._ask(ask, {}),
            answer=self._answer,
            pick_up=self._pick_up,
            reject=self._reject,
            failed=self._failed,
        )
        self.status = "queued" if callee is not None else "ringing"
        self.failure = ""
        self.answered = asyncio.Event()
        self.put_through = asyncio.Event()
        self.ended = asyncio.Event()
        self.created_ns = channel.clock.now_ns
        self.started_ns: int | None = None
        self.ended_ns: int | None = None
        self.on_picked_up: Callable[[], object] = lambda: None

    # What a phone needs

    @property
    def mouth(self) -> Mouth:
        """What the person says."""
        return self.channel.mouth

    @property
    def line(self) -> Line:
        """The carrier leg between Twilio and the person."""
        return self.channel.line

    @property
    def ear(self) -> Ear | None:
        """What the person hears; None before there is sound."""
        return self.channel.ear

    @property
    def stream(self) -> MediaStream | None:
        """The bidirectional stream, while there is one."""
        connected = self.streams.connected
        return connected.media if connected is not None else None

    @property
    def first_request(self) -> Sent | None:
        """The call's first webhook as it was made; None before that."""
        return self._webhooks.first

    @property
    def seconds(self) -> int:
        """How long it lasted, or lasts by now, from the answer: whole seconds, rounded."""
        if self.started_ns is None:
            return 0
        until_ns = self.channel.clock.now_ns if self.ended_ns is None else self.ended_ns
        return (until_ns - self.started_ns + _NS // 2) // _NS

    @property
    def over(self) -> bool:
        """It has been hung up, or has come to its end."""
        return self._over

    def press(self, digit: str) -> None:
        """The person presses a key: whoever asked for keys gets it, else the stream."""
        if self.channel.on_key is not None:
            self.channel.on_key(digit)
        elif self.stream is not None:
            self.stream.press(digit)

    def spoke(self, speech: Speech, start_ns: int) -> None:
        """The person says something, from ``start_ns`` on."""
        self.channel.spoke(speech, start_ns)

    def hang_up(self, by: str) -> None:
        """End the call from the person's side, or from Twilio's."""
        if self._over or self.ended.is_set():
            return
        self.channel.note_by(by, "hangs-up")
        if by == "caller" and self.leg.direction == "inbound":
            self._outcome = self._outcome or "no-answer"
        self._finish()

    # What a program may do with it

    def redirect(self, url: str, method: str = "POST") -> None:
        """Ask ``url`` for new instructions, at once; a stream is torn down for them.

        Raises:
            NotInProgress: the call is not answered, or over.
        """
        self._replace(Ask(url, method))

    def replace(self, twiml: str) -> None:
        """Follow a new document, at once; a stream is torn down for it.

        Raises:
            NotInProgress: the call is not answered, or over.
        """
        self._replace(Literally(twiml.encode()))

    def complete(self) -> None:
        """End the call, whether it rings or is in progress.

        Raises:
            NotInProgress: it is over.
        """
        if self._over:
            raise NotInProgress(f"call {self.leg.number} is {self.status}")
        self._outcome = "canceled"
        self.hang_up("twilio")

    def cancel(self) -> None:
        """End a call that is not answered yet.

        Raises:
            NotInProgress: it is answered, or over.
        """
        if self.started_ns is not None:
            raise NotInProgress(f"call {self.leg.number} is {self.status}")
        self.complete()

    def start_stream(self, order: StreamOrder) -> Streaming:
        """Start a unidirectional stream beside whatever the call does.

        Raises:
            NotInProgress: the call is not answered, or over.
            ValueError: a stream of that name runs already.
        """
        self._check_in_progress()
        return self.streams.start(order)

    async def stop_stream(self, name: str) -> bool:
        """Stop a stream by its name or sid; False when none runs under it."""
        return await self.streams.stop(name)

    def _replace(self, step: Step) -> None:
        self._check_in_progress()
        self._next = step
        self.channel.note("updated", to=_place(step))
        self.channel.interrupted.set()

    def _check_in_progress(self) -> None:
        if self.status != "in-progress" or self._over:
            raise NotInProgress(f"call {self.leg.number} is {self.status}")

    # Its course

    async def run(self) -> None:
        """Take the call through its TwiML."""
        try:
            if self._callee is None or await self._ring(self._callee):
                await self._follow_all()
        finally:
            self._over = True
            self.channel.interrupted.set()
            await self.streams.stop_all()
            self._end()

    async def _follow_all(self) -> None:
        step: Step | None = self.leg.first
        token = self.leg.call_token
        params = {"CallToken": token} if token is not None else {}
        for _ in range(_MOST_DOCUMENTS):
            if step is None or self._over:
                break
            step = await self._take(step, params)
            params = {}
            if self._next is not None and not self._over:
                step, self._next = self._next, None
                self.channel.interrupted.clear()
        if not self.answered.is_set() and not self._over and not self.failure:
            self.failure = "its TwiML ended before anything was connected or played"

    async def _take(self, step: Step, params: dict[str, str]) -> Step | None:
        """Get instructions and follow them; returns where the next ones come from."""
        try:
            document = await self._document(step, params)
            if document is None:
                return None
            base_url = step.url if isinstance(step, Ask) else step.base_url
            return await self._interpreter.follow(document, base_url.partition("#")[0])
        except (TwimlError, WebhookError) as error:
            self.failure = self.failure or str(error)
            self.channel.note("error", code=error.code, reason=str(error))
            return await self._fall_back(step, error.code)

    async def _document(self, step: Step, params: dict[str, str]) -> Document | None:
        """Return what to do; None when the call was interrupted meanwhile."""
        if isinstance(step, Literally):
            return parse(step.document)
        response = await self._ask(step, self.leg.params(self.status) | params | step.params)
        if response is None:
            return None
        settings = self.channel.settings
        if len(response.body) > settings.document_limit:
            found = len(response.body)
            raise TwimlError(
                11750, f"TwiML of {found} bytes, over the limit of {settings.document_limit}"
            )
        kind = media_type(response)
        if kind not in settings.content_types:
            expected = ", ".join(settings.content_types)
            raise TwimlError(
                12300, f"Content-Type: expected one of {expected}, found {shorten(kind)}"
            )
        return parse(response.body)

    async def _ask(self, ask: Ask, params: dict[str, str]) -> HttpResponse | None:
        """Make a request; None when the call is interrupted, and the request goes on alone."""
        wanted = asyncio.Event()
        wanted.set()
        asking = self._errand(
            self._webhooks.request(ask, params, call=self.leg.number, wanted=wanted.is_set)
        )
        await self.channel.until(asking)
        if not asking.done():
            wanted.clear()
            asking.add_done_callback(_forget)
            return None
        response: HttpResponse = asking.result()
        return response

    async def _fall_back(self, failed: Step, code: int) -> Step | None:
        """Ask the fallback, once; without one the person hears of an error and the call ends."""
        fallback = self.leg.fallback
        if self._over or self._next is not None:
            return None
        url = failed.url.partition("#")[0] if isinstance(failed, Ask) else ""
        if fallback is not None and not (isinstance(failed, Ask) and "ErrorCode" in failed.params):
            self.channel.note("fallback", code=code, to=_place(fallback))
            params = {"ErrorCode": str(code), "ErrorUrl": url}
            return Ask(fallback.url, fallback.method, params)
        self._pick_up()
        self.channel.begin()
        await self.channel.says(self.channel.settings.application_error)
        return None

    def _errand(self, coro: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        return self._spawn(coro, f"twilio call {self.leg.number} webhook")

    # Ringing out

    async def _ring(self, callee: Person) -> bool:
        """Dial and ring; True when it was answered."""
        settings, channel = self.channel.settings, self.channel
        if self.leg.queued_for:
            await channel.until(seconds=self.leg.queued_for)
            if channel.interrupted.is_set():
                return False
        self._goes_to("initiated")
        await channel.until(seconds=settings.ring_delay)
        if channel.interrupted.is_set():
            return False
        if callee.outcome == "failed":
            self._outcome = "failed"
            return False
        self._goes_to("ringing")
        patient = callee.outcome == "no-answer" or callee.answers_after > self.leg.timeout
        await channel.until(seconds=self.leg.timeout if patient else callee.answers_after)
        if channel.interrupted.is_set():
            return False
        if patient or callee.outcome == "busy":
            self._outcome = "no-answer" if patient else "busy"
            return False
        self._answer(is_stream_next=False)
        self._progress.tell("answered", "in-progress")
        self.on_picked_up()
        if self.leg.send_digits:
            await channel.plays("keys", sounds.keys(self.leg.send_digits))
        return not channel.interrupted.is_set()

    def _goes_to(self, status: str) -> None:
        self.status = status
        self.channel.note(status)
        self._progress.tell(status, status)

    # Its states

    def _pick_up(self) -> None:
        if self.started_ns is None:
            self.started_ns = self.channel.clock.now_ns
            self.status = "in-progress"
            if self.leg.time_limit is not None:
                due_ns = self.started_ns + round(self.leg.time_limit * _NS)
                self._limit = self.channel.clock.call_at(due_ns, self.hang_up, "twilio")

    def _answer(self, is_stream_next: bool) -> None:
        self._pick_up()
        self.channel.begin()
        self.answered.set()
        if not is_stream_next:
            self.put_through.set()

    def _reject(self, reason: str) -> None:
        self._outcome = "busy" if reason == "busy" else "no-answer"
        self.failure = f"it was rejected: {reason}"

    def _failed(self, reason: str) -> None:
        self.failure = self.failure or reason

    def _finish(self) -> None:
        self._over = True
        self.channel.interrupted.set()

    def _end(self) -> None:
        if self._limit is not None:
            self._limit.cancel()
        self.ended_ns = self.channel.clock.now_ns
        self.status = "completed" if self.started_ns is not None else self._outcome or "completed"
        self.channel.note("ended", status=self.status)
        self.ended.set()
        self._progress.tell("completed", self.status, self.seconds)


def _place(step: Step) -> str:
    """Name where instructions come from, without what changes from run to run."""
    if isinstance(step, Literally):
        return "TwiML"
    return f"{step.method} {step.url.partition('#')[0]}"


def _forget(task: asyncio.Task[Any]) -> None:
    """Nobody waits for the answer any more: that it failed is on the timeline."""
    if not task.cancelled():
        task.exception()
