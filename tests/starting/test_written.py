"""Files of a first test are written whole, and can be taken back."""

from __future__ import annotations

import os
import stat

import pytest

from simkit.starting.written import Page, defines, save


@pytest.fixture
def pages(tmp_path) -> list[Page]:
    (tmp_path / "conftest.py").write_text("old")
    return [Page(tmp_path / "conftest.py", "new"), Page(tmp_path / "tests" / "test_it.py", "ä")]


def test_files_are_there_word_for_word_with_the_rights_of_any_other_file(pages, tmp_path):
    assert [page.is_there for page in pages] == [False, False]
    before = os.umask(0o027)
    try:
        save(pages)
        assert os.umask(0o027) == 0o027
    finally:
        os.umask(before)
    assert [page.is_there for page in pages] == [True, True]
    assert {stat.S_IMODE(page.path.stat().st_mode) for page in pages} == {0o640}
    assert sorted(path.name for path in tmp_path.rglob("*.*")) == ["conftest.py", "test_it.py"]
    save(pages)  # into the folder that is there by now


def test_they_can_be_taken_back(pages):
    save(pages)()
    assert pages[0].path.read_text() == "old"
    assert not pages[1].path.parent.exists()


def test_what_is_no_text_is_another_file(pages):
    pages[0].path.write_bytes(b"\xff\xfe")
    assert not pages[0].is_there


def test_where_one_cannot_be_written_nothing_has_changed(pages, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(FileExistsError):
        save([*pages, Page(tmp_path / "file" / "test_it.py", "")])
    assert pages[0].path.read_text() == "old"
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["conftest.py", "file"]


def test_where_one_cannot_take_its_place_nothing_has_changed(pages, tmp_path, monkeypatch):
    replaces = iter([os.replace])

    def replace(*paths):
        next(replaces, None)(*paths)  # the second time it is no function

    monkeypatch.setattr("simkit.starting.written.os.replace", replace)
    with pytest.raises(TypeError):
        save(pages)
    assert pages[0].path.read_text() == "old"
    assert [path.name for path in tmp_path.rglob("*")] == ["conftest.py"]


def test_a_function_is_defined_in_a_file_that_can_be_read(tmp_path):
    path = tmp_path / "conftest.py"
    assert not defines(path, "bridge")
    for source, is_so in (
        ("def bridge(sim): ...", True),
        ("async def bridge(sim): ...", True),
        ("def other():\n    def bridge(sim): ...", False),
        ("bridge = 1", False),
        ("def bridge(", False),
    ):
        path.write_text(source)
        assert defines(path, "bridge") is is_so
