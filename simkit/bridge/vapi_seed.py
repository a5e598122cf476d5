"""The socket of two widely copied articles: JSON, base64 mu-law, numbered where it can be."""

from __future__ import annotations

import binascii

from ..wire import WireError, seed_dialect
from .config import Config
from .events import AgentAudio, CallerSaid, Interrupted, PolledCall, VapiEvent
from .seed_sockets import SeedSockets
from .tap import CallTap
from .vapi_rest import CreatedCall
from .vapi_socket import VapiSocket, new_socket, open_socket


class SeedDialect:
    """Speaks the JSON socket, of which there is one address for all calls."""

    can_rejoin = False

    def __init__(self, config: Config) -> None:
        self._config = config
        self._sockets: SeedSockets | None = None

    def start(self) -> None:
        """Open the sockets that are to wait for calls."""
        config = self._config
        if config.vapi_pool:
            self._sockets = SeedSockets(
                self._open_one, size=config.vapi_pool, reuses=config.vapi_pool_reuse
            )
            self._sockets.pool.start()

    def ready(self) -> int:
        """Return how many sockets wait."""
        return 0 if self._sockets is None else len(self._sockets.pool)

    async def _open_one(self) -> VapiSocket:
        call = await self.create("")
        socket = new_socket(self._config, call.url)
        await open_socket(socket, call.url, self._config.vapi_timeout)
        return socket

    async def create(
        self, call_sid: str, *, greets: bool = True, tap: CallTap | None = None
    ) -> CreatedCall:
        """Return the one address there is."""
        return CreatedCall("", self._config.vapi_url.replace("http", "ws", 1) + "/ws")

    async def connect(self, call: CreatedCall, socket: VapiSocket) -> VapiSocket:
        """Open the socket, or return one that waited.

        Raises:
            VapiError: the socket was refused, or did not open in time.
        """
        ready = self._sockets and self._sockets.take(socket)
        if ready:
            return ready
        await open_socket(socket, call.url, self._config.vapi_timeout)
        return socket

    def end(self, call: CreatedCall, *, was_joined: bool) -> None:
        """Nothing: a call is its socket here."""

    async def poll(self, call: CreatedCall) -> PolledCall:
        """Know nothing: there is nobody to ask."""
        return PolledCall("")

    async def close(self) -> None:
        """Close what waits; takes a second at most."""
        if self._sockets is not None:
            await self._sockets.close()

    def send_audio(self, socket: VapiSocket, data: bytes) -> None:
        """Send a JSON message."""
        payload = binascii.b2a_base64(data, newline=False).decode()
        socket.send_text(seed_dialect.encode(seed_dialect.Audio(data=payload)))

    def cancel_reply(self, socket: VapiSocket) -> None:
        """Tell the agent to stop."""
        socket.send_text(seed_dialect.encode(seed_dialect.CancelResponse()))

    def tell(self, socket: VapiSocket, text: str) -> None:
        """Nothing: there is no word for it."""

    def remind(self, socket: VapiSocket, text: str, *, answers: bool) -> None:
        """Nothing: there is no word for it."""

    def say_goodbye(self, socket: VapiSocket) -> bool:
        """Send the flush that keeps the next call from inheriting audio, and close; or keep it."""
        if self._sockets is not None and self._sockets.take_back(socket):
            return False
        socket.send_text(seed_dialect.encode(seed_dialect.Flush()))
        socket.finish()
        return True

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
