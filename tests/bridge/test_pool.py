"""The pool by itself, on virtual time: filled, aged, shrunk, closed, and patient."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from simkit import new_event_loop
from simkit.bridge.pool import Pool
from simkit.bridge.vapi_socket import VapiError


class Maker:
    """Makes numbers, or fails as told; keeps when it was asked."""

    def __init__(self) -> None:
        self.made = 0
        self.discarded: list[int] = []
        self.at: list[float] = []
        self.error: VapiError | None = None
        self.seconds = 0.1

    async def make(self) -> int:
        self.at.append(asyncio.get_running_loop().time())
        await asyncio.sleep(self.seconds)
        if self.error is not None:
            raise self.error
        self.made += 1
        return self.made

    def pool(self, size: int, **settings: Any) -> Pool[int]:
        pool = Pool(self.make, self.discarded.append, size=size, **settings)
        pool.start()
        return pool

    @property
    def pauses(self) -> list[float]:
        return [later - earlier for earlier, later in zip(self.at, self.at[1:], strict=False)]


def run(body: Callable[[], Any]) -> None:
    with asyncio.Runner(loop_factory=lambda: new_event_loop(0)) as runner:
        runner.run(body())


def test_it_fills_itself_and_what_is_taken_is_made_again():
    async def body() -> None:
        maker = Maker()
        pool = maker.pool(3)
        assert pool.take() is None
        await asyncio.sleep(1)
        assert len(pool) == maker.made == 3
        assert [pool.take(), pool.take()] == [1, 2]
        await asyncio.sleep(1)
        assert [pool.take() for _ in range(4)] == [3, 4, 5, None]
        await pool.close()
        assert maker.discarded == []

    run(body)


def test_what_waits_too_long_is_replaced_and_never_handed_out():
    async def body() -> None:
        maker = Maker()
        pool = maker.pool(2, max_age=60)
        for _ in range(300):
            await asyncio.sleep(1)
            assert len(pool) <= 2
        assert maker.discarded == list(range(1, maker.made - 1))
        assert 8 <= maker.made <= 12
        await asyncio.sleep(59.9)
        assert pool.take() not in maker.discarded
        await pool.close()

    run(body)


def test_nothing_is_left_when_it_closes_or_shrinks():
    async def body() -> None:
        maker = Maker()
        pool = maker.pool(4)
        await asyncio.sleep(1)
        pool.resize(1)
        assert maker.discarded == [1, 2, 3]
        await asyncio.sleep(100)
        assert (len(pool), maker.made) == (1, 4)
        pool.resize(2)
        await asyncio.sleep(1)
        assert (len(pool), maker.made) == (2, 5)
        await pool.close()
        assert sorted(maker.discarded) == [1, 2, 3, 4, 5]
        assert not pool.put(9)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run(body)


def test_closing_while_one_is_made_makes_none():
    async def body() -> None:
        maker = Maker()
        maker.seconds = 5
        pool = maker.pool(1)
        await asyncio.sleep(1)
        await pool.close()
        await asyncio.sleep(10)
        assert (maker.made, len(pool)) == (0, 0)

    run(body)


def test_shrinking_while_one_is_made_gives_it_up():
    async def body() -> None:
        maker = Maker()
        maker.seconds = 5
        pool = maker.pool(1)
        await asyncio.sleep(1)
        pool.resize(0)
        await asyncio.sleep(10)
        assert maker.discarded == [1]
        await pool.close()

    run(body)


def test_while_vapi_is_down_the_pauses_grow_to_a_minute():
    async def body() -> None:
        maker = Maker()
        maker.error = VapiError("down", None)
        pool = maker.pool(5)
        await asyncio.sleep(600)
        expected = [1, 2, 4, 8, 16, 32, 60, 60]
        for pause, nominal in zip(maker.pauses, expected, strict=False):
            assert 0.8 * nominal <= pause <= 1.2 * nominal + 0.1
        assert len(maker.at) <= 18
        maker.error = None
        await asyncio.sleep(600)
        assert len(pool) == 5
        await pool.close()

    run(body)


@pytest.mark.parametrize("status", [401, 403])
def test_a_key_that_is_refused_is_tried_once_a_minute(status):
    async def body() -> None:
        maker = Maker()
        maker.error = VapiError("refused", status)
        pool = maker.pool(5)
        await asyncio.sleep(600)
        assert min(maker.pauses) > 48
        assert len(maker.at) <= 13
        await pool.close()

    run(body)


def test_what_is_lost_soon_after_it_was_made_counts_as_a_failure():
    async def body() -> None:
        maker = Maker()
        pool = maker.pool(1)
        for _ in range(600):
            await asyncio.sleep(1)
            if len(pool):
                pool.lost(maker.made)
        assert maker.made < 20
        await pool.close()

    run(body)


def test_what_is_lost_after_a_while_is_made_again_at_once():
    async def body() -> None:
        maker = Maker()
        pool = maker.pool(1)
        for _ in range(10):
            await asyncio.sleep(30)
            pool.lost(maker.made)
            await asyncio.sleep(0.2)
            assert len(pool) == 1
        pool.lost(-1)
        assert len(pool) == 1
        await pool.close()

    run(body)
