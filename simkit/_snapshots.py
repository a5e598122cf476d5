"""Snapshots of timelines: a syrupy extension that keeps one readable file per assertion."""

from __future__ import annotations

from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.amber.serializer import AmberDataSerializer
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode
from syrupy.location import PyTestLocation
from syrupy.types import SnapshotIndex

from .timeline import Timeline

_REPETITION = "__pytest_repeat_step_number"
"""The parameter that pytest-repeat gives each run of a test, as in ``[1-20]``."""


class TimelineSnapshotExtension(SingleFileSnapshotExtension):
    """Keeps the text of a timeline as it is; anything else as syrupy's amber would print it."""

    _write_mode = WriteMode.TEXT
    file_extension = "txt"

    @classmethod
    def get_snapshot_name(cls, *, test_location: PyTestLocation, index: SnapshotIndex = 0) -> str:
        """Return the name of an assertion's snapshot: the same however often a test is repeated."""
        name = super().get_snapshot_name(test_location=test_location, index=index)
        callspec = getattr(test_location.item, "callspec", None)
        if callspec is None or _REPETITION not in callspec.params:
            return name
        run = "-".join(callspec.id.split("-")[-2:])
        return name.replace(f"[{run}]", "").replace(f"-{run}]", "]")

    def serialize(self, data: Any, **options: Any) -> str:
        """Return the text to keep."""
        if isinstance(data, Timeline):
            return str(data)
        return AmberDataSerializer.serialize(data, **options) + "\n"


@pytest.fixture
def snapshot(request: pytest.FixtureRequest, snapshot: SnapshotAssertion) -> SnapshotAssertion:
    """syrupy's snapshot; in tests that use ``sim``, with one text file per assertion."""
    if "sim" in request.fixturenames:
        return snapshot.use_extension(TimelineSnapshotExtension)
    return snapshot
