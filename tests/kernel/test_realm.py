from __future__ import annotations

import asyncio
import datetime
import functools
import logging
import os
import random
import subprocess
import sys
import threading
import time
import zoneinfo
from dataclasses import dataclass, field
from datetime import UTC
from time import monotonic as early_monotonic
from time import time as early_time

import pytest

from simkit.kernel import EPOCH_NS, Calendar, Entropy, Loop, Realm
from tests.kernel.outsider import Outsider

EPOCH = EPOCH_NS // 10**9
DAY = datetime.datetime(2029, 1, 1, tzinfo=UTC)


def run_at(seconds, look, **options):
    """Return what ``look`` returns at that virtual second."""

    async def main():
        await asyncio.sleep(seconds)
        return look()

    with asyncio.Runner(loop_factory=functools.partial(Loop, **options)) as runner:
        return runner.run(main())


def default_argument(clock=time.time):
    return clock()


@dataclass
class Stamped:
    at: float = field(default_factory=time.time)


class Limiter:
    clock = staticmethod(time.time)


@pytest.mark.parametrize("clock", [time.monotonic, time.perf_counter])
def test_counters_count_virtual_seconds(clock):
    assert run_at(12.345678901, clock) == 12.345678901


@pytest.mark.parametrize("clock", [time.monotonic_ns, time.perf_counter_ns])
def test_nanosecond_counters_count_virtual_nanoseconds(clock):
    assert run_at(12.345678901, clock) == 12_345_678_901


def test_wall_clocks_begin_at_the_epoch_and_agree_with_each_other():
    def look():
        return (
            time.time_ns(),
            time.time(),
            datetime.datetime.now(UTC),
            datetime.datetime.now().timestamp(),
            time.mktime(time.localtime()),
            time.gmtime(),
            time.strftime("%S"),
        )

    ns, wall, now, local, broken_down, utc, second = run_at(5.25, look)
    assert ns == EPOCH_NS + 5_250_000_000
    assert wall == pytest.approx(EPOCH + 5.25, abs=1e-6)
    assert local == EPOCH + 5.25
    assert now == DAY + datetime.timedelta(seconds=5.25)
    assert broken_down == EPOCH + 5
    assert utc[:6] == (2029, 1, 1, 0, 0, 5)
    assert second == "05"


def test_time_is_the_float_nearest_to_the_virtual_instant():
    assert run_at(5.25, time.time) == EPOCH + 5.25
    assert run_at(5.25, lambda: int(time.time() * 1000)) == EPOCH * 1000 + 5250


def test_the_epoch_can_be_chosen():
    assert run_at(1, time.time_ns, epoch_ns=10**18) == 10**18 + 10**9


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_utcnow_is_naive_utc():
    assert run_at(5.25, datetime.datetime.utcnow) == datetime.datetime(2029, 1, 1, 0, 0, 5, 250_000)


def test_datetime_is_exact_to_the_microsecond():
    assert run_at(0.123456, lambda: datetime.datetime.now(UTC)).microsecond == 123_456


def test_now_takes_its_zone_by_position_and_by_name():
    berlin = zoneinfo.ZoneInfo("Europe/Berlin")
    both = run_at(1, lambda: [datetime.datetime.now(berlin), datetime.datetime.now(tz=berlin)])
    assert [(at.hour, at.tzinfo) for at in both] == [(1, berlin)] * 2


def test_now_of_a_subclass_gives_that_subclass():
    class Instant(datetime.datetime):
        pass

    assert type(run_at(1, Instant.now)) is Instant


def test_today_is_the_virtual_day():
    assert run_at(36 * 3600, lambda: datetime.datetime.now(UTC).date()).day == 2
    assert run_at(36 * 3600, datetime.date.today) == run_at(
        36 * 3600, lambda: datetime.datetime.now().date()
    )


@pytest.mark.parametrize(
    "reference",
    [
        early_time,
        functools.partial(time.time),
        default_argument,
        Limiter.clock,
        lambda: Stamped().at,
        lambda: logging.LogRecord("n", 20, "f", 1, "m", (), None).created,
    ],
)
def test_references_taken_before_see_the_virtual_clock(reference):
    assert run_at(3.5, reference) == EPOCH + 3.5


