"""The Vapi leg: creates the call, connects, and translates both dialects for the core."""

from __future__ import annotations

import asyncio
import binascii
import ssl
from collections.abc import Callable
from functools import cache
from typing import Protocol

import httpx
from websockets.http11 import Request

from ..wire import WireError, seed_dialect, vapi
from ..wire.websocket import WebSocketPeer, address_of, client_core
from .config import Config
from .events import (
    AgentAudio,
    AgentStarted,
    AgentStopped,
    CallEnded,
    CallerSaid,
    CallerStarted,
    Interrupted,
    VapiEvent,
)

USER_AGENT = "simkit-bridge/0.1"


class VapiError(Exception):
    """The call could not be created or connected; the message holds no secret."""


class VapiSocket(WebSocketPeer):
    """The client's end of a Vapi socket; callbacks, no task.

    Args:
        url: where to connect.
        api_key: sent as Bearer token.
        on_message: gets each message, and whether it is text.
        on_gone: called once when the socket is closed, with the reason.
        keepalive: seconds between pings; a pong that takes as long loses the socket.
    """

    def __init__(
        self,
        url: str,
        api_key: str,
        *,
        on_message: Callable[[bytes, bool], object],
        on_gone: Callable[[str], object],
        keepalive: float,
    ) -> None:
        super().__init__(client_core(url))
        self._api_key = api_key
        self._on_message = on_message
        self._on_gone = on_gone
        self._keepalive = keepalive
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._pong_missing = False
        self.opened: asyncio.Future[None] = self._loop.create_future()
        self.closed: asyncio.Future[None] = self._loop.create_future()

    def upgrade_request(self) -> Request:
        """Return the upgrade with credentials."""
        request = super().upgrade_request()
        request.headers["User-Agent"] = USER_AGENT
        request.headers["Authorization"] = f"Bearer {self._api_key}"
        return request

    def on_open(self) -> None:
        """Tell who waits, and begin to ping."""
        if not self.opened.done():
            self.opened.set_result(None)
        self._timer = self._loop.call_later(self._keepalive, self._ping)

    def _ping(self) -> None:
        if self._pong_missing:
            self.drop()
            return
        self._pong_missing = True
        self.ping()
        self._timer = self._loop.call_later(self._keepalive, self._ping)

    def on_pong(self) -> None:
        """The far end is alive."""
        self._pong_missing = False

    def on_text(self, data: bytes) -> None:
        """Hand on a text message."""
        self._on_message(data, True)

    def on_binary(self, data: bytes) -> None:
        """Hand on a binary message."""
        self._on_message(data, False)

    def on_close(self, code: int, reason: str) -> None:
        """Tell who waits, and who listens."""
        if self._timer is not None:
            self._timer.cancel()
        if not self.opened.done():
            self.opened.set_exception(VapiError(f"socket: {reason or f'closed with {code}'}"))
            self.opened.exception()  # whoever waited may have given up
        else:
            self._on_gone(f"socket closed with {code}")

    def connection_lost(self, error: Exception | None) -> None:
        """The connection is gone, not only closed."""
        super().connection_lost(error)
        if not self.closed.done():
            self.closed.set_result(None)

    @property
    def unsent(self) -> int:
        """Bytes that the far end has not taken yet."""
        size: int = self.transport.get_write_buffer_size()
        return size


class Dialect(Protocol):
    """How one kind of Vapi socket is opened and spoken."""

    async def socket_url(self, call_sid: str) -> str:
        """Return where to connect for a call, which may have to be created first."""

    def send_audio(self, socket: VapiSocket, data: bytes) -> None:
        """Send caller audio."""

    def say_goodbye(self, socket: VapiSocket) -> None:
        """Say that the call is over."""

    def read(self, message: bytes, is_text: bool) -> AgentAudio | VapiEvent | None:
        """Translate a message; None when it is of no concern."""


@cache
def default_ssl_context() -> ssl.SSLContext:
    """Return the context for connections to Vapi: loading the certificates takes a while."""
    return ssl.create_default_context()


def http_client(config: Config) -> httpx.AsyncClient:
    """Make the client that creates calls."""
    return httpx.AsyncClient(
        timeout=config.vapi_timeout,
        verify=default_ssl_context(),
        headers={"User-Agent": USER_AGENT},
    )


