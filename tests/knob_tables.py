"""What tests of settings have in common: edges of ranges, and tables in documents."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from simkit.wire.knobs import knobs_of

HEAD = ["| knob | unit | default | range | what it is |", "| --- | --- | --- | --- | --- |"]


def check_edges(kind: type[Any], name: str, inside: list[Any], outside: list[Any]) -> None:
    """Every value inside is taken, and every one outside refused with nothing changed."""
    settings = kind()
    for value in inside:
        setattr(settings, name, value)
        assert getattr(settings, name) == value
    before = getattr(settings, name)
    for value in outside:
        with pytest.raises(ValueError, match=rf"{re.escape(kind.title)}\.{name}: .*; found "):
            setattr(settings, name, value)
        assert getattr(settings, name) == before
        with pytest.raises(ValueError, match=name):
            kind(**{name: value})


def declared_table(kind: type[Any], source: Path) -> str:
    """Return the table of the knobs that a file declares."""
    text = source.read_text()
    knobs = knobs_of(kind)
    rows = list(HEAD)
    for field in fields(kind):
        knob, default = knobs[field.name], field.default
        declared = re.search(rf'^    {field.name}: [^\n]*\n    """(.*?)"""', text, re.M | re.S)
        assert declared, f"{field.name} is not described where it is declared"
        about = " ".join(declared[1].split()).replace("``", "`")
        shown = f"`{default!r}`"
        if isinstance(default, tuple):
            shown = ", ".join(default) or "none"
        rows.append(f"| `{field.name}` | {knob.unit} | {shown} | {knob.allowed} | {about} |")
    return "\n".join(rows)


def documented_table(document: Path, heading: str) -> str:
    """Return the table below a heading of a document."""
    text = document.read_text().partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return "\n".join(line for line in text.splitlines() if line.startswith("|"))
