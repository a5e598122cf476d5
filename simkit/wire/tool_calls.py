"""Tool calls in Vapi's webhook: nested and flat, arguments as object or as text."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec

from .errors import explain


@dataclass(frozen=True)
class ToolCall:
    """One call of a tool, as far as it can be understood."""

    id: str
    name: str
    arguments: dict[str, Any] = field(default_factory=dict)
    problem: str = ""
    """Why it cannot be carried out; empty when it can."""


def read_tool_call(found: object) -> ToolCall:
    """Read an entry of ``toolCallList`` or ``toolWithToolCallList``; never raises.

    >>> function = {"name": "weather", "arguments": '{"city": "Rome"}'}
    >>> read_tool_call({"id": "1", "function": function})
    ToolCall(id='1', name='weather', arguments={'city': 'Rome'}, problem='')
    >>> read_tool_call({"id": "1", "name": "weather", "parameters": {"city": "Rome"}}).arguments
    {'city': 'Rome'}
    """
    if not isinstance(found, dict):
        return ToolCall("", "", problem=f"tool call: expected an object, found {_kind(found)}")
    call: dict[str, Any] = found["toolCall"] if isinstance(found.get("toolCall"), dict) else found
    inner: dict[str, Any] = call["function"] if isinstance(call.get("function"), dict) else call
    key, name = call.get("id"), inner.get("name")
    key = key if isinstance(key, str) else ""
    if not isinstance(name, str) or not name:
        return ToolCall(key, "", problem=f"tool call: name: expected a text, found {_kind(name)}")
    if not key:
        return ToolCall("", name, problem=f"{name}: the tool call has no id")
    given: Any = next(
        (inner[word] for word in ("arguments", "parameters") if inner.get(word) is not None), {}
    )
    if isinstance(given, str):
        try:
            given = msgspec.json.decode(given) if given.strip() else {}
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            return ToolCall(key, name, problem=f"{name}: arguments: {explain(error)}")
    if not isinstance(given, dict):
        problem = f"{name}: arguments: expected an object, found {_kind(given)}"
        return ToolCall(key, name, problem=problem)
    return ToolCall(key, name, given)


def _kind(found: object) -> str:
    return "nothing" if found is None else type(found).__name__
