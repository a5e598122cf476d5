"""The documented transport: ``POST /call``, then binary audio and flat JSON."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import httpx

from ..wire import vapi
from .config import Config
from .events import (
    AgentAudio,
    AgentStarted,
    AgentStopped,
    CallEnded,
    CallerSaid,
    CallerStarted,
    CallerStopped,
    Delayed,
    Interrupted,
    PolledCall,
    UnknownMessage,
    VapiEvent,
)
from .polling import poll
from .pool import Pool, keep_warm
from .tap import CallTap
from .vapi_rest import CreatedCall, VapiRest
from .vapi_socket import VapiSocket, open_socket


class TransportDialect:
    """Creates calls by REST and speaks the transport's frames.

    Args:
        config: how the bridge runs.
        client: for REST; not closed here.
    """

    can_rejoin = True

    def __init__(self, config: Config, client: httpx.AsyncClient) -> None:
        self._config = config
        self.rest = VapiRest(config, client)
        self._calls: Pool[CreatedCall] | None = None
        self._warm: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Make what is to wait for calls: connections, and calls that nobody has joined."""
        config = self._config
        if config.vapi_pool:
            self._warm = asyncio.get_running_loop().create_task(
                keep_warm(self.rest, config.vapi_pool, config.keepalive), name="vapi connections"
            )
        if config.prewarm_calls:
            self._calls = Pool(
                self._create_ahead,
                lambda call: self.rest.end(call, was_joined=False),
                size=config.prewarm_calls,
                max_age=config.prewarm_age,
            )
            self._calls.start()

    def ready(self) -> int:
        """Return how many calls wait."""
        return 0 if self._calls is None else len(self._calls)

    async def _create_ahead(self) -> CreatedCall:
        call = await self.rest.create("")
        return replace(call, is_ahead=True)

    async def create(
        self, call_sid: str, *, greets: bool = True, tap: CallTap | None = None
    ) -> CreatedCall:
        """Create a call, or return one that waited; that one has no SID in its metadata.

        Raises:
            VapiError: Vapi refused, or did not answer in time.
        """
        ready = self._calls.take() if self._calls is not None and greets else None
        if ready is not None:
            return ready
        return await self.rest.create(call_sid, greets=greets, tap=tap)

    async def connect(self, call: CreatedCall, socket: VapiSocket) -> VapiSocket:
        """Join a call.

        Raises:
            VapiError: the socket was refused, or did not open in time.
        """
        await open_socket(socket, call.url, self._config.vapi_timeout)
        return socket

    def end(self, call: CreatedCall, *, was_joined: bool) -> None:
        """End a call whose socket is lost, or was never there."""
        self.rest.end(call, was_joined=was_joined)

    async def poll(self, call: CreatedCall) -> PolledCall:
        """Ask what has become of a call."""
        return await poll(self.rest, call.id)

    async def close(self) -> None:
        """End what is to be ended; takes a second at most."""
        if self._warm is not None:
            self._warm.cancel()
            await asyncio.gather(self._warm, return_exceptions=True)
        if self._calls is not None:
            await self._calls.close()
        await self.rest.close()

    def send_audio(self, socket: VapiSocket, data: bytes) -> None:
        """Send a binary frame."""
        socket.send_binary(data)

    def cancel_reply(self, socket: VapiSocket) -> None:
        """Nothing: this transport has no word for it, and Vapi hears the caller itself."""

    def tell(self, socket: VapiSocket, text: str) -> None:
        """Put a text before the model, and have it answered."""
        message = vapi.AddMessage(vapi.ChatMessage("system", text))
        socket.send_text(vapi.encode(message))

    def remind(self, socket: VapiSocket, text: str, *, answers: bool) -> None:
        """Put a text before the model, to be answered now or kept for later."""
        said = vapi.ChatMessage("system", text)
        message = vapi.AddMessage(said, trigger_response_enabled=answers)
        socket.send_text(vapi.encode(message))

    def say_goodbye(self, socket: VapiSocket) -> bool:
        """Send the documented end of a call, and close."""
        socket.send_text(vapi.encode(vapi.EndCall()))
        socket.finish()
        return True

    def read(self, message: bytes, is_text: bool) -> AgentAudio | VapiEvent | None:
        """Translate a frame.

        Raises:
            WireError: a text frame that is not what its type says.
        """
        if not is_text:
            return AgentAudio(message)
        said = vapi.decode(message)
        if isinstance(said, vapi.UserInterrupted):
            return Interrupted()
        if isinstance(said, vapi.SpeechUpdate):
            if said.role == "user":
                return CallerStarted() if said.status == "started" else CallerStopped()
            return AgentStarted() if said.status == "started" else AgentStopped()
        if isinstance(said, vapi.Transcript):
            if said.role == "user":
                return CallerSaid(said.transcript, said.transcript_type == "final")
            return None
        if isinstance(said, vapi.StatusUpdate) and said.status == "ended":
            return CallEnded(said.ended_reason or "no reason given")
        if isinstance(said, vapi.Hang):
            return Delayed()
        if isinstance(said, vapi.Unknown):
            return UnknownMessage(said.type)
        return None
