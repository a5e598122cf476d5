"""What shells complete besides options: scenarios, what can be set in them, apps, recordings."""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import click
from click.shell_completion import (
    BashComplete,
    CompletionItem,
    add_completion_class,
    split_arg_string,
)


class _Bash(BashComplete):
    """Bash takes ``module:attr`` for three words, and completes the last one alone."""

    _begun = ""
    """What stands on the line before that word."""

    def get_completion_args(self) -> tuple[list[str], str]:
        """Return the words of the line, put together again, and the one that was begun."""
        words, begun = super().get_completion_args()
        whole: list[str] = []
        for word in [*words, begun]:
            if whole and (word in (":", "=") or whole[-1].endswith((":", "="))):
                whole[-1] += word
            else:
                whole.append(word)
        if len(whole) <= len(words):
            value = whole[-1].partition("=")[2] if whole[-1].startswith("-") else whole[-1]
            self._begun = value.removesuffix(begun if begun not in (":", "=") else "")
        return whole[:-1], whole[-1]

    def format_completion(self, item: CompletionItem) -> str:
        """Return what is still to be written."""
        return f"{item.type},{item.value.removeprefix(self._begun)}"


add_completion_class(_Bash)


def apps(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return what the Python files of this folder serve, and what puts a bridge up by itself.

    They are parsed, and never run.
    """
    from ..starting.survey import survey

    try:
        found = [candidate.spec for candidate in survey(Path()).candidates]
        trees = {path.stem: ast.parse(path.read_bytes()) for path in Path().glob("conftest.py")}
    except (OSError, SyntaxError, ValueError):
        return []
    found += [f"{module}:{name}" for module, tree in trees.items() for name in _puts_up(tree)]
    # Without a help text, which zsh would have begin at the colon.
    return [CompletionItem(spec) for spec in found if spec.startswith(incomplete)]


def _puts_up(tree: ast.Module) -> Iterator[str]:
    """Yield the functions of ``sim`` that are no fixtures."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and not node.decorator_list:
            names = [argument.arg for argument in node.args.args]
            if names == ["sim"]:
                yield node.name


def upstreams(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the services that are known, or behind ``host=`` the classes of this folder."""
    from ..scenarios.substitute import KNOWN
    from ..starting.sources import read

    host, equals, _ = incomplete.partition("=")
    found = list(KNOWN)
    if equals:
        try:
            files = read(Path()).files.values()
        except OSError:
            return []
        found = [
            f"{host}={file.module}:{node.name}"
            for file in files
            for node in file.tree.body
            if isinstance(node, ast.ClassDef)
        ]
    return [CompletionItem(name) for name in found if name.startswith(incomplete)]


def scenario_names(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Return the scenarios; in a list with commas, those after the last one."""
    from ..scenarios import REGISTRY

    before, comma, name = incomplete.rpartition(",")
    return [
        CompletionItem(f"{before}{comma}{one.name}", help=one.summary)
        for one in REGISTRY.values()
        if one.name.startswith(name)
    ]


def settings(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return what can be set in the scenario that stands on the line, with its default."""
    from ..scenarios import REGISTRY

    # click drops the other arguments of a line that ends with an option without its value.
    words = split_arg_string(os.environ.get("COMP_WORDS", ""))
    named = (REGISTRY[word] for word in words if word in REGISTRY)
    return [
        CompletionItem(one.describe(), help=one.range)
        for scenario in islice(named, 1)
        for one in scenario.parameters.values()
        if one.describe().startswith(incomplete)
    ]


def legs(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the legs of a replay, with the ways in which each can go."""
    ways = [f"{leg}={way}" for leg in ("twilio", "vapi") for way in ("recorded", "live")]
    return [CompletionItem(way) for way in ways if way.startswith(incomplete)]


def recordings(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the recordings in the folder that was begun; any folder where it holds none."""
    from ..recording.format import EVENTS_FILE

    folder = Path(incomplete if incomplete.endswith("/") else Path(incomplete).parent)
    begun = "" if folder == Path() and not incomplete.startswith("./") else f"{folder}/"
    try:
        found = sorted(path.name for path in folder.iterdir() if (path / EVENTS_FILE).exists())
    except OSError:
        found = []
    items = [
        CompletionItem(begun + name) for name in found if (begun + name).startswith(incomplete)
    ]
    return items or [CompletionItem(incomplete, type="dir")]
