"""Two machines: the test runs on ``home``, the server on a host with a name, 10 ms away."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator

import pytest
import trustme

from simkit import Simulation
from simkit.network import Host
from tests.libraries.serving import NAME


@pytest.fixture
def bridge(sim: Simulation) -> Iterator[Host]:
    """The machine that serves."""
    bridge = sim.host(NAME)
    sim.link("home", bridge).latency = 0.01
    yield bridge
    sim.run(asyncio.sleep(1))  # what was closed at the end gets to know it


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="session")
def certificate(authority: trustme.CA) -> trustme.LeafCert:
    return authority.issue_cert(NAME)


@pytest.fixture(scope="session")
def server_context(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    certificate.configure_cert(context)
    return context


@pytest.fixture(scope="session")
def client_context(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context
