"""Pages that are made from the code are what the code says today."""

from __future__ import annotations

import re

import click
import pytest

from simkit.cli import main
from simkit.timeline.barge_ins import BargeIn
from simkit.timeline.measures import CallMeasures

from .generated import DOCS, MADE, attribute_docs, kept


@pytest.mark.parametrize("page", MADE)
def test_a_page_is_what_the_code_says(page):
    assert kept(page).rstrip("\n") == MADE[page]().rstrip("\n"), (
        "python -m tests.documents.generated writes it anew"
    )


def test_every_command_and_option_is_on_the_page_of_the_command_line():
    page = (DOCS / "reference" / "cli.md").read_text()

    def look(command: click.Command, name: str) -> None:
        if isinstance(command, click.Group):
            for part in command.commands.values():
                look(part, f"{name} {part.name}")
            return
        section = page.partition(f"\n## {name}\n")[2].partition("\n## ")[0]
        for option in command.params:
            if isinstance(option, click.Option) and not option.hidden:
                assert all(f"{word}" in section for word in option.opts), (name, option.opts)

    look(main, "simkit")


@pytest.mark.parametrize("kind", [BargeIn, CallMeasures])
def test_every_measure_says_what_it_means(kind):
    told = attribute_docs(kind)
    assert [name for name in kind.__struct_fields__ if not told.get(name)] == []


def test_the_page_of_the_plugin_has_every_option_and_setting(pytestconfig):
    page = (DOCS / "reference" / "pytest.md").read_text()
    parser = pytestconfig._parser
    [group] = [group for group in parser._groups if group.name == "simkit"]
    options = [o for o in group.options if "SUPPRESS" not in str(o.attrs().get("help"))]
    names = [name for option in options for name in option.names()]
    names += [name for name in parser._inidict if name.startswith("simkit_")]
    assert len(names) > 5
    assert [name for name in names if not re.search(rf"`{name}\b", page)] == []
