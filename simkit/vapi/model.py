"""The model: what is answered, from a script or a function, in its own time."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterable, Awaitable, Callable, Coroutine
from typing import Any

from ..audio import Speech
from .assistant import Answer, Assistant, Reply

_FLUSH = "<flush />"
"""What a model may put into its output to have spoken what it said so far."""
_ENDS = (".", "?", "!", _FLUSH)

Take = Callable[[Reply | None, bool], object]
"""Takes a reply, None if there is none, and whether the time it took has passed already."""


class Model:
    """Answers what was heard; a function that takes time takes it on the running loop."""

    def __init__(self, assistant: Assistant) -> None:
        self._assistant = assistant
        self._asked = 0
        self._task: asyncio.Task[None] | None = None

    @property
    def is_thinking(self) -> bool:
        """True while an answer may still come."""
        return self._task is not None and not self._task.done()

    def ask(self, heard: str, take: Take) -> None:
        """Have ``take`` called with the answer, or with each piece of it."""
        self.cancel()
        replies = self._assistant.replies
        number = self._asked
        self._asked += 1
        if not callable(replies):
            take(_reply(replies[number]) if number < len(replies) else None, False)
            return
        answer: Any = replies(heard)
        if isinstance(answer, AsyncIterable):
            self._start(_each(answer, take))
        elif inspect.isawaitable(answer):
            self._start(_one(answer, take))
        else:
            take(_reply(answer), False)

    def cancel(self) -> None:
        """Answer no more."""
        if self._task is not None:
            self._task.cancel()
            self._task = None

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        self._task = asyncio.get_running_loop().create_task(work)
        self._task.add_done_callback(_raise)


def _raise(task: asyncio.Task[None]) -> None:
    """Let the loop know at once of a function that failed."""
    if not task.cancelled():
        task.result()


def _reply(answer: Any) -> Reply | None:
    """Return what was answered as a reply; None if there is nothing to say.

    Raises:
        TypeError: the answer is nothing that can be said.
    """
    if answer is None or (isinstance(answer, str) and not answer.split()):
        return None
    if isinstance(answer, Reply):
        return answer
    if isinstance(answer, str | Speech):
        return Reply(answer)
    raise TypeError(f"vapi.assistant.replies: a text, speech, a reply or None; found {answer!r}")


async def _one(answer: Awaitable[Answer], take: Take) -> None:
    take(_reply(await answer), True)


async def _each(pieces: AsyncIterable[str | Reply], take: Take) -> None:
    """Pass on what is yielded, a sentence at a time."""
    text = ""
    async for piece in pieces:
        if not isinstance(piece, str):
            take(_reply(piece), True)
            continue
        text += piece
        if text.rstrip().endswith(_ENDS):
            _pass_on(text, take)
            text = ""
    _pass_on(text, take)


def _pass_on(text: str, take: Take) -> None:
    spoken = text.replace(_FLUSH, " ").strip()
    if spoken:
        take(Reply(spoken, output=text), True)
