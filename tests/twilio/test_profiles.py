"""Profiles of the carrier leg, and the losses that follow from them."""

from __future__ import annotations

import random
from dataclasses import asdict, replace
from itertools import groupby

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simkit.twilio import PROFILES, GilbertElliott, Profile
from simkit.twilio.profiles import find_profile


def losses(profile: Profile, packets: int, seed: int) -> list[bool]:
    line = GilbertElliott(random.Random(seed))
    return [line.loses(profile) for _ in range(packets)]


def bursts(lost: list[bool]) -> list[int]:
    return [len(list(run)) for is_lost, run in groupby(lost) if is_lost]


@settings(max_examples=8)
@given(
    loss=st.floats(0.01, 0.3),
    burst=st.floats(1.0, 8.0),
    seed=st.integers(0, 10_000),
)
def test_in_the_long_run_the_loss_and_the_length_of_bursts_are_those_asked_for(loss, burst, seed):
    lost = losses(Profile(loss=loss, burst=burst), 40_000, seed)
    runs = bursts(lost)
    # Five standard deviations: bursts are geometric, and as many as they are.
    spread = 5 / len(runs) ** 0.5
    assert sum(lost) / len(lost) == pytest.approx(loss, rel=1.5 * spread)
    assert sum(runs) / len(runs) == pytest.approx(burst, rel=spread)


@settings(max_examples=4)
@given(bad=st.floats(0.3, 0.9), good=st.floats(0.001, 0.05), seed=st.integers(0, 10_000))
def test_a_line_that_is_neither_quite_good_nor_quite_bad_loses_its_share(bad, good, seed):
    profile = Profile(loss=0.1, loss_bad=bad, loss_good=good, burst=5.0)
    lost = losses(profile, 60_000, seed)
    assert sum(lost) / len(lost) == pytest.approx(0.1, rel=0.2)


@pytest.mark.parametrize(
    ("name", "share"), [("mobile-1%", 0.01), ("mobile-3%", 0.03), ("mobile-5%", 0.05)]
)
def test_the_mobile_profiles_lose_what_their_names_say_in_bursts_of_three(name, share):
    lost = losses(PROFILES[name], 100_000, seed=4)
    assert sum(lost) / len(lost) == pytest.approx(share, rel=0.2)
    assert sum(bursts(lost)) / len(bursts(lost)) == pytest.approx(3.0, rel=0.15)


def test_a_line_may_lose_everything_or_nothing():
    assert all(losses(Profile(loss=1.0), 100, seed=1))
    assert not any(losses(Profile(), 100, seed=1))


def test_nothing_is_drawn_while_nothing_is_lost():
    class Refuses(random.Random):
        def random(self):
            raise AssertionError("drawn")

    assert not GilbertElliott(Refuses()).loses(Profile(jitter=0.2))


@pytest.mark.parametrize(
    ("knobs", "told"),
    [
        ({"loss": 1.5}, r"loss is a share from 0 to 1; found 1\.5"),
        ({"loss": "3%"}, "loss is a share from 0 to 1; found '3%'"),
        ({"loss": True}, "found True"),
        ({"loss": float("nan")}, "found nan"),
        ({"latency": -0.1}, r"latency is seconds from 0 to 60; found -0\.1"),
        ({"jitter": (0.4, 0.1)}, r"jitter is seconds .* pair \(low, high\); found \(0\.4, 0\.1\)"),
        ({"jitter": (0.1, 0.2, 0.3)}, "jitter is"),
        ({"spikes": -1}, "spikes is"),
        ({"spike_every": 0}, "spike_every is"),
        ({"burst": 0.5}, r"burst is packets, 1 to 10000; found 0\.5"),
        ({"buffer": "deep"}, "buffer is seconds from 0 to 60, or None; found 'deep'"),
        ({"conceal": "noise"}, "conceal is 'silence' or 'repeat'; found 'noise'"),
        ({"loss": 0.9, "burst": 2.0}, "loss 0.9 needs bursts of 9 packets or more on average"),
        ({"loss": 0.5, "loss_bad": 0.4}, r"loss is from loss_good \(0\) to loss_bad \(0\.4\)"),
        ({"loss": 0.01, "loss_good": 0.02}, r"loss_good \(0\.02\)"),
    ],
)
def test_what_no_line_can_be_is_refused(knobs, told):
    with pytest.raises(ValueError, match=told):
        Profile(**knobs)


def test_a_profile_is_known_by_its_name_or_is_one():
    mine = Profile(loss=0.2)
    assert find_profile("mobile-3%") is PROFILES["mobile-3%"]
    assert find_profile(mine) is mine
    with pytest.raises(ValueError, match="no carrier profile 'moon'; there are: clear, mobile-1%"):
        find_profile("moon")


@pytest.mark.parametrize("name", PROFILES)
def test_every_named_profile_is_one_that_can_be_made(name):
    assert Profile(**asdict(PROFILES[name])) == PROFILES[name]


def test_the_delay_is_that_of_the_line_and_of_its_buffer_in_whole_packets():
    assert Profile().delay_packets == 0
    assert Profile(latency=0.05).delay_packets == 3
    assert Profile(latency=0.02, jitter=(0.01, 0.05)).delay_packets == 4
    assert Profile(spikes=(0.1, 0.4), buffer=0.2).delay_packets == 10
    assert replace(PROFILES["patient-800"], latency=0.0).delay_packets == 42
