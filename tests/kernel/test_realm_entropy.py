from __future__ import annotations

import asyncio
import functools
import os
import random
import secrets
import subprocess
import sys
import types
import uuid

import pytest

from simkit.kernel import Loop, randomness
from tests.kernel.outsider import Outsider

MODULE_LEVEL = random.Random()


def draw_by_default(generator=random.Random()):  # noqa: B008 - what libraries do
    return generator.random()


def draw_by_keyword(*, generator=random.Random()):  # noqa: B008
    return generator.random()


class Masks:
    generator = random.Random()

    def __init__(self, made=random.Random()):  # noqa: B008 - as aiohttp keeps its masks' source
        self.made = made

    @staticmethod
    def draw(generator=random.Random()):  # noqa: B008
        return generator.random()


def run(look, seed=0):
    async def main():
        return look()

    with asyncio.Runner(loop_factory=functools.partial(Loop, seed)) as runner:
        return runner.run(main())


def shuffled():
    cards = list(range(20))
    random.shuffle(cards)
    return cards


SOURCES = {
    "random": random.random,
    "shuffle": shuffled,
    "urandom": lambda: os.urandom(16),
    "token": secrets.token_hex,
    "secret number": lambda: secrets.randbelow(10**9),
    "system random": lambda: random.SystemRandom().random(),
    "uuid4": uuid.uuid4,
}


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
def test_one_seed_gives_the_same_values(source):
    assert run(source, seed=5) == run(source, seed=5)


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
def test_another_seed_gives_other_values(source):
    assert run(source, seed=5) != run(source, seed=6)


DRAWING_MODULE = """
import os, random
KEY = os.urandom(32)
random.shuffle(list("abc"))
masks = random.Random()
first_mask = masks.random()
"""


def test_a_module_that_draws_while_it_is_imported_moves_no_other_draw(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "draws_at_import.py").write_text(DRAWING_MODULE)

    def look():
        import draws_at_import

        return draws_at_import.masks.random(), os.urandom(16), random.random(), uuid.uuid1()

    first = run(look)
    # Now it has been imported, as in every later simulation of this process.
    assert run(look) == first


def test_what_a_module_draws_while_it_is_imported_follows_the_seed(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "has_a_key.py").write_text(DRAWING_MODULE)

    def look():
        import has_a_key

        return has_a_key.KEY, has_a_key.first_mask

    keys = []
    for seed in (5, 5, 6):
        keys.append(run(look, seed))
        del sys.modules["has_a_key"]
    assert keys[0] == keys[1] != keys[2]


def test_a_module_that_cannot_be_imported_raises_as_ever():
    def look():
        import no_such_module_anywhere  # noqa: F401

    with pytest.raises(ModuleNotFoundError, match="no_such_module_anywhere"):
        run(look)
    assert run(lambda: os.urandom(4)) == run(lambda: os.urandom(4))


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
def test_two_draws_of_one_run_differ(source):
    first, second = run(lambda: (source(), source()))
    assert first != second


def test_a_generator_made_inside_is_seeded():
    assert run(lambda: random.Random().random()) == run(lambda: random.Random().random())


def test_reseeding_from_the_system_is_seeded():
    def reseeded():
        random.seed()
        return random.random()

    assert run(reseeded) == run(reseeded)


def test_a_generator_made_when_its_module_was_imported_is_seeded():
    assert run(MODULE_LEVEL.random) == run(MODULE_LEVEL.random)


KEPT_ELSEWHERE = {
    "default": draw_by_default,
    "keyword default": draw_by_keyword,
    "class attribute": Masks.generator.random,
    "default of a method": lambda: Masks().made.random(),
    "default of a static method": Masks.draw,
}


@pytest.mark.parametrize("source", KEPT_ELSEWHERE.values(), ids=KEPT_ELSEWHERE)
def test_a_generator_that_functions_and_classes_of_a_module_keep_is_seeded(source):
    assert run(source) == run(source)
    assert run(source, seed=1) != run(source, seed=2)


def test_generators_kept_in_different_places_draw_apart():
    values = run(lambda: [draw() for draw in (MODULE_LEVEL.random, *KEPT_ELSEWHERE.values())])
    assert len(set(values)) == 6


def test_time_based_ids_follow_the_seed_and_the_virtual_clock():
    assert run(uuid.uuid1) == run(uuid.uuid1)


def test_the_outer_state_of_random_is_untouched():
    random.seed(1)
    expected = [random.random(), random.random()]
    random.seed(1)
    drawn = [random.random()]
    run(lambda: [random.random() for _ in range(100)])
    assert [*drawn, random.random()] == expected


def test_random_goes_on_in_the_next_run_of_the_same_loop():
    async def draw():
        return random.random()

    with asyncio.Runner(loop_factory=Loop) as runner:
        apart = [runner.run(draw()), runner.run(draw())]
    assert apart == run(lambda: [random.random(), random.random()])


def test_real_entropy_is_back_afterwards():
    run(lambda: os.urandom(8))
    assert len({os.urandom(8) for _ in range(4)} | {uuid.uuid4().bytes for _ in range(4)}) == 8


def test_sources_do_not_share_a_stream():
    alone = run(random.random)
    assert run(lambda: (os.urandom(100), uuid.uuid4(), random.random())[-1]) == alone


def test_another_thread_has_real_entropy_meanwhile():
    def look():
        return outsider.call(lambda: os.urandom(16))

    with Outsider() as outsider:
        assert run(look) != run(look)


async def program():
    """Draw from everything, and let the order of a set decide."""
    log = [uuid.uuid4().hex, os.urandom(4).hex(), random.random()]

    async def work(number):
        await asyncio.sleep(random.random() / 100)
        log.append(number)

    tasks = {asyncio.create_task(work(number)) for number in range(10)}
    done, _ = await asyncio.wait(tasks)
    return log, [task.get_name().rpartition("-")[2] for task in done]


def test_the_stock_loop_gives_another_result_every_time():
    assert asyncio.run(program())[0] != asyncio.run(program())[0]


def test_the_simulated_loop_gives_one_result_per_seed():
    def once(seed):
        with asyncio.Runner(loop_factory=functools.partial(Loop, seed)) as runner:
            return runner.run(program())

    assert once(3) == once(3)
    assert once(3) != once(4)


def test_hash_seeds_of_the_process_change_nothing():
    script = (
        f"import sys; sys.path.insert(0, {os.path.dirname(__file__)!r})\n"
        "import asyncio\n"
        "from test_realm_entropy import Loop, program\n"
        "with asyncio.Runner(loop_factory=Loop) as runner:\n"
        "    print(runner.run(program()))"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for hash_seed in ("1", "2")
    }
    assert len(outputs) == 1


def test_a_module_that_is_gone_does_not_make_every_run_search_all_of_them(monkeypatch):
    searched = []
    search = randomness._search

    def noted(names):
        names = list(names)
        searched.append(len(names))
        search(names)

    sys.modules["simkit_passing"] = types.ModuleType("simkit_passing")
    run(random.random)
    del sys.modules["simkit_passing"]
    run(random.random)
    monkeypatch.setattr(randomness, "_search", noted)
    for _ in range(3):
        run(random.random)
    assert sum(searched) == 0
