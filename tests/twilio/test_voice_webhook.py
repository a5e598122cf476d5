"""The voice webhook: what it says, how long it waits, and what comes when it fails."""

from __future__ import annotations

import asyncio
import ssl

import pytest
import trustme

from simkit.twilio import CallFailed
from tests.twilio.program import BASE, CONNECT, HOST, NUMBER

APOLOGY = "an application error has occurred"


@pytest.fixture
def voice(sim, program):
    def voice(fragment="", **options):
        sim.twilio.number(NUMBER, voice_url=f"{BASE}/voice/inbound{fragment}", **options)

    return voice


# What it says


async def test_get_puts_the_fields_into_the_query_and_signs_the_url(sim, program):
    program.says(CONNECT)
    sim.twilio.number(NUMBER, voice_url=f"{BASE}/voice/inbound?k=v#rc=0", voice_method="GET")
    call = await sim.twilio.call(to=NUMBER)
    (asked,) = program.asked
    assert asked.method == "GET"
    assert asked.params["k"] == "v"
    assert asked.params["CallSid"] == call.sid
    assert "content-type" not in asked.headers
    assert "#" not in asked.url
    assert program.is_signed(asked)
    await call.hangs_up()


async def test_where_numbers_are_at_home_is_a_knob(sim, program):
    program.says(CONNECT)
    sim.twilio.geography("+15557777", city="AUSTIN", state="TX", zip="78701")
    call = await sim.twilio.call(to=NUMBER, from_="+15557777", caller_name="ANNE")
    form = program.asked[0].params
    for name in ("From", "Caller"):
        found = [form[name + part] for part in ("City", "State", "Zip", "Country")]
        assert found == ["AUSTIN", "TX", "78701", "US"]
    assert (form["ToCity"], form["CalledZip"]) == ("", "")
    assert form["CallerName"] == "ANNE"
    await call.hangs_up()


async def test_the_token_of_a_call_comes_with_its_first_webhook_only(sim, program):
    program.says("<Redirect>/next</Redirect>")
    program.says(CONNECT, "/next")
    call = await sim.twilio.call(to=NUMBER, stir_verstat=None, forwarded_from="+15550001")
    first, second = program.asked
    assert "parentCallInfoToken" in first.params["CallToken"]
    assert "CallToken" not in second.params
    assert "StirVerstat" not in first.params
    assert second.params["ForwardedFrom"] == "+15550001"
    await call.hangs_up()


async def test_a_url_with_a_password_is_asked_with_it_and_signed_without(sim, program):
    program.says(CONNECT)
    sim.twilio.number(NUMBER, voice_url=f"https://me:s%20cret@{HOST}/voice/inbound")
    call = await sim.twilio.call(to=NUMBER)
    assert program.asked[0].headers["authorization"] == "Basic bWU6cyBjcmV0"
    assert program.is_signed(program.asked[0])
    await call.hangs_up()


@pytest.mark.parametrize(
    "options",
    [
        {"voice_url": "https://host/x#ct=1"},
        {"voice_url": "https://host/x", "voice_method": "PUT"},
        {"voice_url": "https://host/x", "fallback_url": "nowhere"},
        {"voice_url": "https://host/x", "status_callback": "ftp://host/"},
    ],
)
def test_a_number_that_cannot_work_is_refused(sim, options):
    with pytest.raises(ValueError, match="expected"):
        sim.twilio.number(NUMBER, **options)


# Retries


async def test_a_refused_connection_is_tried_once_more(sim, program, voice):
    program.says(CONNECT)
    voice()
    sim.link("twilio", HOST).refuse = True
    asyncio.get_running_loop().call_later(0.03, setattr, sim.link("twilio", HOST), "refuse", False)
    call = await sim.twilio.call(to=NUMBER)
    (retry,) = sim.timeline.of("retry")
    assert retry.fields["attempt"] == 2
    assert len(program.asked) == 1
    await call.hangs_up()


async def test_a_host_that_never_accepts_is_given_up_after_twice_five_seconds(sim, program, voice):
    sim.link("twilio", HOST).half_open()
    voice()
    with pytest.raises(CallFailed):
        await sim.twilio.call(to=NUMBER)
    assert program.codes() == [11205]
    (error,) = sim.timeline.of("error")
    assert error.t_ns == 10_000_000_000


