from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from simkit.kernel import Loop


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner(loop_factory=Loop) as runner:
        yield runner


@pytest.fixture
def loop(runner: asyncio.Runner) -> Loop:
    return runner.get_loop()
