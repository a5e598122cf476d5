"""The project's own tests, and the execution of everything that the documentation shows.

In README and docs, a ``python`` block that begins with ``# name.py`` is a file of a small project,
a ``console`` block runs commands in it and compares what they print (a line of ``...`` stands for
any lines), and any other ``python`` block is run as it is.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from sybil import Example, Sybil
from sybil.parsers.markdown import CodeBlockParser, SkipParser

pytest_plugins = ["pytester"]

# The same examples every time, and none fails for being slow on a busy machine.
# ``--hypothesis-profile=search`` looks for new ones.
hypothesis.settings.register_profile("project", deadline=None, derandomize=True)
hypothesis.settings.register_profile("search", deadline=None, max_examples=1000)
hypothesis.settings.load_profile("project")

ROOT = Path(__file__).parent
_FILE = re.compile(r"# ([\w./-]+\.(?:py|log))\n")
_CHANGING = re.compile(r"[\d.]+ s of call in [\d.]+ s of CPU: \d+ call-seconds|in \d+\.\d\ds")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Keep each file on one worker: the blocks of a document build on those above them."""
    from xdist.scheduler import LoadFileScheduling

    return LoadFileScheduling(config, log) if config.getoption("dist") == "load" else None


def _setup(namespace: dict[str, Any]) -> None:
    folder = namespace["folder"] = tempfile.TemporaryDirectory()
    (Path(folder.name) / "recordings").symlink_to(ROOT / "recordings")


def _teardown(namespace: dict[str, Any]) -> None:
    namespace["folder"].cleanup()


def _python(example: Example) -> None:
    source = example.parsed
    named = _FILE.match(source)
    if named:
        path = Path(example.namespace["folder"].name) / named[1]
        path.write_text(source)
        return
    code = compile(source, example.path, "exec")
    exec(code, example.namespace)  # noqa: S102 - that is what it is for


def _console(example: Example) -> str | None:
    """Run each ``$`` line and compare what it prints with the lines below it."""
    for block in re.split(r"^\$ ", example.parsed, flags=re.MULTILINE)[1:]:
        command, _, expected = block.partition("\n")
        # A worker of pytest-xdist is one for what it starts, too, if that is told.
        inherited = {name: value for name, value in os.environ.items() if "XDIST" not in name}
        environment = inherited | {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONDONTWRITEBYTECODE": "1",
            # What is shown needs these; looking for more takes pytest as long as the test does.
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "PYTEST_PLUGINS": "simkit.pytest_plugin,syrupy",
        }
        done = subprocess.run(  # noqa: S602 - the commands are our own documents'
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


pytest_collect_file = Sybil(
    parsers=[
        SkipParser(),
        CodeBlockParser(language="python", evaluator=_python),
        CodeBlockParser(language="console", evaluator=_console),
    ],
    patterns=["README.md", "docs/*.md"],
    setup=_setup,
    teardown=_teardown,
).pytest()
