"""What holds for all pages: links lead somewhere, and what is not executed says why."""

from __future__ import annotations

import re

import pytest

from .generated import DOCS

ROOT = DOCS.parent
PAGES = [
    str(path.relative_to(ROOT))
    for place in ("README.md", "docs/**/*.md", "examples/*/README.md", "recordings/README.md")
    for path in sorted(ROOT.glob(place))
]


@pytest.mark.parametrize("page", PAGES)
def test_every_link_to_a_file_leads_to_one(page):
    path = ROOT / page
    text = re.sub(r"^```.*?^```$", "", path.read_text(), flags=re.MULTILINE | re.DOTALL)
    targets = re.findall(r"\]\((?!\w+:|#)([^)#\s]+)", text)
    assert [target for target in targets if not (path.parent / target).exists()] == []


@pytest.mark.parametrize("page", [page for page in PAGES if page.startswith("docs/")])
def test_a_block_that_is_not_executed_says_why(page):
    assert "skip: next -->" not in (ROOT / page).read_text()


def test_every_page_can_be_reached_from_the_first():
    index = (DOCS / "index.md").read_text()
    named = set(re.findall(r"^([\w/-]+)$", index, re.MULTILINE))
    there = {str(path.relative_to(DOCS).with_suffix("")) for path in DOCS.rglob("*.md")}
    assert {page for page in there if not page.startswith("races/")} - named == {"index"}
