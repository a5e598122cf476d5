"""The menu of faults: values that print, are checked, and can be turned on anywhere."""

from __future__ import annotations

import pytest

from simkit.vapi import Close, Fault, Faults, Only
from simkit.vapi.faults import menu
from simkit.wire.knobs import knobs_of


def test_every_fault_of_the_menu_can_be_turned_on_and_printed():
    faults = Faults()
    assert faults.turned_on() == ()
    faults.turn_on(*menu())
    assert faults.turned_on() == menu()
    assert {fault.name for fault in menu()} == set(knobs_of(Faults))
    assert len(set(menu())) == len(menu())
    again = Faults()
    for line in map(str, menu()):
        exec(line.replace("sim.vapi.faults", "again"), {"again": again, "Close": Close})
    assert again.turned_on() == menu()


WRONG = {
    "slow_create": [-1, True, "1", (2, 1), (1,), float("nan")],
    "failed_create": [200, 404, "500"],
    "unspoken": [1.1, -0.1, True],
    "retry_storm": [1, 21, 2.0],
    "absorbed": [False, 1],
    "odd_frames": [0, 65_537],
    "close": [1011, "1011"],
    "stt_stall": [Only(-1.0), Only("x")],
}


@pytest.mark.parametrize("name", WRONG)
def test_a_value_outside_its_range_is_refused(name):
    for value in WRONG[name]:
        with pytest.raises(ValueError, match=rf"vapi\.faults\.{name}: .*; found "):
            setattr(Faults(), name, value)


def test_an_unknown_fault_is_refused():
    with pytest.raises(AttributeError, match=r"no vapi\.faults 'stt_stal'.* stt_stall"):
        Faults().turn_on(Fault("stt_stal", 1.0))


@pytest.mark.parametrize(
    "wrong",
    [
        {"code": 999, "at": 1.0},
        {"code": 1015, "at": 1.0},
        {"code": 1000},
        {"code": 1000, "at": 1.0, "on": "say"},
        {"code": 1000, "at": -1.0},
        {"code": 1000, "on": "say", "after": True},
        {"code": 1000, "on": "say", "nth": 0},
    ],
)
def test_a_close_that_cannot_be_is_refused(wrong):
    with pytest.raises(ValueError, match="Close: "):
        Close(**wrong)


def test_only_counts_from_one():
    with pytest.raises(ValueError, match="Only: nth"):
        Only(1.0, nth=0)
