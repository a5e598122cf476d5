"""Segments: where writes are cut."""

from __future__ import annotations

from tests.network.line import arrivals_of


def test_a_write_is_cut_where_segments_end(runner, line):
    line.there.bandwidth = 8_000_000
    line.there.mss = 300

    async def write(transport):
        transport.write(bytes(700))

    assert runner.run(arrivals_of(line, write)) == [(10_300, 300), (10_600, 300), (10_700, 100)]


def test_segments_that_arrive_together_are_one_read(runner, line):
    line.there.mss = 100

    async def write(transport):
        for _ in range(50):
            transport.write(bytes(160))

    assert runner.run(arrivals_of(line, write)) == [(10_000, 8000)]


def test_a_segment_holds_what_ethernet_does_and_more_within_a_machine(network):
    network.host("far")
    assert network.link("home", "far").mss == 1460
    assert network.link("home", "home").mss == 65483
