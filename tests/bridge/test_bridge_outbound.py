"""What waits for a socket: in order, bounded, and told of once a stretch."""

from __future__ import annotations

import asyncio

from simkit.bridge.outbound import SLOW, Outbound


def test_only_audio_is_refused_when_the_queue_is_full():
    told: list[tuple[int, bool]] = []
    queue = Outbound(10, lambda waiting, refused: told.append((waiting, refused)))
    assert queue.put(b"1234567890", droppable=True)
    assert [queue.put(b"1", droppable=True) for _ in range(2)] == [False, False]
    assert queue.put(b"mark")
    assert (queue.size, queue.refused, told) == (14, 2, [(1, True)])
    queue.discard()
    assert (queue.size, queue.put(b"1", droppable=True)) == (0, True)


def test_many_messages_behind_one_that_is_not_taken_are_told_of_once_a_stretch():
    async def main() -> list[tuple[int, bool]]:
        told: list[tuple[int, bool]] = []
        queue = Outbound(10**6, lambda waiting, refused: told.append((waiting, refused)))
        gate = asyncio.Event()
        sent: list[bytes] = []

        async def send(message: bytes) -> None:
            await gate.wait()
            sent.append(message)

        task = asyncio.create_task(queue.run(send))
        for _ in range(2):
            for number in range(SLOW + 50):
                queue.put(b"%d" % number)
                if number == 0:
                    await asyncio.sleep(0)  # the first is being sent
            gate.set()
            await asyncio.sleep(0)
            while queue.size:
                await asyncio.sleep(0)
            gate.clear()
        queue.finish()
        gate.set()
        await task
        assert sent == [b"%d" % number for number in range(SLOW + 50)] * 2
        return told

    assert asyncio.run(main()) == [(SLOW, False), (SLOW, False)]


def test_a_burst_that_is_taken_at_once_is_nothing_to_tell():
    async def main() -> list[int]:
        told: list[int] = []
        queue = Outbound(10**6, lambda waiting, refused: told.append(waiting))

        async def send(message: bytes) -> None:
            await asyncio.sleep(0)

        task = asyncio.create_task(queue.run(send))
        await asyncio.sleep(0)
        for number in range(3 * SLOW):
            queue.put(b"%d" % number)
        queue.finish()
        await task
        return told

    assert asyncio.run(main()) == []


def test_what_need_not_wait_leaves_at_once_and_nothing_overtakes():
    async def main() -> None:
        sent: list[bytes] = []
        is_writable = True
        gate = asyncio.Event()

        def write(message: bytes) -> bool:
            if is_writable:
                sent.append(message)
            return is_writable

        async def send(message: bytes) -> None:
            await gate.wait()
            sent.append(message)

        queue = Outbound(10**6)
        queue.put(b"before anybody sends")
        task = asyncio.create_task(queue.run(send, write))
        gate.set()
        await asyncio.sleep(0)
        queue.put(b"at once")
        assert sent == [b"before anybody sends", b"at once"]
        is_writable = False
        gate.clear()
        queue.put(b"waits")
        is_writable = True
        queue.put(b"behind it")
        await asyncio.sleep(0)  # the first is being sent, and the far end does not take it
        queue.discard()
        queue.put(b"clear")
        assert (len(sent), queue.size) == (2, len(b"clear"))
        gate.set()
        await asyncio.sleep(0)
        queue.put(b"at once again")
        queue.finish()
        assert not queue.put(b"too late")
        await task
        assert sent[2:] == [b"waits", b"clear", b"at once again"]

    asyncio.run(main())
