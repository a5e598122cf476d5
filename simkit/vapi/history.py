"""History: what was really said, by whom and when."""

from __future__ import annotations

from dataclasses import dataclass

from ..audio import Speech


@dataclass(frozen=True)
class Said:
    """One entry of the history."""

    role: str
    """``user`` or ``assistant`` for what was spoken; any role for what ``add_message`` put in."""
    text: str
    start_ns: int
    """When its audio began: of the caller, at Vapi; of the assistant, on its way out."""
    end_ns: int
    """When the audio that counts as spoken ended; equals ``start_ns`` for what had no audio."""


def words_until(speech: Speech, spoken_ns: int) -> str:
    """Return the words of ``speech`` that were over after ``spoken_ns`` of its audio."""
    return " ".join(word.text for word in speech.words if word.end * 125_000 <= spoken_ns)
