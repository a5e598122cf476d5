"""Links in real time: a latency in each direction, and nothing else."""

from __future__ import annotations

import math

import pytest

from simkit.wall.links import Links, WallLink

FAR = "bridge.example.com"


def test_a_latency_is_that_of_both_ways_until_one_of_them_is_set():
    link = WallLink("twilio", FAR, latency=0.02)
    assert link.latency == 0.02
    link.towards("twilio").latency = 1
    assert link.latency == (1.0, 0.02)
    assert link.towards("twilio").latency_ns == 1_000_000_000
    link.latency = 0
    assert link.latency == 0.0


@pytest.mark.parametrize("value", [-0.001, math.inf, math.nan, True, "1", None])
def test_a_latency_is_a_number_of_seconds(value):
    link = WallLink("twilio", FAR, latency=0.02)
    with pytest.raises(ValueError, match=rf"link {FAR} > twilio: latency is in seconds, 0 or more"):
        link.towards("twilio").latency = value
    assert link.latency == 0.02


@pytest.mark.parametrize("towards", [None, FAR])
def test_there_is_no_other_knob(towards):
    link = WallLink("twilio", FAR, latency=0.02)
    it = link if towards is None else link.towards(towards)
    where = f"link twilio {'-' if towards is None else '>'} {FAR}"
    with pytest.raises(AttributeError, match=f"{where}: no jitter in wall mode, only latency"):
        it.jitter = 0.01
    with pytest.raises(AttributeError, match=f"{where}: no jitter in wall mode, only latency"):
        _ = it.jitter


def test_who_is_at_neither_end_is_told_where_the_link_leads():
    with pytest.raises(ValueError, match=f"'vapi' is not an end of the link twilio - {FAR}"):
        WallLink("twilio", FAR, latency=0.02).towards("vapi")


def test_only_links_of_the_bridge_to_somebody_take_time():
    links = Links({"twilio": 0.02}, 0.01, FAR)
    for a, b, latency in (
        ("twilio", FAR, 0.02),
        (FAR, "api.vapi.ai", 0.01),
        ("twilio", "api.vapi.ai", 0.0),
        ("", FAR, 0.0),
        ("", "twilio", 0.0),
    ):
        assert links.between(a, b).latency == latency
        assert links.between(b, a) is links.between(a, b)
    assert links.direction("twilio", FAR) is links.between("twilio", FAR).towards(FAR)
