"""A thread of the outside: started before a simulation, and no part of it."""

from __future__ import annotations

import threading
from _thread import allocate_lock


class Outsider:
    """Calls functions in its thread, one at a time; a context manager around its life.

    It is asked by bare locks, which are what they are inside a simulation, too.
    """

    def __init__(self):
        self._go, self._done = allocate_lock(), allocate_lock()
        self._go.acquire()
        self._done.acquire()
        self._function = None
        self._thread = threading.Thread(target=self._run)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *exc_info):
        self._function = None
        self._go.release()
        self._thread.join()

    def call(self, function):
        """Call ``function`` there and return what it returned or raised."""
        self._function = function
        self._go.release()
        self._done.acquire()
        return self._outcome

    def _run(self):
        while self._go.acquire() and self._function is not None:
            try:
                self._outcome = self._function()
            except BaseException as error:
                self._outcome = error
            self._done.release()
