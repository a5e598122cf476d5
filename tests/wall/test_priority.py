"""Priority of a run in real time."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from simkit.wall.priority import before_others

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the schedulers of Linux")


def may() -> bool:
    """Tell whether this system allows it to this user."""
    before = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    except OSError:
        return False
    os.sched_setscheduler(0, *before)
    return True


def test_priority_is_given_back_even_when_the_run_fails():
    before = os.sched_getscheduler(0)
    seen: list[tuple[int, int]] = []

    def run() -> None:
        command = [sys.executable, "-c", "input()"]
        with (
            subprocess.Popen(command, stdin=subprocess.PIPE) as child,
            before_others(child.pid),
        ):
            seen.append((os.sched_getscheduler(0), os.sched_getscheduler(child.pid)))
            child.communicate(b"\n")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run()
    assert seen == [(os.SCHED_RR, os.SCHED_RR) if may() else (before, before)]
    assert os.sched_getscheduler(0) == before


def test_a_process_that_is_gone_is_nothing_to_complain_about():
    before = os.sched_getscheduler(0)
    with before_others(2**22 - 1):
        pass
    assert os.sched_getscheduler(0) == before
