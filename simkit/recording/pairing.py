"""Pairing: which call at Vapi belongs to which phone call, as far as it shows from outside."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import deque
from typing import Any

from .capture import VAPI_FORMAT, CallCapture
from .media import MediaFormat
from .recorder import Direction

_MOST_WAITING = 1000
"""Messages of a call at Vapi that wait until it is known whose they are."""
_MOST_CALLS = 1000
"""Calls at Vapi that are known at once."""

GUESSED = (
    "Vapi's side was guessed to belong to this call: the request that created it has no call SID, "
    "and no other call was without one."
)
EARLY = "Vapi's side began before the stream did; what came before lies at the stream's begin."


class PhoneCall:
    """A media stream that is carried."""

    def __init__(self, capture: CallCapture) -> None:
        self.capture = capture
        self.sid = ""
        self.calls: list[VapiCall] = []
        """Its calls at Vapi."""
        self._is_quiet = asyncio.Event()

    async def falls_quiet(self, seconds: float) -> None:
        """Wait until no socket to Vapi is open any more, at most for so long."""
        self.look()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._is_quiet.wait()

    def look(self) -> None:
        """See whether a socket to Vapi is open."""
        if any(call.sockets for call in self.calls):
            self._is_quiet.clear()
        else:
            self._is_quiet.set()


class VapiCall:
    """A call at Vapi, or a socket that nobody created a call for.

    Args:
        request: the text that created it.
        format: what it asked for.
    """

    def __init__(self, request: str = "", format: MediaFormat = VAPI_FORMAT) -> None:  # noqa: A002
        self.request = request
        self.format = format
        self.phone: PhoneCall | None = None
        self.sockets = 0
        """That are open."""
        self._waiting: deque[tuple[Direction, str | bytes]] = deque(maxlen=_MOST_WAITING)

    def take(self, direction: Direction, data: str | bytes) -> None:
        """Take a message down where it belongs, once that is known."""
        if self.phone is None:
            self._waiting.append((direction, data))
        else:
            self.phone.capture.take("vapi", direction, data)

    def opened(self) -> None:
        """A socket opened."""
        self.sockets += 1
        self.take("in", '{"event": "opened"}')

    def closed(self, event: str, code: int) -> None:
        """A socket closed: ``disconnected`` by Vapi, or ``closed`` by the bridge."""
        self.take("in" if event == "disconnected" else "out", _close(event, code))
        self.sockets -= 1
        if self.phone is not None:
            self.phone.look()

    def belongs_to(self, phone: PhoneCall, note: str = "") -> None:
        """It is known now whose it is."""
        self.phone = phone
        phone.calls.append(self)
        phone.capture.vapi_format = self.format
        if note:
            phone.capture.note(note)
        for direction, data in self._waiting:
            phone.capture.take("vapi", direction, data)
        self._waiting.clear()


class Pairing:
    """Finds out whose a call at Vapi is.

    The SID of a phone call in the request that created it tells. Without one it belongs to the only
    phone call that has no call at Vapi yet, or else to the only one there is; that is a guess, and
    the recording says so. Where several are possible it stays nobody's.
    """

    def __init__(self) -> None:
        self._phones: list[PhoneCall] = []
        self._unpaired: deque[VapiCall] = deque(maxlen=_MOST_CALLS)

    def phone_named(self, phone: PhoneCall, sid: str) -> None:
        """A stream said whose call it is."""
        phone.sid = sid
        self._phones.append(phone)
        self._pair(EARLY)

    def phone_over(self, phone: PhoneCall) -> None:
        """A stream ended."""
        if phone in self._phones:
            self._phones.remove(phone)

    def vapi_began(self, call: VapiCall) -> None:
        """A call at Vapi is created, or a socket opened."""
        self._unpaired.append(call)
        self._pair()

    def vapi_over(self, call: VapiCall) -> None:
        """It came to nothing, or is over."""
        if call in self._unpaired:
            self._unpaired.remove(call)

    def _pair(self, note: str = "") -> None:
        for call in list(self._unpaired):
            found = [phone for phone in self._phones if phone.sid and phone.sid in call.request]
            if len(found) == 1:
                self._unpaired.remove(call)
                call.belongs_to(found[0], note)
        alone = [phone for phone in self._phones if not phone.calls] or self._phones
        if len(self._unpaired) == len(alone) == 1:
            self._unpaired.popleft().belongs_to(alone[0], f"{note} {GUESSED}".strip())


def _close(event: str, code: int) -> str:
    return json.dumps({"event": event, "code": code})


def format_of(request: Any) -> MediaFormat:
    """Return the audio format that a request for a call asks for; Vapi's default if it does not."""
    try:
        said = request["transport"]["audioFormat"]
        encoding, rate = said.get("format", "pcm_s16le"), said.get("sampleRate", 16000)
    except (TypeError, KeyError, AttributeError):
        return VAPI_FORMAT
    if encoding not in ("pcm_s16le", "mulaw") or type(rate) is not int:
        return VAPI_FORMAT
    return MediaFormat(encoding, rate) if 4000 <= rate <= 192_000 else VAPI_FORMAT
