"""How late a run was for its own deadlines."""

from __future__ import annotations

import asyncio
import io
import time

from simkit.report import console, print_measures
from simkit.timeline import PacingError, Timeline, measures
from simkit.wall.loop import WallLoop
from simkit.wall.pacing import Pacing

MS = 1_000_000


def test_without_deadlines_there_is_nothing_to_be_late_for():
    loop = asyncio.new_event_loop()
    assert Pacing(loop).summary() == {"deadlines": 0}
    loop.close()


def test_every_deadline_counts_and_none_is_served_early():
    async def body() -> None:
        pacing = Pacing(asyncio.get_running_loop())
        served: list[tuple[int, int]] = []
        for ms in (3, 1, 2, 2, 0):
            when_ns = pacing.read_ns() + ms * MS
            pacing.call_at(
                when_ns, lambda due_ns: served.append((due_ns, pacing.read_ns())), when_ns
            )
        pacing.call_at(pacing.read_ns(), lambda: None).cancel()
        while len(served) < 5:
            await asyncio.sleep(0.001)
        assert all(due_ns <= now_ns for due_ns, now_ns in served)
        assert pacing.summary()["deadlines"] == 5
        assert pacing.summary()["max_ms"] >= pacing.summary()["p50_ms"] >= 0

    asyncio.run(body())


def test_the_clock_stands_at_the_deadline_that_is_served_and_at_what_comes_of_it():
    seen: list[int] = []

    async def body() -> None:
        pacing = asyncio.get_running_loop().pacing
        due_ns = pacing.read_ns() + 2 * MS
        reached = asyncio.get_running_loop().create_future()

        def serve() -> None:
            time.sleep(0.003)
            seen.append(pacing.read_ns() - due_ns)
            reached.set_result(None)

        pacing.call_at(due_ns, serve)
        await reached
        time.sleep(0.001)
        seen.append(pacing.read_ns() - due_ns)
        for _ in range(5):
            await asyncio.sleep(0.001)
        seen.append(pacing.read_ns() - due_ns)
        assert pacing.real_ns() - due_ns >= 5 * MS

    with asyncio.Runner(loop_factory=WallLoop) as runner:
        runner.run(body())
    assert seen == [0, 0, 5 * MS]


def test_at_one_instant_things_happen_in_the_order_in_which_they_were_set():
    done: list[object] = []

    async def body() -> None:
        pacing = asyncio.get_running_loop().pacing
        when_ns = pacing.read_ns() + 2 * MS
        over = asyncio.get_running_loop().create_future()
        for number in range(8):
            pacing.call_at(when_ns, done.append, number)
        pacing.call_at(when_ns + 1, done.append, "the next instant")
        pacing.call_at(when_ns + 2, over.set_result, None)
        pacing.call_at(when_ns, done.append, "cancelled").cancel()
        again = pacing.call_at(when_ns, done.append, "cancelled meanwhile")
        pacing.call_at(when_ns - 1, again.cancel)
        time.sleep(0.004)  # all of it is overdue
        await over

    with asyncio.Runner(loop_factory=WallLoop) as runner:
        runner.run(body())
    assert done == [*range(8), "the next instant"]


def test_what_comes_of_an_instant_is_done_before_the_next():
    done: list[object] = []

    async def body() -> None:
        pacing = asyncio.get_running_loop().pacing
        when_ns = pacing.read_ns() + MS

        async def chain() -> None:
            for number in range(3):
                done.append((number, pacing.read_ns() - when_ns))
                await asyncio.sleep(0)

        tasks: list[asyncio.Task[None]] = []
        over = asyncio.get_running_loop().create_future()
        pacing.call_at(when_ns, lambda: tasks.append(asyncio.ensure_future(chain())))
        pacing.call_at(when_ns + 1, over.set_result, None)
        time.sleep(0.003)
        await over
        done.append("next")

    with asyncio.Runner(loop_factory=WallLoop) as runner:
        runner.run(body())
    assert done == [(0, 0), (1, 0), (2, 0), "next"]


def test_what_is_overdue_does_not_turn_the_clock_back():
    async def body() -> None:
        pacing = asyncio.get_running_loop().pacing
        now_ns = pacing.read_ns()
        again = asyncio.get_running_loop().create_future()
        pacing.call_at(now_ns - 5 * MS, lambda: again.set_result(pacing.read_ns()))
        assert await again >= now_ns
        pacing.go_on()
        assert pacing.read_ns() > now_ns

    with asyncio.Runner(loop_factory=WallLoop) as runner:
        runner.run(body())


def test_lateness_is_told_in_percentiles_that_occurred():
    loop = asyncio.new_event_loop()
    pacing = Pacing(loop)
    pacing._late_ns.extend(number * MS for number in range(1, 201))
    assert pacing.summary() == {
        "deadlines": 200,
        "p50_ms": 100.0,
        "p95_ms": 190.0,
        "p99_ms": 198.0,
        "max_ms": 200.0,
    }
    pacing.restart()
    assert pacing.summary() == {"deadlines": 0}
    loop.close()


def paced(p99_ms: float) -> Timeline:
    timeline = Timeline()
    timeline.record(
        "pacing", "simkit", deadlines=200, p50_ms=0.25, p95_ms=1.0, p99_ms=p99_ms, max_ms=20.0
    )
    return timeline


def report(timeline: Timeline) -> str:
    out = io.StringIO()
    print_measures(console(out), measures(timeline))
    return out.getvalue()


def test_measures_carry_it_from_the_timeline():
    found = measures(paced(2.0)).pacing_error_ms
    assert found == PacingError(deadlines=200, p50_ms=0.25, p95_ms=1.0, p99_ms=2.0, max_ms=20.0)
    assert measures(Timeline()).pacing_error_ms is None
    nothing_due = Timeline()
    nothing_due.record("pacing", "simkit", deadlines=0)
    assert measures(nothing_due).pacing_error_ms is None


def test_figures_of_a_run_that_was_late_are_not_to_be_trusted_and_the_report_says_so():
    assert report(paced(10.0)) == (
        "pacing error       p50 0.2 ms, p95 1.0 ms, p99 10.0 ms, at most 20.0 ms (200)\n"
    )
    assert "; SO LATE THAT NO FIGURE HERE CAN BE TRUSTED\n" in report(paced(10.1))


def test_how_long_the_bridge_waited_for_a_processor_is_told_and_counts_as_late():
    timeline = paced(2.0)
    [event] = timeline
    event.fields |= {"bridge_p99_ms": 10.0, "bridge_max_ms": 45.0}
    told = "; the bridge waited for a processor 10.0 ms (p99), at most 45.0 ms"
    assert report(timeline).endswith(f"(200){told}\n")
    pacing = measures(timeline).pacing_error_ms
    assert (pacing.is_small, pacing.worst_ms) == (True, 45.0)
    event.fields["bridge_p99_ms"] = 10.1
    assert report(timeline).count("CAN BE TRUSTED") == 1
