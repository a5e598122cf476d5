"""How much of asyncio is it? CPython's own asyncio tests on simkit's loop and on the stock one.

Every loop that the tests make is ours: asyncio's default policy, ``asyncio.SelectorEventLoop`` and
``asyncio.EventLoop`` are replaced in the process that runs them; the tests themselves stay as they
are. A test that hangs is ended by its time limit, and the process goes on behind it.

    python benchmarks/conformance.py [test_locks ...] [--limit 20] [--jobs 2] [--json]

Needs an interpreter with the ``test`` package (Debian's has none; pyenv's and python.org's do).
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import platform
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import traceback
import unittest
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent

PRIMITIVES = (
    "test_locks",
    "test_queues",
    "test_timeouts",
    "test_taskgroups",
    "test_waitfor",
    "test_runners",
    "test_futures",
    "test_futures2",
    "test_tasks",
    "test_eager_task_factory",
    "test_context",
    "test_pep492",
    "test_staggered",
    "test_threads",
)
"""Modules about what needs no network; nearly all of their tests pass."""

MODULES = (
    *PRIMITIVES,
    "test_protocols",
    "test_transports",
    "test_events",
    "test_streams",
    "test_server",
    "test_buffered_proto",
    "test_sslproto",
    "test_ssl",
    "test_sendfile",
    "test_sock_lowlevel",
    "test_unix_events",
    "test_subprocess",
)
"""All that ask a loop for what it does. The rest mock a selector or are Windows' own."""

LIMIT = 20.0
"""Seconds that one test may take."""

Report = Callable[[str], object]


@dataclass
class Module:
    """How one module of tests fared."""

    name: str
    run: int
    """Tests that were not skipped on the stock loop."""
    stock: int
    """How many of them passed there."""
    simkit: int
    """How many of those passed on simkit's loop as well."""
    failed: list[str] = field(default_factory=list)
    """Tests that pass on the stock loop and do not on simkit's."""
    reasons: dict[str, str] = field(default_factory=dict)
    """For each of ``failed``, the end of its traceback."""


def available() -> bool:
    """Tell whether this interpreter comes with CPython's tests."""
    try:
        return importlib.util.find_spec("test.test_asyncio.test_locks") is not None
    except ModuleNotFoundError:
        return False


def existing(names: Iterable[str]) -> list[str]:
    """Return those modules that this version of Python has."""
    return [name for name in names if importlib.util.find_spec(_full(name))]


def _full(name: str) -> str:
    return name if "." in name else f"test.test_asyncio.{name}"


def compare(name: str, *, limit: float = LIMIT, report: Report = lambda test: None) -> Module:
    """Run one module on both loops.

    Args:
        name: a module of ``test.test_asyncio``, or any other by its full name.
        limit: seconds that one test may take.
        report: called with the name of each test that begins.
    """
    stock = outcomes(name, "stock", limit, report)
    ours = outcomes(name, "simkit", limit, report)
    run = {test: outcome for test, outcome in stock.items() if outcome != "skipped"}
    passed = [test for test, outcome in run.items() if outcome == "passed"]
    failed = [test for test in passed if ours[test] != "passed"]
    return Module(
        name,
        len(run),
        len(passed),
        len(passed) - len(failed),
        failed,
        {test: ours[test] for test in failed},
    )


def outcomes(
    name: str, loop: str, limit: float = LIMIT, report: Report = lambda test: None
) -> dict[str, str]:
    """Run one module on one loop; return for each test "passed", "skipped" or what went wrong."""
    found: dict[str, str] = {}
    tests: list[str] = []
    while True:
        started: str | None = None
        ended = "the process died"
        before = len(found)
        with tempfile.TemporaryDirectory() as folder:
            for word, test, outcome in _messages(name, loop, list(found), limit, folder):
                if word == "tests":
                    tests = list(outcome)
                elif word == "start":
                    started = test
                    report(test)
                elif word == "hangs":
                    ended = f"ended after {limit:g} s"
                else:
                    found[test], started = outcome, None
        if started is not None:
            found[started] = ended
        elif len(found) == before or len(found) >= len(tests):
            # What is missing was not even tried: the module's own preparation failed.
            return {test: found.get(test, "was not run") for test in tests}


