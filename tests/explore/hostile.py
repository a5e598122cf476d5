"""Bridges that end, or keep, the process that they run in."""

from __future__ import annotations

import os
import signal
import time

from tests.scenarios import apps

CALLS = []


def stuck() -> None:
    """Wait for ever, as C code does that looks at no signal; it costs nobody's time."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM})
    signal.sigwait({signal.SIGUSR1})


async def ends_the_process(request):
    os._exit(3)


async def crashes(request):
    os.kill(os.getpid(), signal.SIGSEGV)


async def is_killed(request):
    os.kill(os.getpid(), signal.SIGKILL)


async def kills_the_worker(request):
    os.kill(os.getppid(), signal.SIGKILL)
    time.sleep(1)


async def is_stuck_in_c(request):
    stuck()


async def counts(request):
    CALLS.append(request)
    assert len(CALLS) == 1
    return await apps.connects(request)


exits = apps.app(ends_the_process)
segfaults = apps.app(crashes)
killed = apps.app(is_killed)
worker_killed = apps.app(kills_the_worker)
hangs_in_c = apps.app(is_stuck_in_c)
remembers = apps.app(counts)
