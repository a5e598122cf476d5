"""Plans: when the caller is taken to be done, and what of the caller's words interrupts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..audio.speech import plain

if TYPE_CHECKING:
    from .assistant import Assistant

# The two lists are those of ``stopSpeakingPlan`` in Vapi's OpenAPI file.
ACKNOWLEDGEMENTS = (
    "i understand", "i see", "i got it", "i hear you", "im listening", "im with you", "right",
    "okay", "ok", "sure", "alright", "got it", "understood", "yeah", "yes", "uh-huh", "mm-hmm",
    "gotcha", "mhmm", "ah", "yeah okay", "yeah sure",
)  # fmt: skip
INTERRUPTIONS = (
    "stop", "shut", "up", "enough", "quiet", "silence", "but", "dont", "not", "no", "hold",
    "wait", "cut", "pause", "nope", "nah", "nevermind", "never", "bad", "actually",
)  # fmt: skip

_NUMBERS = (
    "zero", "oh", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
    "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen",
    "nineteen", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety",
    "hundred", "thousand", "million",
)  # fmt: skip


@dataclass(frozen=True)
class EndpointingRule:
    """One of ``startSpeakingPlan.customEndpointingRules``: the first that matches decides.

    Args:
        pattern: a regular expression, searched for without regard to case.
        seconds: how long after the final transcript the caller is taken to be done, 0 to 15.
        of: whose words are searched: the ``customer``'s or what the ``assistant`` said last.

    Raises:
        ValueError: no regular expression, a time out of range, or neither side.
    """

    pattern: str
    seconds: float
    of: str = "customer"

    def __post_init__(self) -> None:
        try:
            re.compile(self.pattern)
        except (re.error, TypeError) as error:
            raise ValueError(
                f"endpointing rule: a regular expression; found {self.pattern!r}: {error}"
            ) from None
        if isinstance(self.seconds, bool) or not (
            isinstance(self.seconds, (int, float)) and 0 <= self.seconds <= 15
        ):
            raise ValueError(f"endpointing rule: 0 to 15 seconds; found {self.seconds!r}")
        if self.of not in ("customer", "assistant"):
            raise ValueError(f"endpointing rule: of customer or assistant; found {self.of!r}")


def endpointing_seconds(assistant: Assistant, heard: str, said: str) -> float:
    """Return how long after its final transcript a turn is taken to be over.

    Args:
        heard: what the caller said.
        said: what the assistant said before.
    """
    for rule in assistant.endpointing_rules:
        if re.search(rule.pattern, heard if rule.of == "customer" else said, re.IGNORECASE):
            return rule.seconds
    plan = assistant.endpointing
    if callable(plan):
        wanted = plan(heard)
        if isinstance(wanted, bool) or not isinstance(wanted, (int, float)) or wanted != wanted:
            raise TypeError(f"vapi.assistant.endpointing: a number of seconds; found {wanted!r}")
        return min(15.0, max(0.0, wanted))
    if plan == "final":
        return 0.0
    last = heard.split()[-1] if heard.split() else ""
    if plain(last).isdigit() or plain(last) in _NUMBERS:
        return assistant.on_number_seconds
    if last.endswith((".", "?", "!")):
        return assistant.on_punctuation_seconds
    return assistant.on_no_punctuation_seconds


def interrupts(assistant: Assistant, heard: str) -> bool:
    """Return whether a transcript interrupts, where words and not voice decide.

    A word of the interruption phrases always does, an acknowledgement by itself never, anything
    else with as many words as ``num_words`` says.
    """
    words = [plain(word) for word in heard.split() if plain(word)]
    if _has_any(words, assistant.interruption_phrases):
        return True
    if words in [_words(phrase) for phrase in assistant.acknowledgement_phrases]:
        return False
    return len(heard.split()) >= assistant.num_words


def _words(phrase: str) -> list[str]:
    return [plain(word) for word in phrase.split()]


def _has_any(words: list[str], phrases: Sequence[str]) -> bool:
    for phrase in map(_words, phrases):
        for first in range(len(words) - len(phrase) + 1):
            if words[first : first + len(phrase)] == phrase:
                return True
    return False
