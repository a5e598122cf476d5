"""Metrics: what the bridge counts, as the text that Prometheus collects.

Counters of our own: the official client library takes twice as long to find a counter by its
labels, and has no bound on their number. Its parser is the oracle of the tests.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

PREFIX = "simkit_bridge_"

BUCKETS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0, 5.0, 10.0)
"""Upper bounds of every histogram, seconds."""

MAX_SERIES = 1000
"""Combinations of name and labels that are kept; what comes beyond is counted as lost."""

Labels = tuple[tuple[str, str], ...]

HELP = {
    "barge_ins": "Times a caller cut the agent off.",
    "buffered_bytes": "Audio that waits to be sent, all calls together.",
    "calls": "Calls that ended, by outcome.",
    "clear_seconds": "From the news of an interruption to the clear being handed to Twilio.",
    "draining": "1 while no new calls are taken.",
    "dropped": "Frames of audio that were dropped, by reason.",
    "fallbacks": "Times the fallback line was said, by reason.",
    "frames": "Messages on the streams, by leg and direction.",
    "lost_series": "Counts that found no room because there were too many kinds of labels.",
    "reconnects": "Attempts to get Vapi's socket back, by outcome.",
    "refused": "Requests, sockets and messages that were refused, by reason.",
    "sessions": "Calls that are running.",
    "vapi_pong_seconds": "From a ping to Vapi's pong.",
    "vapi_ready": "Calls or sockets at Vapi that wait for a caller.",
    "vapi_open_seconds": "From Twilio's start to Vapi being ready.",
}
"""What each name means; names that are not listed are shown without help."""


class Metrics:
    """Counters, gauges and histograms of one process.

    >>> metrics = Metrics()
    >>> metrics.count("frames", leg="twilio", direction="in")
    >>> metrics.gauge("sessions", lambda: 2)
    >>> print(metrics.text(), end="")
    # HELP simkit_bridge_frames_total Messages on the streams, by leg and direction.
    # TYPE simkit_bridge_frames_total counter
    simkit_bridge_frames_total{direction="in",leg="twilio"} 1
    # HELP simkit_bridge_sessions Calls that are running.
    # TYPE simkit_bridge_sessions gauge
    simkit_bridge_sessions 2
    """

    def __init__(self) -> None:
        self._counters: dict[tuple[str, Labels], float] = {}
        self._gauges: dict[tuple[str, Labels], Callable[[], float]] = {}
        self._totals: dict[tuple[str, Labels], Callable[[], float]] = {}
        self._histograms: dict[tuple[str, Labels], _Histogram] = {}

    def count(self, name: str, amount: float = 1, **labels: str) -> None:
        """Add to a counter; it is shown as ``simkit_bridge_<name>_total``."""
        key = name, tuple(sorted(labels.items())) if len(labels) > 1 else tuple(labels.items())
        counters = self._counters
        if key in counters:
            counters[key] += amount
        elif self._has_room():
            counters[key] = amount
        else:
            self._lose()

    def gauge(self, name: str, read: Callable[[], float], **labels: str) -> None:
        """Show what ``read`` returns at the time, as ``simkit_bridge_<name>``."""
        self._gauges[name, tuple(sorted(labels.items()))] = read

    def total(self, name: str, read: Callable[[], float], **labels: str) -> None:
        """Show as a counter what somebody else counts, where even :meth:`count` is too slow."""
        self._totals[name, tuple(sorted(labels.items()))] = read

    def observe(self, name: str, seconds: float, **labels: str) -> None:
        """Sort a duration into a histogram, shown as ``simkit_bridge_<name>_bucket`` and so on."""
        key = name, tuple(sorted(labels.items()))
        histogram = self._histograms.get(key)
        if histogram is None:
            if not self._has_room():
                self._lose()
                return
            histogram = self._histograms[key] = _Histogram()
        histogram.observe(seconds)

    def value(self, name: str, **labels: str) -> float:
        """Return what a counter stands at; 0 before it was first counted."""
        return self._counters.get((name, tuple(sorted(labels.items()))), 0)

    def text(self) -> str:
        """Return everything in Prometheus' text format 0.0.4."""
        lines: list[str] = []
        totals = {key: read() for key, read in self._totals.items()}
        counters = sorted({**self._counters, **totals}.items())
        before = ""
        for (name, labels), value in counters:
            full = f"{PREFIX}{name}_total"
            before = _head(lines, before, name, full, "counter")
            lines.append(f"{full}{_braces(labels)} {value:.15g}")
        for (name, labels), read in sorted(self._gauges.items(), key=lambda item: item[0]):
            before = _head(lines, before, name, PREFIX + name, "gauge")
            lines.append(f"{PREFIX}{name}{_braces(labels)} {read():.15g}")
        for (name, labels), histogram in sorted(self._histograms.items(), key=lambda item: item[0]):
            before = _head(lines, before, name, PREFIX + name, "histogram")
            lines.extend(histogram.lines(PREFIX + name, labels))
        return "\n".join(lines) + "\n" if lines else ""

    def _has_room(self) -> bool:
        return len(self._counters) + len(self._histograms) < MAX_SERIES

    def _lose(self) -> None:
        key: tuple[str, Labels] = "lost_series", ()
        self._counters[key] = self._counters.get(key, 0) + 1


class _Histogram:
    def __init__(self) -> None:
        self._counts = [0] * (len(BUCKETS) + 1)
        self._sum = 0.0

    def observe(self, seconds: float) -> None:
        self._counts[bisect_left(BUCKETS, seconds)] += 1
        self._sum += seconds

    def lines(self, full: str, labels: Labels) -> Iterator[str]:
        below = 0
        for bound, count in zip((*BUCKETS, "+Inf"), self._counts, strict=True):
            below += count
            yield f"{full}_bucket{_braces((*labels, ('le', str(bound))))} {below}"
        yield f"{full}_sum{_braces(labels)} {self._sum:.15g}"
        yield f"{full}_count{_braces(labels)} {below}"


def _head(lines: list[str], before: str, name: str, full: str, kind: str) -> str:
    """Begin a family, unless it is the one before; returns which it is."""
    if full != before:
        if name in HELP:
            lines.append(f"# HELP {full} {HELP[name]}")
        lines.append(f"# TYPE {full} {kind}")
    return full


def _braces(labels: Labels) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels) + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
