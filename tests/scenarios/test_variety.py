"""Variety: a seed changes a world in the same way each time, and no right bridge minds."""

from __future__ import annotations

import random

import numpy as np
import pytest

from simkit import Simulation
from simkit.audio import Speech
from simkit.scenarios import find, simulate
from simkit.scenarios.variety import _AnyOrder, _louder, vary
from simkit.wire.knobs import knobs_of


def knobs_after(seed: int) -> dict[str, object]:
    with Simulation(seed=7) as sim:
        sim.host("bridge.example.com")
        vary(sim, seed)
        links = [sim.link(host, "bridge.example.com") for host in ("twilio", "api.vapi.ai")]
        knobs = [sim.twilio.settings, sim.vapi.assistant()]
        return {
            **{name: getattr(kind, name) for kind in knobs for name in knobs_of(type(kind))},
            "latency": [link.latency for link in links],
            "jitter": [link.jitter for link in links],
            "delays": (sim.vapi.open_delay, sim.vapi.create_delay),
            "order": type(sim.loop.choices),
        }


def test_seed_0_changes_nothing():
    plain = simulate(find("barge-in"), seed=0)
    assert str(simulate(find("barge-in"), seed=0, varied=True).timeline) == str(plain.timeline)


def test_a_seed_changes_the_same_each_time_and_another_seed_something_else():
    assert knobs_after(3) == knobs_after(3)
    plain = knobs_after(0)
    changed = {
        name
        for seed in range(1, 6)
        for name, value in knobs_after(seed).items()
        if value != plain[name]
    }
    assert {"latency", "jitter", "delays", "order", "lead", "llm", "mark_delay"} <= changed


def test_the_same_seed_gives_the_same_bytes_and_another_one_others():
    told = [str(simulate(find("greeting"), seed=s, varied=True).timeline) for s in (5, 5, 6)]
    assert told[0] == told[1] != told[2]


def test_a_seed_that_was_told_of_once_still_means_the_same(snapshot):
    plain, varied = knobs_after(0), knobs_after(3)
    del varied["order"]
    assert {name: value for name, value in varied.items() if value != plain[name]} == snapshot


def test_what_is_drawn_stays_where_a_right_bridge_stands_it():
    drawn = [knobs_after(seed) for seed in range(1, 60)]

    def all_of(name: str) -> list:
        return [knobs[name] for knobs in drawn]

    assert 57 <= min(all_of("first_timestamp_ms")) < 70
    assert 160 < max(all_of("first_timestamp_ms")) <= 171
    assert set(all_of("timestamp_jitter_ms")) == {0, 1, 2}
    assert set(all_of("audio_after_interrupt")) == {0, 1, 2, 3, 4, 5}
    assert set(all_of("ping_interval")) == {None, 5.0}
    assert set(all_of("close_code")) == {1000, None}
    assert set(all_of("frame")) == {0.01, 0.02, 0.04, 0.1}
    assert all(not (knobs["lead"] and knobs["silence_frames"]) for knobs in drawn)
    jitters = np.concatenate([np.ravel(one) for both in all_of("jitter") for one in both])
    assert 0.015 < jitters.max() <= 0.02


def test_a_louder_voice_is_cut_off_at_full_scale_and_no_sooner():
    def flat(text, draw, seconds):
        return Speech(text, np.array([0, 1, -300, 20_000, -20_000], np.int16), ())

    made = _louder(flat, 2.0)("yes", random.Random(), None)
    assert made.samples.tolist() == [0, 2, -600, 32767, -32768]


def test_what_has_no_order_takes_any():
    choices = _AnyOrder(random.Random(1))
    orders = {tuple(choices.order("poll", ["a", "b", "c"])) for _ in range(100)}
    assert len(orders) == 6
    sizes = [choices.size("read", "", 40) for _ in range(2000)]
    assert (min(sizes), max(sizes)) == (1, 40)
    assert 1800 < sizes.count(40) < 1960
    assert {choices.duration_ns("executor", "") // 1_000_000 for _ in range(99)} == {0, 1, 2}
    assert choices.duration_ns("callback", "") == 0


def test_what_a_scenario_sets_stays_as_it_is():
    with Simulation() as sim:
        sim.host("bridge.example.com")
        vary(sim, 1)
        varied = sim.vapi.assistant(llm=0.123)
        assert varied.llm == 0.123
        assert varied.tts == sim.vapi.defaults["tts"]


@pytest.mark.parametrize("seed", range(1, 4))
def test_simkits_own_bridge_stands_it(seed):
    outcome = simulate(find("barge-in"), seed=seed, varied=True)
    assert (outcome.failure, [c.sentence for c in outcome.checks if not c.passed]) == ("", [])


@pytest.mark.parametrize(
    ("name", "settings", "seed"),
    [
        ("second-barge-in", {"latency": 0.02}, 79),  # the next reply came 183 ms after the clear
        ("second-barge-in", {"latency": 0.08}, 181),  # Vapi told of the voice after the answer
        ("second-barge-in", {"latency": 0.15}, 249),  # an answer cut off what was not interrupted
        ("reconnect", {"phase": "before-greeting"}, 5015),  # so did the greeting's
        ("reconnect", {"phase": "mid-greeting"}, 5007),  # frames of 100 ms: never 60 of them
        ("reconnect", {"phase": "mid-reply"}, 5010),  # a span was longer than what is said in it
        ("llm-timeout", {"thinks": 12.0}, 5000),  # ten seconds after a final that came late
        ("format-mismatch", {"rate": 8000}, 5012),  # frames of 100 ms, a little unevenly
        ("packet-loss", {"loss": 0.05}, 5072),  # five of fourteen words were hit by losses
        ("packet-loss", {"loss": 0.05}, 5018),  # 34 ms between losses, taken for another place
        ("reconnect", {"phase": "mid-reply"}, 20007),  # a word ends so elsewhere, too
        ("agent-hangs-up", {"lead": 0.0}, 20023),  # told of the end and acting on it in one instant
        ("duplicate-turn", {}, 500034),  # the last 2 ms of a reply fit a sample further on, too
    ],
)
def test_what_was_once_a_false_alarm_is_none(name, settings, seed):
    outcome = simulate(find(name), settings, seed=seed, varied=True)
    assert (outcome.failure, [c.sentence for c in outcome.checks if not c.passed]) == ("", [])
