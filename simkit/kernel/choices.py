"""Choice points: where a run may legally come out otherwise, behind one seam.

A real machine is free in some things and bound in others. ``call_soon`` is first in, first out, and
nobody may choose there. Free are these, by the names that a :class:`Choices` is asked with:

* ``poll``: the order in which one poll reports connections that have something to read.
* ``timers``: the order of timers of one instant that were set at different ones; those set at the
  same instant keep the order of their setting, as a real clock would let them.
* ``arrival``: how much later than its link says something arrives.
* ``segment``: how much of what was written at once arrives first.
* ``executor``: how long work in a thread takes.
* ``callback``: how long a callback holds the loop.

A search for races is a subclass that answers from its own draws.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from .trail import named


class Choices:
    """Answers at the choice points; this one takes no freedom, and subclasses override it."""

    holds_callbacks = True
    """Whether it is asked for ``callback``: each takes half as long again then."""

    def order(self, point: str, names: Sequence[str]) -> Sequence[int]:
        """Return the order of what is free to come in any order: a permutation of the indices.

        Args:
            point: ``poll`` or ``timers``.
            names: what there is to order, two or more.
        """
        return range(len(names))

    def duration_ns(self, point: str, name: str) -> int:
        """Return what is to be added to a duration, in ns, 0 or more.

        Args:
            point: ``arrival``, ``executor`` or ``callback``.
            name: the way ("twilio > bridge"), or what is called.
        """
        return 0

    def size(self, point: str, name: str, most: int) -> int:
        """Return how many bytes come first, 1 to ``most``.

        Args:
            point: ``segment``.
            name: the way.
            most: how many there are, 2 or more.
        """
        return most


class PollHandle(asyncio.Handle):
    """Reads one connection when a poll reports it; one poll's may run in any order."""

    __slots__ = ("name",)

    def __init__(self, name: str, callback: Any, loop: Any, context: Any) -> None:
        super().__init__(callback, (), loop, context)
        self.name = name


def order_poll(choices: Choices, ready: Any, before: int) -> None:
    """Let the connections of one poll come in the order that is chosen.

    Args:
        ready: the loop's queue.
        before: how many handles were in it before the poll.
    """
    if len(ready) - before < 2:
        return
    places = [at for at in range(before, len(ready)) if isinstance(ready[at], PollHandle)]
    if len(places) < 2:
        return
    polled = [ready[at] for at in places]
    chosen = _permutation(choices, "poll", [handle.name for handle in polled])
    for at, index in zip(places, chosen, strict=True):
        ready[at] = polled[index]


def order_timers(choices: Choices, due: list[Any]) -> None:
    """Let the timers of one instant come in the order that is chosen, as far as they are free."""
    if len(due) < 2:
        return
    if len({timer.made_ns for timer in due}) < 2 or len({timer._when for timer in due}) > 1:
        return
    chosen = _permutation(choices, "timers", [named(timer._callback) for timer in due])
    # Who was set at one instant keeps the order of setting, in the places that its group has got.
    groups: dict[int, list[Any]] = {}
    for timer in due:
        groups.setdefault(timer.made_ns, []).append(timer)
    waiting = {made_ns: iter(group) for made_ns, group in groups.items()}
    due[:] = [next(waiting[due[index].made_ns]) for index in chosen]


def chosen_ns(choices: Choices, point: str, name: str) -> int:
    """Ask for a duration.

    Raises:
        ValueError: the answer is none.
    """
    answer = choices.duration_ns(point, name)
    if not isinstance(answer, int) or answer < 0:
        raise ValueError(f"choice {point!r} of {name}: ns, 0 or more; found {answer!r}")
    return answer


def chosen_size(choices: Choices, point: str, name: str, most: int) -> int:
    """Ask for a number of bytes.

    Raises:
        ValueError: the answer is none.
    """
    answer = choices.size(point, name, most)
    if not isinstance(answer, int) or not 1 <= answer <= most:
        raise ValueError(f"choice {point!r} of {name}: bytes, 1 to {most}; found {answer!r}")
    return answer


def _permutation(choices: Choices, point: str, names: list[str]) -> list[int]:
    answer = list(choices.order(point, names))
    if sorted(answer) != list(range(len(names))):
        raise ValueError(
            f"choice {point!r}: a permutation of 0 to {len(names) - 1}, found {answer!r}"
        )
    return answer
