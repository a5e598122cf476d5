"""A page as one HTML file: its data, its scripts and its style, and nothing from elsewhere."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from markupsafe import Markup

from ...checks.check import ALL_OF_IT, NOT_JUDGED
from .. import axis
from .meanings import PARTS
from .model import Page

if TYPE_CHECKING:
    from jinja2 import Environment

_FOLDER = Path(__file__).parent
_INSTANT = re.compile(r"((?:(?<=\b[Aa]t )|(?<=\(now ))\d{1,6}\.\d{3}(?: s)?(?![.\w]*\d))")
_MARKUP = "<>&"
"""What markup is made of: within JSON it stands in strings only, which may say it otherwise."""
SHARED_STYLE = _FOLDER / "base.css"
"""Colours, letters and buttons, for other pages, too."""


def render_page(page: Page) -> str:
    """Return a page as HTML: the same for the same page.

    What no UTF-8 can hold is a question mark where it is read, and itself in the data.
    """
    script, style = _joined(".js"), _joined(".css")
    html: str = _template().render(
        page=page,
        parts=PARTS,
        title=page.title,
        all_of_it=ALL_OF_IT,
        not_judged=NOT_JUDGED,
        # Our own files, and JSON without a sign that markup begins with.
        data=Markup(as_json(page)),  # noqa: S704
        script=Markup(script),  # noqa: S704
        style=Markup(style),  # noqa: S704
        policy=policy(script, style),
    )
    return html.encode("utf-8", "replace").decode()


def as_json(page: Page) -> str:
    """Return a page's data as JSON that may stand within a script element."""
    data = json.dumps(msgspec.to_builtins(page), separators=(",", ":"), allow_nan=False)
    for sign in _MARKUP:
        data = data.replace(sign, f"\\u{ord(sign):04x}")
    return data


def policy(script: str, style: str) -> str:
    """Return what a browser may run and load of the page: what is in it, and nothing else."""
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src 'sha256-{_digest(script)}'",
            f"style-src 'sha256-{_digest(style)}'",
            "media-src blob: data:",
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


@cache
def _joined(ending: str) -> str:
    """Return all files beside this one that end so as one, by name; ``page`` comes last."""
    files = sorted(_FOLDER.glob(f"*{ending}"), key=lambda file: (file.stem == "page", file.name))
    return "".join(file.read_text(encoding="utf-8") for file in files)


@cache
def _template() -> Any:
    environment = templates()
    environment.filters["instants"] = instants
    environment.filters["instant"] = lambda us: axis.instant(1000 * us)
    return environment.get_template("page.html")


def instants(sentence: str) -> Iterator[tuple[str, int | None]]:
    """Yield a sentence in pieces: what it says, and of an instant which it is, in microseconds."""
    for number, piece in enumerate(_INSTANT.split(sentence)):
        yield piece, round(float(piece.split()[0]) * 1e6) if number % 2 else None


def templates(*folders: Path) -> Environment:
    """Return templates in which all that is filled in stays text; ``frame.html`` is among them.

    Args:
        folders: where others are.
    """
    import jinja2

    return jinja2.Environment(
        loader=jinja2.FileSystemLoader([*folders, _FOLDER], encoding="utf-8"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
