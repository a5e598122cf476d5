from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys

import pytest

from simkit.kernel import OutsideWorldError

VERSION = [sys.executable, "-V"]

WAYS = {
    "Popen": lambda: subprocess.Popen(VERSION),
    "run": lambda: subprocess.run(VERSION, check=True),
    "check_output": lambda: subprocess.check_output(args=VERSION),
    "popen": lambda: os.popen("true"),
    "system": lambda: os.system("true"),
    "fork": lambda: os.fork() or os._exit(0),
    "posix_spawn": lambda: os.posix_spawn(sys.executable, VERSION, {}),
}


@pytest.mark.parametrize("start", WAYS.values(), ids=WAYS)
def test_a_child_process_is_refused_with_the_reason(runner, start):
    async def in_the_loop():
        start()

    async def in_a_worker():
        await asyncio.to_thread(start)

    for way in (in_the_loop, in_a_worker):
        with pytest.raises(OutsideWorldError, match="runs on the machine's clock"):
            runner.run(way())


def test_child_processes_start_again_once_the_loop_rests(runner):
    runner.run(asyncio.sleep(1))
    assert subprocess.run(VERSION, check=True, capture_output=True).stdout.startswith(b"Python")


# References of an early import: no one who replaces an attribute of a module reaches them.
early_kill, early_raise_signal = os.kill, signal.raise_signal

SENDERS = {
    "early kill": lambda: early_kill(os.getpid(), signal.SIGURG),
    "early raise_signal": lambda: early_raise_signal(signal.SIGURG),
    "raise_signal": lambda: signal.raise_signal(signal.SIGURG),
    "kill": lambda: os.kill(os.getpid(), signal.SIGURG),
}


@pytest.mark.parametrize("send", SENDERS.values(), ids=SENDERS)
def test_a_signal_that_the_program_sends_itself_runs_its_handler(runner, loop, send):
    async def main():
        log = []
        loop.add_signal_handler(signal.SIGURG, log.append, "handled")
        send()
        log.append("sent")
        await asyncio.sleep(0)
        return log

    assert runner.run(main()) == ["sent", "handled"]


@pytest.mark.parametrize("send", SENDERS.values(), ids=SENDERS)
def test_a_signal_without_a_handler_of_the_loop_is_the_systems(runner, send):
    async def main():
        log = []
        before = signal.signal(signal.SIGURG, lambda number, frame: log.append(number))
        try:
            send()
        finally:
            signal.signal(signal.SIGURG, before)
        return log

    assert runner.run(main()) == [signal.SIGURG]


def test_sending_signals_is_what_it_was_once_the_loop_rests(runner):
    runner.run(asyncio.sleep(0))
    seen = []
    before = signal.signal(signal.SIGURG, lambda number, frame: seen.append(number))
    try:
        for send in SENDERS.values():
            send()
    finally:
        signal.signal(signal.SIGURG, before)
    assert seen == [signal.SIGURG] * 4
    with pytest.raises(TypeError):
        early_kill("no number", 0)


def test_a_signal_to_another_process_is_the_systems(runner, loop):
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:

        async def main():
            loop.add_signal_handler(signal.SIGTERM, pytest.fail)
            os.kill(child.pid, signal.SIGTERM)
            await asyncio.sleep(0)

        runner.run(main())
        assert child.wait() == -signal.SIGTERM
