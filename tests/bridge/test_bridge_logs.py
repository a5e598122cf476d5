from __future__ import annotations

import io
import logging
from collections.abc import Iterator

import msgspec
import pytest

from simkit.bridge import logs
from simkit.bridge.logs import JsonLine, TextLine, start_logging

SECRET = "sesame-" + "3f9c" * 7


def record(message: str, *args: object, **extra: object) -> logging.LogRecord:
    made = logging.LogRecord("simkit.bridge", logging.WARNING, "f.py", 1, message, args, None)
    made.created = 1_800_000_000.25
    vars(made).update(extra)
    return made


def test_a_line_of_json_says_when_what_and_where() -> None:
    logs.call_sid.set("CA1")
    try:
        line = JsonLine([]).format(record("refused: %s", "why", event="refused", calls=2))
    finally:
        logs.call_sid.set("")
    assert msgspec.json.decode(line) == {
        "time": "2027-01-15T08:00:00.250+00:00",
        "level": "warning",
        "event": "refused",
        "message": "refused: why",
        "callSid": "CA1",
        "calls": 2,
    }


def test_a_line_of_text_says_the_same() -> None:
    line = TextLine([]).format(record("refused", event="refused", calls=2))
    assert line == "2027-01-15T08:00:00.250+00:00 warning refused  event=refused calls=2"


@pytest.mark.parametrize("form", [JsonLine, TextLine])
def test_no_line_holds_a_secret_or_a_control_character(
    form: type[JsonLine] | type[TextLine],
) -> None:
    try:
        raise ValueError(f"with {SECRET}")
    except ValueError as error:
        failed = (ValueError, error, error.__traceback__)
    said = record(
        "a\x1b[31mb\r\nlevel=error %s", SECRET, url=f"https://x?{SECRET}\n\u2028", exc_info=failed
    )
    line = form([SECRET, "", "3f9c"]).format(said)
    assert "sesame" not in line
    assert "3f9c" not in line
    assert "***" in line
    assert line.isprintable()


def test_a_long_line_keeps_its_beginning_and_its_end() -> None:
    line = TextLine([]).format(record("begin " + "x" * 100_000 + " end"))
    assert len(line) < 2100
    assert "begin" in line
    assert " end" in line


@pytest.fixture
def loggers() -> Iterator[None]:
    """Put logging back as it was."""
    named = [logging.getLogger(name) for name in ("", "simkit.bridge", "uvicorn.error")]
    before = [(logger.level, list(logger.handlers)) for logger in named]
    yield
    for logger, (level, handlers) in zip(named, before, strict=True):
        logger.setLevel(level)
        logger.handlers[:] = handlers


def test_the_log_of_a_process_begins_at_info(loggers: None) -> None:
    out = io.StringIO()
    start_logging("json", [SECRET], out)
    logging.getLogger("simkit.bridge").info("seen")
    logging.getLogger("simkit.bridge").debug("not seen")
    logging.getLogger("httpx").info("not seen")
    logging.getLogger("uvicorn.error").warning("not seen")
    assert [msgspec.json.decode(line)["message"] for line in out.getvalue().splitlines()] == [
        "seen"
    ]
