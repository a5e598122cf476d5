"""A selector that wakes to the microsecond, and says when it is going to wait."""

from __future__ import annotations

import select
import selectors
import sys
from collections.abc import Callable


class FineSelector(selectors.DefaultSelector):
    """The system's own; where its timeouts are whole milliseconds, behind one whose are not.

    A frame that crosses four timers on its way would be up to 4 ms late otherwise.

    Attributes:
        before_wait: called when there is nothing to do but to wait.
    """

    def __init__(self) -> None:
        super().__init__()
        self.before_wait: Callable[[], object] = lambda: None

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Wait until something is ready, for ``timeout`` seconds at most."""
        if timeout is None or timeout > 0:
            self.before_wait()
            if sys.platform == "linux" and timeout is not None:
                select.select([self.fileno()], [], [], timeout)
                timeout = 0
        return super().select(timeout)
