from __future__ import annotations

import asyncio
import math
import socket

import httpx
import pytest


@pytest.fixture
def far(network):
    return network.host("far.example.com", "far")


async def look_up(loop, name):
    start = loop.time()
    error = None
    try:
        await loop.getaddrinfo(name, 80)
    except OSError as caught:
        error = caught
    return error, loop.time() - start


def test_a_look_up_takes_the_time_of_its_host(runner, loop, far):
    assert far.dns_delay == 0
    far.dns_delay = 0.25
    assert runner.run(look_up(loop, "far.example.com")) == (None, 0.25)
    assert runner.run(look_up(loop, b"FAR.")) == (None, 0.25)
    assert runner.run(look_up(loop, "home")) == (None, 0.0)


@pytest.mark.parametrize(
    ("failure", "code", "text"),
    [
        ("EAI_AGAIN", socket.EAI_AGAIN, "Temporary failure in name resolution"),
        ("NXDOMAIN", socket.EAI_NONAME, "Name or service not known"),
    ],
)
def test_a_look_up_fails_as_the_c_library_fails(runner, loop, far, failure, code, text):
    far.dns_delay = 5
    far.dns_failure = failure
    assert far.dns_failure == failure
    error, took = runner.run(look_up(loop, "far"))
    assert type(error) is socket.gaierror
    assert error.args == (code, text)
    assert took == 5.0
    far.dns_failure = None
    assert runner.run(look_up(loop, "far"))[0] is None


def test_an_address_is_not_looked_up(runner, loop, far, network):
    far.dns_failure = network.home.dns_failure = "EAI_AGAIN"
    for name in (far.address, "localhost", "127.0.0.1", "0.0.0.0", None):
        assert runner.run(look_up(loop, name)) == (None, 0.0)


def test_httpx_reports_a_name_server_that_does_not_answer(runner, loop, far):
    far.dns_delay = 0.5
    far.dns_failure = "EAI_AGAIN"

    async def main():
        async with httpx.AsyncClient() as client:
            with pytest.raises(httpx.ConnectError, match="Temporary failure in name resolution"):
                await client.get("http://far.example.com/")
        return loop.time()

    assert runner.run(main()) == 0.5


def test_a_slow_look_up_counts_against_the_timeout_of_connecting(runner, loop, far):
    far.dns_delay = 10

    async def main():
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(loop.create_connection(asyncio.Protocol, "far", 80), 3)
        return loop.time()

    assert runner.run(main()) == 3.0


@pytest.mark.parametrize("wrong", [-1, math.nan, math.inf, True, "1", None])
def test_a_delay_that_is_none_is_refused_with_the_name_of_the_host(far, wrong):
    text = "host far.example.com: dns_delay is in seconds, 0 or more; found"
    with pytest.raises(ValueError, match=text):
        far.dns_delay = wrong
    assert far.dns_delay == 0


@pytest.mark.parametrize("wrong", ["SERVFAIL", -3, True, "", [], "eai_again"])
def test_an_unknown_failure_is_refused_with_those_there_are(far, wrong):
    text = "host far.example.com: dns_failure is None or one of EAI_AGAIN, NXDOMAIN; found"
    with pytest.raises(ValueError, match=text):
        far.dns_failure = wrong
    assert far.dns_failure is None
