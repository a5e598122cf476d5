"""Pieces: one utterance that arrives with holes in it is still one utterance to a listener."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..audio import Span
from ..audio.speech import Speech

UNDERSTOOD = 0.8
"""Share of some words' sound that must be heard for them to be understood."""


@dataclass
class Telling:
    """One utterance, heard in one or more pieces of it that keep their distances."""

    key: int
    lag: int
    """Sample of the call at which the utterance would begin."""
    pieces: list[tuple[int, int]] = field(default_factory=list)
    """First sample of each piece and its end, in the utterance."""

    def heard(self, first: int, end: int) -> float:
        """Return the share of some samples of the utterance that was heard."""
        total = sum(max(0, min(end, last) - max(first, start)) for start, last in self.pieces)
        return total / max(1, end - first)

    def words(self, speech: Speech) -> str:
        """Return the words of which more than half was heard."""
        return " ".join(
            word.text for word in speech.words if self.heard(word.start, word.end) > 0.5
        )


def tellings(spans: list[Span]) -> list[Telling]:
    """Put the pieces of each utterance together, in the order of their beginnings."""
    found: list[Telling] = []
    for span in spans:
        if span.key is None:
            continue
        lag = span.start - span.offset
        if not found or (found[-1].key, found[-1].lag) != (span.key, lag):
            found.append(Telling(span.key, lag))
        found[-1].pieces.append((span.offset, span.offset + span.end - span.start))
    return found
