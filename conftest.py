"""What all of the project's tests share, wherever they lie."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest_plugins = ["pytester"]

# In the background of a shell, Python is deaf to Ctrl-C, and so would be what the tests start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Execute what the documents show.

    Only then is what that needs imported: simkit's scenarios are run as tests from a checkout, too,
    and whoever does that has no more installed than what a bridge's tests need.
    """
    if file_path.suffix != ".md":
        return None
    from tests.documents.execution import collect

    return collect(file_path, parent)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Keep each file on one worker: the blocks of a document build on those above them."""
    from xdist.scheduler import LoadFileScheduling

    return LoadFileScheduling(config, log) if config.getoption("dist") == "load" else None


@pytest.fixture(autouse=True)
def _own_environment() -> Iterator[None]:
    """Take back what a command that ran in a test's own process left in the environment."""
    before = dict(os.environ)
    yield
    if os.environ != before:
        os.environ.clear()
        os.environ.update(before)
