"""What the carrier leg did to a call: how late it made sound, and how much of it it lost."""

from __future__ import annotations

from .events import Timeline

PACKET_NS = 20_000_000
"""Sound in one packet."""


def carrier_delay_ns(timeline: Timeline, call: int | None, towards: str) -> int:
    """Return how late sound is at an end of a call's carrier leg, ``twilio`` or ``caller``."""
    told = [
        event.fields["delay_ns"]
        for event in timeline.of("carrier", call=call)
        if event.fields["towards"] == towards
    ]
    return int(told[-1]) if told else 0


def carrier_lost_ns(
    timeline: Timeline, call: int | None, towards: str, from_ns: int, until_ns: int
) -> int:
    """Return how much sound was lost at most between two instants at that end.

    A run of losses that reaches in counts whole.
    """
    return sum(
        int(event.fields["packets"]) * PACKET_NS
        for event in timeline.of("lost", call=call)
        if event.fields["towards"] == towards
        and event.t_ns < until_ns
        and event.fields["last_ns"] + PACKET_NS > from_ns
    )
