"""The Vapi leg of one call: opened, lost, opened again, ended. Moves bytes, decides nothing."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any, Protocol

import httpx

from ..wire import WireError
from .config import Config
from .events import AgentAudio, Malformed, PolledCall, SlowReader, VapiEvent, VapiGone, VapiReady
from .history import History
from .metrics import Metrics
from .tap import CallTap, event
from .vapi_rest import CreatedCall, http_client
from .vapi_seed import SeedDialect
from .vapi_socket import VapiError, VapiSocket, new_socket
from .vapi_transport import TransportDialect

log = logging.getLogger("simkit.bridge")

_NOT_THE_ADDRESS = (None, 401, 403)
"""Failures that another call would meet as well: nobody answers, or the key is refused."""
_TRY_LATER = 1011
"""How a socket that nobody answers on is reported."""

SLOW_CHUNKS = 100
"""Messages that wait for Vapi before it is said that it reads slowly."""

LegEvent = AgentAudio | VapiEvent | VapiReady | VapiGone | PolledCall | Malformed | SlowReader


class Dialect(Protocol):
    """How one kind of Vapi socket is opened and spoken; one object for all calls."""

    can_rejoin: bool
    """Whether a call has an address of its own, to be joined again after a loss."""

    def start(self) -> None:
        """Begin to make what is to wait for calls."""

    def ready(self) -> int:
        """Return how many calls or sockets wait."""

    async def create(
        self, call_sid: str, *, greets: bool = True, tap: CallTap | None = None
    ) -> CreatedCall:
        """Create a call, or return where there is one; raises :class:`VapiError`."""

    async def connect(self, call: CreatedCall, socket: VapiSocket) -> VapiSocket:
        """Open a socket, or return one that is open already; raises :class:`VapiError`."""

    def end(self, call: CreatedCall, *, was_joined: bool) -> None:
        """End a call whose socket is lost, or was never there."""

    async def poll(self, call: CreatedCall) -> PolledCall:
        """Ask what has become of a call without a socket."""

    async def close(self) -> None:
        """Give up what is kept; takes a second at most."""

    def send_audio(self, socket: VapiSocket, data: bytes) -> None:
        """Send caller audio."""

    def cancel_reply(self, socket: VapiSocket) -> None:
        """Say that the agent is to stop, where there is a word for it."""

    def tell(self, socket: VapiSocket, text: str) -> None:
        """Tell the agent something, where there is a word for it."""

    def remind(self, socket: VapiSocket, text: str, *, answers: bool) -> None:
        """Tell the agent what was, to be answered or not, where there is a word for it."""

    def say_goodbye(self, socket: VapiSocket) -> bool:
        """Say that the call is over, and close; False when another call may have the socket."""

    def read(self, message: bytes, is_text: bool) -> AgentAudio | VapiEvent | None:
        """Translate a message; None when it is of no concern."""


def dialect(config: Config, client: httpx.AsyncClient) -> Dialect:
    """Return what speaks the configured dialect."""
    return (
        SeedDialect(config) if config.vapi_dialect == "seed" else TransportDialect(config, client)
    )


@contextlib.asynccontextmanager
async def open_dialect(config: Config, metrics: Metrics | None = None) -> AsyncIterator[Dialect]:
    """Yield what speaks the configured dialect; ends its calls and connections afterwards."""
    async with http_client(config) as client:
        speaks = dialect(config, client)
        speaks.start()
        if metrics is not None:
            metrics.gauge("vapi_ready", speaks.ready)
        try:
            yield speaks
        finally:
            await speaks.close()


class VapiLeg:
    """One call's way to Vapi.

    Args:
        config: how the bridge runs.
        dialect: what is spoken.
        handle: gets every event, in order.
        metrics: where attempts and pongs are counted.
        tap: takes down what goes over the sockets, and the request that creates the call.
    """

    def __init__(
        self,
        config: Config,
        dialect: Dialect,
        handle: Callable[[LegEvent], object],
        metrics: Metrics,
        tap: CallTap | None = None,
    ) -> None:
        self._config = config
        self._tap = tap
        self._dialect = dialect
        self._handle = handle
        self._metrics = metrics
        self._loop = asyncio.get_running_loop()
        self._task: asyncio.Task[None] | None = None
        self._call: CreatedCall | None = None
        self._socket: VapiSocket | None = None
        self._spoken_in: CreatedCall | None = None  # the last call that was joined
        self._history = History()
        self._hears = False  # anything came since the socket was opened
        self._is_told = False  # the tap knows that it opened
        self._slowness = 0  # 1: a warning was given; 2: audio is dropped
        self._is_over = False
        self.call_sid = ""

    @property
    def waiting_bytes(self) -> int:
        """Bytes of caller audio that Vapi has not taken yet."""
        return 0 if self._socket is None or self._socket.transport is None else self._socket.unsent

    # Opening

    def open(self, call_sid: str, attempt: int = 0, *, greets: bool = False) -> None:
        """Create or rejoin the call; :class:`VapiReady` or :class:`VapiGone` follows.

        After a loss, ``rejoin`` decides between the same call and a new one that does not greet;
        a call whose address is refused is replaced by a new one in the same attempt.
        """
        self.call_sid = call_sid
        self._start(self._open(attempt, greets), f"vapi {call_sid}")

    def _start(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Do one thing at a time: what was begun before is given up."""
        if self._is_over:
            work.close()
            return
        if self._task is not None:
            self._task.cancel()
        self._task = self._loop.create_task(work, name=name)

    async def _open(self, attempt: int, greets: bool) -> None:
        began_ns = time.monotonic_ns()
        try:
            rejoined = await self._join(again=attempt > 0, greets=greets)
        except VapiError as error:
            outcome = "failed"
            self._gone(str(error), error.code)
        else:
            outcome = "rejoined" if rejoined else "new call"
            if not attempt:
                self._metrics.observe("vapi_open_seconds", (time.monotonic_ns() - began_ns) / 1e9)
            if attempt and not rejoined and not greets:
                self._remind()
            self._spoken_in = self._call
            self._handle(VapiReady(rejoined))
        if attempt:
            self._metrics.count("reconnects", outcome=outcome)

    async def _join(self, *, again: bool, greets: bool) -> bool:
        """Join a call; returns whether it is the one that was lost.

        Raises:
            VapiError: nobody answered, or Vapi refused.
        """
        if again and self._call is not None:
            if await self._joins_again(self._call):
                return self._call is self._spoken_in
            self._forget()
        if self._call is not None:
            await self._connect(self._call)
            return False
        while True:
            greets = greets or self._spoken_in is None
            self._call = call = await self._dialect.create(
                self.call_sid, greets=greets, tap=self._tap
            )
            try:
                await self._connect(call)
            except VapiError as error:
                if not call.is_ahead or error.code in _NOT_THE_ADDRESS:
                    raise
                log.info("call %s: one created ahead cannot be joined: %s", self.call_sid, error)
                self._forget()
            else:
                return False

    async def _joins_again(self, call: CreatedCall) -> bool:
        """Try the address of the call that is there, if that is wanted and makes sense.

        Raises:
            VapiError: nobody answered, or the key is refused; the call may be there still.
        """
        if not self._dialect.can_rejoin or self._config.rejoin == "new-call":
            return False
        try:
            await self._connect(call)
        except VapiError as error:
            if error.code in _NOT_THE_ADDRESS:
                raise
            log.info("call %s: cannot be joined again: %s", self.call_sid, error)
            return False
        return True

    async def _connect(self, call: CreatedCall) -> None:
        self._hears = self._is_told = False
        self._socket = socket = new_socket(self._config, call.url)
        socket.on_message = self._on_message if self._tap is None else self._on_tapped_message
        socket.on_pong_seconds = self._on_pong
        self._socket = socket = await self._dialect.connect(call, socket)
        if not socket.is_open:
            raise VapiError(f"socket closed with {socket.close_code}", socket.close_code)
        socket.on_gone = self._on_gone
        if self._tap is not None:
            self._tell_opened()
            socket.on_sent = self._on_sent

    def _remind(self) -> None:
        """Tell a new call what was said in the one that was lost."""
        text = self._history.hand_on()
        if text and self._socket is not None and self._config.carry_history:
            self._dialect.remind(self._socket, text, answers=self._history.is_unanswered)

    def _forget(self) -> None:
        """Leave a call behind; Vapi is told to end it."""
        call, self._call = self._call, None
        if call is not None:
            self._dialect.end(call, was_joined=call is self._spoken_in)

    # In

    def _on_message(self, message: bytes, is_text: bool) -> None:
        self._hears = True
        if is_text:
            self._history.hear(message)
        try:
            event = self._dialect.read(message, is_text)
        except WireError as error:
            self._handle(Malformed(str(error)))
            return
        if event is not None:
            self._handle(event)

    def _tell_opened(self) -> None:
        assert self._tap is not None
        if not self._is_told:
            self._is_told = True
            self._tap.take("vapi", "in", event("opened"))

    def _on_tapped_message(self, message: bytes, is_text: bool) -> None:
        assert self._tap is not None
        self._tell_opened()  # Vapi may speak before who opened the socket gets to know
        self._tap.take("vapi", "in", message.decode("utf-8", "replace") if is_text else message)
        self._on_message(message, is_text)

    def _on_sent(self, message: bytes, is_text: bool) -> None:
        assert self._tap is not None
        self._tap.take("vapi", "out", message.decode() if is_text else message)

    def _on_gone(self, code: int) -> None:
        if self._tap is not None:
            self._tap.take("vapi", "in", event("disconnected", code=code))
        if code == 1008 and not self._hears:
            # Let in, and shown the door: this call is no more, but another may be had.
            self._forget()
            code = _TRY_LATER
        self._gone(f"socket closed with {code}", code)

    def _gone(self, reason: str, code: int | None) -> None:
        self._handle(VapiGone(reason, code, random.random()))

    def _on_pong(self, seconds: float) -> None:
        self._metrics.observe("vapi_pong_seconds", seconds)

    # Out

    def send_audio(self, data: bytes) -> None:
        """Send caller audio; dropped while there is no socket, or when Vapi does not read."""
        socket = self._socket
        if socket is None or not socket.is_open or not data:
            return
        unsent = socket.unsent
        if unsent:
            self._watch(unsent, len(data))
            if unsent > self._config.queue_limit_bytes:
                self._metrics.count("dropped", reason="vapi reads slowly")
                return
        self._dialect.send_audio(socket, data)

    def _watch(self, unsent: int, size: int) -> None:
        """Say that Vapi reads slowly, once a stretch; twice when audio is dropped besides."""
        chunks = unsent // size
        slowness = 2 if unsent > self._config.queue_limit_bytes else int(chunks >= SLOW_CHUNKS)
        if slowness > self._slowness:
            self._slowness = slowness
            self._handle(SlowReader("vapi", chunks, refused=slowness == 2))
        elif chunks < SLOW_CHUNKS // 2:
            self._slowness = 0

    def cancel_reply(self) -> None:
        """Tell Vapi that the caller interrupted."""
        if self._socket is not None:
            self._dialect.cancel_reply(self._socket)

    def tell(self, text: str) -> None:
        """Tell the agent something."""
        if self._socket is not None:
            self._dialect.tell(self._socket, text)

    # The end

    def poll(self) -> None:
        """Ask what has become of the call; :class:`PolledCall` follows."""
        self._start(self._poll(), f"poll {self.call_sid}")

    async def _poll(self) -> None:
        found = PolledCall("")
        if self._spoken_in is not None:
            found = await self._dialect.poll(self._spoken_in)
        self._handle(found)

    def end(self) -> None:
        """Say goodbye and close; what was created and has no socket is ended otherwise."""
        if self._is_over:
            return
        self._is_over = True
        socket = self._socket
        if socket is not None and socket.is_open:
            closes = self._dialect.say_goodbye(socket)
            if not closes:
                self._socket = None
            socket.on_sent = None
            if self._tap is not None and closes:
                self._tap.take("vapi", "out", event("closed", code=1000))
            self._call = None
        elif socket is not None:
            socket.finish()
        if self._task is not None:
            self._task.cancel()
        self._forget()

    async def close(self) -> None:
        """Return once nothing is left; an end was to be asked for before. A second at most."""
        self._is_over = True
        if self._task is not None and not self._task.done():
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._socket is not None and self._socket.transport is not None:
            self._socket.close_soon()
            await self._socket.closed
