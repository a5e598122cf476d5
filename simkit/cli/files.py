"""The files that a run can be written to: its sound, its page, its trace, its picture."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ..audio import files
from ..report import Outcome, draw, trace
from ..report.outcome import Sides
from ..report.writing import write_whole
from .main import Refusal

if TYPE_CHECKING:
    from ..report.page import Page

PAGE_ENDINGS = (".html", ".htm")


class Sound(NamedTuple):
    """A file with the sound of a call."""

    call: int
    """Its number, from 1."""
    file: str
    starts_ns: int
    """Instant of its first sample."""


def sound_of_call(audio: str, call: int) -> Path:
    """Return where a call's sound goes: of the first to ``audio``, else beside it, numbered.

    >>> sound_of_call("out/run.flac", 2).name
    'run-2.flac'
    """
    path = Path(audio)
    return path if call == 1 else path.with_stem(f"{path.stem}-{call}")


@dataclass(frozen=True, kw_only=True)
class Files:
    """Where what came of a run goes, as the options of these names say."""

    audio: str | None = None
    html: str | None = None
    trace: str | None = None
    svg: str | None = None
    from_s: float | None = None
    to_s: float | None = None
    page_option: str = "--html"
    """What the command calls ``html``."""

    def check(self) -> None:
        """Refuse what cannot be written, before anything runs.

        Raises:
            Refusal: names the option, and what to do.
        """
        if self.audio is not None and Path(self.audio).suffix.lower() not in files.ENDINGS:
            raise Refusal(f"--audio {self.audio}: expected a file ending in .wav or .flac")
        if self.html is not None and Path(self.html).suffix.lower() not in PAGE_ENDINGS:
            raise Refusal(f"{self.page_option} {self.html}: expected a file ending in .html")
        if self.svg is not None and Path(self.svg).suffix.lower() != ".svg":
            raise Refusal(f"--svg {self.svg}: expected a file ending in .svg")
        taken: dict[Path, str] = {}
        for option in ("audio", "html", "trace", "svg"):
            option, name = f"--{option}", getattr(self, option)
            if name is None:
                continue
            folder = Path(name).parent
            if not folder.is_dir():
                raise Refusal(f"{option} {name}: there is no folder {folder}; make it first")
            if not os.access(name if os.path.lexists(name) else folder, os.W_OK):
                raise Refusal(f"{option} {name}: this place cannot be written to; choose another")
            other = taken.setdefault(Path(name).absolute(), option)
            if other != option:
                raise Refusal(f"{option} {name}: {other} writes to it, too; give each its own file")
        if self.svg is None and (self.from_s is not None or self.to_s is not None):
            raise Refusal("--from and --to choose a part of the picture: add --svg FILE")
        if self.to_s is not None and not (self.from_s or 0.0) < self.to_s:
            raise Refusal(f"--to {self.to_s:g}: expected more than --from {self.from_s or 0.0:g}")

    def write(self, result: Outcome, heading: str, remarks: Sequence[str] = ()) -> Sequence[Sound]:
        """Write each file that was asked for; returns those with sound.

        Args:
            result: what came of the run.
            heading: what was run; the picture says it with the verdict.
            remarks: what else is to be known; for the page.

        Raises:
            Refusal: a file cannot be written, or the picture would show nothing.
        """
        sounds = [] if self.audio is None else list(_write_sounds(self.audio, result))
        if self.html is not None:
            self.write_page(result.page(heading, remarks))
        if self.trace is not None:
            write_text("--trace", self.trace, trace(result.timeline))
        if self.svg is not None:
            heading = f"{heading}: {verdict(result)}"
            try:
                drawn = draw(
                    result.timeline,
                    call=result.worst_call,
                    start=self.from_s or 0.0,
                    end=self.to_s,
                    heading=heading,
                    checks=result.checks,
                )
            except ValueError as error:
                raise Refusal(f"--svg {self.svg}: {error}") from None
            write_text("--svg", self.svg, drawn)
        return sounds

    def write_page(self, page: Page) -> None:
        """Write a page to where ``--html`` says.

        Raises:
            Refusal: it cannot be written.
        """
        from ..report.page import render_page

        assert self.html is not None
        write_text("--html", self.html, render_page(page))


def _write_sounds(audio: str, result: Outcome) -> Iterator[Sound]:
    """Write the sound of each call that was answered, and of the first in any case."""
    for call in (1, *result.other_sounds):
        if call > 1:
            sides = result.other_sounds[call]()
        else:
            sides = Sides(*result.sound(), result.sound_starts_ns)
            if result.other_sounds and not len(sides.mouth):
                continue
        path = sound_of_call(audio, call)
        try:
            files.write(path, sides.mouth, sides.ear)
        except files.AudioFileError as error:
            raise Refusal(f"--audio {error}") from None
        yield Sound(call, str(path), sides.starts_ns)


def verdict(result: Outcome) -> str:
    """Return in a line how a run came out."""
    if result.inapplicable:
        return f"not applicable: {result.inapplicable}"
    broken = [check.sentence for check in result.checks if check.failed]
    reasons = [*([result.failure] if result.failure else []), *broken]
    return f"FAILED: {' '.join(reasons[0].split())}" if reasons else "passed"


def write_text(option: str, name: str, text: str) -> None:
    """Write a file, whole or not at all.

    Args:
        option: that asked for it.
        name: of the file.
        text: what is to be in it.

    Raises:
        Refusal: it cannot be written.
    """
    try:
        write_whole(Path(name), text)
    except OSError as error:
        raise Refusal(f"{option} {name}: cannot be written: {error.strerror}") from None
