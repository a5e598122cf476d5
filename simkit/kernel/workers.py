"""anyio's worker threads, run inline: FastAPI's ``def`` endpoints and ``anyio.to_thread``.

anyio starts threads of its own rather than asking the loop's executor. While a simulated loop
runs, such work goes through :meth:`Loop.run_in_executor` instead, which runs it at a chosen
instant for a chosen virtual duration.
"""

from __future__ import annotations

import asyncio
import sys
from contextvars import copy_context
from typing import Any


def anyio_backend() -> Any:
    """Return anyio's asyncio backend class where anyio is in use, else None."""
    if "anyio" not in sys.modules:
        return None
    from anyio._backends._asyncio import AsyncIOBackend

    return AsyncIOBackend


async def run_inline(
    backend: Any, func: Any, args: tuple[Any, ...], abandon_on_cancel: bool, limiter: Any
) -> Any:
    """Do what ``run_sync_in_worker_thread`` does, without a thread."""
    from anyio import CancelScope

    await backend.checkpoint()
    async with limiter or backend.current_default_thread_limiter():
        with CancelScope(shield=not abandon_on_cancel):
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(None, copy_context().run, func, *args)
