"""Media on disk: runs of frames that refer to a sound file, instead of a line for each frame.

A call has two hundred frames a second on its four ways. What they carried lies in sound files, one
a way; a line of ``call.jsonl`` holds up to a second of them: where their bytes are, how they were
cut, and when each of them came.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal, NamedTuple

from msgspec import Meta, Struct

SoundFile = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}\.flac$(?!\n)")]
"""A file beside ``call.jsonl``: no folder, no dots but one."""

MAX_FRAMES = 100
"""In one run."""
MAX_RUN_US = 1_000_000
"""From the first to the last frame of a run: as much is lost when its line is cut."""
MAX_FRAME = 16 * 1024 * 1024
"""Bytes of one frame."""

TWILIO_STEP_MS = 20
"""From one ``timestamp`` of Twilio's to the next."""


class MediaFormat(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """How a way's audio is encoded on the wire, one channel."""

    encoding: Literal["mulaw", "pcm_s16le"]
    rate: Annotated[int, Meta(ge=4_000, le=192_000)]
    """Samples per second."""
    message: dict[str, str | int] = {}
    """The JSON around each frame, where there is some: the frame itself is the base64 in the field
    whose value is empty here, and ``sequence``, where the run has one, was a field besides."""

    def __hash__(self) -> int:
        return hash((self.encoding, self.rate))

    @property
    def width(self) -> int:
        """Bytes of a sample."""
        return 1 if self.encoding == "mulaw" else 2


class MediaRun(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Frames that followed each other one way; the first came at the event's ``t_ms``."""

    file: SoundFile
    start: Annotated[int, Meta(ge=0)]
    """First byte of the first frame, counted in the way's audio as it was encoded on the wire."""
    sizes: (
        Annotated[int, Meta(ge=0, le=MAX_FRAME)]
        | Annotated[
            list[Annotated[int, Meta(ge=0, le=MAX_FRAME)]],
            Meta(min_length=1, max_length=MAX_FRAMES),
        ]
    )
    """Bytes of every frame, or of each."""
    after_us: Annotated[
        list[Annotated[int, Meta(ge=0, le=MAX_RUN_US)]], Meta(max_length=MAX_FRAMES - 1)
    ] = []
    """Microseconds from each frame to the next."""
    format: MediaFormat | None = None
    """Said with the first run of a file."""
    sequence: Annotated[int, Meta(ge=0)] | None = None
    """``sequenceNumber`` of Twilio's, or ``sequence`` in the seed dialect, of the first frame; each
    further one has the next."""
    chunk: Annotated[int, Meta(ge=0)] | None = None
    """Twilio's ``chunk`` of the first frame; each further one has the next."""
    timestamp: Annotated[int, Meta(ge=0)] | None = None
    """Twilio's ``timestamp`` of the first frame in ms; each further one is 20 later."""

    @property
    def count(self) -> int:
        """Number of frames."""
        return len(self.after_us) + 1

    @property
    def size(self) -> int:
        """Bytes of all frames."""
        return self.sizes * self.count if isinstance(self.sizes, int) else sum(self.sizes)

    def fault(self) -> str:
        """Return what is wrong with it that its types cannot say; empty when nothing is."""
        if not isinstance(self.sizes, int) and len(self.sizes) != self.count:
            return (
                f"sizes: found {len(self.sizes)}, expected {self.count}: one more than there are "
                "in after_us"
            )
        return ""


class Numbers(NamedTuple):
    """What Twilio numbers a frame with; None where it does not."""

    sequence: int | None = None
    chunk: int | None = None
    timestamp: int | None = None

    def later(self, frames: int) -> Numbers:
        """Return those of the frame so many frames later."""
        return Numbers(
            None if self.sequence is None else self.sequence + frames,
            None if self.chunk is None else self.chunk + frames,
            None if self.timestamp is None else self.timestamp + frames * TWILIO_STEP_MS,
        )


UNNUMBERED = Numbers()


class Frame(NamedTuple):
    """One frame of a run."""

    t_ns: int
    start: int
    """Its first byte, as in :attr:`MediaRun.start`."""
    size: int
    numbers: Numbers


def frames(t_ns: int, run: MediaRun) -> Iterator[Frame]:
    """Yield the frames of a run that began at ``t_ns``."""
    start = run.start
    first = Numbers(run.sequence, run.chunk, run.timestamp)
    is_numbered = first != UNNUMBERED
    sizes = [run.sizes] * run.count if isinstance(run.sizes, int) else run.sizes
    for index, (size, after_us) in enumerate(zip(sizes, (*run.after_us, 0), strict=True)):
        yield Frame(t_ns, start, size, first.later(index) if is_numbered else UNNUMBERED)
        start += size
        t_ns += after_us * 1000


class Folding:
    """Folds the frames of one way into runs.

    Args:
        file: where their audio lies.
        format: how they are encoded.

    >>> folding = Folding("caller.flac", MediaFormat("mulaw", 8000))
    >>> folding.add(0, 160), folding.add(20_000_000, 160)
    (None, None)
    >>> t_ns, run = folding.take()
    >>> t_ns, run.sizes, run.after_us
    (0, 160, [20000])
    """

    def __init__(self, file: str, format: MediaFormat) -> None:  # noqa: A002
        self._file = file
        self._format: MediaFormat | None = format
        self._written = 0
        self._begin_ns = 0
        self._last_us = 0
        self._numbers = UNNUMBERED
        self._sizes: list[int] = []
        self._after_us: list[int] = []

    def add(
        self, t_ns: int, size: int, numbers: Numbers = UNNUMBERED
    ) -> tuple[int, MediaRun] | None:
        """Take a frame; returns the run before it and its instant, when that is complete."""
        complete = None
        if self._sizes and not self._goes_on(t_ns, numbers):
            complete = self.take()
        if not self._sizes:
            self._begin_ns, self._last_us, self._numbers = t_ns, 0, numbers
        else:
            # From the run's begin, so that roundings do not add up.
            at_us = max(self._last_us, round((t_ns - self._begin_ns) / 1000))
            self._after_us.append(at_us - self._last_us)
            self._last_us = at_us
        self._sizes.append(size)
        return complete

    def _goes_on(self, t_ns: int, numbers: Numbers) -> bool:
        return (
            len(self._sizes) < MAX_FRAMES
            and 0 <= t_ns - self._begin_ns < MAX_RUN_US * 1000
            and numbers == self._numbers.later(len(self._sizes))
        )

    def take(self) -> tuple[int, MediaRun] | None:
        """Return the frames since the last run as one, with its instant; None: there are none."""
        if not self._sizes:
            return None
        sizes, numbers = self._sizes, self._numbers
        run = MediaRun(
            file=self._file,
            start=self._written,
            sizes=sizes[0] if len(set(sizes)) == 1 else sizes,
            after_us=self._after_us,
            format=self._format,
            sequence=numbers.sequence,
            chunk=numbers.chunk,
            timestamp=numbers.timestamp,
        )
        self._written += sum(sizes)
        self._format = None
        self._sizes, self._after_us = [], []
        return self._begin_ns, run
