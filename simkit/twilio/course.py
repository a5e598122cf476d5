"""The course of a stream that is given beforehand: what Twilio says on it, and when.

Frames, keys and the end come whatever the server does. The return of a mark is an answer: it comes
when its turn is, and never before the server has sent that mark.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple


@dataclass(frozen=True)
class Frame:
    """A frame of the caller's sound as it was numbered; None: numbered in turn."""

    sound: bytes
    chunk: int | None = None
    timestamp_ms: int | None = None


@dataclass(frozen=True)
class End:
    """The socket ends without a ``stop``."""

    code: int
    """As the server sees it: 1005 for a close frame without a code, 1006 for none."""
    answers: bool = False
    """It is the answer to the server's own close."""


class Step(NamedTuple):
    """One thing that happens on the stream."""

    after_ns: int
    """Since ``connected`` was sent."""
    what: Frame | End | dict[str, Any]
    """A message is sent as it is, but for numbers and ids."""
    sequence: int | None = None
    """Its ``sequenceNumber``; None: the next."""

    @property
    def mark(self) -> str | None:
        """The name of the mark that comes back; None for anything else."""
        if not isinstance(self.what, dict) or self.what.get("event") != "mark":
            return None
        mark = self.what.get("mark")
        return str(mark.get("name", "")) if isinstance(mark, dict) else ""


def likeness(name: str) -> str:
    """Return what a mark's name has in common with that of the same mark in another call.

    >>> likeness("reply-1"), likeness("end-2f1c8a54-0b1e-4b4c-9f1a-6d3a5b7c9e01")
    ('reply-1', 'end-#')
    """
    return _IDS.sub("#", name)


_IDS = re.compile(
    r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|[0-9a-fA-F]{12,}|[0-9]{6,}"
)
"""UUIDs, long hexadecimal numbers, times: other ones each time."""


class Course:
    """What Twilio says on one stream.

    Args:
        steps: in the order of time, without ``connected``; ``start`` is among them.
        returns: the names of all marks that come back in it. Other marks come back when their audio
            has played. Ids in names do not count: the first such mark stands for the first, and so
            on.
        hang_up: ends the call, when it is time for ``stop``.
    """

    def __init__(
        self, steps: Iterator[Step], returns: Iterable[str], hang_up: Callable[[], object]
    ) -> None:
        self.steps = steps
        self.hang_up = hang_up
        self._returns = Counter(map(likeness, returns))
        self._sent: dict[str, list[str]] = {}
        self._held: list[Step] = []

    def sent(self, name: str) -> bool:
        """The server sent a mark; returns whether its return is part of the course."""
        like = likeness(name)
        if not self._returns[like]:
            return False
        self._returns[like] -= 1
        self._sent.setdefault(like, []).append(name)
        return True

    def due(self, step: Step) -> str | None:
        """Return the name of the mark that comes back by now; else the step is held."""
        sent = self._sent.get(likeness(step.mark or ""))
        if sent and step.mark is not None:
            return sent.pop(0)
        self._held.append(step)
        return None

    def held(self, name: str) -> str | None:
        """Return the name of the mark that comes back late, now that ``name`` was sent."""
        for step in self._held:
            if step.mark is not None and likeness(step.mark) == likeness(name):
                self._held.remove(step)
                return self.due(step)
        return None

    def unanswered(self, *, closed_by_server: bool) -> Iterator[Step]:
        """Yield the answers whose causes never came, once the stream is over."""
        waiting, self._held = self._held, []
        for step in [*waiting, *self.steps]:
            if isinstance(step.what, End):
                if step.what.answers and not closed_by_server:
                    yield step
            elif step.mark is not None and self.due(step) is None:
                yield step
