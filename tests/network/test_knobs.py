from __future__ import annotations

import math
import re

import pytest

from simkit.network import Link
from simkit.network.link import DEFAULT_WINDOW

WRONG_EVERYWHERE = ["1", b"1", [], math.nan, math.inf, -math.inf, -1]
NO_NUMBER = [*WRONG_EVERYWHERE, True, False]
TIME = "in seconds, 0 or more"

WRONG = {
    "latency": (TIME, [*NO_NUMBER, None, -1e-9, 10**400]),
    "accept_delay": (TIME, [*NO_NUMBER, None, -0.001]),
    "jitter": (
        "in seconds, 0 or more, or a pair (low, high)",
        [*NO_NUMBER, None, (0.2, 0.1), (-0.1, 0.1), (0, math.nan), (0.1,), (0, 1, 2), (0, True)],
    ),
    "bandwidth": (
        "in bits per second, 1 or more, or None for no limit",
        [*NO_NUMBER, 0, 0.5],
    ),
    "loss": ("a share from 0 to 1", [*NO_NUMBER, None, 1.0001, 2, -0.1]),
    "rto": ("in seconds, more than 0", [*NO_NUMBER, None, 0, 1e-10]),
    "mss": ("in bytes, an integer of 1 or more", [*NO_NUMBER, None, 0, 1460.0]),
    "window": ("in bytes, an integer of 1 or more", [*NO_NUMBER, None, 0, 1e6]),
    "silent": ("True or False", [*WRONG_EVERYWHERE, None, 0, 1]),
    "refuse": ("True or False", [*WRONG_EVERYWHERE, None, 0, 1]),
    "unreachable": ("True or False", [*WRONG_EVERYWHERE, None, 0, 1]),
    "unanswered": ("True or False", [*WRONG_EVERYWHERE, None, 0, 1]),
}

DEFAULTS = {
    "latency": 0.0,
    "accept_delay": 0.0,
    "jitter": 0.0,
    "bandwidth": None,
    "loss": 0.0,
    "rto": 0.2,
    "mss": 1460,
    "window": DEFAULT_WINDOW,
    "silent": False,
    "refuse": False,
    "unreachable": False,
    "unanswered": False,
}

OTHER = {
    "latency": 0.5,
    "accept_delay": 2,
    "jitter": (0.001, 0.02),
    "bandwidth": 64e3,
    "loss": 1,
    "rto": 1,
    "mss": 1,
    "window": 1,
    "silent": True,
    "refuse": True,
    "unreachable": True,
    "unanswered": True,
}


@pytest.fixture
def link(network):
    network.host("twilio")
    network.host("bridge")
    return network.link("twilio", "bridge")


@pytest.mark.parametrize(
    ("knob", "wrong"),
    [(knob, wrong) for knob, (_, values) in WRONG.items() for wrong in values],
    ids=lambda value: repr(value)[:12],
)
def test_a_wrong_value_is_refused_with_link_value_and_range(link, knob, wrong):
    allowed, _ = WRONG[knob]
    direction = link.towards("bridge")
    expected = f"link twilio > bridge: {knob} is {allowed}; found {wrong!r}"
    with pytest.raises(ValueError, match=f"^{re.escape(expected)}$"):
        setattr(direction, knob, wrong)
    assert getattr(direction, knob) == DEFAULTS[knob]
    assert direction.shape is None
    with pytest.raises(ValueError, match=re.escape(allowed)):
        setattr(link, knob, wrong)
    assert getattr(link, knob) == DEFAULTS[knob]


@pytest.mark.parametrize("knob", DEFAULTS)
def test_a_knob_is_one_of_each_direction_and_of_the_link(link, knob):
    assert getattr(link, knob) == DEFAULTS[knob]
    setattr(link.towards("bridge"), knob, OTHER[knob])
    assert getattr(link.towards("bridge"), knob) == OTHER[knob]
    assert getattr(link.towards("twilio"), knob) == DEFAULTS[knob]
    assert getattr(link, knob) == (DEFAULTS[knob], OTHER[knob])
    setattr(link, knob, OTHER[knob])
    assert getattr(link, knob) == OTHER[knob]
    assert getattr(link.towards("twilio"), knob) == OTHER[knob]
    setattr(link, knob, DEFAULTS[knob])
    assert getattr(link, knob) == DEFAULTS[knob]


def test_links_do_not_share_their_knobs(link, network):
    link.loss = 0.5
    assert network.link("home", "bridge").loss == 0


def test_a_knob_that_was_never_turned_leaves_the_short_way(link):
    link.latency = 0.1
    link.window = 1000
    link.refuse = link.unreachable = link.unanswered = True
    link.accept_delay = 1
    assert [direction.shape for direction in link.directions] == [None, None]


@pytest.mark.parametrize("wrong", [0, *NO_NUMBER, None])
def test_a_stall_of_no_duration_is_refused(link, wrong):
    text = "link twilio > bridge: the duration of a stall is in seconds, more than 0; found "
    with pytest.raises(ValueError, match=f"^{re.escape(text + repr(wrong))}$"):
        link.towards("bridge").stall(wrong)
    with pytest.raises(ValueError, match="the duration of a stall"):
        link.stall(wrong)


@pytest.mark.parametrize("wrong", [*NO_NUMBER, 2.999999])
def test_a_stall_that_begins_in_the_past_or_never_is_refused(link, loop, wrong):
    loop.stall(3_000_000_000)
    text = "the start of a stall is in virtual seconds, 3 (now) or more; found "
    with pytest.raises(ValueError, match=f"{re.escape(text + repr(wrong))}$"):
        link.towards("bridge").stall(1, start=wrong)


@pytest.mark.parametrize("wrong", [*NO_NUMBER, 1.0])
def test_a_reset_after_what_is_no_number_of_bytes_is_refused(link, wrong):
    text = "link twilio > bridge: reset_after is in bytes, an integer of 0 or more, or None; found "
    with pytest.raises(ValueError, match=f"^{re.escape(text + repr(wrong))}$"):
        link.towards("bridge").reset_after(wrong)


def test_a_link_outside_any_simulation_has_no_time_to_shape():
    with pytest.raises(RuntimeError, match="link a > b is not part of a simulation"):
        Link("a", "b", latency=0).loss = 0.1
