"""Files that are there whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from simkit.report.writing import write_whole


def test_a_text_is_written_in_place_of_what_was_there(tmp_path):
    place = tmp_path / "page.html"
    place.write_text("before")
    write_whole(place, "größer\n")
    assert place.read_bytes() == "größer\n".encode()
    assert os.listdir(tmp_path) == ["page.html"]


def test_what_was_there_stays_when_the_rest_cannot_be_written(tmp_path, monkeypatch):
    place = tmp_path / "page.html"
    place.write_text("before")
    whole = Path.write_text

    def fails(path, text, **options):
        whole(path, text[:3], **options)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", fails)
    with pytest.raises(OSError, match="No space left"):
        write_whole(place, "after")
    assert place.read_text() == "before"
    assert os.listdir(tmp_path) == ["page.html"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("no/page.html", "No such file or directory"),
        ("x" * 300, "File name too long"),
        ("a\0b", "found a null byte in its name"),
    ],
)
def test_a_place_that_cannot_be_is_told_and_leaves_nothing(tmp_path, name, expected):
    with pytest.raises(OSError, match=expected):
        write_whole(tmp_path / name, "text")
    assert os.listdir(tmp_path) == []


def test_a_folder_is_no_place_for_a_file(tmp_path):
    with pytest.raises(IsADirectoryError, match="expected a place for a file"):
        write_whole(tmp_path, "text")
