"""Arrivals: callers who come by chance."""

from __future__ import annotations

import asyncio

import pytest

from simkit import Simulation


def instants(seed: int, count: int = 400, per_minute: float = 30.0) -> list[float]:
    with Simulation(seed) as sim:

        async def caller(number: int) -> float:
            await asyncio.sleep(0)
            return sim.now

        return sim.run(sim.arrivals(caller, count=count, per_minute=per_minute))


def test_they_come_as_often_as_asked_for_and_not_evenly():
    found = instants(1)
    gaps = [later - earlier for earlier, later in zip([0.0, *found], found, strict=False)]
    mean = sum(gaps) / len(gaps)
    # 400 gaps of a Poisson process: their mean is within 15 %, and they vary as much as it.
    assert mean == pytest.approx(2.0, rel=0.15)
    deviation = (sum((gap - mean) ** 2 for gap in gaps) / len(gaps)) ** 0.5
    assert deviation == pytest.approx(mean, rel=0.2)


def test_the_instants_follow_from_the_seed():
    assert instants(1, 20) == instants(1, 20)
    assert instants(1, 20) != instants(2, 20)


async def test_each_caller_is_a_call_of_its_own_and_its_result_comes_back(sim):
    async def caller(number: int) -> int:
        await asyncio.sleep(10 - number)
        return number

    assert await sim.arrivals(caller, count=3, per_minute=600) == [1, 2, 3]


async def test_the_first_caller_that_fails_ends_the_others(sim):
    ended = []

    async def caller(number: int) -> None:
        try:
            await asyncio.sleep(number)
            if number == 2:
                raise AssertionError("nobody answered")
            await asyncio.sleep(1000)
        finally:
            ended.append(number)

    with pytest.raises(AssertionError, match="nobody answered"):
        await sim.arrivals(caller, count=50, per_minute=600)
    assert sim.now < 3
    await asyncio.sleep(100)
    assert sorted(ended) == list(range(1, len(ended) + 1))
    assert 3 <= len(ended) < 50


async def test_nobody_comes_any_more_when_nobody_waits_for_them(sim):
    came = []

    async def caller(number: int) -> None:
        came.append(number)

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(5):
            await sim.arrivals(caller, count=100, per_minute=60)
    before = len(came)
    await asyncio.sleep(100)
    assert 0 < len(came) == before


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"count": 0, "per_minute": 1}, "count is 1 or more; found 0"),
        ({"count": 1.5, "per_minute": 1}, r"count is 1 or more; found 1\.5"),
        ({"count": 1, "per_minute": 0}, "per_minute is more than 0, 60000 at most; found 0"),
        ({"count": 1, "per_minute": float("nan")}, "found nan"),
    ],
)
async def test_what_is_no_rate_of_arrivals_is_refused(sim, options, told):
    with pytest.raises(ValueError, match=told):
        await sim.arrivals(lambda number: asyncio.sleep(0), **options)
