from __future__ import annotations

import asyncio

import httpx
import pytest
import respx

from simkit.network import UnknownHostError
from simkit.network.stubs import StubbedHttp

BASE = "https://calendar.example.com"


@pytest.fixture
def http(network) -> respx.Router:
    return StubbedHttp(network).router


def request(runner, method, url, **options):
    async def main():
        async with httpx.AsyncClient() as client:
            return await client.request(method, url, **options)

    return runner.run(main())


def test_a_route_answers_a_request_that_went_through_the_network(runner, http):
    route = http.post(f"{BASE}/slots").respond(201, json={"free": ["10:00"]})
    response = request(runner, "POST", f"{BASE}/slots", json={"day": "Tuesday"})
    assert response.status_code == 201
    assert response.json() == {"free": ["10:00"]}
    assert route.called
    assert route.calls.last.request.content == b'{"day":"Tuesday"}'
    assert route.calls.last.request.url == f"{BASE}/slots"


def test_headers_of_the_answer_are_kept(runner, http):
    http.get(f"{BASE}/").respond(
        200, text="hällo", headers={"X-Request-Id": "7", "Content-Type": "text/plain"}
    )
    response = request(runner, "GET", f"{BASE}/")
    assert response.text == "hällo"
    assert response.headers["x-request-id"] == "7"


def test_query_strings_and_plain_http_are_told_apart(runner, http):
    http.get("http://calendar.example.com/", params={"day": "1"}).respond(text="first")
    http.get("http://calendar.example.com/", params={"day": "2"}).respond(text="second")
    assert request(runner, "GET", "http://calendar.example.com/?day=2").text == "second"
    assert request(runner, "GET", "http://calendar.example.com/?day=1").text == "first"


def test_a_request_without_a_route_says_so(runner, http):
    http.get(f"{BASE}/known").respond(200)
    response = request(runner, "GET", f"{BASE}/unknown")
    assert response.status_code == 501
    assert response.text == f"sim.http has no route for GET {BASE}/unknown\n"


def test_a_host_that_no_route_mentions_stays_unknown(runner, network, http):
    http.get(f"{BASE}/").respond(200)
    with pytest.raises(httpx.ConnectError, match=r"'other\.example\.com' is not part"):
        request(runner, "GET", "https://other.example.com/")
    with pytest.raises(UnknownHostError):
        network.resolve("other.example.com", network.home)


def test_a_route_may_be_added_while_the_world_runs(runner, http):
    async def main():
        async with httpx.AsyncClient() as client:
            with pytest.raises(httpx.ConnectError):
                await client.get(f"{BASE}/late")
            http.get(f"{BASE}/late").respond(text="here now")
            return (await client.get(f"{BASE}/late")).text

    assert runner.run(main()) == "here now"


def test_asynchronous_side_effects_take_virtual_time(runner, loop, http):
    async def think(request):
        await asyncio.sleep(2.5)
        return httpx.Response(200, text="thought about it")

    http.get(f"{BASE}/").mock(side_effect=think)
    assert request(runner, "GET", f"{BASE}/").text == "thought about it"
    assert loop.time() == 2.5


def test_a_client_gives_up_on_a_stub_that_is_too_slow(runner, loop, http):
    async def think(request):
        await asyncio.sleep(60)
        return httpx.Response(200)

    http.get(f"{BASE}/").mock(side_effect=think)
    with pytest.raises(httpx.ReadTimeout):
        request(runner, "GET", f"{BASE}/", timeout=3)
    assert loop.time() == pytest.approx(3)


def test_answers_in_sequence_are_given_in_sequence(runner, http):
    http.get(f"{BASE}/").mock(side_effect=[httpx.Response(503), httpx.Response(200)])
    statuses = [request(runner, "GET", f"{BASE}/").status_code for _ in range(2)]
    assert statuses == [503, 200]


def test_an_error_in_a_side_effect_is_a_500_and_is_reported(runner, loop, http):
    reported = []
    loop.set_exception_handler(lambda loop, context: reported.append(context))

    def broken(request):
        raise ZeroDivisionError

    http.get(f"{BASE}/path").mock(side_effect=broken)
    assert request(runner, "GET", f"{BASE}/path").status_code == 500
    assert reported[0]["message"] == "GET /path failed"
    assert isinstance(reported[0]["exception"], ZeroDivisionError)


def test_a_connection_is_kept_alive_between_requests(runner, network, http):
    http.get(f"{BASE}/").respond(200)
    accepted = []
    listen = network.listen

    def counting(host, port, protocol_factory):
        listen(host, port, lambda: accepted.append(port) or protocol_factory())

    network.listen = counting

    async def main():
        async with httpx.AsyncClient() as client:
            for _ in range(3):
                await client.get(f"{BASE}/")

    runner.run(main())
    assert accepted == [443]


def test_links_to_a_stub_have_latency(runner, loop, network, http):
    http.get(f"{BASE}/").respond(200)
    network.resolve("calendar.example.com", network.home)
    network.link("home", "calendar.example.com").latency = 0.05
    request(runner, "GET", f"{BASE}/")
    assert loop.time() == pytest.approx(0.2)
