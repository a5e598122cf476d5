"""Does the ear know what it hears? Prints what was played against what was recognised.

Random cuts, repeats, swaps, losses and mixes of synthetic voices and of recorded speech go through
what happens to sound on the way (mu-law, gain, 16 and 24 kHz, noise), in chunks of random sizes.
Then the cost: the CPU time of a simulated call, with recognition switched on and off at both ends.

    python benchmarks/provenance.py [--edits 400] [--calls 5]
"""

from __future__ import annotations

import argparse
import random
import statistics
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.edits import CHANNELS, KINDS, Played, play
from simkit import recording
from simkit.audio import Repertoire, Samples, Span, Speech, Tracker, voice

RECORDINGS = Path(__file__).parents[1] / "recordings"
RECOGNISED = ("silence", "right", "2nd voice", "wrong offset", "wrong one", "foreign")
CLOSE = 8
"""Samples, 1 ms: what counts as the right offset."""
QUIET = 40
"""Sound that is quieter on average over 5 ms cannot be told from silence."""

TEXTS = (
    "Your appointment is scheduled for Tuesday at 3 PM.",
    "Would you like Thursday instead?",
    "Wait, can we do Thursday instead?",
    "Thursday it is, at ten in the morning then.",
    "Hello there, who is speaking please?",
    "Your appointment is scheduled for Tuesday at 3 PM.",
    "We are open from nine to five, on Saturdays until noon.",
    "No, I said that I would call again tomorrow.",
)


@dataclass
class Score:
    """What was recognised of what was played."""

    confusion: npt.NDArray[np.int64] = field(
        default_factory=lambda: np.zeros((len(KINDS), len(RECOGNISED)), dtype=np.int64)
    )
    """Samples, by kind and by what they were taken for."""
    lag_errors: list[int] = field(default_factory=list)
    """Of every span that names the right utterance: error of its offset, in samples."""
    edge_errors: list[int] = field(default_factory=list)
    """Of every edge: distance of the nearest edge that was found, in samples."""

    def add(
        self, played: Played, sound: Samples, spans: list[Span], speeches: list[Speech]
    ) -> None:
        """Judge one stream."""
        taken = np.zeros(len(played.kind), dtype=np.int64)
        judged = _audible(sound) | (played.kind == KINDS.index("silence"))
        for span in spans:
            part = slice(span.start, span.end)
            taken[part] = self._judge(played, part, span)
            if span.key is not None and span.end > span.start:
                self._note_lag(played, part, span)
                # Silence that follows half a sentence may be a pause in it: nobody can tell.
                said = speeches[span.key].samples[span.offset :][: span.end - span.start]
                judged[part] &= _audible(said) | (played.kind[part] != KINDS.index("silence"))
        np.add.at(self.confusion, (played.kind[judged], taken[judged]), 1)
        found = np.array([0, *(p for span in spans for p in (span.start, span.end))])
        audible = _audible(sound)
        for edge in played.edges:
            if audible[edge - CLOSE : edge + CLOSE].all():
                self.edge_errors.append(int(np.abs(found - edge).min()))

    def _judge(self, played: Played, part: slice, span: Span) -> npt.NDArray[np.int64]:
        size = len(played.key[part])
        if span.key is None:
            return np.full(size, RECOGNISED.index("foreign"))
        lag = span.start - span.offset
        result = np.full(size, RECOGNISED.index("wrong one"))
        first, second = played.key[part] == span.key, played.second[part] == span.key
        result[first | second] = RECOGNISED.index("wrong offset")
        result[second & (np.abs(played.second_lag[part] - lag) <= CLOSE)] = 2
        result[first & (np.abs(played.lag[part] - lag) <= CLOSE)] = 1
        return result

    def _note_lag(self, played: Played, part: slice, span: Span) -> None:
        """Compare a span's offset with that of most of what it names, where it is close."""
        lags = played.lag[part][played.key[part] == span.key]
        if not len(lags):
            return
        values, counts = np.unique(lags, return_counts=True)
        error = int(abs(values[counts.argmax()] - (span.start - span.offset)))
        if error <= 80:
            self.lag_errors.append(error)

    def share(self, kind: str, *names: str) -> float:
        """Return how much of a kind was taken for any of these, from 0 to 1."""
        row = self.confusion[KINDS.index(kind)]
        return float(row[[RECOGNISED.index(name) for name in names]].sum() / max(1, row.sum()))

    def merge(self, other: Score) -> None:
        """Add what another found."""
        self.confusion += other.confusion
        self.lag_errors += other.lag_errors
        self.edge_errors += other.edge_errors


