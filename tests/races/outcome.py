"""What came of a call, read from its timeline."""

from __future__ import annotations

from simkit import Simulation


def understood(sim: Simulation) -> list[str]:
    """What Vapi took the caller to have said, turn by turn."""
    return [
        event.fields["text"]
        for event in sim.timeline.of("transcript")
        if (event.fields["role"], event.fields["transcript_type"]) == ("user", "final")
    ]
