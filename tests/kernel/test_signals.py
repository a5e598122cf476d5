from __future__ import annotations

import asyncio
import signal

import pytest


def test_a_signal_runs_the_handler_that_was_added(runner, loop):
    log = []

    async def main():
        loop.add_signal_handler(signal.SIGTERM, log.append, "terminated")
        assert loop.raise_signal(signal.SIGTERM)
        log.append("raised")
        await asyncio.sleep(0)

    runner.run(main())
    assert log == ["raised", "terminated"]


def test_a_signal_without_a_handler_does_nothing(runner, loop):
    async def main():
        loop.add_signal_handler(signal.SIGTERM, pytest.fail)
        assert loop.remove_signal_handler(signal.SIGTERM)
        assert not loop.remove_signal_handler(signal.SIGTERM)
        assert not loop.raise_signal(signal.SIGTERM)
        await asyncio.sleep(1)

    runner.run(main())


def test_the_process_keeps_its_own_signal_handlers(runner, loop):
    before = signal.getsignal(signal.SIGTERM)

    async def main():
        loop.add_signal_handler(signal.SIGTERM, print)
        return signal.getsignal(signal.SIGTERM)

    assert runner.run(main()) is before
