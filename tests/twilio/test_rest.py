"""The REST API, asked by Twilio's own client: over aiohttp, and over requests in a thread."""

from __future__ import annotations

import asyncio
import itertools
import re

import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route
from twilio.base.exceptions import TwilioRestException
from twilio.http.async_http_client import AsyncTwilioHttpClient
from twilio.rest import Client

from simkit.twilio import ACCOUNT_SID, AUTH_TOKEN
from tests.twilio.conftest import HOST
from tests.twilio.rest import CUSTOMER, NUMBER, PAUSE, URL, post

pytestmark = [  # what aiohttp says to Twilio's client
    pytest.mark.filterwarnings("ignore:BasicAuth is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:The 'auth' parameter is dep:DeprecationWarning"),
]


@pytest.fixture
async def client(sim):
    http = AsyncTwilioHttpClient()
    yield Client(ACCOUNT_SID, AUTH_TOKEN, http_client=http)
    await http.session.close()
    await asyncio.sleep(1)


def shown(sim, kind="request"):
    return [e for e in sim.timeline.of(kind) if e.target == "twilio" and "path" in e.fields]


# The official client


async def test_a_call_is_made_and_answered(sim, client):
    person = sim.twilio.person(CUSTOMER, answers_after=1.0)
    made = await client.calls.create_async(to=CUSTOMER, from_=NUMBER, twiml=PAUSE)
    assert (made.status, made.direction) == ("queued", "outbound-api")
    assert (made.to, made._from) == (CUSTOMER, NUMBER)
    assert made.sid.startswith("CA")
    assert (made.duration, made.end_time, made.start_time) == (None, None, None)
    assert made.date_created.year == 2029
    call = await person.answers()
    fetched = await client.calls(made.sid).fetch_async()
    assert (fetched.sid, fetched.status) == (call.sid, "in-progress")
    assert fetched.start_time is not None
    await call.hangs_up()
    ended = await client.calls(made.sid).fetch_async()
    assert ended.status == "completed"
    assert int(ended.duration) >= 0


async def test_a_call_is_ended(sim, client, server):
    call = await sim.twilio.call(NUMBER)
    updated = await client.calls(call.sid).update_async(status="completed")
    assert updated.sid == call.sid
    await call.ends()
    assert server.of("stop")
    assert (await client.calls(call.sid).fetch_async()).status == "completed"


async def test_a_call_is_given_other_instructions(sim, client, server):
    call = await sim.twilio.call(NUMBER)
    await client.calls(call.sid).update_async(
        twiml="<Response><Say>One moment please.</Say></Response>"
    )
    await call.hears("One moment please")
    await call.ends()
    assert server.of("stop")


async def test_a_call_is_redirected(sim, client, server):
    call = await sim.twilio.call(NUMBER)
    await client.calls(call.sid).update_async(url=f"https://{HOST}/after", method="POST")
    await call.ends()
    assert server.of("stop")


async def test_calls_are_listed_newest_first_and_by_pages(sim, client, server):
    for number in range(3):
        call = await sim.twilio.call(NUMBER, from_=f"+1555019{number}")
        await call.hangs_up()
    found = await client.calls.list_async(page_size=2)
    assert [call._from for call in found] == ["+15550192", "+15550191", "+15550190"]
    assert [c._from for c in await client.calls.list_async(from_="+15550191")] == ["+15550191"]
    assert await client.calls.list_async(status="in-progress") == []


async def test_a_number_is_looked_up_and_pointed_elsewhere(sim, client, server):
    sim.twilio.number(NUMBER)
    with pytest.raises(ValueError, match="points nowhere"):
        await sim.twilio.call(NUMBER)
    [number] = await client.incoming_phone_numbers.list_async(phone_number=NUMBER)
    assert (number.phone_number, number.voice_url, number.status) == (NUMBER, "", "in-use")
    assert number.capabilities == {"voice": True, "sms": True, "mms": True, "fax": False}
    pointed = await number.update_async(
        voice_url=f"https://{HOST}/voice/inbound", voice_method="POST"
    )
    assert pointed.voice_url == f"https://{HOST}/voice/inbound"
    call = await sim.twilio.call(NUMBER)
    await call.hangs_up()
    assert len(server.forms) == 1


