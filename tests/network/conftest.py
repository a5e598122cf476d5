from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator

import pytest

from simkit.network import Network, SimLoop


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner(loop_factory=SimLoop) as runner:
        runner.get_loop().time_limit_ns = 10**13
        yield runner
        runner.run(asyncio.sleep(1))  # what was closed at the end gets to know it


@pytest.fixture
def loop(runner: asyncio.Runner) -> SimLoop:
    return runner.get_loop()


@pytest.fixture
def network(loop: SimLoop) -> Network:
    return loop.network
