"""Taps: somebody takes down what goes over the sockets of a call, and is never waited for."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Literal, Protocol

import msgspec
from starlette.types import Message

from ..wire.secrets import SECRET, without_secrets
from .stream import Stream

Leg = Literal["twilio", "vapi"]
Direction = Literal["in", "out"]


class CallTap(Protocol):
    """Gets what one call says. Neither method may wait or raise."""

    def take(self, leg: Leg, direction: Direction, data: str | bytes, /) -> None:
        """Take a message as it is on the wire, text or bytes; ``in`` reaches the bridge."""

    def end(self) -> None:
        """The call is over."""


class Tap(Protocol):
    """Asked once for each call of a phone."""

    def begin(self, call_sid: str, /) -> CallTap:
        """Return what gets the messages of a call that begins now."""


class TappedStream:
    """A stream's socket whose messages somebody takes down.

    Args:
        stream: the socket.
        tap: gets the messages.
        token: what let the stream in; it is told to nobody.
    """

    def __init__(self, stream: Stream, tap: CallTap, token: str) -> None:
        self._stream = stream
        self._tap = tap
        self._token = token

    def begin(self, texts: list[str]) -> None:
        """Take what was received before the call was known."""
        for text in texts:
            self._tap.take("twilio", "in", text.replace(self._token, SECRET))

    async def read(self, hear: Callable[[str | bytes], bool]) -> None:
        """Hand on messages until ``hear`` wants no more, or the socket is closed."""

        def heard(message: str | bytes) -> bool:
            self._tap.take("twilio", "in", message)
            return hear(message)

        await self._stream.read(heard)
        if self._stream.breach:
            self._tap.take("twilio", "out", event("closed", code=self._stream.close_code))
        elif self._stream.is_closed:
            self._tap.take("twilio", "in", event("disconnected", code=self._stream.close_code))

    def write(self, text: bytes) -> bool:
        """Send a text message at once, if that can be."""
        if not self._stream.write(text):
            return False
        self._tap.take("twilio", "out", text.decode())
        return True

    async def send(self, message: Message) -> None:
        """Send a message."""
        self._tap.take("twilio", "out", message["text"])
        await self._stream.send(message)

    async def close(self, code: int = 1000) -> None:
        """Close the socket."""
        if not self._stream.is_closed:
            self._tap.take("twilio", "out", event("closed", code=code))
        await self._stream.close(code)


def event(name: str, **fields: Any) -> str:
    """Return as a message what no message tells: an opening, a close, a request, a response.

    No secret, and no address that is one, is in it.

    >>> event("response", status=201, body={"id": "1", "listenUrl": "wss://a.example/x7Kq"})
    '{"event": "response", "status": 201, "body": {"id": "1", "listenUrl": "wss://a.example/[secret]"}}'
    """
    return json.dumps({"event": name, **without_secrets(fields)})


def request(method: str, path: str, body: bytes) -> str:
    """Return a request to Vapi's API as a message."""
    return event("request", method=method, path=path, body=_read(body))


def response(path: str, status: int | None, body: bytes = b"", error: str = "") -> str:
    """Return the answer to one as a message; without a status, nobody answered."""
    said = {"status": status, "body": _read(body), "error": error}
    return event("response", path=path, **{key: value for key, value in said.items() if value})


def _read(body: bytes) -> Any:
    if not body:
        return None
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return f"{len(body)} bytes that are no JSON"
