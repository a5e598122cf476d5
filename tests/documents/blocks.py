"""Blocks of a document that are files, or change them; see ``execution.py``."""

from __future__ import annotations

import re

FILE = re.compile(r"# ([\w./-]+\.\w+)\n")
"""The first line of a block that is a file."""
_HUNK = re.compile(r"^@@.*\n", re.MULTILINE)


def patched(text: str, diff: str) -> str:
    """Return a text changed as a unified diff says; its line numbers are for people.

    Raises:
        ValueError: what a hunk replaces is not in the text, or more than once.
    """
    _, *hunks = _HUNK.split(diff)
    for hunk in hunks:
        lines = [line if line.strip() else " \n" for line in hunk.splitlines(keepends=True)]
        before = "".join(line[1:] for line in lines if line[0] != "+")
        after = "".join(line[1:] for line in lines if line[0] != "-")
        if text.count(before) != 1:
            raise ValueError(f"expected once, found {text.count(before)} times:\n{before}")
        text = text.replace(before, after)
    return text


def name_of(diff: str) -> str:
    """Return which file a unified diff is about."""
    return diff.splitlines()[1].removeprefix("+++ ")
