"""The same seed gives the same bytes at the same instants, whichever libraries write them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SCENARIO = Path(__file__).with_name("every_byte.py")


def run(*, seed, hash_seed):
    done = subprocess.run(
        [sys.executable, str(SCENARIO), str(seed)],
        env=os.environ | {"PYTHONPATH": added_to_path(), "PYTHONHASHSEED": str(hash_seed)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout.split()


def added_to_path():
    return os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])


def test_every_byte_follows_the_seed_and_not_the_process():
    writes, digest = run(seed=1, hash_seed=0)
    assert int(writes) > 60
    assert run(seed=1, hash_seed=12345) == [writes, digest]
    assert run(seed=2, hash_seed=0)[1] != digest
