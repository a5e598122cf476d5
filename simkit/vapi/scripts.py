"""Scripts: what the assistants of later calls say, and how their audio leaves."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from ..wire.disorder import Disorder
from ..wire.knobs import knobs_of, meant
from .assistant import Assistant, Script
from .recital import Recital


class Scripts:
    """Knobs that are read when a call begins.

    Args:
        random_for: a seeded generator for each named purpose.

    Attributes:
        defaults: fields of :class:`Assistant` that :meth:`assistant` sets where it is not told.
    """

    def __init__(self, random_for: Callable[[str], random.Random]) -> None:
        self._random_for = random_for
        self._assistant = Assistant()
        self.defaults: Mapping[str, Any] = {}
        self._swap = 0.0
        self._duplicate = 0.0
        self._recitals: deque[Recital] | None = None

    def assistant(
        self,
        *,
        first_message: Any = None,
        replies: Script = (),
        **settings: Any,
    ) -> Assistant:
        """Set the assistant that answers every call from now on, and return it.

        Args:
            first_message: said first; None waits for the caller.
            replies: said in turn, or a function of the caller's words.
            settings: any other field of :class:`Assistant`.

        Raises:
            ValueError: a setting outside its range.
            TypeError: an unknown setting.
        """
        for name in settings.keys() - knobs_of(Assistant).keys():
            raise TypeError(
                f"vapi.assistant: no setting {name!r}; {meant(name, knobs_of(Assistant))}"
            )
        settings = {**self.defaults, **settings}
        self._assistant = Assistant(first_message=first_message, replies=replies, **settings)
        return self._assistant

    def disorder(self, *, swap: float = 0.0, duplicate: float = 0.0) -> None:
        """Let audio of later calls leave out of order or twice (seed dialect: it is numbered).

        Raises:
            ValueError: a share outside 0 to 1.
        """
        Disorder[bytes](self._random_for("check"), swap=swap, duplicate=duplicate)
        self._swap, self._duplicate = swap, duplicate

    def plays(self, *recitals: Recital) -> None:
        """Let the next sockets say what is given, one recital each, and any later ones nothing."""
        self._recitals = deque(recitals)
