"""Snapshots of timelines: a syrupy extension that keeps one readable file per assertion."""

from __future__ import annotations

from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.amber.serializer import AmberDataSerializer
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode

from .timeline import Timeline


class TimelineSnapshotExtension(SingleFileSnapshotExtension):
    """Keeps the text of a timeline as it is; anything else as syrupy's amber would print it."""

    _write_mode = WriteMode.TEXT
    file_extension = "txt"

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
