"""Which threads are inside a simulation, and in whose realm."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .realm import Realm

get_ident = threading.get_ident

realms: dict[int, Realm] = {}
"""The innermost realm of each thread that is running a simulated loop."""


@contextmanager
def stepped_out() -> Iterator[None]:
    """Let this thread work outside its simulation, which stands still meanwhile.

    For what is a function of its arguments and of nothing else, and needs the machine: a speech
    synthesiser in a process of its own, for instance.
    """
    thread = get_ident()
    realm = realms.pop(thread, None)
    try:
        yield
    finally:
        if realm is not None:
            realms[thread] = realm
