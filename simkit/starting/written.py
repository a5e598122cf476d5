"""The files of a first test, and how they come onto a disk: all of them, or none."""

from __future__ import annotations

import ast
import contextlib
import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from ..world import BRIDGE_HOST, VOICE_PATH
from .accounts import Value
from .trial import BIN, NUMBER, OPENAI, Attempt

CONFTEST = "conftest.py"
TEST = "test_barge_in.py"
SNAPSHOT = Path("__snapshots__", "test_barge_in", "test_caller_interrupts.txt")
_LIMIT_MS = 500
"""How soon the agent is to be silent: the first test is red where a person would notice."""


@dataclass(frozen=True)
class Page:
    """A file to be written."""

    path: Path
    text: str

    @property
    def is_there(self) -> bool:
        """The file is there already, word for word."""
        try:
            return self.path.read_text(encoding="utf-8") == self.text
        except (OSError, ValueError):
            return False


@cache
def _templates() -> Any:
    import jinja2

    return jinja2.Environment(
        loader=jinja2.PackageLoader("simkit.starting"),
        autoescape=False,  # noqa: S701 - Python is written, and names are checked before
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=jinja2.StrictUndefined,
    )


def pages(
    app: str,
    call: Attempt,
    accounts: Sequence[Value],
    *,
    module: str,
    port: int | None,
    source: str | None,
    openai: bool,
) -> tuple[str, str]:
    """Return ``conftest.py`` and the test.

    Args:
        app: ``"module:attribute"``.
        call: how it was reached.
        accounts: what is in its environment.
        module: by which ``conftest.py`` is imported from the project's folder.
        port: where it listens, if that is its own choice.
        source: folder of its modules, from that of the tests, if Python does not find it there.
        openai: it speaks to OpenAI in Vapi's place.
    """
    imported: dict[str, list[str]] = {}
    for value in accounts:
        if value.imported:
            imported.setdefault(value.imported, []).append(value.written)
    if openai:
        imported["simkit.upstreams"] = ["OpenAIRealtime"]
    settings = {
        "accounts": accounts,
        "app": app,
        "bin": BIN,
        "call": call,
        "imports": [f"from {m} import {', '.join(sorted(set(imported[m])))}" for m in imported],
        "limit_ms": _LIMIT_MS,
        "module": module,
        "names": ", ".join(f'"{name}"' for name in (BRIDGE_HOST, *call.names)),
        "number": NUMBER,
        "openai": OPENAI if openai else "",
        "port": port,
        "source": source,
        "url": f"https://{BRIDGE_HOST}{call.path}",
        "usual": f"https://{BRIDGE_HOST}{VOICE_PATH}",
    }
    conftest, test = (
        _templates().get_template(name).render(settings)
        for name in ("conftest.jinja", "test.jinja")
    )
    return conftest, test


def defines(path: Path, name: str) -> bool:
    """Tell whether a file of Python defines a function; False if there is no such file."""
    try:
        tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return False
    return any(
        isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == name
        for node in tree.body
    )


def save(written: Sequence[Page]) -> Callable[[], None]:
    """Write files, over those that are there; all of them, or none.

    Returns:
        What puts things back as they were.

    Raises:
        OSError: one cannot be written. Nothing has changed then.
    """
    ready: list[tuple[str, Path]] = []
    before = {p.path: p.path.read_bytes() if p.path.exists() else None for p in written}

    folders: list[Path] = []
    replaced: list[Path] = []

    def take_back() -> None:
        for path in replaced:
            content = before[path]
            if content is None:
                path.unlink(missing_ok=True)
            else:
                path.write_bytes(content)
        for folder in folders:
            with contextlib.suppress(OSError):  # somebody else's file is in it
                folder.rmdir()

    try:
        for page in written:
            folders[:0] = [one for one in page.path.parents if not one.exists()]
            page.path.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=page.path.parent, prefix=".simkit-")
            ready.append((name, page.path))
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(page.text)
            os.chmod(name, 0o666 & ~_umask())
        for name, path in ready:
            os.replace(name, path)
            replaced.append(path)
    except BaseException:
        for name, _ in ready:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(name)
        take_back()
        raise
    return take_back


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
