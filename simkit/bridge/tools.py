"""Tools: functions of the deployment that the model may call, asked for by Vapi's webhook.

A tool is an async function; its name, its arguments and their types are what the model is told of
it at Vapi. Whatever a tool does, Vapi gets one string for each call, in time, and no call of
another is touched by it.
"""

from __future__ import annotations

import asyncio
import importlib
import inspect
import logging
import typing
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from ..wire.tool_calls import ToolCall, read_tool_call
from .config import ConfigError
from .metrics import Metrics

log = logging.getLogger("simkit.bridge")

Function = Callable[..., Awaitable[object]]
Result = dict[str, str]

_REMEMBERED = 1000
"""Calls whose results are kept, for when they are asked for again."""
_RUNNING = 100
"""Calls that run at once."""


class ToolError(Exception):
    """Raised by a tool: its words are what the model gets. Of other exceptions it gets the kind."""


class Tool:
    """A function, and what its arguments must be.

    Args:
        name: what the model calls it.
        function: an async function; arguments are passed by name.

    Raises:
        ConfigError: it is no async function, or its arguments cannot be given by name.
    """

    def __init__(self, name: str, function: Function) -> None:
        self.name = name
        self._function = function
        if not name or not isinstance(name, str):
            raise ConfigError(f"tools: expected a name, found {name!r}")
        if not _is_async(function):
            raise ConfigError(f"tools.{name}: expected an async function, found {function!r}")
        try:
            hints = typing.get_type_hints(
                function if inspect.isroutine(function) else type(function).__call__
            )
            parameters = inspect.signature(function).parameters.values()
            fields: list[Any] = []
            takes_any = False
            for each in parameters:
                hint = hints.get(each.name, Any)
                if each.kind is each.VAR_KEYWORD:
                    takes_any = True
                elif each.kind in (each.POSITIONAL_ONLY, each.VAR_POSITIONAL):
                    raise ConfigError(f"tools.{name}: argument {each.name!r} has no name to Vapi")
                elif each.default is each.empty:
                    fields.append((each.name, hint))
                else:
                    fields.append((each.name, hint | UnsetType, UNSET))
            self._arguments: Any = msgspec.defstruct(
                "Arguments", fields, kw_only=True, forbid_unknown_fields=not takes_any
            )
            msgspec.json.Decoder(self._arguments)  # knows the types, or says now that it does not
        except (TypeError, NameError) as error:
            raise ConfigError(f"tools.{name}: {error}") from None
        self._takes_any = takes_any

    async def __call__(self, arguments: dict[str, Any]) -> str:
        """Call the function; returns its result as a line of text.

        Raises:
            ToolError: the arguments are not what it takes.
        """
        try:
            checked = msgspec.convert(arguments, self._arguments, strict=False)
        except msgspec.ValidationError as error:
            raise ToolError(f"wrong arguments: {error}") from None
        given = msgspec.structs.asdict(checked)
        wanted = {name: value for name, value in given.items() if value is not UNSET}
        return text_of(await self._function(**(arguments if self._takes_any else {}) | wanted))


def text_of(result: object) -> str:
    """Return a tool's result as Vapi takes it: one string without line breaks.

    Raises:
        TypeError: it is no text, and cannot be put into JSON.

    >>> text_of({"degrees": 22}), text_of("sunny\\nand warm"), text_of(None)
    ('{"degrees":22}', 'sunny and warm', 'done')
    """
    if result is None:
        return "done"
    if not isinstance(result, str):
        result = msgspec.json.encode(result).decode()
    return " ".join(part for line in result.splitlines() if (part := line.strip()))


def load_tools(named: Mapping[str, str]) -> dict[str, Function]:
    """Import tools that a configuration names.

    Args:
        named: ``module:function`` by the name of the tool.

    Raises:
        ConfigError: there is no such module or function, or it is no tool.
    """
    found: dict[str, Function] = {}
    for name, place in named.items():
        module, colon, attribute = place.partition(":")
        if not (module and colon and attribute):
            raise ConfigError(f"tools.{name}: expected module:function, found {place!r}")
        try:
            value: Any = importlib.import_module(module)
            for part in attribute.split("."):
                value = getattr(value, part)
        except (ImportError, AttributeError) as error:
            raise ConfigError(f"tools.{name}: {error}") from None
        Tool(name, value)
        found[name] = value
    return found