async def test_a_number_takes_what_it_is_told_or_nothing(sim, client):
    sim.twilio.number(NUMBER, voice_url=f"https://{HOST}/voice/inbound")
    [number] = await client.incoming_phone_numbers.list_async()
    named = await number.update_async(friendly_name="Reception")
    assert named.friendly_name == "Reception"
    with pytest.raises(TwilioRestException, match="VoiceFallbackUrl is not a valid URL"):
        await number.update_async(friendly_name="Other", voice_fallback_url="nowhere")
    [kept] = await client.incoming_phone_numbers.list_async()
    assert (kept.friendly_name, kept.voice_fallback_url) == ("Reception", "")
    given_away = await number.update_async(voice_application_sid="AP" + "0" * 32)
    assert given_away.voice_url == ""


async def test_another_account_is_not_found(sim):
    other = URL.replace(ACCOUNT_SID, "AC" + "1" * 32)
    async with httpx.AsyncClient(auth=(ACCOUNT_SID, AUTH_TOKEN)) as http:
        response = await http.get(f"{other}/Calls.json")
    assert (response.status_code, response.json()["code"]) == (404, 20404)


async def test_a_stream_is_started_beside_a_call_and_stopped(sim, client, server):
    sim.twilio.number(NUMBER, voice_url=f"https://{HOST}/voice/inbound")
    server.twiml = PAUSE
    call = await sim.twilio.call(NUMBER)
    stream = await client.calls(call.sid).streams.create_async(
        url=f"wss://{HOST}/media",
        name="side",
        track="both_tracks",
        parameter1_name="k",
        parameter1_value="v",
    )
    assert (stream.name, stream.status, stream.call_sid) == ("side", "in-progress", call.sid)
    await asyncio.sleep(1)
    assert server.of("start")[0]["start"]["customParameters"] == {"k": "v"}
    stopped = await client.calls(call.sid).streams("side").update_async(status="stopped")
    assert stopped.status == "stopped"
    await asyncio.sleep(1)
    assert server.of("stop")
    await call.hangs_up()


async def test_what_is_not_there_is_an_error_that_the_client_understands(sim, client):
    with pytest.raises(TwilioRestException) as caught:
        await client.calls("CA" + "0" * 32).fetch_async()
    assert (caught.value.status, caught.value.code) == (404, 20404)
    assert f"/Calls/CA{'0' * 32}.json was not found" in caught.value.msg


async def test_a_call_that_is_over_cannot_be_ended(sim, client, server):
    call = await sim.twilio.call(NUMBER)
    await call.hangs_up()
    with pytest.raises(TwilioRestException, match="Cannot redirect") as caught:
        await client.calls(call.sid).update_async(status="completed")
    assert (caught.value.status, caught.value.code) == (400, 21220)
    sim.twilio.settings.ended_call_answer = "20404"
    with pytest.raises(TwilioRestException, match="was not found"):
        await client.calls(call.sid).update_async(status="completed")
    sim.twilio.settings.ended_call_answer = "200"
    assert (await client.calls(call.sid).update_async(status="completed")).status == "completed"


async def test_the_client_that_blocks_works_in_a_thread(sim, server):
    call = await sim.twilio.call(NUMBER)

    def end():
        blocking = Client(ACCOUNT_SID, AUTH_TOKEN)
        try:
            return blocking.calls(call.sid).update(status="completed").sid
        finally:
            blocking.http_client.session.close()

    assert await asyncio.to_thread(end) == call.sid
    await call.ends()


async def test_a_wrong_token_is_refused(sim):
    http = AsyncTwilioHttpClient()
    wrong = Client(ACCOUNT_SID, "wrong", http_client=http)
    with pytest.raises(TwilioRestException, match="Authenticate") as caught:
        await wrong.calls("CA" + "0" * 32).fetch_async()
    await http.session.close()
    assert (caught.value.status, caught.value.code) == (401, 20003)