def _audible(sound: Samples) -> npt.NDArray[np.bool_]:
    """Tell for each sample whether there is sound around it, 5 ms long."""
    power = np.concatenate(((0.0,), np.cumsum(sound.astype(np.float64) ** 2)))
    at = np.arange(len(sound))
    first, last = np.maximum(0, at - 20), np.minimum(len(sound), at + 20)
    audible: npt.NDArray[np.bool_] = power[last] - power[first] >= QUIET**2 * (last - first)
    return audible


def recognise(sound: Samples, known: Repertoire, draw: random.Random) -> list[Span]:
    """Return the spans of a stream that arrives in chunks of random sizes."""
    tracker, at = Tracker(known), 0
    while at < len(sound):
        size = draw.choice((80, 160, 320, 1600, 8000))
        tracker.feed(sound[at : at + size])
        if draw.random() < 0.5:
            tracker.update()
        at += size
    return tracker.finish()


def judge(
    speeches: list[Speech],
    channel: Callable[[Samples], Samples],
    *,
    edits: int,
    seed: int,
) -> Score:
    """Play random edits through a channel and judge what is recognised."""
    known, score, draw = Repertoire(), Score(), random.Random(seed)
    for speech in speeches:
        known.add(speech)
    played = play(draw, speeches, edits)
    sound = channel(played.sound)
    score.add(played, sound, recognise(sound, known, draw), speeches)
    return score


def synthetic() -> list[Speech]:
    """Return utterances of the synthetic voice."""
    return [voice.speak(text, random.Random(seed)) for seed, text in enumerate(TEXTS)]


def recorded() -> list[Speech]:
    """Return the utterances of the recordings, spoken by espeak-ng."""
    return [
        Speech(said.text, call.sound(said.sound), ())
        for name in ("three-interruptions", "pricing-question")
        for call in [recording.read(RECORDINGS / name)]
        for leg in ("caller", "agent")
        for _, said in call.speech(leg)
    ]


def print_table(score: Score) -> None:
    """Print the confusion as shares of each row, and the errors."""
    print(f"  {'':<10}{'seconds':>8}" + "".join(f"{name:>14}" for name in RECOGNISED))
    for kind, row in zip(KINDS, score.confusion, strict=True):
        if row.sum():
            shares = "".join(f"{100 * count / row.sum():>12.2f} %" for count in row)
            print(f"  {kind:<10}{row.sum() / 8000:>8.1f}{shares}")
    print(f"  offset error  {_spread(score.lag_errors)}")
    print(f"  edge error    {_spread(score.edge_errors)}")


def _spread(errors: Iterable[int]) -> str:
    ms = np.array(sorted(errors)) / 8
    if not len(ms):
        return "none"
    within = 100 * np.mean(ms <= 1)
    return (
        f"median {np.median(ms):.3f} ms, p99 {np.percentile(ms, 99):.3f} ms, "
        f"max {ms.max():.3f} ms, {within:.1f} % within 1 ms ({len(ms)})"
    )


def print_cost(calls: int) -> None:
    """Print what a call costs with the ear and without it."""
    from benchmarks import call

    def without() -> float:
        update, Tracker.update = Tracker.update, lambda self, *, final=False: self.spans
        try:
            return call.timed_call()
        finally:
            Tracker.update = update

    call.timed_call()
    on, off = [], []
    for _ in range(calls):
        on.append(call.timed_call())
        off.append(without())
    took, rest = statistics.median(on), statistics.median(off)
    print(f"  {took:.3f} s of CPU with, {rest:.3f} s without: {100 * (took - rest) / took:.1f} %")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="what the ear recognises, and what it costs")
    parser.add_argument("--edits", type=int, default=400, help="edits per table (default 400)")
    parser.add_argument("--calls", type=int, default=5, help="calls to time (default 5)")
    parser.add_argument("--only", help="one channel")
    options = parser.parse_args()
    for name, speeches in (("synthetic voices", synthetic()), ("recorded speech", recorded())):
        for channel, change in CHANNELS.items():
            if options.only not in (None, channel):
                continue
            started = time.process_time()
            score = judge(speeches, change, edits=options.edits, seed=1)
            took = time.process_time() - started
            total = score.confusion.sum() / 8000
            print(f"{name}, {channel}: {options.edits} edits, {took:.1f} s CPU for {total:.0f} s")
            print_table(score)
    if options.calls:
        print(f"cost of the ear, in a call of 60 s, {options.calls} times each")
        print_cost(options.calls)


if __name__ == "__main__":
    main()