class Tools:
    """Runs what Vapi asks for.

    Calls of one message run side by side. A call that is asked for again (Vapi tries again what
    failed on the way) is not run again: it gets what the first one gets.

    Args:
        functions: by name.
        timeout: seconds after which a call is answered without its result. The function goes on
            for as long again, since half a booking helps nobody; what it then returns is dropped,
            unless it is asked for again.
        metrics: where calls are counted, by outcome.

    Raises:
        ConfigError: one is no tool.
    """

    def __init__(
        self, functions: Mapping[str, Function], *, timeout: float, metrics: Metrics
    ) -> None:
        self._tools = {name: Tool(name, function) for name, function in functions.items()}
        self._timeout = timeout
        self._metrics = metrics
        self._tasks: OrderedDict[tuple[str, str, str], asyncio.Task[str]] = OrderedDict()
        self._late: set[asyncio.Task[str]] = set()

    @property
    def names(self) -> list[str]:
        """What can be called."""
        return sorted(self._tools)

    async def answer(self, call_id: str, asked: Sequence[object]) -> list[Result]:
        """Run the calls of one message; returns a result or an error for each, in their order.

        Args:
            call_id: Vapi's id of the phone call.
            asked: the calls, as Vapi words them.
        """
        return list(await asyncio.gather(*(self._answer(call_id, each) for each in asked)))

    async def _answer(self, call_id: str, asked: object) -> Result:
        call = read_tool_call(asked)
        found = {"toolCallId": call.id, "name": call.name}
        try:
            if call.problem:
                raise ToolError(call.problem)
            found["result"] = await self._result(call_id, call)
            outcome = "ok"
        except ToolError as error:
            found["error"] = text_of(str(error))
            outcome = "error"
        except TimeoutError:
            found["error"] = f"{call.name}: no result within {self._timeout:g} s"
            outcome = "timeout"
        if outcome != "ok":
            log.warning("Vapi call %s: tool %s: %s", call_id, call.name, found["error"])
        known = call.name if call.name in self._tools else "unknown"
        self._metrics.count("tool_calls", tool=known, outcome=outcome)
        return found

    async def _result(self, call_id: str, call: ToolCall) -> str:
        task = self._task(call_id, call)
        self._late.discard(task)
        done, _ = await asyncio.wait((task,), timeout=self._timeout)
        if not done:
            self._late.add(task)
            raise TimeoutError
        if task.cancelled():
            raise ToolError(f"{call.name} was cancelled")
        return task.result()

    def _task(self, call_id: str, call: ToolCall) -> asyncio.Task[str]:
        """Return what runs a call, begun now or before."""
        key = call_id, call.id, call.name
        task = self._tasks.get(key)
        if task is not None:
            return task
        tool = self._tools.get(call.name)
        if tool is None:
            known = ", ".join(self.names) or "none"
            raise ToolError(f"there is no tool {call.name!r} here; there are: {known}")
        if sum(not each.done() for each in self._tasks.values()) >= _RUNNING:
            raise ToolError(f"{call.name}: too many tools are running, try again later")
        run = self._run(tool, call.arguments)
        task = asyncio.get_running_loop().create_task(run, name=f"tool {call.name}")
        task.add_done_callback(lambda task: self._on_done(call_id, call.name, task))
        self._tasks[key] = task
        if len(self._tasks) > _REMEMBERED:
            # Over by as many as run: who comes next finds the oldest at rest.
            oldest = next(iter(self._tasks))
            if self._tasks[oldest].done():
                del self._tasks[oldest]
        return task

    async def _run(self, tool: Tool, arguments: dict[str, Any]) -> str:
        try:
            async with asyncio.timeout(2 * self._timeout):
                return await tool(arguments)
        except ToolError:
            raise
        except (Exception, SystemExit) as error:
            # Its words may hold what the model must not tell a caller; the log has them.
            log.warning("tool %s: %r", tool.name, error)
            raise ToolError(f"{tool.name} failed: {type(error).__name__}") from None

    def _on_done(self, call_id: str, name: str, task: asyncio.Task[str]) -> None:
        failed = task.cancelled() or task.exception() is not None  # which is thereby retrieved
        if task in self._late:
            self._late.discard(task)
            what = "failed after that" if failed else "has returned, too late: result dropped"
            log.warning("Vapi call %s: tool %s %s", call_id, name, what)

    async def close(self) -> None:
        """End what still runs."""
        running = [task for task in self._tasks.values() if not task.done()]
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        self._tasks.clear()


def _is_async(function: object) -> bool:
    call = getattr(function, "__call__", None)  # noqa: B004 - an object with an async __call__
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(call)
