"""The documented transport: ``POST /call``, then binary audio and flat JSON."""

from __future__ import annotations

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

    async def create(self, call_sid: str, *, greets: bool = True) -> CreatedCall:
        """Create a call.

        Raises:
            VapiError: Vapi refused, or did not answer in time.
        """
        return await self.rest.create(call_sid, greets=greets)

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

    def say_goodbye(self, socket: VapiSocket) -> None:
        """Send the documented end of a call, and close."""
        socket.send_text(vapi.encode(vapi.EndCall()))
        socket.finish()

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
