"""Garbage: messages that neither Twilio nor Vapi would send, for a socket that expects better."""

from __future__ import annotations

import json
from typing import Any, Literal

Garbage = Literal[
    "invalid-json",
    "wrong-types",
    "unknown-event",
    "no-object",
    "nested",
    "bad-base64",
    "binary",
    "huge",
    "wrong-stream",
]
"""What is wrong with it; ``wrong-stream``: it is of another stream, or another call."""

_HUGE_BYTES = 200_000
"""Messages have 300; what does not fit into the window would hold up all that follow."""
_HUGE_WORDS = 100_000
_DEEP = 20_000


def for_twilio(how: Garbage, stream_sid: str) -> str | bytes:
    """Return a message for a bridge's end of a media stream; bytes for a binary frame."""
    media = {"track": "inbound", "chunk": "7", "timestamp": "140", "payload": "/////w=="}
    message = {
        "event": "media",
        "sequenceNumber": "7",
        "media": media,
        "streamSid": stream_sid,
    }
    wrong: dict[Garbage, dict[str, Any]] = {
        "wrong-types": {"sequenceNumber": [], "media": {**media, "chunk": None, "payload": 7}},
        "unknown-event": {"event": "surprise"},
        "bad-base64": {"media": media | {"payload": "?!"}},
        "huge": {"media": media | {"payload": "/" * _HUGE_BYTES}},
        "wrong-stream": {"streamSid": "MZ" + "0" * 32},
    }
    return _plain(how) or json.dumps(message | wrong[how])


def for_vapi(how: Garbage) -> str | bytes:
    """Return a message for a bridge's end of a socket to Vapi; bytes for a binary frame."""
    messages: dict[Garbage, dict[str, Any]] = {
        "wrong-types": {"type": "transcript", "role": 7, "transcriptType": [], "transcript": None},
        "unknown-event": {"type": "surprise", "surprise": True},
        "bad-base64": {"type": "audio", "data": "?!", "sequence": 7},
        "huge": {"type": "transcript", "transcript": "word " * _HUGE_WORDS},
        "wrong-stream": {"type": "status-update", "call": {"id": "0" * 36}, "status": "queued"},
    }
    if how == "binary":
        return b""  # any other is audio
    return _plain(how) or json.dumps(messages[how])


def _plain(how: Garbage) -> str | bytes:
    """Return what is garbage on any socket; empty for any other kind."""
    texts: dict[Garbage, str | bytes] = {
        "invalid-json": '{"event":"media","type":',
        "no-object": "[1, null]",
        "nested": '{"event":"media","type":' + "[" * _DEEP + "]" * _DEEP + "}",
        "binary": bytes(range(256)),
    }
    return texts.get(how, "")
