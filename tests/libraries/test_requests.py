"""``requests`` in a FastAPI ``def`` endpoint, as many a bridge calls its services."""

from __future__ import annotations

import asyncio
import json
import urllib.request

import httpx
import pytest
import requests
from fastapi import FastAPI, Request

service = FastAPI()


@service.get("/slow")
async def slow(seconds: float = 1.5):
    await asyncio.sleep(seconds)
    return {"slept": seconds}


@service.get("/port")
def port(request: Request):
    return request.client.port


app = FastAPI()


@app.get("/sync")
def sync():
    with requests.Session() as session:
        return [session.get("https://api.example.com/slow").json() for _ in range(2)]


@app.get("/late")
def late():
    try:
        requests.get("https://api.example.com/slow", timeout=0.5)
    except requests.Timeout:
        return "timed out"


@pytest.fixture
def hosts(sim):
    sim.host("api.example.com").serve(service)
    sim.host("bridge.example.com").serve(app)


async def get(path):
    async with httpx.AsyncClient(timeout=30) as http:
        return (await http.get(f"https://bridge.example.com{path}")).json()


async def test_an_endpoint_that_blocks_waits_in_virtual_time(sim, hosts):
    assert await get("/sync") == [{"slept": 1.5}, {"slept": 1.5}]
    assert sim.now == pytest.approx(3.0, abs=0.001)


async def test_several_endpoints_block_at_the_same_time(sim, hosts):
    answers = await asyncio.gather(*(get("/sync") for _ in range(3)))
    assert answers == [[{"slept": 1.5}] * 2] * 3
    assert sim.now == pytest.approx(3.0, abs=0.001)


async def test_its_timeout_is_kept(sim, hosts):
    assert await get("/late") == "timed out"
    assert sim.now == pytest.approx(0.5, abs=0.001)


async def test_a_connection_is_kept_for_the_next_request(sim, hosts):
    def ask():
        with requests.Session() as session:
            ports = [session.get("https://api.example.com/port").json() for _ in range(3)]
        return [*ports, requests.get("https://api.example.com/port").json()]

    first, second, third, other = await asyncio.to_thread(ask)
    assert first == second == third != other


def ask_by_urllib():
    with urllib.request.urlopen("https://api.example.com/slow?seconds=2") as answer:
        return json.load(answer)


def ask_by_httpx():
    with httpx.Client() as http:
        http.get("https://api.example.com/slow?seconds=1")
        return http.get("https://api.example.com/slow?seconds=1").json() | {"slept": 2.0}


@pytest.mark.parametrize("ask", [ask_by_urllib, ask_by_httpx])
async def test_other_clients_that_block_wait_in_virtual_time_too(sim, hosts, ask):
    assert await asyncio.to_thread(ask) == {"slept": 2.0}
    assert sim.now == pytest.approx(2.0, abs=0.001)


async def test_a_host_that_is_not_there_is_named(sim):
    with pytest.raises(requests.ConnectionError, match=r"elsewhere\.example\.com' is not part of"):
        await asyncio.to_thread(requests.get, "https://elsewhere.example.com")
