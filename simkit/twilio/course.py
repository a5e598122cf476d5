"""The course of a stream that is given beforehand: what Twilio says on it, and when.

Frames, keys and the end come whatever the server does. The return of a mark is an answer: it comes
when its turn is, and never before the server has sent that mark.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
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


class Course:
    """What Twilio says on one stream.

    Args:
        steps: in the order of time, without ``connected``; ``start`` is among them.
        returns: how often each mark comes back in it, by its name. Other marks come back when their
            audio has played.
        hang_up: ends the call, when it is time for ``stop``.
    """

    def __init__(
        self, steps: Iterator[Step], returns: Mapping[str, int], hang_up: Callable[[], object]
    ) -> None:
        self.steps = steps
        self.hang_up = hang_up
        self._returns = returns
        self._sent: Counter[str] = Counter()
        self._returned: Counter[str] = Counter()
        self._held: list[Step] = []

    def sent(self, name: str) -> bool:
        """The server sent a mark; returns whether its return is part of the course."""
        self._sent[name] += 1
        return self._sent[name] <= self._returns.get(name, 0)

    def held(self, name: str) -> Step | None:
        """Return what had to wait for a mark, and waits no longer."""
        for step in self._held:
            if step.mark == name:
                self._held.remove(step)
                self._returned[name] += 1
                return step
        return None

    def is_due(self, step: Step) -> bool:
        """Return whether what answers the server may be said by now; else it is held."""
        name = step.mark
        if name is not None and self._returned[name] < self._sent[name]:
            self._returned[name] += 1
            return True
        self._held.append(step)
        return False

    def unanswered(self, *, closed_by_server: bool) -> Iterator[Step]:
        """Yield the answers whose causes never came, once the stream is over."""
        rest = [step for step in self.steps if step.mark is not None or _answers(step)]
        for step in [*self._held, *rest]:
            if _answers(step):
                if not closed_by_server:
                    yield step
            elif self._returned[step.mark or ""] < self._sent[step.mark or ""]:
                self._returned[step.mark or ""] += 1
            else:
                yield step


def _answers(step: Step) -> bool:
    return isinstance(step.what, End) and step.what.answers
