"""anyio's worker threads: FastAPI's ``def`` endpoints and ``anyio.to_thread``.

anyio starts threads of its own rather than asking the loop's executor. While a simulated loop
runs, such work goes through :meth:`Loop.run_in_executor` instead, which begins it at a chosen
instant and lets it take a chosen virtual duration.
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


async def run_in_pool(
    backend: Any, func: Any, args: tuple[Any, ...], abandon_on_cancel: bool, limiter: Any
) -> Any:
    """Do what ``run_sync_in_worker_thread`` does, in a worker of the loop's executor."""
    from anyio import CancelScope
    from anyio._core._eventloop import claim_worker_thread, threadlocals

    await backend.checkpoint()
    async with limiter or backend.current_default_thread_limiter():
        with CancelScope(shield=not abandon_on_cancel) as scope:
            loop = asyncio.get_running_loop()
            context = copy_context()
            if "sniffio" in sys.modules:
                context.run(sys.modules["sniffio"].current_async_library_cvar.set, None)
            parent = getattr(scope, "_parent_scope", None)
            worker_scope = scope if abandon_on_cancel or parent is None else parent

            def work() -> Any:
                # What anyio.from_thread looks for.
                with claim_worker_thread(backend, loop):
                    threadlocals.current_cancel_scope = worker_scope
                    try:
                        return context.run(func, *args)
                    except StopIteration as error:
                        # No future takes it.
                        raise RuntimeError("coroutine raised StopIteration") from error
                    finally:
                        del threadlocals.current_cancel_scope

            return await loop.run_in_executor(None, work)
