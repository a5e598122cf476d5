"""What the documentation says of a race: what it is, and how to get it right."""

from __future__ import annotations

import re
from pathlib import Path

from .registry import Scenario

_HERE = Path(__file__).parent
_FOLDERS = (_HERE / "pages", _HERE.parents[1] / "docs" / "races")
"""In a wheel the pages are beside this file, in a checkout they are among the documents."""
_PICTURES = re.compile(r"^## What the caller hears\n\n(?:!\[.*\n\n)*", re.MULTILINE)
_LINK = re.compile(r"\[([^\]]*)\]\([^)]*\)")
_HEADING = re.compile(r"^#+ ", re.MULTILINE)


def advice(scenario: Scenario) -> list[str]:
    """Return the page of a race, a paragraph each, in plain text and without its pictures.

    Of a scenario that has none: what it says about itself.
    """
    for folder in _FOLDERS:
        path = folder / f"{scenario.name}.md"
        if path.is_file() and scenario.function.__module__.startswith("simkit."):
            text = _PICTURES.sub("", path.read_text(encoding="utf-8"))
            text = _HEADING.sub("", _LINK.sub(r"\1", text))
            break
    else:
        text = scenario.description
    return [" ".join(part.split()) for part in text.split("\n\n") if part.strip()]
