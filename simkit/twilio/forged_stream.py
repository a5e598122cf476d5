"""Forged streams: media sockets that strangers open, as if a call of Twilio's did."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any, Literal

from websockets.http11 import Request

from ..audio import Samples, mulaw
from ..wire import signatures, twilio
from ..wire.websocket import WebSocketPeer, address_of, client_core
from .socket import StreamIdentity

StreamForgery = Literal["unsigned", "wrong-token", "no-call", "other-call", "used-token"]
"""The upgrade is not signed, or with another account's token; or it is signed as Twilio signs it,
which is over the URL alone and the same for every call. What follows names a call that there never
was (so it does without a signature, too), a call of somebody else's without what the bridge gave it
(``other-call``), or is what Twilio said on the stream of that call, once more."""

_PATIENCE = 5.0
_FRAME = 160
_FRAME_SECONDS = 0.02


class ForgedStream(WebSocketPeer):
    """One attempt: comes as Twilio would, speaks, and sees what becomes of it.

    Args:
        how: what is wrong with it.
        url: of the media socket.
        token: with which Twilio signs.
        call: what Twilio said of a call on its stream.
    """

    def __init__(self, how: StreamForgery, url: str, token: str, call: StreamIdentity) -> None:
        super().__init__(client_core(url))
        self._url = url
        self._is_signed = how != "unsigned"
        self._token = f"not {token}" if how == "wrong-token" else token
        self._call = _claimed(how, call)
        self._is_obeyed = False
        self._code = 1006
        self._answered = asyncio.Event()
        self._over = asyncio.Event()
        self.arrived_ns: int | None = None
        """When the upgrade reaches the bridge, on a simulated network."""

    async def attempt(self, samples: Samples, ssl: Any = True) -> int:
        """Come, speak, and stay for 5 s unless sent away; returns what became of it.

        Args:
            samples: what is spoken, at 8 kHz.
            ssl: passed to a connection over TLS.

        Returns:
            The status of the answer to the upgrade; the code with which the socket was closed, 1006
            where nobody said one; or 101: it was left open, or something was said to it.

        Raises:
            OSError: there was nobody to connect to.
        """
        host, port, is_secure = address_of(self._url)
        loop = asyncio.get_running_loop()
        await loop.create_connection(lambda: self, host, port, ssl=ssl if is_secure else None)
        self.arrived_ns = self.transport.get_extra_info("simkit.arrival_ns")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE):
                await self._answered.wait()
                await self._speak(mulaw.encode(samples))
                await self._over.wait()
        self._is_obeyed |= self.is_open
        self.drop()
        if self.refused_with is not None:
            return self.refused_with
        return 101 if self._is_obeyed else self._code

    def upgrade_request(self) -> Request:
        """Return the upgrade."""
        request = super().upgrade_request()
        if self._is_signed:
            signature = signatures.sign(self._token, signatures.as_signed(self._url))
            request.headers["X-Twilio-Signature"] = signature
        return request

    def on_open(self) -> None:
        """It was let in: say whose stream this is."""
        self.send_text(twilio.encode(twilio.Connected()))
        self.send_text(twilio.encode(self._call.start("1", ["inbound"])))
        self._answered.set()

    async def _speak(self, sound: bytes) -> None:
        """Send frames in real time, while anybody takes them."""
        loop = asyncio.get_running_loop()
        due, sid = loop.time(), self._call.stream_sid
        for number, at in enumerate(range(0, len(sound), _FRAME), 1):
            if not self.is_open:
                return
            frame = sound[at : at + _FRAME]
            self.send_text(twilio.encode_media(number + 1, number, number * 20, frame, sid))
            due += _FRAME_SECONDS
            await asyncio.sleep(due - loop.time())

    def on_text(self, data: bytes) -> None:
        """Whatever is said to a stranger is said to the wrong one."""
        self._is_obeyed = True

    def on_close(self, code: int, reason: str) -> None:
        """It was sent away, or never let in."""
        self._code = code
        self._answered.set()
        self._over.set()


def _claimed(how: StreamForgery, call: StreamIdentity) -> StreamIdentity:
    """Return whose stream it says it is."""
    if how == "used-token":
        return call
    if how == "other-call":
        return StreamIdentity(call.account_sid, call.call_sid, call.stream_sid, {})
    return StreamIdentity(call.account_sid, "CA" + "bad0" * 8, "MZ" + "bad0" * 8, {})
