"""Tasks of a simulated loop: asyncio's own, numbered."""

from __future__ import annotations

import asyncio
from contextvars import Context, copy_context
from typing import Any


class Task(asyncio.Task[Any]):
    """A task that hashes by its number, so that sets of tasks iterate the same in every run."""

    def __init__(
        self, number: int, coro: Any, *, context: Context | None = None, **options: Any
    ) -> None:
        self.number = number
        self.context = copy_context() if context is None else context
        super().__init__(coro, context=self.context, **options)

    def __hash__(self) -> int:
        return self.number
