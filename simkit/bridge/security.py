"""Security: what tells a request that Twilio made from any other. Pure; times come in.

Twilio's signature says who made a request, not when. The memory of webhooks tells those that
come again, and the token that is handed out with a webhook's answer binds its stream to the call,
for a short time and once.
"""

from __future__ import annotations

import hashlib
import hmac
from collections import OrderedDict
from typing import Literal

from msgspec import Struct

_AHEAD_MS = 5_000
"""How far the clock of another process of ours may be ahead."""

_MAX_TRIES = 8
"""Twilio tries a webhook at most six times."""


def is_same(given: str, expected: str) -> bool:
    """Compare two secrets in constant time; an empty one is never right."""
    same = hmac.compare_digest(given.encode("utf-8", "replace"), expected.encode())
    return same and bool(expected)


def bearer(authorization: str) -> str:
    """Return the token of an ``Authorization`` header; empty when there is none."""
    scheme, _, token = authorization.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


class StreamTokens:
    """What a webhook's answer hands to its stream.

    Args:
        key: the account's auth token.
        ttl: seconds that a token is good for.
    """

    def __init__(self, key: str, ttl: float) -> None:
        self._key = key.encode()
        self._ttl_ms = round(ttl * 1000)
        self._waiting: OrderedDict[str, int] = OrderedDict()
        self._used: OrderedDict[str, int] = OrderedDict()

    def issue(self, call_sid: str, now_ms: int) -> str:
        """Return a token for the stream of a call.

        Args:
            call_sid: whose webhook was signed.
            now_ms: the time of day, ms since the epoch.
        """
        token = self._token(call_sid, now_ms)
        self._waiting[token] = now_ms + self._ttl_ms
        return token

    def waiting(self, now_ms: int) -> int:
        """Return how many streams are still to come."""
        _forget(self._waiting, now_ms)
        return len(self._waiting)

    def redeem(self, token: str, call_sid: str, now_ms: int) -> str:
        """Take a token; returns what is wrong with it, empty when nothing is."""
        issued, _, _ = token.partition(".")
        issued_ms = int(issued) if issued.isdecimal() and len(issued) < 16 else 0
        if not is_same(token, self._token(call_sid, issued_ms)):
            return "the token does not belong to this call"
        if not -_AHEAD_MS <= now_ms - issued_ms <= self._ttl_ms:
            return "the token has expired"
        _forget(self._used, now_ms)
        if token in self._used:
            return "the token was used before"
        # Only tokens that we signed get here: nobody else can fill this.
        self._used[token] = issued_ms + self._ttl_ms
        self._waiting.pop(token, None)
        return ""

    def _token(self, call_sid: str, issued_ms: int) -> str:
        said = f"stream {call_sid} {issued_ms}".encode()
        return f"{issued_ms}.{hmac.new(self._key, said, hashlib.sha256).hexdigest()}"


def _forget(kept: OrderedDict[str, int], now_ms: int) -> None:
    """Drop what has expired; what was put in first expires first."""
    while kept:
        token, until_ms = next(iter(kept.items()))
        if until_ms >= now_ms:
            return
        del kept[token]


class _Answered(Struct):
    at_ms: int
    token: str
    tries: set[str]


class Webhooks:
    """The memory of webhooks that were answered.

    Twilio marks each try of a webhook with an ``I-Twilio-Idempotency-Token`` of its own. The same
    mark again is a replay. Another mark on the same request is a retry, and gets the same answer,
    while the stream token in it is good; afterwards it is a replay, too. The mark is not signed,
    so that one who replays may invent one; the answer then holds a token that was used.

    Args:
        ttl: seconds in which a retry is believed.
        size: webhooks that are remembered.
    """

    def __init__(self, ttl: float, size: int) -> None:
        self._ttl_ms = round(ttl * 1000)
        self._size = size
        self._answered: OrderedDict[tuple[str, str], _Answered] = OrderedDict()

    def judge(
        self, call_sid: str, signature: str, mark: str, now_ms: int
    ) -> Literal["new", "retry", "replay"]:
        """Say what a signed webhook is.

        Args:
            call_sid: the call it is about.
            signature: its signature, which was right.
            mark: its ``I-Twilio-Idempotency-Token``; empty when it has none.
            now_ms: the time of day, ms since the epoch.
        """
        before = self._answered.get((call_sid, signature))
        if before is None:
            return "new"
        tries = before.tries
        if mark in tries or len(tries) >= _MAX_TRIES or now_ms - before.at_ms > self._ttl_ms:
            return "replay"
        tries.add(mark)
        return "retry"

    def answered(self, call_sid: str, signature: str, mark: str, token: str, now_ms: int) -> None:
        """Remember the stream token that a new webhook was answered with."""
        self._answered[call_sid, signature] = _Answered(now_ms, token, {mark})
        if len(self._answered) > self._size:
            self._answered.popitem(last=False)

    def token(self, call_sid: str, signature: str) -> str:
        """Return what a retry is answered with."""
        return self._answered[call_sid, signature].token

    def __len__(self) -> int:
        return len(self._answered)
