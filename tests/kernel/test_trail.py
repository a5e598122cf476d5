from __future__ import annotations

import asyncio
import functools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simkit.kernel import DivergenceError, Entropy, Loop, Trail, compare, shaken_memory
from simkit.kernel.trail import NotedRandom, named


def trail_of(*entries):
    trail = Trail()
    for entry in entries:
        trail.note("step", entry)
    return trail


def run(main, *, seed=0):
    loop = Loop(seed, trail=True)
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(main())
    return loop.trail


@given(st.lists(st.text(max_size=3), max_size=20), st.integers(0, 25), st.integers(0, 25))
def test_every_part_of_a_trail_can_be_had(texts, start, stop):
    entries = [f"0 step {text}" for text in texts]
    assert trail_of(*texts).entries(start, stop) == entries[start:stop]


@pytest.mark.parametrize("length", [0, 1, 999, 1000, 1001, 2000, 3500])
def test_a_long_trail_is_kept_whole(length):
    trail = trail_of(*map(str, range(length)))
    assert len(trail) == length
    assert trail.entries() == [f"0 step {number}" for number in range(length)]
    assert trail.entries(length // 2) == trail.entries()[length // 2 :]


def test_a_thousand_entries_take_few_bytes():
    trail = trail_of(*(f"MediaStream._tick {number % 7}" for number in range(100_000)))
    assert len(trail.dump()) < 10 * 100_000


@pytest.mark.parametrize("length", [0, 3, 1000, 1500])
def test_equal_trails_have_one_digest_and_compare(length):
    one, other = (trail_of(*map(str, range(length))) for _ in range(2))
    assert one.digest == other.digest
    compare(one, other)


@pytest.mark.parametrize("length", [0, 3, 1000, 1500])
def test_a_digest_of_some_kinds_leaves_the_others_out(length):
    one, other = Trail(), Trail()
    for number in range(length):
        for trail in (one, other):
            trail.note("bytes", f"step {number}")
        one.note("step", "Task-1")
    assert one.digest_of("draw", "bytes") == other.digest_of("draw", "bytes") == other.digest
    assert (one.digest_of("step", "bytes") == one.digest) is True
    assert (one.digest_of("step") == other.digest_of("step")) is (length == 0)


def test_a_digest_of_what_is_no_kind_is_refused():
    with pytest.raises(ValueError, match="kind of entry: found 'steps', expected draw, due, step,"):
        Trail().digest_of("draw", "steps")


@pytest.mark.parametrize("place", [0, 3, 999, 1000, 1001, 2400])
def test_the_first_difference_is_found_wherever_it_is(place):
    entries = [f"<{number}>" for number in range(2500)]
    other = trail_of(*entries[:place], "another", *entries[place + 1 :])
    first = trail_of(*entries)
    assert first.digest != other.digest
    with pytest.raises(DivergenceError) as caught:
        compare(first, other)
    text = str(caught.value)
    assert f"in entry {place + 1:,} of 2,500 and 2,500:" in text
    [mine, theirs] = [line for line in text.splitlines() if line.startswith(">")]
    assert mine.split() == [">", "first", "0.000000", "step", f"<{place}>"]
    assert theirs.split() == [">", "second", "0.000000", "step", "another"]
    before = [line.split()[-1] for line in text.splitlines() if line.startswith("    both")]
    assert before == entries[max(0, place - 4) : place]


@pytest.mark.parametrize("length", [0, 2, 1000, 1003])
def test_a_run_that_ends_early_is_a_difference(length):
    entries = list(map(str, range(length)))
    short, longer = trail_of(*entries), trail_of(*entries, "more")
    assert short.digest != longer.digest
    with pytest.raises(DivergenceError, match=r">   second  \(the run ended\)"):
        compare(longer, short)
    with pytest.raises(DivergenceError, match=r">   first   \(the run ended\)"):
        compare(short, longer)


def test_the_instant_of_the_difference_is_named():
    instants = iter([0, 1_500_000_000, 1_500_000_000])
    first = Trail(lambda: next(instants))
    for kind in ("step", "due", "step"):
        first.note(kind, "a")
    second = Trail(iter([0, 2_500_000_000]).__next__)
    for kind in ("step", "due"):
        second.note(kind, "a")
    with pytest.raises(DivergenceError, match=r"diverged at 1\.500000 s of virtual time") as caught:
        compare(first, second)
    assert "The calendar differs" in str(caught.value)
    assert "PYTHONHASHSEED" in str(caught.value)


def test_a_long_entry_is_cut_in_the_message():
    with pytest.raises(DivergenceError) as caught:
        compare(trail_of("x" * 10_000), trail_of("y" * 10_000))
    assert max(map(len, str(caught.value).splitlines())) < 500


@pytest.mark.parametrize("length", [0, 5, 1000, 1500])
def test_a_trail_crosses_to_another_process(length):
    trail = trail_of(*map(str, range(length)))
    loaded = Trail.load(trail.dump())
    assert loaded.entries() == trail.entries()
    compare(trail, loaded)


def test_text_that_is_no_unicode_can_be_noted():
    trail = trail_of(*["half \ud800"] * 1000)
    assert Trail.load(trail.dump()).entries() == trail.entries()


DRAWS = [
    lambda r: r.random(),
    lambda r: r.getrandbits(31),
    lambda r: r.getrandbits(0),
    lambda r: r.randbytes(100),
    lambda r: r.randrange(1000),
    lambda r: r.gauss(0, 1),
    lambda r: r.sample(range(1000), 10),
    lambda r: r.choices("abc", k=10),
    lambda r: r.uniform(1, 2),
]


@pytest.mark.parametrize("draw", DRAWS)
def test_a_noted_stream_draws_what_any_other_draws(draw):
    trail = Trail()
    noted, plain = Entropy(5, trail).stream("ids"), Entropy(5).stream("ids")
    assert isinstance(noted, NotedRandom)
    assert type(plain) is random.Random
    assert [draw(noted) for _ in range(3)] == [draw(plain) for _ in range(3)]
    assert noted.getstate() == plain.getstate()
    assert len(trail) >= 3
    assert all(entry.startswith("0 draw ids ") for entry in trail.entries())


def test_a_trail_tells_draws_tasks_steps_and_what_becomes_due():
    loop = Loop(7, trail=True)

    async def sleeper():
        loop.entropy.stream("ids").getrandbits(8)
        await asyncio.sleep(1.5)

    async def main():
        loop.calendar.at(1_000_000_000, arrives)
        loop.calendar.timeout(1_200_000_000)
        await loop.create_task(sleeper(), name="sleeper")

    def arrives():
        pass

    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(main())
    here = "test_a_trail_tells_draws_tasks_steps_and_what_becomes_due.<locals>"
    entries = loop.trail.entries()
    assert entries[1 : entries.index("1500000000 step Task-1") + 1] == [
        f"0 task 1 Task-1 {here}.main",
        "0 step Task-1",
        f"0 task 2 sleeper {here}.sleeper",
        "0 step sleeper",
        f"0 draw ids 8 bits {Entropy(7).stream('ids').getrandbits(8):#x}",
        f"1000000000 due arrival {here}.arrives",
        "1200000000 due simpy Timeout",
        "1500000000 due timer _set_result_unless_cancelled",
        "1500000000 step _set_result_unless_cancelled",
        "1500000000 step sleeper",
        "1500000000 step Task-1",
    ]


def test_a_loop_keeps_no_trail_unless_asked():
    loop = Loop()
    assert loop.trail is None
    loop.close()


def test_draws_from_the_random_module_are_noted_when_the_run_ends():
    async def draws():
        random.random()

    async def does_not():
        pass

    once = [entry for entry in run(draws).entries() if "draw random:random" in entry]
    assert len(once) == 1
    assert not [entry for entry in run(does_not).entries() if "draw random:random" in entry]


def test_another_seed_is_another_trail():
    async def main():
        random.random()

    assert run(main).digest == run(main).digest
    assert run(main).digest != run(main, seed=1).digest


def test_tasks_of_a_task_factory_are_numbered_by_the_loop_too():
    def plain_task(loop, coro, **options):
        return asyncio.Task(coro, loop=loop, **options)

    async def main():
        loop = asyncio.get_running_loop()
        loop.set_task_factory(plain_task)
        await asyncio.create_task(asyncio.sleep(1))

    compare(run(main), run(main))


def test_a_task_made_past_the_loop_goes_by_its_coroutine_and_not_by_a_count_of_the_process():
    async def work():
        await asyncio.sleep(1)

    async def main():
        await asyncio.Task(work())
        await asyncio.Task(work(), name="reader")

    one, other = run(main), run(main)
    compare(one, other)
    steps = [entry.split(" ", 2)[2] for entry in one.entries() if entry.split()[1] == "step"]
    assert len([step for step in steps if step.endswith("<locals>.work")]) == 2
    assert steps.count("reader") == 2


def test_callbacks_are_named_without_their_addresses():
    class Callable:
        def __call__(self):
            pass

        def method(self):
            pass

    here = "test_callbacks_are_named_without_their_addresses.<locals>.Callable"
    assert named(Callable()) == here
    assert named(functools.partial(functools.partial(Callable().method, 1), 2)) == f"{here}.method"
    assert named(print) == "print"


def test_shaken_memory_gives_objects_other_addresses():
    class Thing:
        pass

    def order():
        things = [Thing() for _ in range(64)]
        return sorted(range(64), key=lambda number: id(things[number]))

    ballast = shaken_memory()
    shaken = order()
    assert shaken != sorted(shaken)
    again = shaken_memory()
    assert order() != shaken
    assert ballast
    assert again
