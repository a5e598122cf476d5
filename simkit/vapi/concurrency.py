"""Concurrency: how many calls an account holds at once, and what it is told of that."""

from __future__ import annotations

from .calls import VapiCall

DEFAULT_LIMIT = 10
"""Calls that an account may hold at once, unless it pays for more."""


class Concurrency:
    """Counts the calls that are under way.

    Args:
        calls: every call of the account.
    """

    def __init__(self, calls: list[VapiCall]) -> None:
        self._calls = calls
        self._limit: int | None = None

    @property
    def limit(self) -> int | None:
        """How many calls may be under way; None: 10 are shown as the limit, and not enforced.

        Raises:
            ValueError: on assignment, a number below 0.
        """
        return self._limit

    @limit.setter
    def limit(self, limit: int | None) -> None:
        if limit is not None and (isinstance(limit, bool) or limit < 0):
            raise ValueError(f"concurrency_limit: 0 or more, or None; found {limit!r}")
        self._limit = limit

    @property
    def is_reached(self) -> bool:
        """True while no call more may be made."""
        return self._limit is not None and self._running() >= self._limit

    def told(self, *, blocked: bool) -> dict[str, object]:
        """Return what an answer to ``POST /call`` says of it."""
        limit = DEFAULT_LIMIT if self._limit is None else self._limit
        return {
            "concurrencyBlocked": blocked,
            "concurrencyLimit": limit,
            "remainingConcurrentCalls": max(0, limit - self._running()),
        }

    def _running(self) -> int:
        return sum(call.status != "ended" for call in self._calls)
