"""The tables of the socket's knobs and of the faults are what the code declares."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

from simkit.vapi import Faults, VapiSettings
from simkit.vapi.faults import menu
from simkit.wire.knobs import knobs_of

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "reference" / "vapi.md"
FOLDER = ROOT / "simkit" / "vapi"


def about(module: str, name: str) -> str:
    """Return how a field is described where it is declared."""
    declaration = rf'^    {name}: .*?\n    """(.*?)"""'
    declared = re.search(declaration, (FOLDER / module).read_text(), re.M | re.S)
    assert declared, f"{name} is not described where it is declared"
    return " ".join(declared[1].split()).replace("``", "`")


def expected_knobs() -> list[str]:
    return [
        f"| `{field.name}` | {knobs_of(VapiSettings)[field.name].unit} | `{field.default!r}` | "
        f"{knobs_of(VapiSettings)[field.name].allowed} | "
        f"{about('settings.py', field.name)} |"
        for field in fields(VapiSettings)
    ]


def expected_faults() -> list[str]:
    return [
        f"| `{fault.name}` | {knobs_of(Faults)[fault.name].unit} | "
        f"{knobs_of(Faults)[fault.name].allowed} | `{fault.value!r}` | "
        f"{about('faults.py', fault.name)} |"
        for fault in menu()
    ]


def table(section: str, head: str) -> list[str]:
    text = DOCUMENT.read_text().partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    rows = text.partition(f"\n{head}")[2].splitlines()[2:]
    return rows[: rows.index("")]


def test_the_document_has_the_knobs_of_the_socket():
    expected = expected_knobs()
    assert table("The socket", "| knob |") == expected, "\n".join(expected)


def test_the_document_has_the_faults():
    expected = expected_faults()
    assert table("Faults", "| fault |") == expected, "\n".join(expected)
