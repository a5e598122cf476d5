"""The worker threads of an executor, kept for the next piece of work."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from .threads import IDLE

if TYPE_CHECKING:
    from .threads import Threads, Worker


class Pool:
    """As many threads as there is work at a time, one of them running at a time.

    Work that ends without waiting is run within the instant at which it began: what it sleeps with
    ``time.sleep`` is added up, and its clocks are ahead by as much. That time passes before it
    waits, hands something to the loop, or uses an event, a queue or another condition.

    Args:
        threads: the loop's threads, which these take turns with.
    """

    def __init__(self, threads: Threads) -> None:
        self._threads = threads
        self._idle: list[Worker] = []
        self._work: dict[Worker, Callable[[], None]] = {}
        self._made = 0

    def run(self, work: Callable[[], None]) -> None:
        """Let a worker do ``work``, at least until it waits for the first time."""
        if self._idle:
            worker = self._idle.pop()
            self._work[worker] = work
            self._threads.resume(worker)
            return
        name = f"asyncio_{self._made}"
        self._made += 1
        # As threads that nobody joins: one that hangs for real shall not keep the process.
        threading.Thread(target=self._serve, args=(work,), name=name, daemon=True).start()

    def _serve(self, work: Callable[[], None]) -> None:
        threads = self._threads
        worker = threads.running()
        assert worker is not None
        threads.works_ahead(worker)
        while True:
            work()
            del work  # it holds what the program made
            self._idle.append(worker)
            threads.park(worker, IDLE)
            work = self._work.pop(worker)
