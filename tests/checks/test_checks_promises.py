"""What one world is held to: waived and adjusted checks."""

from __future__ import annotations

import pytest

from simkit import Simulation
from simkit.checks import ALL, CheckError, Checks, Violation, describe
from simkit.timeline import Timeline
from simkit.wall import WallSimulation

MS = 1_000_000


def stalled() -> Timeline:
    timeline = Timeline()
    timeline.record("stall", "bridge", t_ns=1500 * MS, duration_ns=40 * MS)
    return timeline


def test_a_waived_promise_may_be_broken_and_says_why():
    checks = Checks(stalled)
    assert [result.name for result in checks.broken()] == ["no-blocking"]
    checks.waive("no-blocking", reason="it computes")
    assert checks.broken() == []
    [result] = [result for result in checks.judge() if result.violations]
    assert (result.passed, result.waived) == (True, "it computes")


def test_an_adjusted_limit_is_in_the_promise():
    checks = Checks(stalled)
    checks.adjust("no-blocking", over_ms=40)
    [result] = [result for result in checks.judge() if result.name == "no-blocking"]
    assert (result.passed, result.promise) == (True, "the loop was never blocked for over 40 ms")
    checks.adjust("no-blocking", over_ms=39)
    assert checks.broken()


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (lambda c: c.waive("no-blokking", reason="x"), "no check 'no-blokking'; there are: twiml"),
        (lambda c: c.waive("no-blocking", reason=" "), "waived for a reason; found ' '"),
        (lambda c: c.waive("no-blocking", reason=None), "waived for a reason; found None"),
        (lambda c: c.adjust("noise"), "no check 'noise'; there are: twiml-in-time, "),
        (lambda c: c.adjust("no-blocking", over=1), "no limit 'over'; there are: over_ms=20"),
        (lambda c: c.adjust("no-outside-world", over_ms=1), "no limit 'over_ms'; there are: none"),
        (lambda c: c.adjust("no-blocking", over_ms="1"), "over_ms: a number, 0 or more; found '1'"),
        (lambda c: c.adjust("no-blocking", over_ms=-1), "over_ms: a number, 0 or more; found -1"),
        (lambda c: c.adjust("no-blocking", over_ms=float("nan")), "a number, 0 or more; found nan"),
        (lambda c: c.adjust("no-blocking", over_ms=True), "a number, 0 or more; found True"),
    ],
)
def test_what_there_is_not_is_refused_with_what_there_is(wrong, told):
    with pytest.raises(CheckError) as refused:
        wrong(Checks(stalled))
    assert told in str(refused.value)


def test_every_limit_is_named_with_its_unit_and_stands_in_the_promise():
    for check in ALL:
        for name, limit in check.limits.items():
            assert name.endswith(("_ms", "_mb", "_share")), (check.name, name)
            assert limit.meaning
            assert f"{limit.default:g}" in check.judge(Timeline()).promise or limit.default >= 1000


@pytest.mark.parametrize("world", [Simulation, WallSimulation])
def test_both_worlds_have_promises(world):
    with world() as sim:
        sim.checks.waive("no-blocking", reason="a busy machine")
        assert sim.checks.broken() == []
        [blocking] = [one for one in sim.checks.judge() if one.name == "no-blocking"]
        assert blocking.word == ("passed" if world is Simulation else "not judged")


def test_what_is_broken_is_told_with_its_evidence():
    text = describe(Checks(stalled).broken())
    assert text.splitlines() == [
        "no-blocking: the promise is that the loop was never blocked for over 20 ms",
        "    the loop was blocked for 40 ms at 1.500",
        "        1.500  bridge   stall  duration_ns=40000000",
    ]


@pytest.mark.parametrize(("count", "told"), [(5, None), (6, "    ... and 1 more")])
def test_of_many_violations_five_are_told(count, told):
    timeline = Timeline()
    for number in range(count):
        timeline.record(
            "stall", "bridge", t_ns=number, duration_ns=40_000_000, line=f"a.py:{number}"
        )
    lines = describe(Checks(lambda: timeline).broken()).splitlines()
    assert len(lines) == 1 + 5 * 2 + bool(told)
    assert told in (None, lines[-1])


def test_a_limit_may_be_nothing_and_no_less():
    held = Checks(stalled)
    held.adjust("no-blocking", over_ms=0)
    with pytest.raises(CheckError, match="over_ms: a number, 0 or more; found -1"):
        held.adjust("no-blocking", over_ms=-1)


def test_of_much_evidence_the_first_is_shown():
    events = list(stalled()) * 20
    shown = Violation(0, "it broke", events).evidence
    assert (len(shown), shown[-1]) == (13, "... 8 more")
