from __future__ import annotations

import asyncio
import signal
import socket
from pathlib import Path

import pytest
import trustme

from simkit import Simulation
from simkit.bridge.serve import ServeError, check_certificate, listen

from .attacker import FORM, Attacker, under_attack


async def tell(by: Attacker) -> None:
    """Tell the process to end."""
    by.server.handle_exit(signal.SIGTERM, None)


async def test_running_calls_go_on_while_new_ones_are_refused(sim: Simulation) -> None:
    sim.vapi.assistant(first_message="Good morning, how may I help you today?")
    async with under_attack(sim) as by:
        call = await sim.twilio.call(to="+15550100")
        await call.hears("Good")
        await tell(by)
        health = await by.ask()
        assert health.status == "503"
        assert '"status":"draining","activeSessions":1' in health.text
        assert '<Reject reason="busy"/>' in (await by.webhook()).text
        await call.hears("help you today?")
        assert by.server.started
        await call.hangs_up()
        while by.server.servers[0].is_serving():
            await asyncio.sleep(0.1)
        assert by.bridge.metrics.value("refused", reason="draining") == 1


async def test_a_call_that_was_answered_before_gets_its_stream(sim: Simulation) -> None:
    async with under_attack(sim) as by:
        answer = await by.webhook()
        await tell(by)
        await asyncio.sleep(1)
        stream = await by.stream()
        stream.start(answer.token)
        assert await stream.closed_with(0.5) == "open"


@pytest.mark.parametrize("signals", [1, 2])
async def test_calls_are_ended_at_the_limit_or_at_a_second_signal(
    signals: int, sim: Simulation
) -> None:
    async with under_attack(sim, drain_limit=20.0 if signals == 1 else 3600.0) as by:
        streams = []
        for number in range(3):
            sid = f"CA{number}"
            token = (await by.webhook(FORM | {"CallSid": sid})).token
            streams.append(await by.stream())
            streams[-1].start(token, sid)
        await asyncio.sleep(1)
        assert len(by.bridge.sessions) == 3
        before = sim.now
        for _ in range(signals):
            await tell(by)
        assert {await stream.closed_with(30) for stream in streams} == {"1001"}
        assert sim.now - before < (21 if signals == 1 else 1)
        while by.bridge.sessions:
            await asyncio.sleep(0.1)
        # Vapi was told, for every call.
        lines = str(sim.timeline).splitlines()
        assert sum("end-call" in line for line in lines) == 3


async def test_with_nothing_to_wait_for_the_end_is_at_once(sim: Simulation) -> None:
    async with under_attack(sim) as by:
        before = sim.now
        await tell(by)
        while by.server.servers[0].is_serving():
            await asyncio.sleep(0.1)
        assert sim.now - before < 1


# What cannot begin


def test_a_port_that_is_taken_is_named() -> None:
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ServeError) as raised:
            listen("127.0.0.1", port)
    assert str(raised.value) == f"cannot listen on 127.0.0.1 port {port}: Address already in use"


def test_an_address_that_is_not_ours_is_named() -> None:
    with pytest.raises(ServeError, match=r"cannot listen on 192\.0\.2\.1 port 0: Cannot assign"):
        listen("192.0.2.1", 0)


@pytest.mark.skipif(not socket.has_ipv6, reason="there is no IPv6")
def test_ipv6_is_listened_on() -> None:
    try:
        listener = listen("::1", 0)
    except ServeError:
        pytest.skip("there is no IPv6 here")
    with listener:
        assert listener.family == socket.AF_INET6


def test_a_certificate_that_does_not_fit_is_named(tmp_path: Path) -> None:
    authority = trustme.CA()
    one, other = authority.issue_cert("b.example"), authority.issue_cert("c.example")
    cert, key, wrong = tmp_path / "cert.pem", tmp_path / "key.pem", tmp_path / "wrong.pem"
    one.cert_chain_pems[0].write_to_path(str(cert))
    one.private_key_pem.write_to_path(str(key))
    other.private_key_pem.write_to_path(str(wrong))
    check_certificate(str(cert), str(key))
    for files, why in (
        ({"tls_cert": cert, "tls_key": wrong}, "KEY_VALUES_MISMATCH"),
        ({"tls_cert": tmp_path / "none", "tls_key": key}, "No such file"),
        ({"tls_cert": tmp_path, "tls_key": key}, "directory"),
    ):
        with pytest.raises(ServeError, match=why) as raised:
            check_certificate(str(files["tls_cert"]), str(files["tls_key"]))
        assert str(raised.value).startswith(f"tls_cert {files['tls_cert']}, tls_key ")
