"""What the REST API refuses, and by which error."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from simkit.twilio import ACCOUNT_SID, AUTH_TOKEN
from tests.twilio.rest import CUSTOMER, NUMBER, PAUSE, URL, post


@pytest.mark.parametrize(
    ("form", "code", "message"),
    [
        ({}, 21201, "No 'To' number"),
        ({"To": CUSTOMER}, 21213, "No 'From' number"),
        ({"To": "12", "From": NUMBER}, 21211, "12"),
        ({"To": CUSTOMER, "From": "me"}, 21212, "me"),
        ({"To": CUSTOMER, "From": NUMBER}, 21205, "Url parameter is required."),
        (
            {"To": CUSTOMER, "From": NUMBER, "Url": "nowhere"},
            21205,
            "Url is not a valid URL: nowhere",
        ),
        ({"To": CUSTOMER, "From": NUMBER, "Url": "http://[x"}, 21205, "not a valid URL"),
        ({"To": CUSTOMER, "From": NUMBER, "ApplicationSid": "AP1"}, 21218, "ApplicationSid"),
        ({"To": CUSTOMER, "From": NUMBER, "Twiml": "x" * 4001}, 21240, "4000"),
        ({"To": CUSTOMER, "From": NUMBER, "Twiml": "x", "Timeout": "601"}, 20001, "600"),
        ({"To": CUSTOMER, "From": NUMBER, "Twiml": "x", "Method": "PUT"}, 20001, "PUT"),
        ({"To": CUSTOMER, "From": NUMBER, "Twiml": "x", "SendDigits": "x"}, 20001, "SendDigits"),
        ({"To": CUSTOMER, "From": NUMBER, "Twiml": "x", "StatusCallback": "y"}, 21609, "y"),
    ],
)
async def test_a_call_that_cannot_be_made_is_refused(sim, form, code, message):
    response = await post("/Calls.json", **form)
    assert response.status_code == 400
    problem = response.json()
    assert (problem["status"], problem["code"]) == (400, code)
    assert message in problem["message"]
    assert problem["more_info"] == f"https://www.twilio.com/docs/errors/{code}"
    assert sim.twilio.flows == []


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/Nothing.json"),
        ("GET", "/Calls"),
        ("PUT", "/Calls.json"),
        ("DELETE", f"/Calls/CA{'0' * 32}.json"),
        ("POST", f"/IncomingPhoneNumbers/PN{'0' * 32}.json"),
        ("GET", "/Calls/%00.json"),
    ],
)
async def test_what_is_not_offered_is_not_found(sim, method, path):
    response = await post(path, method=method)
    assert (response.status_code, response.json()["code"]) == (404, 20404)


async def test_without_credentials_nothing_is_told(sim):
    for auth in (None, ("AC" + "0" * 32, AUTH_TOKEN), (ACCOUNT_SID, "")):
        assert (await post("/Calls.json", auth=auth, method="GET")).status_code == 401
    async with httpx.AsyncClient(headers={"Authorization": "Basic !!"}) as http:
        assert (await http.get(f"{URL}/Calls.json")).status_code == 401


async def test_too_many_requests_at_a_time_are_refused_and_not_done(sim):
    sim.twilio.settings.rest_limit = 2
    sim.twilio.rest.delay = 0.5
    answers = await asyncio.gather(
        *(post("/Calls.json", To=CUSTOMER, From=NUMBER, Twiml=PAUSE) for _ in range(3))
    )
    assert sorted(answer.status_code for answer in answers) == [201, 201, 429]
    assert [a.json()["code"] for a in answers if a.status_code == 429] == [20429]
    assert len(sim.twilio.flows) == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"status": 200}, "400 to 599, found 200"),
        ({"times": 0}, "times: 1 or more, found 0"),
    ],
)
def test_an_impossible_failure_is_refused(sim, arguments, message):
    with pytest.raises(ValueError, match=message):
        sim.twilio.rest.fails(**arguments)


@pytest.mark.parametrize(
    "body",
    [
        b"\xff\xfe=1&To=%ff",
        b"To=1&To=2&From=3&Url=4",
        b"&&&===;;;",
        b'{"To": "+15550155"}',
        b"To=%2B15550155&From=%2B15550100&Url=https%3A%2F%2Fh%3Ap%2F&Timeout=\xc2\xb2",
        b"Twiml=" + b"%3C" * 5000,
        b"StatusCallbackEvent=" * 2000,
    ],
)
async def test_a_body_that_makes_no_sense_is_refused_and_nothing_breaks(sim, body):
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    async with httpx.AsyncClient(auth=(ACCOUNT_SID, AUTH_TOKEN), headers=headers) as http:
        for path in ("/Calls.json", f"/Calls/CA{'0' * 32}.json"):
            response = await http.post(URL + path, content=body)
            assert response.status_code in (400, 404)
            assert response.json()["status"] == response.status_code
    assert sim.twilio.flows == []
