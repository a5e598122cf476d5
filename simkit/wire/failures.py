"""Failures that the API of a fake was told to have: answers instead of what it was asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass
class _Failure(Generic[T]):
    answer: T
    times: int
    path: str


class Failures(Generic[T]):
    """What is answered next, in the order in which it was ordered."""

    def __init__(self) -> None:
        self._due: list[_Failure[T]] = []

    def order(self, status: int, answer: T, *, times: int, path: str) -> None:
        """Let the next ``times`` requests whose path holds ``path`` be answered so.

        Raises:
            ValueError: a status that is no error, or no request.
        """
        if not 400 <= status <= 599:
            raise ValueError(f"status: an error from 400 to 599, found {status!r}")
        if times < 1:
            raise ValueError(f"times: 1 or more, found {times!r}")
        self._due.append(_Failure(answer, times, path))

    def take(self, path: str) -> T | None:
        """Return the answer that this request gets; None for the one it deserves."""
        for failure in self._due:
            if failure.path in path:
                failure.times -= 1
                if not failure.times:
                    self._due.remove(failure)
                return failure.answer
        return None
