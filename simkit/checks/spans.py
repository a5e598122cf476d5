"""What several checks ask of a timeline: whose sockets were open when, and what the log says."""

from __future__ import annotations

from ..timeline import Event, Timeline, bridged

FRAGMENT_NS = 100_000_000
"""Sound this short between two losses cannot be recognised."""
_ALWAYS_NS = 1 << 62
_SAID_BEFORE_NS = 10_000_000_000
"""What is said once of audio that is dropped may hold for so long: nobody says it of each frame."""


class Sessions:
    """The assistant's sockets: from when to when each was open, and for which calls."""

    def __init__(self, timeline: Timeline) -> None:
        self._opened = {event.session: event.t_ns for event in timeline.of("open")}
        self._closed = {event.session: event.t_ns for event in timeline.of("close")}
        self._calls = bridged(timeline)

    def of(self, call: int | None) -> list[int]:
        """Return those that a call was bridged to, or may have been: nothing ties them to any."""
        tied = [session for session, calls in self._calls.items() if call in calls]
        untied = [s for s in self._opened if s is not None and s not in self._calls]
        return sorted(tied) + untied

    def opened_ns(self, session: int | None) -> int:
        """Return when a socket opened; long ago where nothing tells."""
        return self._opened.get(session, -_ALWAYS_NS)

    def last_ns(self, call: int | None) -> int:
        """Return when the last of a call's sockets closed; long ago if it never had one."""
        ends = [self._closed.get(session, _ALWAYS_NS) for session in self.of(call)]
        return max(ends, default=-_ALWAYS_NS)

    def is_open(self, call: int | None, t_ns: int) -> bool:
        """Tell whether a call had an open socket at an instant."""
        return any(
            self.opened_ns(session) <= t_ns < self._closed.get(session, _ALWAYS_NS)
            for session in self.of(call)
        )


def is_held_up(timeline: Timeline, from_ns: int, until_ns: int) -> bool:
    """Tell whether a peer other than Twilio did not read what the bridge wrote meanwhile."""
    return any(
        slow.t_ns < until_ns
        and (slow.fields["last_ns"] is None or slow.fields["last_ns"] > from_ns)
        and not slow.fields["peer"].startswith("twilio:")
        for slow in timeline.of("slow-reader")
    )


def said_dropped(timeline: Timeline, since_ns: int) -> list[Event]:
    """Return what the bridge logged of audio that it dropped, since an instant and shortly before.

    Only a simulation knows what is logged.
    """
    return [e for e in timeline.of("log") if e.t_ns >= since_ns - _SAID_BEFORE_NS]