async def test_a_slow_answer_is_not_asked_for_again(sim, program, voice):
    program.says(CONNECT, delay=20)
    voice()
    with pytest.raises(CallFailed):
        await sim.twilio.call(to=NUMBER)
    assert len(program.asked) == 1
    assert sim.timeline.of("error")[0].t_ns == 15_000_000_000
    assert program.codes() == [11205]


@pytest.mark.parametrize(
    ("fragment", "times", "gave_up"),
    [
        ("#rt=1000", 1, 1.04),
        ("#rt=1000&rp=rt", 2, 2.08),
        ("#rt=1000&rp=all&rc=5", 6, 6.24),
        ("#tt=2500&rt=1000&rp=rt&rc=5", 3, 2.5),
        ("#rc=0&rp=rt", 1, 15.0),
    ],
)
async def test_overrides_say_how_often_and_how_long(sim, program, voice, fragment, times, gave_up):
    program.says(CONNECT, delay=20)
    voice(fragment)
    with pytest.raises(CallFailed):
        await sim.twilio.call(to=NUMBER)
    assert len(program.asked) == times
    assert sim.timeline.of("error")[0].t_ns / 1e9 == pytest.approx(gave_up, abs=0.001)
    tokens = {asked.headers["i-twilio-idempotency-token"] for asked in program.asked}
    assert len(tokens) == times
    bodies = [sorted(asked.params.items()) for asked in program.asked]
    assert all(body == bodies[0] for body in bodies)
    assert all(program.is_signed(asked) for asked in program.asked)


@pytest.mark.parametrize(
    ("status", "policy", "times"),
    [(500, "ct", 1), (503, "5xx", 2), (404, "5xx", 1), (404, "4xx", 2)],
)
async def test_answers_are_asked_for_again_only_when_told_to(
    sim, program, voice, status, policy, times
):
    program.says("", status=status)
    voice(f"#rp={policy}")
    with pytest.raises(CallFailed, match=f"HTTP {status}"):
        await sim.twilio.call(to=NUMBER)
    assert len(program.asked) == times
    assert program.codes() == [11200]


async def test_an_override_in_twiml_that_is_out_of_range_is_warned_of(sim, program):
    program.says("<Redirect>/next#rc=9</Redirect>")
    program.says(CONNECT, "/next")
    call = await sim.twilio.call(to=NUMBER)
    (warning,) = sim.timeline.of("warning")
    assert warning.fields["reason"] == "#rc: expected 0 to 5, found '9'"
    await call.hangs_up()


# Fallback


async def test_the_fallback_is_told_what_failed_and_its_twiml_is_followed(sim, program, voice):
    program.says("", status=500)
    program.says(CONNECT, "/fallback")
    voice("?x=1#rc=2", fallback_url=f"{BASE}/fallback", fallback_method="GET")
    call = await sim.twilio.call(to=NUMBER)
    (asked,) = program.of("/fallback")
    assert asked.method == "GET"
    assert asked.params["ErrorCode"] == "11200"
    assert asked.params["ErrorUrl"] == f"{BASE}/voice/inbound?x=1"
    assert asked.params["CallStatus"] == "ringing"
    assert program.is_signed(asked)
    assert [event.kind for event in sim.timeline.of("error", "fallback")] == ["error", "fallback"]
    await call.hangs_up()


async def test_a_slow_handler_goes_to_the_fallback_after_15_s(sim, program, voice):
    program.says(CONNECT, delay=16)
    program.says(CONNECT, "/fallback")
    voice(fallback_url=f"{BASE}/fallback")
    call = await sim.twilio.call(to=NUMBER)
    assert program.of("/fallback")[0].at == pytest.approx(15.06)
    await call.hangs_up()


async def test_without_a_fallback_the_caller_hears_of_an_error_and_the_call_ends(
    sim, program, voice
):
    program.says("", status=503)
    voice()
    with pytest.raises(CallFailed, match="was answered with HTTP 503"):
        await sim.twilio.call(to=NUMBER)
    (call,) = sim.twilio.calls
    assert APOLOGY in call.heard
    assert call.status == "completed"


