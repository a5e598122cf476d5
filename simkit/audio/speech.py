"""Speech: an utterance with its samples and the timing of its words."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from weakref import WeakValueDictionary

import numpy as np
import numpy.typing as npt

from . import resample
from .mulaw import RATE, Samples


@dataclass(frozen=True)
class Word:
    """One word of an utterance, and where it lies: samples at 8 kHz, end exclusive."""

    text: str
    start: int
    end: int


@dataclass(frozen=True, eq=False)
class Speech:
    """What somebody says: samples at 8 kHz, shape ``(n,)``, and the words in them."""

    text: str
    samples: Samples
    words: tuple[Word, ...]
    partials: tuple[tuple[str, float], ...] = ()
    """Transcripts that a recording dates: text, and seconds from the first sample to it."""
    _at_rate: WeakValueDictionary[int, Samples] = field(
        default_factory=WeakValueDictionary, repr=False
    )
    """Kept as long as somebody speaks them: an hour's replies would be hundreds of megabytes."""

    @property
    def duration(self) -> float:
        """Seconds."""
        return len(self.samples) / RATE

    @property
    def duration_ns(self) -> int:
        """Nanoseconds."""
        return len(self.samples) * 1_000_000_000 // RATE

    @property
    def spoken(self) -> int:
        """Samples up to the end of the last word, without the silence after it."""
        return self.words[-1].end if self.words else len(self.samples)

    def at_rate(self, rate: int) -> Samples:
        """Return the samples at another rate."""
        found = self._at_rate.get(rate)
        if found is None:
            found = self._at_rate[rate] = resample.at_rate(self.samples, rate)
        return found

    @cached_property
    def word_bounds(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """First samples and ends of all words, each of shape ``(words,)``."""
        bounds = np.array([(word.start, word.end) for word in self.words], dtype=np.int64)
        return bounds.reshape(-1, 2)[:, 0], bounds.reshape(-1, 2)[:, 1]

    @cached_property
    def _plain_words(self) -> list[str]:
        return [plain(word.text) for word in self.words]

    def find(self, text: str) -> tuple[int, int] | None:
        """Return where ``text`` is said, first and last sample; None when the words do not occur.

        Case and punctuation do not count.
        """
        wanted = _plain_words_of(text)
        spoken = self._plain_words
        for first in range(len(spoken) - len(wanted) + 1):
            if wanted and spoken[first : first + len(wanted)] == wanted:
                return self.words[first].start, self.words[first + len(wanted) - 1].end
        return None


@lru_cache(maxsize=64)
def _plain_words_of(text: str) -> list[str]:
    """Return the words of what somebody waits for; it is looked for every 20 ms."""
    return [plain(word) for word in text.split() if plain(word)]


def plain(word: str) -> str:
    """Return a word without case and punctuation."""
    return "".join(letter for letter in word.lower() if letter.isalnum())


def timed_by_letters(text: str, samples: Samples) -> tuple[Word, ...]:
    """Guess where the words of a recording lie: its loud part, shared out by letters.

    For recorded or synthetic speech that comes without timings.
    """
    texts = text.split()
    loud = np.flatnonzero(np.abs(samples.astype(np.int32)) > 200)
    if not texts or not len(loud):
        return ()
    first, last = int(loud[0]), int(loud[-1]) + 1
    weights = [len(plain(word)) + 2 for word in texts]
    total, done, words = sum(weights), 0, []
    for word, weight in zip(texts, weights, strict=True):
        start = first + (last - first) * done // total
        done += weight
        words.append(Word(word, start, first + (last - first) * done // total))
    return tuple(words)