def dialect(config: Config, client: httpx.AsyncClient) -> Dialect:
    """Return what speaks the configured dialect."""
    return (
        SeedDialect(config) if config.vapi_dialect == "seed" else TransportDialect(config, client)
    )


class TransportDialect:
    """The documented transport: ``POST /call``, then binary audio and flat JSON."""

    def __init__(self, config: Config, client: httpx.AsyncClient) -> None:
        self._config = config
        self._client = client

    async def socket_url(self, call_sid: str) -> str:
        """Create a call.

        Raises:
            VapiError: Vapi refused, or did not answer in time.
        """
        config = self._config
        audio = vapi.AudioFormat(config.vapi_format, "raw", config.vapi_rate)
        body = vapi.CreateCall(
            transport=vapi.Transport(audio_format=audio),
            assistant_id=config.vapi_assistant_id or "default",
            metadata={"twilioCallSid": call_sid},
        )
        try:
            response = await self._client.post(
                f"{config.vapi_url}/call",
                content=vapi.encode(body),
                headers={
                    "Authorization": f"Bearer {config.vapi_api_key}",
                    "Content-Type": "application/json",
                },
            )
        except httpx.HTTPError as error:
            raise VapiError(f"POST /call: {type(error).__name__}") from error
        if response.status_code not in (200, 201):
            raise VapiError(f"POST /call: HTTP {response.status_code}")
        try:
            call = vapi.decode_call(response.content)
        except WireError as error:
            raise VapiError(str(error)) from None
        return call.transport.websocket_call_url

    def send_audio(self, socket: VapiSocket, data: bytes) -> None:
        """Send a binary frame."""
        socket.send_binary(data)

    def say_goodbye(self, socket: VapiSocket) -> None:
        """Send the documented end of a call."""
        socket.send_text(vapi.encode(vapi.EndCall()))

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
                return CallerStarted() if said.status == "started" else None
            return AgentStarted() if said.status == "started" else AgentStopped()
        if isinstance(said, vapi.Transcript):
            if said.role == "user":
                return CallerSaid(said.transcript, said.transcript_type == "final")
            return None
        if isinstance(said, vapi.StatusUpdate) and said.status == "ended":
            return CallEnded(said.ended_reason or "no reason given")
        return None


class SeedDialect:
    """The socket of two widely copied articles: JSON, base64 mu-law, numbered where it can be."""

    def __init__(self, config: Config) -> None:
        self._config = config

    async def socket_url(self, call_sid: str) -> str:
        """Return the one address there is."""
        return self._config.vapi_url.replace("http", "ws", 1) + "/ws"

    def send_audio(self, socket: VapiSocket, data: bytes) -> None:
        """Send a JSON message."""
        payload = binascii.b2a_base64(data, newline=False).decode()
        socket.send_text(seed_dialect.encode(seed_dialect.Audio(data=payload)))

    def say_goodbye(self, socket: VapiSocket) -> None:
        """Send the flush that keeps the next call from inheriting audio."""
        socket.send_text(seed_dialect.encode(seed_dialect.Flush()))

    def read(self, message: bytes, is_text: bool) -> AgentAudio | VapiEvent | None:
        """Translate a message.

        Raises:
            WireError: something other than the dialect's JSON.
        """
        said = seed_dialect.decode(message)
        if isinstance(said, seed_dialect.Audio):
            try:
                sound = binascii.a2b_base64(said.payload)
            except ValueError as error:
                raise WireError(f"seed dialect, from Vapi: audio: {error}") from None
            number = said.sequence
            return AgentAudio(sound, number if isinstance(number, int) else None)
        if isinstance(said, seed_dialect.Transcript):
            return CallerSaid(said.text, final=not said.partial)
        return Interrupted()


async def open_socket(socket: VapiSocket, url: str, timeout: float) -> None:  # noqa: ASYNC109
    """Connect a socket; returns when it is open.

    Raises:
        VapiError: it did not open in time.
    """
    try:
        host, port, secure = address_of(url)
        async with asyncio.timeout(timeout):
            await asyncio.get_running_loop().create_connection(
                lambda: socket, host, port, ssl=default_ssl_context() if secure else None
            )
            await socket.opened
    except (OSError, ValueError) as error:  # a timeout is an OSError
        socket.drop()
        raise VapiError(f"socket: {type(error).__name__}: {error}") from error