async def test_a_fallback_that_fails_too_ends_with_the_apology(sim, program, voice):
    program.says("<Dance/", status=200)
    voice(fallback_url=f"{BASE}/fallback")
    with pytest.raises(CallFailed):
        await sim.twilio.call(to=NUMBER)
    assert program.codes() == [12100, 11200]
    assert len(program.of("/fallback")) == 1
    assert APOLOGY in sim.twilio.calls[0].heard


async def test_an_action_that_fails_in_the_middle_of_a_call_falls_back_too(sim, program, voice):
    program.says('<Connect action="/after"><Stream url="/media"/></Connect>')
    program.says("<Say>Please call again.</Say>", "/fallback")
    voice(fallback_url=f"{BASE}/fallback")
    call = await sim.twilio.call(to=NUMBER)
    await call.stays_silent(0.5)
    await program.sockets[0].close()
    await call.hears("call again")
    assert program.of("/fallback")[0].params["CallStatus"] == "in-progress"


@pytest.mark.parametrize(
    ("body", "media_type", "code"),
    [
        (b"<Response><Say>Hi", "text/xml", 12100),
        (b"", "text/xml", 12100),
        (b"<Answer/>", "text/xml", 12200),
        (b"<Response/>", "application/json", 12300),
        (b"<Response>" + b" " * 70_000 + b"</Response>", "text/xml", 11750),
        ("<!DOCTYPE x><Response/>".encode("utf-16"), "text/xml", 12100),
        (b'<?xml version="1.0" encoding="klingon"?><Response/>', "text/xml", 12100),
    ],
)
async def test_an_answer_that_is_no_twiml_has_its_code(sim, program, body, media_type, code):
    program.says(body, media_type=media_type)
    with pytest.raises(CallFailed):
        await sim.twilio.call(to=NUMBER)
    assert program.codes() == [code]
    assert APOLOGY in sim.twilio.calls[0].heard


@pytest.mark.parametrize("media_type", ["text/xml", "application/xml", "text/html"])
async def test_three_types_are_taken_for_twiml(sim, program, media_type):
    program.says(CONNECT, media_type=media_type)
    call = await sim.twilio.call(to=NUMBER)
    await call.hangs_up()
    assert program.codes() == []


async def test_other_types_and_longer_documents_are_knobs(sim, program):
    sim.twilio.settings.content_types = ("application/json",)
    sim.twilio.settings.document_limit = 100_000
    program.says(f"{' ' * 70_000}{CONNECT}", media_type="application/json")
    call = await sim.twilio.call(to=NUMBER)
    await call.hangs_up()


async def test_a_name_that_nobody_has_is_11210(sim, program):
    sim.twilio.number(NUMBER, voice_url="https://nobody.example.com/voice")
    with pytest.raises(CallFailed, match=r"nobody\.example\.com"):
        await sim.twilio.call(to=NUMBER)
    assert program.codes() == [11210]


async def test_a_certificate_that_nobody_trusts_is_11220(sim, program):
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    trustme.CA().issue_cert("safe.example.com").configure_cert(server)
    trustme.CA().configure_trust(client)
    sim.twilio._exchange.ssl = client
    loop = asyncio.get_running_loop()
    await sim.host("safe.example.com").spawn(
        loop.create_server(asyncio.Protocol, "0.0.0.0", 443, ssl=server)
    )
    sim.twilio.number(NUMBER, voice_url="https://safe.example.com/voice")
    with pytest.raises(CallFailed, match="certificate"):
        await sim.twilio.call(to=NUMBER)
    assert program.codes() == [11220]
    assert len(sim.timeline.of("retry")) == 1


async def test_an_answer_cut_off_is_11200(sim, program, voice):
    program.says(CONNECT + " " * 5000)
    sim.link("twilio", HOST).towards("twilio").reset_after(1000)
    voice()
    with pytest.raises(CallFailed):
        await sim.twilio.call(to=NUMBER)
    assert program.codes() == [11200]
