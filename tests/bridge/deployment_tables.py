"""The tables of keys and attacks, as the code has them.

``python -m tests.bridge.deployment_tables`` writes them into their pages.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec

from simkit.bridge import Config, config
from simkit.bridge.config import SECRETS
from simkit.bridge.sources import allowed

from . import (  # noqa: F401
    attacks_on_doors,
    attacks_on_limits,
    attacks_on_stream,
    attacks_on_webhook,
)
from .attacker import ATTACKS

DOCS = Path(__file__).parents[2] / "docs"
PAGES = {
    "Keys": DOCS / "reference" / "bridge-keys.md",
    "Attacks": DOCS / "how-to" / "deploy.md",
}
HEADS = {
    "Keys": "| key | allowed | default | what it is |\n| --- | --- | --- | --- |",
    "Attacks": "| what is tried | answer |\n| --- | --- |",
}


def declared(heading: str) -> str:
    """Return a table as the code has it."""
    rows = (
        _keys() if heading == "Keys" else [f"| {what} | {ATTACKS[what][0]} |" for what in ATTACKS]
    )
    return "\n".join([HEADS[heading], *rows])


def documented(heading: str) -> str:
    """Return a table as the page has it."""
    rest = PAGES[heading].read_text().partition(HEADS[heading])[2]
    return HEADS[heading] + rest.partition("\n\n")[0].rstrip("\n")


def _keys() -> list[str]:
    source = Path(config.__file__).read_text()
    rows = []
    for field in msgspec.structs.fields(Config):
        found = re.search(rf'^    {field.name}: [^\n]*\n    """(.*?)"""', source, re.M | re.S)
        assert found, f"{field.name} is not described where it is declared"
        about = " ".join(found[1].split()).replace("``", "`")
        rows.append(f"| `{field.name}` | {_allowed(field.name)} | {_default(field)} | {about} |")
    return rows


def _allowed(name: str) -> str:
    return "a secret" if name in SECRETS else allowed(name)


def _default(field: Any) -> str:
    value = field.default
    if value is msgspec.NODEFAULT:
        return "none"
    if isinstance(value, tuple):
        return ", ".join(f"`{part}`" for part in value)
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:,}" if isinstance(value, (int, float)) else f"`{value}`" if value else "empty"


if __name__ == "__main__":
    for heading, place in PAGES.items():
        page = place.read_text()
        place.write_text(page.replace(documented(heading), declared(heading)))
