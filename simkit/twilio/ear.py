"""The ear: what left play-out towards the caller, and whose words it was."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..audio import Repertoire, Samples, Span, Tracker, mulaw, spool
from ..audio.speech import Speech
from ..audio.sums import product
from ..timeline import Event, Timeline
from .concealment import Carried
from .pieces import UNDERSTOOD, tellings
from .playout import BYTE_NS, PlayOut

_EDGE = 80
"""Samples at either end of an utterance that need not be heard: a codec holds back a few."""

_PAUSE = 8000
"""Samples of silence, a second: after a longer pause nobody takes it for the same words."""
_PIECE = 480_000
"""Samples that are listened to at once: a minute of a call that nobody listened to."""

_QUIET_POWER = 1600.0  # an rms of 40


@dataclass(frozen=True)
class HeardUtterance:
    """A stretch of one utterance that reached the ear; times in seconds of the simulation."""

    text: str
    start: float
    end: float
    whole: bool
    """Everything of the utterance was heard."""


def _to_its_end(spans: list[Span]) -> Iterator[Span]:
    """Yield the first span, and those that go on after a pause where the one before it stopped."""
    before = spans[0]
    yield before
    for span in spans[1:]:
        reached = before.offset + before.end - before.start
        if span.key != before.key or abs(span.offset - reached) > _EDGE:
            return
        if span.start - before.end > _PAUSE:
            return
        yield span
        before = span


class Ear:
    """Listens to the play-outs of one call."""

    def __init__(
        self, timeline: Timeline, repertoire: Repertoire, *, call: int, origin_ns: int
    ) -> None:
        self._timeline = timeline
        self._repertoire = repertoire
        self._call = call
        self._tracker = Tracker(repertoire)
        self._playouts: list[Carried | PlayOut] = []
        self._next: list[tuple[int, int]] = []  # per play-out: burst, bytes of it listened to
        self._events: list[Event] = []
        self._told: Span | None = None
        """What the last of these events tells of."""
        self.origin_ns = origin_ns
        """Instant of the first sample."""

    def listen_to(self, playout: Carried | PlayOut) -> None:
        """Hear what leaves ``playout`` from now on."""
        self._playouts.append(playout)
        self._next.append((0, 0))

    def update(self, now_ns: int) -> list[Span]:
        """Hear everything that has played by now; returns what was recognised."""
        ended = True
        for number, playout in enumerate(self._playouts):
            self._update_one(number, playout, now_ns)
            ended = ended and (not playout.bursts or playout.bursts[-1].end_ns < now_ns)
        return self._tracker.update(final=ended)

    def _update_one(self, number: int, playout: Carried | PlayOut, now_ns: int) -> None:
        index, heard = self._next[number]
        while index < len(playout.bursts):
            burst = playout.bursts[index]
            played = min(len(burst.data), max(0, (now_ns - burst.start_ns) // BYTE_NS))
            if played > heard:
                if heard == 0:
                    self._tracker.skip_to((burst.start_ns - self.origin_ns) // BYTE_NS)
                for first in range(heard, played, _PIECE):
                    piece = bytes(burst.data[first : min(played, first + _PIECE)])
                    self._tracker.feed(mulaw.decode(piece))
                    if len(piece) == _PIECE:
                        self._tracker.update()
                        spool.forget()
            heard = played
            if played < len(burst.data) or index == len(playout.bursts) - 1:
                break
            index, heard = index + 1, 0
        self._next[number] = (index, heard)

    def settle(self, now_ns: int) -> None:
        """Bring the timeline up to date with what was heard."""
        spans = self.update(now_ns)
        # Only the last one may have changed since: it grew, or turned out to be something else.
        for number in range(max(0, len(self._events) - 1), len(spans)):
            span = spans[number]
            if number < len(self._events) and span == self._told:
                continue
            self._told = span
            fields: dict[str, Any] = {
                "utterance": span.key,
                "offset_ns": span.offset * BYTE_NS,
                "duration_ns": self._heard(span) * BYTE_NS,
                "text": "" if span.key is None else words_in(self._repertoire[span.key], span),
            }
            if span.key is not None:
                heard, _ = self.sound_between(self.instant(span.start), self.instant(span.end))
                said = self._repertoire[span.key].samples[span.offset :][: len(heard)]
                fields["snr_db"], fields["mulaw_snr_db"] = clarity(heard, said)
                spool.forget()
            if number < len(self._events):
                self._events[number].fields.update(fields)
                continue
            self._events.append(
                self._timeline.record(
                    "hears",
                    "caller",
                    t_ns=self.instant(span.start),
                    call=self._call,
                    **fields,
                )
            )

    def _heard(self, span: Span) -> int:
        """Return how much of a span was heard, without the silence after the last word."""
        length = span.end - span.start
        if span.key is None:
            return length
        return max(0, min(length, self._repertoire[span.key].spoken - span.offset))

    def instant(self, sample: int) -> int:
        """Return when a sample was heard, in virtual ns."""
        return self.origin_ns + sample * BYTE_NS

    def find(self, text: str, after_ns: int, now_ns: int) -> tuple[int | None, int | None]:
        """Look for words in what was heard since ``after_ns``.

        Returns:
            The instant at which the last word had been heard, or None; and the instant at which
            it will be, if what plays now goes on, or None.
        """
        if self._is_lossy:
            return self._find_in_pieces(text, after_ns, now_ns)
        expected = None
        spans = [span for span in self.update(now_ns) if span.key is not None]
        # What is garbled is recognised in hundreds of pieces.
        places = {key: self._repertoire[key or 0].find(text) for key in {s.key for s in spans}}
        for number, begin in enumerate(spans):
            found = places[begin.key]
            if found is None:
                continue
            first, end = found
            if begin.offset > first + _EDGE:
                continue
            for span in _to_its_end(spans[number:]):
                end_ns = self.instant(span.start + end - span.offset)
                is_whole = end - _EDGE <= span.offset + span.end - span.start
                if end_ns > after_ns and is_whole:
                    return end_ns, None
            if end_ns > after_ns:
                expected = end_ns
        return None, expected

    @property
    def _is_lossy(self) -> bool:
        """Packets may be missing on the way, which a listener bears with."""
        return any(not playout.is_clear for playout in self._playouts)

    def _find_in_pieces(
        self, text: str, after_ns: int, now_ns: int
    ) -> tuple[int | None, int | None]:
        """Look for words of which most was heard, once the last of them is over."""
        expected = None
        for telling in tellings(self.update(now_ns)):
            found = self._repertoire[telling.key].find(text)
            if found is None:
                continue
            end_ns = self.instant(telling.lag + found[1])
            if end_ns <= after_ns:
                continue
            if now_ns < end_ns:
                expected = end_ns
            elif telling.heard(*found) >= UNDERSTOOD:
                return end_ns, None
        return None, expected

    def utterances(self, now_ns: int) -> list[HeardUtterance]:
        """Return the stretches of speech that were heard."""
        if self._is_lossy:
            return self._utterances_in_pieces(now_ns)
        result = []
        for span in self.update(now_ns):
            if span.key is not None:
                speech = self._repertoire[span.key]
                last = span.offset + span.end - span.start
                result.append(
                    HeardUtterance(
                        words_in(speech, span),
                        self.instant(span.start) / 1e9,
                        self.instant(span.end) / 1e9,
                        whole=bool(speech.words)
                        and span.offset <= speech.words[0].start + _EDGE
                        and last >= speech.words[-1].end - _EDGE,
                    )
                )
        return result

    def _utterances_in_pieces(self, now_ns: int) -> list[HeardUtterance]:
        result = []
        for telling in tellings(self.update(now_ns)):
            speech = self._repertoire[telling.key]
            first, last = telling.pieces[0][0], telling.pieces[-1][1]
            result.append(
                HeardUtterance(
                    telling.words(speech),
                    self.instant(telling.lag + first) / 1e9,
                    self.instant(telling.lag + last) / 1e9,
                    whole=bool(speech.words)
                    and telling.heard(speech.words[0].start + _EDGE, speech.words[-1].end - _EDGE)
                    == 1.0,
                )
            )
        return result

    def samples(self, now_ns: int) -> Samples:
        """Return everything heard so far on the call's own clock, silence included."""
        return self.sound_between(self.origin_ns, now_ns)[0]

    def sound_between(self, from_ns: int, to_ns: int) -> tuple[Samples, int]:
        """Return what was heard between two instants, and the instant of its first sample."""
        first = max(0, -(-(from_ns - self.origin_ns) // BYTE_NS))
        sound = np.zeros(max(0, (to_ns - self.origin_ns) // BYTE_NS - first), dtype=np.int16)
        for playout in self._playouts:
            for burst in reversed(playout.bursts):
                at = (burst.start_ns - self.origin_ns) // BYTE_NS - first
                if at + len(burst.data) <= 0:
                    break
                left, right = max(0, -at), max(0, min(len(burst.data), len(sound) - at))
                if left < right:
                    sound[at + left : at + right] = mulaw.decode(bytes(burst.data[left:right]))
        return sound, self.instant(first)


def clarity(heard: Samples, said: Samples) -> tuple[float | None, float | None]:
    """Return the signal-to-noise ratio of what was heard, and what mu-law alone leaves, in dB.

    Loudness does not count. None where there is too little sound.
    """
    exact = said.astype(np.float64)
    power = product(exact, exact)
    if power < len(exact) * _QUIET_POWER or not len(exact):
        return None, None
    there = heard.astype(np.float64)
    loudness = product(there, exact) / power
    return (
        _ratio_db(loudness * exact, there - loudness * exact),
        _ratio_db(exact, mulaw.decode(mulaw.encode(said)) - exact),
    )


def _ratio_db(signal: npt.NDArray[np.float64], noise: npt.NDArray[np.float64]) -> float:
    """Return the ratio of two powers, to a tenth of a dB."""
    ratio = max(product(signal, signal), 1.0) / max(product(noise, noise), 1.0)
    return round(10 * math.log10(ratio), 1)


def words_in(speech: Speech, span: Span) -> str:
    """Return the words of which more than half lies in a span."""
    last = span.offset + span.end - span.start
    return " ".join(
        word.text for word in speech.words if span.offset <= (word.start + word.end) // 2 < last
    )
