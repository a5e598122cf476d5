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
        self._over: list[Piece] = []
        # The last one, which most frames are more of.
        self._is_silent = False
        self._first_ns = self._last_ns = self._frames = self._audio_ns = 0

    @property
    def pieces(self) -> list[Piece]:
        """What came so far."""
        return [*self._over, self._last] if self._frames else []

    @property
    def _last(self) -> Piece:
        return Piece(self._is_silent, self._first_ns, self._last_ns, self._frames, self._audio_ns)

    def add(self, t_ns: int, audio_ns: int, *, is_silent: bool) -> None:
        """Take a frame."""
        if is_silent != self._is_silent or not self._frames:
            self._turn(t_ns, is_silent)
        self._last_ns = t_ns
        self._frames += 1
        self._audio_ns += audio_ns

    def _turn(self, t_ns: int, is_silent: bool) -> None:
        """Begin a piece, or go on with the one before a pause that was short."""
        if not is_silent and self._over and self._audio_ns < PAUSE_NS:
            piece = self._over.pop().with_pieces(self._last)
        else:
            if self._frames:
                self._over.append(self._last)
            piece = Piece(is_silent, t_ns, t_ns, 0, 0)
        self._is_silent, self._first_ns, _, self._frames, self._audio_ns = piece
