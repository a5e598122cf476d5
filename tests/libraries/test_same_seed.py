"""The same seed gives the same bytes at the same instants, whichever libraries write them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SCENARIO = Path(__file__).with_name("every_byte.py")


def start(*, seed, hash_seed):
    return subprocess.Popen(
        [sys.executable, str(SCENARIO), str(seed)],
        env=os.environ | {"PYTHONPATH": added_to_path(), "PYTHONHASHSEED": str(hash_seed)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def result(process):
    printed, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors[-3000:]
    return printed.split()


def added_to_path():
    return os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])


def test_every_byte_follows_the_seed_and_not_the_process():
    seeds = [(1, 0), (1, 12345), (2, 0)]
    runs = [start(seed=seed, hash_seed=hash_seed) for seed, hash_seed in seeds]
    one, same, other = [result(process) for process in runs]
    assert int(one[0]) > 60
    assert one == same
    assert one[1] != other[1]
