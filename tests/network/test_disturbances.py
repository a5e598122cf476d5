"""What is done to a link is told, for pictures."""

from __future__ import annotations

from simkit import Simulation


def test_the_timeline_knows_what_was_done_to_which_link_from_when_on():
    with Simulation() as sim:
        sim.host("bridge.example.com")
        link = sim.link("twilio", "bridge.example.com")
        there = link.towards("bridge.example.com")
        there.jitter = 0.01
        there.stall(0.5, start=2.0)
        link.silent = True
        there.reset_after(100)
        found = [
            (event.kind, event.t_ns, *event.fields.values()) for event in sim.timeline.disturbances
        ]
        assert str(sim.timeline) == ""
    way, back = "link twilio > bridge.example.com", "link bridge.example.com > twilio"
    assert found == [
        ("jitter", 0, way, 0.01, None),
        ("stall", 2_000_000_000, way, 0.5, 2_500_000_000),
        ("silent", 0, way, True, None),
        ("silent", 0, back, True, None),
        ("reset_after", 0, way, 100, None),
    ]
