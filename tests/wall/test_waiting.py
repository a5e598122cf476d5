"""How long a bridge's process waited for a processor, as the system counts it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from simkit.wall.waiting import Waiting

MS = 1_000_000


class Processes:
    """What the system tells of processes, as files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def tell(
        self, pid: int, thread: int, waited_ms: int, children: str = "", times: int = 12
    ) -> None:
        task = self.folder / str(pid) / "task" / str(thread)
        task.mkdir(parents=True, exist_ok=True)
        (task / "schedstat").write_text(f"7000000 {waited_ms * MS} {times}\n")
        (task / "children").write_text(children)


@pytest.fixture
def processes(tmp_path) -> Processes:
    return Processes(tmp_path)


@pytest.fixture
def waiting(processes):
    processes.tell(5, 5, 100, "6 ")
    processes.tell(5, 50, 0)
    processes.tell(6, 6, 0)
    found = Waiting(5, proc=processes.folder)
    yield found
    found.close()


def test_the_thread_that_waited_longest_counts_in_each_stretch(processes, waiting):
    waiting.skip()
    for waited in range(100):
        processes.tell(5, 5, 101 + waited, "6 ")  # 1 ms more each time
        processes.tell(6, 6, 30 * (waited == 99))
        waiting.look()
    assert waiting.summary() == {"bridge_p99_ms": 1.0, "bridge_max_ms": 30.0}


def test_what_was_waited_before_is_skipped(processes, waiting):
    waiting.skip()
    processes.tell(5, 5, 900, "6 ")
    waiting.skip()
    processes.tell(5, 50, 2)
    waiting.look()
    assert waiting.summary() == {"bridge_p99_ms": 2.0, "bridge_max_ms": 2.0}


def test_who_comes_later_is_found_and_who_ended_is_forgotten(processes, waiting):
    waiting.skip()
    processes.tell(6, 66, 500)
    processes.tell(5, 7, 500, times=0)
    (processes.folder / "6" / "task" / "6" / "schedstat").write_text("")
    for _ in range(50):
        waiting.look()
    assert waiting.summary()["bridge_max_ms"] == 0.0
    processes.tell(6, 66, 504)
    waiting.look()
    assert waiting.summary()["bridge_max_ms"] == 4.0


def test_new_threads_are_looked_for_every_fiftieth_time(processes, waiting):
    waiting.skip()
    processes.tell(6, 66, 500)
    for _ in range(49):
        waiting.look()
    processes.tell(6, 66, 504)
    waiting.look()
    assert waiting.summary()["bridge_max_ms"] == 0.0


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lists open files")
def test_what_was_opened_is_closed(processes, waiting):
    def opened() -> int:
        links = [os.path.join("/proc/self/fd", fd) for fd in os.listdir("/proc/self/fd")]
        places = [os.readlink(link) for link in links if os.path.islink(link)]
        return sum(place.startswith(str(processes.folder)) for place in places)

    waiting.skip()
    assert opened() == 3
    waiting.close()
    assert opened() == 0


def test_where_the_system_does_not_tell_nothing_is_known(tmp_path):
    waiting = Waiting(5, proc=tmp_path)
    waiting.skip()
    waiting.look()
    assert waiting.summary() == {}


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")
def test_two_that_share_a_processor_wait_for_each_other():
    cpu = min(os.sched_getaffinity(0))
    source = f"import os; os.sched_setaffinity(0, {{{cpu}}})\nwhile True: pass"
    both = [subprocess.Popen([sys.executable, "-S", "-c", source]) for _ in range(2)]
    waiting = Waiting(both[0].pid)
    try:
        waiting.skip()
        while waiting.summary().get("bridge_max_ms", 0.0) == 0.0:
            assert both[0].poll() is both[1].poll() is None
            waiting.look()
    finally:
        waiting.close()
        for process in both:
            process.kill()
            process.wait()
