"""Logs: one line an event, as JSON for machines or as text for people.

A line never holds a secret or a control character, whatever was logged.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, Literal, TextIO

import msgspec

call_sid: ContextVar[str] = ContextVar("call_sid", default="")
"""The call that the running code belongs to; every task and timer of a call inherits it."""

source: ContextVar[str] = ContextVar("source", default="")
"""Where the request that is being answered comes from."""

_MAX_MESSAGE = 2000
_OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class _Line(logging.Formatter):
    def __init__(self, secrets: Iterable[str]) -> None:
        super().__init__()
        self._secrets = sorted(filter(None, secrets), key=len, reverse=True)

    def fields(self, record: logging.LogRecord) -> dict[str, Any]:
        """Return what a record says, in the order in which it is shown."""
        message = record.getMessage()
        if record.exc_info and record.exc_info[1] is not None:
            message += f": {self.formatException(record.exc_info)}"
        extra = {key: value for key, value in vars(record).items() if key not in _OWN}
        fields: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": extra.pop("event", "") or record.name.rpartition(".")[2],
            "message": self._clean(message),
        }
        if call_sid.get():
            fields["callSid"] = self._clean(call_sid.get())
        if source.get():
            fields["source"] = source.get()
        for key, value in extra.items():
            fields[key] = value if isinstance(value, (int, float)) else self._clean(str(value))
        return fields

    def _clean(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "***")
        text = "".join(c if c.isprintable() else "�" if c != "\n" else " | " for c in text)
        if len(text) <= _MAX_MESSAGE:
            return text
        # A traceback says most at its end.
        return text[: _MAX_MESSAGE // 4] + " … " + text[-_MAX_MESSAGE * 3 // 4 :]


class JsonLine(_Line):
    """A record as one JSON object: time, level, event, message, callSid, and what else it has.

    Args:
        secrets: texts that are replaced wherever they stand.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        return msgspec.json.encode(self.fields(record)).decode()


class TextLine(_Line):
    """A record as a line for people.

    Args:
        secrets: texts that are replaced wherever they stand.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        fields = self.fields(record)
        shown = [fields.pop(key) for key in ("time", "level", "message")]
        rest = " ".join(f"{key}={value}" for key, value in fields.items())
        return f"{shown[0]} {shown[1]:7} {shown[2]}  {rest}"


def start_logging(
    form: Literal["json", "text"], secrets: Iterable[str], out: TextIO | None = None
) -> None:
    """Write the process's log, from INFO on, to a stream; ``None`` for standard error."""
    handler = logging.StreamHandler(out or sys.stderr)
    handler.setFormatter((JsonLine if form == "json" else TextLine)(secrets))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("simkit.bridge").setLevel(logging.INFO)
    # Its warnings are of requests that are not HTTP: a stranger could fill a disk with them.
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
