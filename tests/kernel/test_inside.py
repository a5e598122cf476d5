"""Stepping out of a simulation, for what needs the machine, and in again."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time

import pytest

from simkit.kernel import OutsideWorldError, stepped_out

VERSION = [sys.executable, "-V"]


def test_outside_a_process_runs_and_no_virtual_time_passes(runner):
    async def step_out():
        await asyncio.sleep(100)
        before = time.monotonic()
        with stepped_out():
            found = subprocess.run(VERSION, check=True, capture_output=True, text=True).stdout
        assert time.monotonic() == before == 100.0
        with pytest.raises(OutsideWorldError):
            subprocess.run(VERSION, check=True)
        return found

    assert runner.run(step_out()).startswith("Python 3")


def test_whoever_fails_outside_is_inside_again(runner):
    async def fail():
        with pytest.raises(KeyError), stepped_out():
            raise KeyError
        return time.monotonic()

    assert runner.run(fail()) == 0.0


def test_who_is_outside_already_stays_there():
    before = time.monotonic()
    with stepped_out():
        pass
    assert time.monotonic() >= before
