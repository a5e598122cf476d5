"""Loudness: when somebody was heard in what a leg carried, where that carries silence, too."""

from __future__ import annotations

from typing import NamedTuple

PAUSE_NS = 400_000_000
"""Silence that is shorter belongs to what is said around it."""


class Piece(NamedTuple):
    """Frames that followed each other, all silent, or none but for short pauses."""

    is_silent: bool
    t_ns: int
    """Instant of the first frame."""
    last_ns: int
    """Instant of the last one."""
    frames: int
    audio_ns: int

    def with_frame(self, t_ns: int, audio_ns: int) -> Piece:
        """Return it with one more frame."""
        is_silent, first_ns, _, frames, before_ns = self
        return Piece(is_silent, first_ns, t_ns, frames + 1, before_ns + audio_ns)

    def with_pieces(self, *others: Piece) -> Piece:
        """Return it with what follows it."""
        return self._replace(
            last_ns=others[-1].last_ns,
            frames=self.frames + sum(other.frames for other in others),
            audio_ns=self.audio_ns + sum(other.audio_ns for other in others),
        )


class Loudness:
    """Follows one run of frames.

    >>> run = Loudness()
    >>> for number in range(100):
    ...     run.add(number * 20_000_000, 20_000_000, is_silent=30 <= number < 60)
    >>> [(piece.is_silent, piece.frames) for piece in run.pieces]
    [(False, 30), (True, 30), (False, 40)]
    """

    def __init__(self) -> None:
        self.pieces: list[Piece] = []

    def add(self, t_ns: int, audio_ns: int, *, is_silent: bool) -> None:
        """Take a frame."""
        pieces = self.pieces
        if pieces and pieces[-1].is_silent == is_silent:
            pieces[-1] = pieces[-1].with_frame(t_ns, audio_ns)
            return
        if not is_silent and len(pieces) > 1 and pieces[-1].audio_ns < PAUSE_NS:
            pause = pieces.pop()
            pieces[-1] = pieces[-1].with_pieces(pause).with_frame(t_ns, audio_ns)
            return
        pieces.append(Piece(is_silent, t_ns, t_ns, 1, audio_ns))
