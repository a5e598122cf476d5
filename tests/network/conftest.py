from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import Iterator

import pytest
import trustme

from simkit.network import Host, Network, SimLoop
from tests.network.line import Line
from tests.network.upgrading import NAME


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


@pytest.fixture
def line(loop: SimLoop) -> Line:
    return Line(loop)


@pytest.fixture
def bridge(network: Network) -> Host:
    """A host 10 ms away, for which there is a certificate."""
    network.link("home", network.host(NAME)).latency = 0.01
    return network.host(NAME)


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="session")
def server_context(authority: trustme.CA) -> ssl.SSLContext:
    """The bridge's certificate."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(NAME).configure_cert(context)
    return context


@pytest.fixture(scope="session")
def client_context(authority: trustme.CA) -> ssl.SSLContext:
    """Trusts the bridge's certificate."""
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context
