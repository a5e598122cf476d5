"""Words: what can be understood of sound, of which it is known where it comes from."""

from __future__ import annotations

import numpy as np

from ..audio import Repertoire, Span

_INTACT = 0.8
"""Share of a word's samples that must arrive for it to be understood."""
_QUIET = 200
"""-44 dBFS: what is never louder is a pause of the speaker's."""


def words_in(spans: list[Span], repertoire: Repertoire) -> str:
    """Return the words whose audio arrived intact, in the order of arrival."""
    words: list[str] = []
    for key in dict.fromkeys(span.key for span in spans if span.key is not None):
        speech = repertoire[key]
        starts, ends = speech.word_bounds
        arrived = np.zeros(len(starts), dtype=np.int64)
        for span in spans:
            if span.key == key:
                last = span.offset + span.end - span.start
                arrived += np.maximum(0, np.minimum(ends, last) - np.maximum(starts, span.offset))
        intact = np.flatnonzero(arrived >= _INTACT * (ends - starts))
        words += [speech.words[index].text for index in intact]
    return " ".join(words)


def pause_before(span: Span, repertoire: Repertoire) -> int:
    """Return for how many samples the speaker had been silent where a span begins in speech."""
    if span.key is None or not span.offset:
        return 0
    before = repertoire[span.key].samples[: span.offset]
    loud = np.flatnonzero(np.abs(before.astype(np.int32)) > _QUIET)
    return span.offset - (int(loud[-1]) + 1 if len(loud) else 0)
