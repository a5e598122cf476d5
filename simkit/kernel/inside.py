"""Which threads are inside a simulation, and in whose realm."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .realm import Realm

get_ident = threading.get_ident

realms: dict[int, Realm] = {}
"""The innermost realm of each thread that is running a simulated loop."""
