"""Both loops for one test: simkit's, and asyncio's own on the machine's loopback."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest

from simkit.network import SimLoop


def on(factory: Any, main: Any) -> Any:
    """Run ``main`` on a loop that ``factory`` makes, None for the stock one."""
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(main())


def _has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as sock:
            sock.bind(("::1", 0))
    except OSError:
        return False
    return True


def _with_ipv6() -> SimLoop:
    loop = SimLoop()
    loop.network.host("home", addresses=["192.0.2.1", "2001:db8::1"])
    return loop


LOOPS = pytest.mark.parametrize("factory", [SimLoop, None], ids=["simkit", "stock"])

IPV6_LOOPS = pytest.mark.parametrize(
    "factory",
    [
        _with_ipv6,
        pytest.param(
            asyncio.SelectorEventLoop,
            marks=pytest.mark.skipif(not _has_ipv6(), reason="this machine has no ::1"),
        ),
    ],
    ids=["simkit", "stock"],
)
