from __future__ import annotations

import asyncio
import signal
from contextvars import ContextVar

import pytest

from simkit.kernel import Loop


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


@pytest.mark.parametrize("factory", [Loop, None], ids=["simkit", "stock"])
@pytest.mark.parametrize(
    ("sig", "error"),
    [
        ("SIGTERM", TypeError),
        (0, ValueError),
        (-1, ValueError),
        (signal.NSIG + 1, ValueError),
        (signal.SIGKILL, RuntimeError),
        (signal.SIGSTOP, RuntimeError),
    ],
)
def test_what_is_no_signal_or_cannot_be_caught_is_refused(sig, error, factory):
    async def main():
        loop = asyncio.get_running_loop()
        with pytest.raises(error):
            loop.add_signal_handler(sig, print)
        if error is RuntimeError:
            assert not loop.remove_signal_handler(sig)
        else:
            with pytest.raises(error):
                loop.remove_signal_handler(sig)

    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(main())


def test_a_coroutine_is_no_signal_handler(loop):
    async def on_signal():
        pass

    coro = on_signal()
    for callback in (on_signal, coro):
        with pytest.raises(TypeError, match="coroutines cannot be used with add_signal_handler"):
            loop.add_signal_handler(signal.SIGTERM, callback)
    coro.close()


def test_a_closed_loop_has_no_signal_handlers_and_takes_none():
    loop = Loop()
    loop.add_signal_handler(signal.SIGTERM, print)
    loop.close()
    assert not loop.raise_signal(signal.SIGTERM)
    with pytest.raises(RuntimeError, match="closed"):
        loop.add_signal_handler(signal.SIGTERM, print)


def test_a_handler_runs_in_the_context_of_whoever_added_it(runner, loop):
    where = ContextVar("where", default="outside")
    log = []

    async def main():
        where.set("main")
        loop.add_signal_handler(signal.SIGTERM, lambda: log.append(where.get()))
        where.set("later")

    runner.run(main())
    loop.raise_signal(signal.SIGTERM)
    runner.run(asyncio.sleep(0))
    assert log == ["main"]
