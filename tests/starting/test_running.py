"""A first test is run twice, and keeps no snapshot of what failed."""

from __future__ import annotations

from pathlib import Path

import pytest

from simkit.starting import running
from simkit.starting.running import Ran, run_test
from simkit.starting.witness import Told

PASSED, FAILED, NOT_RUN = Told(True), Told(False), None


@pytest.fixture
def ran(tmp_path, monkeypatch):
    """Run a test that goes as it is told to; return how it went and with which options."""

    def ran(*goes: Told | None, anew: bool = False) -> tuple[Ran, list[tuple[str, ...]]]:
        asked: list[tuple[str, ...]] = []
        results = iter(goes)

        def run(test: Path, folder: Path, *options: str) -> Ran:
            assert (test, folder) == (tmp_path / "test_it.py", tmp_path)
            asked.append(options)
            if "--snapshot-update" in options:
                snapshot.parent.mkdir(parents=True, exist_ok=True)
                snapshot.write_text("new")
            return Ran(next(results), ["said"])

        monkeypatch.setattr(running, "_run", run)
        return run_test(tmp_path / "test_it.py", snapshot, tmp_path, anew=anew), asked

    snapshot = ran.snapshot = tmp_path / "__snapshots__" / "test_it" / "it.txt"
    return ran


@pytest.mark.parametrize(
    ("again", "is_repeatable"), [(PASSED, True), (FAILED, False), (None, False)]
)
def test_what_passes_is_run_again_and_compared_with_itself(ran, again, is_repeatable):
    found, asked = ran(PASSED, again)
    assert (found.told, found.output, found.is_repeatable) == (PASSED, ["said"], is_repeatable)
    assert asked == [("--snapshot-update",), ()]
    assert ran.snapshot.read_text() == "new"


@pytest.mark.parametrize("how", [FAILED, NOT_RUN])
def test_of_what_fails_nothing_is_kept_but_what_others_have_put_there(ran, tmp_path, how):
    found, asked = ran(how)
    assert (found.told, asked) == (how, [("--snapshot-update",)])
    assert list(tmp_path.iterdir()) == []
    others = ran.snapshot.with_name("another.txt")
    others.parent.mkdir(parents=True)
    others.touch()
    ran(how)
    assert list(tmp_path.rglob("*.txt")) == [others]


@pytest.mark.parametrize("anew", [False, True])
def test_a_snapshot_that_is_there_stays_and_is_made_anew_where_that_is_asked_for(ran, anew):
    ran.snapshot.parent.mkdir(parents=True)
    ran.snapshot.write_text("old")
    _, asked = ran(FAILED, anew=anew)
    assert asked == [("--snapshot-update",) if anew else ()]
    assert ran.snapshot.read_text() == ("new" if anew else "old")
