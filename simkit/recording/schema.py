"""The format as JSON Schema, made from the types that read it."""

from __future__ import annotations

from typing import Any

import msgspec

from .derived import Derived
from .format import VERSION, Header, RecordedEvent, Speaks

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema() -> dict[str, Any]:
    """Return the schema of one line of ``call.jsonl``: the header, or an event.

    Under ``$defs/Derived`` it has that of the files which say how one way comes from another.

    It says what types and ranges say. That sound exists, is long enough and of the right rate is
    checked by :func:`simkit.recording.read` alone.
    """
    types = (Header, RecordedEvent, Speaks, Derived)
    refs, definitions = msgspec.json.schema_components(types)
    header, event, speaks, _ = refs
    people = {"properties": {"leg": {"enum": ["caller", "agent"]}}}
    ended = {"properties": {"event": {"enum": ["ended", "lost", "note"]}}, "required": ["event"]}
    definitions["Header"]["required"] = ["format", "version", "source"]
    definitions["RecordedEvent"]["allOf"] = [
        {"if": people, "then": {"properties": {"message": speaks}, "required": ["message"]}},
        {
            "if": {"properties": {"leg": {"const": "call"}}},
            "then": {"properties": {"message": ended}, "required": ["message"]},
        },
        {
            "if": {"properties": {"leg": {"enum": ["twilio", "vapi"]}}},
            "then": {"required": ["direction"]},
        },
    ]
    return {
        "$schema": _DIALECT,
        "title": f"A line of a simkit recording, version {VERSION}",
        "oneOf": [header, event],
        "$defs": definitions,
    }
