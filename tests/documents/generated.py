"""Pages and tables of the documentation that are made from the code.

``python -m tests.documents.generated`` writes them anew.
"""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import click

from simkit.cli import main
from simkit.timeline.alignment import Clarity, Delay, Flaws
from simkit.timeline.barge_ins import BargeIn
from simkit.timeline.intervals import Percentiles
from simkit.timeline.measures import CallMeasures, PacingError
from simkit.twilio import TwilioSettings
from simkit.vapi import AccountSettings, Assistant, VapiSettings
from simkit.wire.knobs import knobs_of

DOCS = Path(__file__).parents[2] / "docs"


def commands() -> str:
    """Return every command with its arguments and options, as click knows them."""
    return "\n".join(
        line for name, command in _walk(main, "simkit") for line in _told(name, command)
    )


def _walk(command: click.Command, name: str) -> Iterator[tuple[str, click.Command]]:
    if not isinstance(command, click.Group):
        yield name, command
        return
    for part in sorted(command.commands):
        yield from _walk(command.commands[part], f"{name} {part}")


def _told(name: str, command: click.Command) -> Iterator[str]:
    context = click.Context(command, info_name=name)
    yield f"\n## {name}\n"
    yield f"`{' '.join([name, *command.collect_usage_pieces(context)])}`\n"
    yield f"{_flat(command.help)}\n"
    yield "| option | default | what it does |\n| --- | --- | --- |"
    for option in command.params:
        if isinstance(option, click.Option) and not option.hidden:
            value = "" if option.is_flag else f" {option.make_metavar(context)}"
            shown = ", ".join([*option.opts, *option.secondary_opts]) + value
            given = option.default if option.show_default else None
            default = "" if given is None or option.is_flag else f"`{given}`"
            yield f"| `{shown.replace('|', ' or ')}` | {default} | {_flat(option.help)} |"


def _flat(text: str | None) -> str:
    return " ".join((text or "").replace("\b", "").split()).replace("|", "\\|")


def measured() -> str:
    """Return the fields of every measure, with what they mean."""
    kinds = (
        ("A barge-in", BargeIn),
        ("A call, or all of them", CallMeasures),
        ("`time_to_stop`, `response_latency`", Percentiles),
        ("`agent_to_caller`, `caller_to_agent`", Delay),
        ("`flaws`", Flaws),
        ("`clarity`", Clarity),
        ("`pacing_error_ms`", PacingError),
    )
    return "\n".join(line for title, kind in kinds for line in _struct(title, kind))


def _struct(title: str, kind: type[Any]) -> Iterator[str]:
    yield f"\n## {title}\n\n{_plain(inspect.getdoc(kind))}\n"
    yield "| field | meaning |\n| --- | --- |"
    told = attribute_docs(kind)
    for name in kind.__struct_fields__:
        yield f"| `{name}` | {_plain(told.get(name, ''))} |"


def attribute_docs(kind: type[Any]) -> dict[str, str]:
    """Return what is written below each attribute of a class, by name."""
    [body] = ast.parse(inspect.getsource(kind)).body
    assert isinstance(body, ast.ClassDef)
    found = {}
    for declared, below in zip(body.body, body.body[1:], strict=False):
        if (
            isinstance(declared, ast.AnnAssign)
            and isinstance(declared.target, ast.Name)
            and isinstance(below, ast.Expr)
            and isinstance(below.value, ast.Constant)
            and isinstance(below.value.value, str)
        ):
            found[declared.target.id] = below.value.value
    return found


def _plain(text: str | None) -> str:
    """Return a docstring as Markdown, on one line but for its paragraphs."""
    bare = re.sub(r":\w+:`\.?([\w.]+)`", r"`\1`", text or "").replace("``", "`")
    return "\n\n".join(_flat(part) for part in bare.split("\n\n"))


UNKNOWN = re.compile(
    r"unknown(?! type)|sources disagree|reports differ|ambiguous|limit is not documented|not when",
    re.IGNORECASE,
)
"""What the description of a knob says where nobody knows the real value."""


def guesses() -> str:
    """Return the knobs whose real values are unknown, with the value that was chosen."""
    kinds = (
        ("Twilio", "sim.twilio.settings", TwilioSettings),
        ("Vapi's account", "sim.vapi.account", AccountSettings),
        ("Vapi's socket", "sim.vapi.settings", VapiSettings),
        ("Vapi's assistant", "sim.vapi.assistant(...)", Assistant),
    )
    return "\n".join(line for kind in kinds for line in _guessed(*kind))


def _guessed(title: str, place: str, kind: type[Any]) -> Iterator[str]:
    yield f"\n### {title}: `{place}`\n\n| knob | chosen | what is not known |\n| --- | --- | --- |"
    told, knobs = attribute_docs(kind), knobs_of(kind)
    for field in fields(kind):
        if field.name in told and UNKNOWN.search(told[field.name]):
            shown = f"{field.default!r} {knobs[field.name].unit}".strip()
            yield f"| `{field.name}` | `{shown}` | {_plain(told[field.name])} |"


MADE: dict[str, Callable[[], str]] = {
    "reference/cli.md": commands,
    "reference/measures.md": measured,
    "explanation/faithful.md": guesses,
}
_BEGIN, _END = "<!-- made by tests/documents/generated.py -->\n", "<!-- end -->\n"


def kept(page: str) -> str:
    """Return the part of a page that is made."""
    return (DOCS / page).read_text().partition(_BEGIN)[2].partition(_END)[0]


def write(page: str) -> None:
    """Put what is made into its page."""
    path = DOCS / page
    before, _, rest = path.read_text().partition(_BEGIN)
    path.write_text(before + _BEGIN + MADE[page]() + "\n" + _END + rest.partition(_END)[2])


if __name__ == "__main__":
    for name in MADE:
        write(name)
