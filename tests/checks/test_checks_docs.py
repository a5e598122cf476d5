"""The document on checks, against the checks."""

from __future__ import annotations

from pathlib import Path

from simkit.checks import ALL
from simkit.timeline import Timeline

DOCUMENT = Path(__file__).parents[2] / "docs" / "checks.md"


def test_every_check_has_a_section_with_its_promise_and_its_limits():
    _, *sections = DOCUMENT.read_text().split("\n## ")
    assert [section.partition("\n")[0] for section in sections] == [check.name for check in ALL]
    for check, section in zip(ALL, sections, strict=True):
        assert f"*Promise:* {check.judge(Timeline()).promise}." in section
        assert "\n*Broken by:* " in section
        assert "\n*Evidence:* " in section
        rows = [line for line in section.splitlines() if line.startswith("| `")]
        assert rows == [
            f"| `{name}` | {limit.default:g} | {limit.meaning} |"
            for name, limit in check.limits.items()
        ]
