"""The execution of everything that the documentation shows.

In README and docs, a block that begins with ``# name.py``, or with any file's name, is a file of a
small project, a ``diff`` block changes such files, a ``console`` block runs commands in it and
compares what they print (a line of ``...`` stands for any lines), and any other ``python`` block is
run as it is; TOML, YAML and ini files are read. A picture that a command has made is compared with
the one that the page shows; ``SIMKIT_DRAW=1 pytest docs`` keeps the new one instead.
"""

from __future__ import annotations

import atexit
import configparser
import functools
import os
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml
from sybil import Document, Example, Region, Sybil
from sybil.parsers.markdown import CodeBlockParser, SkipParser

from .blocks import FILE, name_of, patched
from .warm import Warm

ROOT = Path(__file__).parents[2]
_PICTURE = re.compile(r"^!\[[^\]]*\]\(([\w./-]+\.svg)\)$", re.MULTILINE)
_CHANGING = re.compile(r"[\d.]+ s of call in [\d.]+ s of CPU: \d+ call-seconds|in \d+\.\d\ds")


@functools.cache
def _warm() -> Warm:
    warm = Warm()
    atexit.register(warm.close)
    return warm


def _setup(namespace: dict[str, Any]) -> None:
    folder = namespace["folder"] = tempfile.TemporaryDirectory()
    for name in ("recordings", "examples"):
        (Path(folder.name) / name).symlink_to(ROOT / name)


def _teardown(namespace: dict[str, Any]) -> None:
    namespace["folder"].cleanup()


def _file(example: Example) -> str | None:
    """Write the file that a block is."""
    named = FILE.match(example.parsed)
    if named is None:
        return "expected a file's name in a comment, on the first line"
    path = Path(example.namespace["folder"].name) / named[1]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(example.parsed)
    return None


def _python(example: Example) -> str | None:
    if FILE.match(example.parsed):
        return _file(example)
    code = compile(example.parsed, example.path, "exec")
    exec(code, example.namespace)
    return None


_READERS: dict[str, Callable[[str], Any]] = {
    "ini": lambda text: configparser.ConfigParser(strict=False, interpolation=None).read_string(
        text
    ),
    "toml": tomllib.loads,
    "yaml": yaml.safe_load,
}
"""Of files that are no programs: they are read as their readers do."""


def _data(read: Callable[[str], Any]) -> Callable[[Example], None]:
    def evaluate(example: Example) -> None:
        read(example.parsed)

    return evaluate


def _diff(example: Example) -> None:
    path = Path(example.namespace["folder"].name) / name_of(example.parsed)
    path.write_text(patched(path.read_text(), example.parsed))


def _pictures(document: Document) -> Iterator[Region]:
    for shown in _PICTURE.finditer(document.text):
        yield Region(shown.start(), shown.end(), shown[1], _picture)


def _picture(example: Example) -> str | None:
    """Compare a picture with what a command above it has made, if one has."""
    shown = Path(example.path).parent / example.parsed
    made = Path(example.namespace["folder"].name) / shown.name
    if not made.exists():
        return None if shown.exists() else f"{shown}: there is no such picture"
    if os.environ.get("SIMKIT_DRAW"):
        shown.write_text(made.read_text())
    same = shown.exists() and shown.read_text() == made.read_text()
    return None if same else f"{shown}: SIMKIT_DRAW=1 pytest docs keeps what is drawn today"


def _console(example: Example) -> str | None:
    """Run each ``$`` line and compare what it prints with the lines below it."""
    for block in re.split(r"^\$ ", example.parsed, flags=re.MULTILINE)[1:]:
        command, _, expected = block.partition("\n")
        # A worker of pytest-xdist is one for what it starts, too, if that is told.
        inherited = {name: value for name, value in os.environ.items() if "XDIST" not in name}
        environment = inherited | {
            "PATH": f"{_warm().folder}:{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONDONTWRITEBYTECODE": "1",
            # What is shown needs these; looking for more takes pytest as long as the test does.
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "PYTEST_PLUGINS": "simkit.pytest_plugin,syrupy",
        }
        done = subprocess.run(
            command,
            shell=True,
            check=False,
            cwd=example.namespace["folder"].name,
            env=environment,
            capture_output=True,
            text=True,
        )
        printed = _normal(done.stdout), _normal(done.stdout + done.stderr)
        if not any(_matches(_normal(expected), text) for text in printed):
            return f"$ {command}\nexpected:\n{expected}\nprinted:\n{printed[1]}"
    return None


def _normal(text: str) -> str:
    text = _CHANGING.sub("<measured>", text)
    return "\n".join(line.rstrip() for line in text.strip().splitlines())


def _matches(expected: str, printed: str) -> bool:
    pattern = "\n".join(
        r"(?:.*\n)*?.*" if line.strip() == "..." else re.escape(line)
        for line in expected.splitlines()
    )
    return re.fullmatch(pattern, printed) is not None


collect = Sybil(
    path=str(ROOT),
    parsers=[
        SkipParser(),
        CodeBlockParser(language="python", evaluator=_python),
        CodeBlockParser(language="console", evaluator=_console),
        CodeBlockParser(language="diff", evaluator=_diff),
        *(CodeBlockParser(language=kind, evaluator=_data(read)) for kind, read in _READERS.items()),
        _pictures,
    ],
    patterns=["README.md", "docs/*.md", "docs/*/*.md"],
    setup=_setup,
    teardown=_teardown,
).pytest()
