"""Choice points: what a run may legally do otherwise, and nothing else."""

from __future__ import annotations

import asyncio

import pytest

from simkit.kernel import Choices, Loop


class Reversed(Choices):
    def __init__(self) -> None:
        self.asked: list[tuple[str, list[str]]] = []

    def order(self, point, names):
        self.asked.append((point, list(names)))
        return range(len(names) - 1, -1, -1)


class Slow(Choices):
    """Adds 3 ms at one point."""

    def __init__(self, point: str) -> None:
        self.point = point
        self.asked: list[tuple[str, str]] = []

    def duration_ns(self, point, name):
        self.asked.append((point, name))
        return 3_000_000 if point == self.point else 0


@pytest.fixture
def loop():
    loop = Loop()
    yield loop
    loop.close()


def run_timers(loop, plan):
    """Set timers at (instant, deadline), tell the order in which they ran."""
    ran = []
    for number, (set_at, due_at) in enumerate(plan):
        loop.call_at(set_at, lambda n=number, at=due_at: loop.call_at(at, ran.append, n))
    loop.call_at(99, loop.stop)
    loop.run_forever()
    return ran


def test_by_default_nobody_is_asked_and_timers_come_as_they_were_set(loop):
    assert loop.choices is None
    assert run_timers(loop, [(1, 9), (2, 9), (3, 9)]) == [0, 1, 2]


def test_the_boring_choices_change_nothing(loop):
    loop.choices = Choices()
    assert run_timers(loop, [(1, 9), (2, 9), (3, 9)]) == [0, 1, 2]


def test_timers_of_one_instant_that_were_set_at_different_ones_may_come_in_any_order(loop):
    loop.choices = Reversed()
    assert run_timers(loop, [(1, 9), (2, 9), (3, 9)]) == [2, 1, 0]


def test_timers_that_were_set_at_one_instant_keep_their_order(loop):
    loop.choices = Reversed()
    assert run_timers(loop, [(1, 9), (1, 9), (1, 9)]) == [0, 1, 2]


def test_a_group_set_at_one_instant_keeps_its_order_among_others(loop):
    loop.choices = Reversed()
    assert run_timers(loop, [(1, 9), (1, 9), (2, 9)]) == [2, 0, 1]


def test_timers_of_different_instants_keep_their_order(loop):
    loop.choices = Reversed()
    assert run_timers(loop, [(1, 8), (2, 9)]) == [0, 1]


def test_what_a_stall_makes_due_together_keeps_the_order_of_its_deadlines(loop):
    loop.choices = Reversed()
    loop.call_at(7, lambda: loop.stall(5_000_000_000))
    assert run_timers(loop, [(1, 9), (2, 8)]) == [1, 0]


def test_call_soon_is_no_choice(loop):
    loop.choices = Reversed()
    ran = []
    for number in range(5):
        loop.call_soon(ran.append, number)
    loop.call_soon(loop.stop)
    loop.run_forever()
    assert ran == [0, 1, 2, 3, 4]
    assert loop.choices.asked == []


def test_debug_mode_can_choose_too(loop):
    loop.set_debug(True)
    loop.choices = Reversed()
    assert run_timers(loop, [(1, 9), (2, 9)]) == [1, 0]


def test_a_callback_may_hold_the_loop(loop):
    loop.choices = Slow("callback")
    at = []
    for _ in range(3):
        loop.call_soon(lambda: at.append(loop.time()))
    loop.call_soon(loop.stop)
    loop.run_forever()
    assert at == [0, 0.003, 0.006]


def test_work_in_a_thread_may_take_longer(loop):
    loop.choices = Slow("executor")

    def work() -> str:
        return "done"

    assert loop.run_until_complete(loop.run_in_executor(None, work)) == "done"
    assert loop.time() == 0.003
    points = [point for point, name in loop.choices.asked if name.endswith("work")]
    assert points == ["executor"]


@pytest.mark.parametrize("answer", [[0], [0, 0], [0, 2], []])
def test_an_order_that_is_no_permutation_is_refused(loop, answer):
    loop.choices = Choices()
    loop.choices.order = lambda point, names: answer
    with pytest.raises(ValueError, match="choice 'timers': a permutation of 0 to 1, found"):
        run_timers(loop, [(1, 9), (2, 9)])


@pytest.mark.parametrize("answer", [-1, 0.5, None])
def test_a_duration_that_is_none_is_refused(loop, answer):
    loop.choices = Choices()
    loop.choices.duration_ns = lambda point, name: answer
    with pytest.raises(ValueError, match=r"choice 'callback' of .*: ns, 0 or more; found"):
        loop.run_until_complete(asyncio.sleep(1))
