"""Where the pages of many calls go: a table, and beside it a folder with a page for each call."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..explore.conformance import Row
from .files import PAGE_ENDINGS, write_text
from .main import Refusal


class Pages:
    """The files of ``--html``.

    Args:
        place: a file's name ending in ``.html``, or a folder's.

    Raises:
        Refusal: nothing can be written there.
    """

    def __init__(self, place: str) -> None:
        path = Path(place)
        if path.suffix.lower() in PAGE_ENDINGS:
            self.table, self.calls = path, path.with_name(f"{path.stem}-calls")
        else:
            self.table, self.calls = path / "index.html", path / "calls"
        if self.table.is_dir():
            raise Refusal(f"--html {self.table}: found a folder, expected a place for a file")
        try:
            self.calls.mkdir(parents=True, exist_ok=True)
        except (OSError, ValueError) as error:
            raise Refusal(f"--html {place}: {getattr(error, 'strerror', None) or error}") from None

    def write(
        self, table: Sequence[Row], runs: int, *, app: str | None, seed: int, how: Sequence[str]
    ) -> None:
        """Write the table, in place of what was there, and leave nothing half-written."""
        from ..explore.races import render

        for unfinished in self.calls.glob(".*.part"):
            unfinished.unlink(missing_ok=True)  # its process was ended
        text = render(table, runs=runs, app=app, seed=seed, folder=self.calls.name, how=how)
        write_text("--html", str(self.table), text)
