"""A run as people look at it: its page and its strip, written by whoever ran it."""

from __future__ import annotations

import re

import pytest

from simkit.scenarios import Job, judge
from simkit.scenarios.shown import page_name


def test_the_page_of_a_run_is_kept_with_the_command_that_repeats_it(tmp_path):
    job = Job("greeting", seed=3)
    verdict = judge(job, pages=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [verdict.page] == [page_name(job)]
    text = (tmp_path / verdict.page).read_text()
    assert job.command() in text
    assert verdict.strip.startswith("<svg")
    assert judge(job, pages=tmp_path).digest == verdict.digest == judge(job).digest
    assert (tmp_path / verdict.page).read_text() == text


def test_nobody_asks_for_pages_of_thousands_of_runs():
    verdict = judge(Job("greeting"))
    assert (verdict.strip, verdict.page) == ("", "")


def test_a_page_that_cannot_be_written_changes_no_verdict(tmp_path):
    verdict = judge(Job("greeting"), pages=tmp_path / "gone")
    assert (verdict.result, verdict.page) == ("passed", "")
    assert verdict.strip


def test_an_app_that_cannot_be_loaded_has_no_page(tmp_path):
    verdict = judge(Job("greeting", app="no_such_module:app"), pages=tmp_path)
    assert (verdict.result, verdict.page, list(tmp_path.iterdir())) == ("error", "", [])


@pytest.mark.parametrize("name", ["", "../../etc", "a/b\\c", "\0\n<&", "É" * 300, "CON"])
def test_a_file_name_is_one_whatever_a_scenario_is_called_and_set_to(name):
    value = f"{name}="
    found = page_name(Job(name, {"words": value}))
    assert re.fullmatch(r"[a-z0-9._-]{1,60}-[0-9a-f]{8}\.html", found)
    assert found != page_name(Job(name, {"words": value}, seed=1))
