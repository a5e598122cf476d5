"""httpx, as it comes: connection pools, streamed answers, timeouts, TLS."""

from __future__ import annotations

import asyncio
import time

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, StreamingResponse
from starlette.routing import Route

from tests.libraries.serving import NAME, URL, serving


async def whoami(request: Request) -> JSONResponse:
    return JSONResponse({"port": request.client.port, "now": time.monotonic()})


async def slow(request: Request) -> StreamingResponse:
    async def parts():
        for number in range(3):
            await asyncio.sleep(1)
            yield f"{number}\n"

    return StreamingResponse(parts())


APP = Starlette(routes=[Route("/", whoami), Route("/slow", slow)])


async def test_a_request_takes_a_round_trip_for_tcp_and_one_for_itself(sim, bridge):
    async with serving(bridge, APP), httpx.AsyncClient() as client:
        asked_at = sim.now
        response = await client.get(f"{URL}/")
        assert response.status_code == 200
        assert response.json()["now"] - asked_at == pytest.approx(0.03)
        assert sim.now - asked_at == pytest.approx(0.04)


async def test_a_streamed_response_arrives_as_it_is_made(sim, bridge):
    async with serving(bridge, APP), httpx.AsyncClient() as client:
        asked_at = sim.now
        async with client.stream("GET", f"{URL}/slow") as response:
            lines = [(line, round(sim.now - asked_at, 9)) async for line in response.aiter_lines()]
    assert lines == [("0", 1.04), ("1", 2.04), ("2", 3.04)]


async def test_the_pool_reuses_connections_until_they_expire_by_the_virtual_clock(sim, bridge):
    ports = []
    async with serving(bridge, APP), httpx.AsyncClient(base_url=URL) as client:
        for pause in (1, 10, 1, 0):
            response = await client.get("/")
            response.raise_for_status()
            ports.append(response.json()["port"])
            await asyncio.sleep(pause)
    first, within_keep_alive, after_expiry, reused = ports
    assert first == within_keep_alive
    assert after_expiry != first
    assert reused == after_expiry


async def test_a_pooled_connection_that_the_server_has_closed_is_replaced(bridge):
    pool = httpx.Limits(keepalive_expiry=600)
    async with (
        serving(bridge, APP, timeout_keep_alive=5),
        httpx.AsyncClient(base_url=URL, limits=pool) as client,
    ):
        before = (await client.get("/")).json()["port"]
        await asyncio.sleep(60)
        after = (await client.get("/")).json()["port"]
    assert before != after


async def test_requests_at_once_take_a_connection_each_up_to_the_pools_limit(sim, bridge):
    limits = httpx.Limits(max_connections=2)
    async with (
        serving(bridge, APP),
        httpx.AsyncClient(base_url=URL, limits=limits, timeout=60) as client,
    ):
        asked_at = sim.now
        await asyncio.gather(*(client.get("/slow") for _ in range(4)))
        assert sim.now - asked_at == pytest.approx(6.06, abs=0.001)


async def test_a_timeout_is_one_of_virtual_time(sim, bridge):
    async with serving(bridge, APP), httpx.AsyncClient(timeout=0.5) as client:
        asked_at = sim.now
        with pytest.raises(httpx.ReadTimeout):
            await client.get(f"{URL}/slow")
        assert sim.now - asked_at == pytest.approx(0.54, abs=0.001)


async def test_unknown_hosts_and_refusals_are_connect_errors(bridge):
    async with httpx.AsyncClient() as client:
        with pytest.raises(httpx.ConnectError, match="not part of this simulation"):
            await client.get("https://nowhere.example.com/")
        with pytest.raises(httpx.ConnectError):
            await client.get(f"https://{NAME}:444/")


async def test_https_makes_a_real_handshake_with_a_server_that_has_a_certificate(
    sim, bridge, certificate, client_context, tmp_path
):
    pem = tmp_path / "server.pem"
    certificate.private_key_and_cert_chain_pem.write_to_path(pem)
    async with (
        serving(bridge, APP, port=443, ssl_certfile=pem),
        httpx.AsyncClient(verify=client_context) as client,
    ):
        asked_at = sim.now
        response = await client.get(f"https://{NAME}/")
        assert response.status_code == 200
        # One round trip for TCP, one for TLS 1.3, one for the request.
        assert sim.now - asked_at == pytest.approx(0.06)


async def test_https_without_the_authority_is_refused(bridge, certificate, tmp_path):
    pem = tmp_path / "server.pem"
    certificate.private_key_and_cert_chain_pem.write_to_path(pem)
    async with serving(bridge, APP, port=443, ssl_certfile=pem), httpx.AsyncClient() as client:
        with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            await client.get(f"https://{NAME}/")
