"""Joining the two worlds: coroutines wait for what happens to simpy's processes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import simpy


async def happening(loop: asyncio.AbstractEventLoop, event: simpy.Event) -> Any:
    """Wait for a simpy event; returns its value or raises its error."""
    done: asyncio.Future[Any] = loop.create_future()

    def on_event(happened: simpy.Event) -> None:
        if done.cancelled():
            return
        value: Any = happened.value
        if happened.ok:
            done.set_result(value)
        else:
            happened.defused = True
            done.set_exception(value)

    waiting: list[Any] | None = event.callbacks
    if waiting is None:
        on_event(event)
    else:
        waiting.append(on_event)
    return await done
