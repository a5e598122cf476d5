"""A selector that wakes to the microsecond, where the system's own rounds up to milliseconds."""

from __future__ import annotations

import selectors
import sys

if sys.platform == "linux":
    import select

    class FineSelector(selectors.EpollSelector):
        """epoll, whose timeouts are whole milliseconds, behind select, whose are not.

        A frame that crosses four timers on its way would be up to 4 ms late otherwise.
        """

        def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
            """Wait until something is ready, for ``timeout`` seconds at most."""
            if timeout is not None and timeout > 0:
                select.select([self.fileno()], [], [], timeout)
                timeout = 0
            return super().select(timeout)

else:  # pragma: no cover - elsewhere timeouts are fine enough
    FineSelector = selectors.DefaultSelector
