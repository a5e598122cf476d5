from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simkit.network import Direction, Link
from simkit.network.link import DEFAULT_WINDOW


def test_a_link_has_one_latency_until_a_direction_is_set_by_itself():
    link = Link("twilio", "bridge", latency=0.02)
    assert link.latency == 0.02
    link.towards("bridge").latency = 0.08
    assert link.latency == (0.02, 0.08)
    assert link.towards("twilio").latency == 0.02


def test_setting_the_link_sets_both_directions():
    link = Link("a", "b", latency=0.02)
    link.towards("b").latency = 0.5
    link.latency = 0.01
    assert link.latency == 0.01
    assert link.towards("a").latency_ns == link.towards("b").latency_ns == 10_000_000


def test_a_direction_knows_where_it_comes_from_and_where_it_ends():
    direction = Link("a", "b", latency=0).towards("b")
    assert (direction.source, direction.target) == ("a", "b")
    assert direction.window == DEFAULT_WINDOW


@given(st.integers(0, 10**7))
def test_latency_is_kept_to_the_nanosecond(microseconds):
    direction = Direction("a", "b", 0)
    direction.latency = microseconds / 1e6
    assert direction.latency_ns == microseconds * 1000
    assert direction.latency == microseconds / 1e6


@pytest.mark.parametrize("wrong", [-0.001, math.nan, math.inf, "20ms", None])
def test_a_latency_that_is_none_is_refused_with_the_name_of_the_link(wrong):
    with pytest.raises(ValueError, match="link a - b: latency is in seconds, 0 or more; found"):
        Link("a", "b", latency=wrong)
    direction = Direction("a", "b", 5)
    with pytest.raises(ValueError, match="link a > b: latency is in seconds, 0 or more; found"):
        direction.latency = wrong
    assert direction.latency_ns == 5


def test_a_host_at_neither_end_is_refused():
    with pytest.raises(ValueError, match="'c' is not an end of the link a - b"):
        Link("a", "b", latency=0).towards("c")


def test_a_host_is_linked_to_itself():
    link = Link("a", "a", latency=0.001)
    assert link.latency == 0.001
    assert link.towards("a").target == "a"


def test_the_network_refuses_a_link_to_an_unknown_host(network):
    network.host("bridge")
    with pytest.raises(ValueError, match=r"no host 'brigde' in this simulation; .*bridge, home"):
        network.link("home", "brigde")


def test_a_link_is_the_same_from_both_ends_and_by_name_or_host(network):
    bridge = network.host("bridge", "bridge.example.com")
    assert network.link("home", "bridge") is network.link(bridge, network.home)
    assert network.link("home", "bridge") is network.link("BRIDGE.example.com", "home")


def test_a_link_that_nobody_set_takes_what_both_ends_add_up_to(network):
    a, b = network.host("a"), network.host("b")
    a.access_latency, b.access_latency = 0.02, 0.01
    assert network.link(a, b).latency == 0.03
    assert network.link(a, a).latency == 0
    assert network.link(b, "home").latency == 0.01


def test_a_knob_that_is_misspelt_is_refused():
    with pytest.raises(AttributeError, match="latncy"):
        Link("twilio", "bridge", latency=0.02).latncy = 0.1