def test_broken_down_times_of_a_given_instant_are_what_they_always_are():
    given = 86_400.0 * 365
    assert run_at(5, lambda: (time.gmtime(given), time.localtime(given))) == (
        time.gmtime(given),
        time.localtime(given),
    )
    assert run_at(5, lambda: time.strftime("%Y", time.gmtime(given))) == "1971"
    assert run_at(5, lambda: time.localtime(None)) == time.localtime(EPOCH + 5)


@pytest.mark.parametrize("text", [time.ctime, time.asctime])
def test_the_time_as_text_is_virtual(text):
    assert "2029" in run_at(36 * 3600, text)


@pytest.mark.parametrize("stop", ["returns", "raises"])
def test_every_clock_is_real_again_afterwards(stop):
    def look():
        if stop == "raises":
            raise ValueError("out")

    before, day = time.monotonic(), time.time()
    if stop == "raises":
        with pytest.raises(ValueError, match="out"):
            run_at(10**6, look)
    else:
        run_at(10**6, look)
    assert before <= time.monotonic() < before + 60
    assert before <= early_monotonic() < before + 60
    assert day <= time.time() < day + 60
    assert day <= datetime.datetime.now(UTC).timestamp() < day + 60
    assert len(os.urandom(8)) == 8


def test_another_thread_keeps_the_real_clocks_meanwhile():
    def look():
        seen = outsider.call(lambda: (time.monotonic(), datetime.datetime.now(UTC).year))
        return time.monotonic(), seen

    before = time.monotonic()
    with Outsider() as outsider:
        inside, (instant, year) = run_at(10**6, look)
    assert inside == 10**6
    assert before <= instant <= time.monotonic()
    assert year > 2024


def test_two_threads_can_each_run_a_simulation():
    at = {}
    both_inside = threading.Barrier(2)

    def simulate(seconds):
        def look():
            both_inside.wait()
            at[seconds] = time.monotonic()
            both_inside.wait()

        run_at(seconds, look)

    threads = [threading.Thread(target=simulate, args=(seconds,)) for seconds in (5, 500)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert at == {5: 5.0, 500: 500.0}


def test_a_realm_within_a_realm_gives_back_the_outer_one():
    def realm(at_ns, seed):
        calendar = Calendar()
        calendar.stall(at_ns)
        return Realm(calendar, Entropy(seed))

    with realm(10, 1):
        first = random.random()
        with realm(20, 2):
            assert time.monotonic_ns() == 20
            random.random()
        assert time.monotonic_ns() == 10
        second = random.random()
    with realm(10, 1):
        assert [random.random(), random.random()] == [first, second]


def test_time_sleep_in_the_loops_thread_stalls_the_loop():
    log = []

    async def main():
        loop = asyncio.get_running_loop()
        loop.call_later(1, lambda: log.append(loop.time()))
        time.sleep(2.5)
        log.append(time.monotonic())
        await asyncio.sleep(1)
        return loop.time()

    with asyncio.Runner(loop_factory=Loop) as runner:
        assert runner.run(main()) == 3.5
    assert log == [2.5, 2.5]


def test_whoever_listens_for_stalls_is_told_how_long_they_are():
    told = []

    async def main():
        time.sleep(0.25)
        time.sleep(0)

    with asyncio.Runner(loop_factory=Loop) as runner:
        runner.get_loop().realm.on_stall = told.append
        runner.run(main())
    assert told == [250_000_000, 0]


CALLS = {
    "time.sleep(-1)": "ValueError",
    "os.urandom(-1)": "ValueError",
    "time.localtime('x')": "TypeError",
    "time.strftime(5)": "TypeError",
    # Through a class method no exception passes: it is printed, and this one takes its place.
    "datetime.datetime.now('x')": "SystemError",
}
MISUSE = """
import asyncio, datetime, os, sys, time
from simkit.kernel import Loop

async def main():
    try:
        eval(sys.argv[1])
    except Exception as error:
        print(type(error).__name__)

with asyncio.Runner(loop_factory=Loop) as runner:
    runner.run(main())
"""


@pytest.mark.parametrize("call", CALLS)
def test_a_wrong_argument_raises_what_it_always_raises(call):
    """In a process of its own: what happens instead may well be a crash."""
    outcome = subprocess.run(
        [sys.executable, "-c", MISUSE, call], capture_output=True, text=True, check=False
    )
    assert outcome.stdout.strip() == CALLS[call]
