"""The check of requests that are not from whom they say."""

from __future__ import annotations

from ..timeline import Event, Timeline
from .check import Check, Limit, Violation, milliseconds, seconds


def _signature_required(timeline: Timeline, within_ms: float) -> list[Violation]:
    found = []
    for forged in timeline.of("forged"):
        how, status = forged.fields["how"], forged.fields["status"]
        # 101 lets a socket open; what anybody is answered obeys nobody.
        if isinstance(status, int) and 100 <= status < 300 and not forged.fields.get("static"):
            text = f"a forged request ({how}) at {seconds(forged.t_ns)} was answered {status}"
            found.append(Violation(forged.t_ns, text, (forged,)))
        elif done := _done(timeline, forged, round(within_ms * 1e6)):
            was = "answered as anybody's" if forged.fields.get("static") else "refused"
            found.append(
                Violation(
                    forged.t_ns,
                    f"a forged request ({how}) at {seconds(forged.t_ns)} was {was}, and "
                    f"{milliseconds(done.t_ns - forged.t_ns)} later the bridge did what it asked "
                    "for",
                    (forged, done),
                )
            )
    return found


def _done(timeline: Timeline, forged: Event, within_ns: int) -> Event | None:
    """Return what the bridge did soon afterwards while there was no call to do it for."""
    began: dict[int | None, int] = {}
    for event in timeline:
        if event.call is not None:
            began.setdefault(event.call, event.sent_ns or event.t_ns)
    ended = {event.call: event.t_ns for event in timeline.of("ended")}
    last_ns = forged.t_ns + within_ns
    if any(
        start <= last_ns and ended.get(call, last_ns) + within_ns >= forged.t_ns
        for call, start in began.items()
    ):
        return None
    return next(
        (
            event
            for event in timeline
            if forged.t_ns <= event.t_ns <= last_ns
            and (event.kind == "open" or (event.kind == "request" and event.source == "bridge"))
        ),
        None,
    )


SIGNATURE_REQUIRED = Check(
    "signature-required",
    "no forged request was obeyed, at once or within {within_ms:g} ms",
    _signature_required,
    {"within_ms": Limit(1000, "from the forged request to what the bridge does of its own accord")},
)