async def test_an_api_key_is_as_good_as_the_token(sim):
    sim.twilio.rest.api_keys["SK" + "1" * 32] = "secret"
    http = AsyncTwilioHttpClient()
    keyed = Client("SK" + "1" * 32, "secret", ACCOUNT_SID, http_client=http)
    assert await keyed.calls.list_async() == []
    await http.session.close()


async def test_failures_can_be_ordered(sim, client, server):
    sim.twilio.rest.fails(503, times=2, path="/Calls/")
    call = await sim.twilio.call(NUMBER)
    for _ in range(2):
        with pytest.raises(TwilioRestException) as caught:
            await client.calls(call.sid).update_async(status="completed")
        assert (caught.value.status, caught.value.code) == (503, 20500)
    await client.calls(call.sid).update_async(status="completed")
    await call.ends()


# Time


async def test_calls_are_dialled_one_a_second_and_the_others_queued(sim, client):
    made = [
        await client.calls.create_async(to=f"+1555015{n}", from_=NUMBER, twiml=PAUSE)
        for n in range(3)
    ]
    queued = [int(call.queue_time) for call in made]
    assert queued[0] == 0
    assert 900 <= queued[1] <= 1000
    assert 1800 <= queued[2] <= 2000
    await asyncio.sleep(20)
    dialled = [event.t_ns for event in sim.timeline.of("initiated")]
    assert [b - a for a, b in itertools.pairwise(dialled)] == [10**9, 10**9]


async def test_a_look_up_may_be_behind(sim, client, server):
    sim.twilio.settings.rest_lag = 2.0
    call = await sim.twilio.call(NUMBER)
    assert (await client.calls(call.sid).fetch_async()).status == "ringing"
    await asyncio.sleep(3)
    assert (await client.calls(call.sid).fetch_async()).status == "in-progress"
    await call.hangs_up()
    behind = await client.calls(call.sid).fetch_async()
    assert (behind.status, behind.end_time) == ("in-progress", None)
    await asyncio.sleep(3)
    assert (await client.calls(call.sid).fetch_async()).status == "completed"


# What is seen of it


async def test_the_timeline_shows_requests_without_ids(sim, client, server):
    call = await sim.twilio.call(NUMBER)
    await client.calls(call.sid).update_async(status="completed")
    await call.ends()
    with pytest.raises(TwilioRestException):
        await client.calls("CA" + "0" * 32).fetch_async()
    told, missing = shown(sim)
    assert (told.fields["path"], told.call) == ("/Calls/call 1", 1)
    assert told.fields["shown"] == {"Status": "completed", "status": 200}
    assert missing.fields["path"] == "/Calls/CA..."
    assert not re.search(r"[0-9a-f]{32}", str(sim.timeline))


async def test_answers_carry_twilios_headers(sim):
    response = await post("/Calls.json", method="GET")
    assert re.fullmatch(r"RQ[0-9a-f]{32}", response.headers["Twilio-Request-Id"])
    assert response.headers["X-API-Domain"] == "api.twilio.com"
    assert response.headers["Content-Type"] == "application/json;charset=utf-8"


async def test_a_misspelt_event_silences_the_callbacks(sim, client):
    told = []

    async def status(request):
        told.append(dict(await request.form()))
        return Response(status_code=204)

    sim.host("app.example.com").serve(Starlette(routes=[Route("/s", status, methods=["POST"])]))
    for events in (["answered", "completed"], ["answred", "completed"]):
        person = sim.twilio.person(CUSTOMER)
        await client.calls.create_async(
            to=CUSTOMER,
            from_=NUMBER,
            twiml=PAUSE,
            status_callback="https://app.example.com/s",
            status_callback_event=events,
        )
        call = await person.answers()
        await call.hangs_up()
        await asyncio.sleep(1)
    assert [form["CallStatus"] for form in told] == ["in-progress", "completed"]
    assert [event.fields["code"] for event in sim.timeline.of("warning")] == [21626]