def _messages(
    name: str, loop: str, done: list[str], limit: float, folder: str
) -> Iterator[tuple[str, str, Any]]:
    """Run the tests that are left in a process of their own; yield what it tells."""
    reading, writing = os.pipe()
    command = [sys.executable, "-P", __file__, "--child", name, loop, str(writing)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    environment.pop("PYTHONASYNCIODEBUG", None)
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        pass_fds=[writing],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    os.close(writing)
    assert process.stdin is not None
    process.stdin.write(json.dumps(done).encode())
    process.stdin.close()
    lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()

    def read() -> None:
        with open(reading, "rb") as pipe:
            for line in pipe:
                lines.put(line)
        lines.put(b"")

    threading.Thread(target=read, daemon=True).start()
    try:
        # Importing takes its time too, on a busy machine.
        patience = 60.0
        while line := lines.get(timeout=patience):
            yield tuple(json.loads(line))
            patience = limit
    except queue.Empty:
        yield "hangs", "", ""
    finally:
        # With whatever processes the tests have started.
        os.killpg(process.pid, 9)
        process.wait()


# Inside the process that runs a module


class _Teller(unittest.TestResult):
    """Tells of every test through a descriptor, as lines of JSON."""

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._outcome = "passed"

    def tell(self, word: str, test: str, outcome: Any) -> None:
        os.write(self._descriptor, json.dumps([word, test, outcome]).encode() + b"\n")

    def startTest(self, test: unittest.TestCase) -> None:  # noqa: N802
        self._outcome = "passed"
        self.tell("start", test.id(), "")

    def stopTest(self, test: unittest.TestCase) -> None:  # noqa: N802
        self.tell("end", test.id(), self._outcome)

    def addError(self, test: unittest.TestCase, err: Any) -> None:  # noqa: N802
        last = traceback.format_exception_only(err[0], err[1])[-1].strip() or err[0].__name__
        self._outcome = last.splitlines()[0][:300]

    addFailure = addError  # noqa: N815

    def addSubTest(self, test: Any, subtest: unittest.TestCase, err: Any) -> None:  # noqa: N802
        if err is not None:
            self.addError(subtest, err)

    def addSkip(self, test: unittest.TestCase, reason: str) -> None:  # noqa: N802
        if self._outcome == "passed":
            self._outcome = "skipped"

    def addUnexpectedSuccess(self, test: unittest.TestCase) -> None:  # noqa: N802
        self._outcome = "passed, and was expected to fail"


def _use_simkit() -> None:
    """Make every loop that asyncio or a test makes one of simkit's."""
    import asyncio

    import simkit

    class SelectorEventLoop(type(simkit.new_event_loop())):  # type: ignore[misc]
        """Simkit's loop, which takes a selector as the stock one does and has no use for it."""

        def __init__(self, selector: Any = None) -> None:
            super().__init__()
            if selector is not None:
                selector.close()

    names: Any = asyncio
    names.SelectorEventLoop = names.EventLoop = SelectorEventLoop
    names.DefaultEventLoopPolicy._loop_factory = SelectorEventLoop


def _flat(suite: Any) -> Iterator[unittest.TestCase]:
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from _flat(test)
        else:
            yield test


def _child(name: str, loop: str, descriptor: int) -> None:
    done = set(json.load(sys.stdin))
    # A shell starts what it starts in the background with SIGINT ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if loop == "simkit":
        _use_simkit()
    tests = list(_flat(unittest.defaultTestLoader.loadTestsFromName(_full(name))))
    teller = _Teller(descriptor)
    teller.tell("tests", "", [test.id() for test in tests])
    unittest.TestSuite(test for test in tests if test.id() not in done).run(teller)


# What a person sees


def main(arguments: list[str]) -> int:
    """Compare, and print a table or JSON."""
    parser = argparse.ArgumentParser(
        description="CPython's asyncio tests on simkit's loop, beside the stock loop"
    )
    parser.add_argument(
        "modules", nargs="*", metavar="module", help="such as test_locks (default: all that count)"
    )
    parser.add_argument(
        "--limit", type=float, default=LIMIT, help=f"seconds for one test (default {LIMIT:g})"
    )
    parser.add_argument("--jobs", type=int, default=2, help="modules at a time (default 2)")
    parser.add_argument("--json", action="store_true", help="print JSON and nothing else")
    parser.add_argument("--reasons", action="store_true", help="list each failure below the table")
    options = parser.parse_args(arguments)
    if not available():
        print(f"{sys.executable} comes without the test package", file=sys.stderr)
        return 2
    if unknown := set(options.modules) - set(existing(options.modules)):
        parser.error(f"test.test_asyncio has no {', '.join(sorted(unknown))}")
    modules = _compare_all(options.modules or existing(MODULES), options.limit, options.jobs)
    total = {key: sum(getattr(m, key) for m in modules) for key in ("run", "stock", "simkit")}
    if options.json:
        answer = {
            "python": platform.python_version(),
            "limit_s": options.limit,
            "modules": [asdict(module) for module in modules],
            "total": total,
        }
        print(json.dumps(answer, indent=2))
    else:
        _print_table(modules, total, options.reasons)
    return 0


def _compare_all(names: list[str], limit: float, jobs: int) -> list[Module]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with (
        Progress(*columns, console=Console(stderr=True), transient=True) as progress,
        ThreadPoolExecutor(jobs) as pool,
    ):
        bar = progress.add_task("asyncio's tests", total=len(names))

        def one(name: str) -> Module:
            module = compare(
                name,
                limit=limit,
                report=lambda test: progress.update(bar, description=test[-60:]),
            )
            progress.advance(bar)
            return module

        return list(pool.map(one, names))


def _print_table(modules: list[Module], total: dict[str, int], reasons: bool) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"asyncio's own tests, Python {platform.python_version()}")
    table.add_column("module")
    for heading in ("run", "stock", "simkit"):
        table.add_column(heading, justify="right")
    for module in modules:
        table.add_row(module.name, str(module.run), str(module.stock), str(module.simkit))
    table.add_section()
    table.add_row("total", str(total["run"]), str(total["stock"]), str(total["simkit"]))
    console = Console()
    console.print(table)
    if reasons:
        for module in modules:
            for test, reason in module.reasons.items():
                short = test.removeprefix("test.test_asyncio.")
                console.print(f"{short}: {reason}", markup=False, highlight=False)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        _child(sys.argv[2], sys.argv[3], int(sys.argv[4]))
    else:
        sys.exit(main(sys.argv[1:]))
