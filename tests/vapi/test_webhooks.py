"""Webhooks: what a server is told, when, with which proof, and what happens when it fails."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import itertools
import random
import time

import httpx
import pytest

from simkit import Simulation
from simkit.audio import voice
from simkit.vapi import Only
from simkit.wire.vapi_signatures import SEED_DIALECT, Bearer, Hmac
from tests.vapi.conftest import HEADERS, Client
from tests.vapi.conftest import URL as API
from tests.vapi.hooks import URL, Hook

SERVER = {"url": URL}


@pytest.fixture
def hook(sim):
    return Hook(sim)


def spoken(sim, text):
    speech = voice.speak(text, random.Random(1))
    sim._repertoire.add(speech)
    return speech


async def brief_call(client, **config):
    """Open a call, hang up after a second, and wait for the report."""
    client.body = {"assistantOverrides": {"server": SERVER} | config}
    await client.open()
    await client.speak(None, 1.0)
    await client.socket.close()
    ended = client.sim.now
    await asyncio.sleep(4)
    return ended


def warnings(sim):
    return [event.fields["reason"] for event in sim.timeline.of("warning")]


# What is lost


async def test_in_an_outage_nothing_is_told_and_the_call_goes_on(sim, client, hook):
    sim.vapi.faults.webhook_outage = 1.0
    await brief_call(client)
    assert hook.came == []
    assert len(client.sound) > 40
    assert {event.fields["name"] for event in sim.timeline.of("fault")} == {"webhook_outage"}


async def test_one_event_can_be_lost(sim, client, hook):
    sim.vapi.faults.webhook_outage = Only(1.0, nth=1)
    await brief_call(client)
    assert hook.of("status-update", status="in-progress") == []
    assert len(hook.of("status-update", status="ended")) == 1
    assert len(hook.of("end-of-call-report")) == 1


# What is told


async def test_an_envelope_holds_the_message_and_the_call(sim, client, hook):
    await brief_call(client, name="Ann")
    at, message = hook.came[0]
    assert (message["type"], message["status"]) == ("status-update", "in-progress")
    assert message["call"]["id"] == client.call["id"]
    assert message["call"]["monitor"]["controlUrl"].startswith("https://")
    assert message["assistant"]["name"] == "Ann"
    assert hook.headers[0]["x-call-id"] == client.call["id"]
    assert hook.headers[0]["content-type"] == "application/json"
    now_ms = time.time() * 1000 - (sim.now - at) * 1000
    assert now_ms - message["timestamp"] == pytest.approx(55, abs=1.1)


async def test_the_end_is_told_late_and_the_report_later(sim, client, hook):
    ended = await brief_call(client)
    [(at, message)] = hook.of("status-update", status="ended")
    assert message["endedReason"] == "customer-ended-call"
    # The close takes a flight to Vapi.
    assert at - ended == pytest.approx(1.58, abs=0.015)
    [(at, report)] = hook.of("end-of-call-report")
    assert at - ended == pytest.approx(2.88, abs=0.015)
    assert report["endedReason"] == "customer-ended-call"
    assert report["durationMs"] == pytest.approx(1000, abs=50)
    assert {"artifact", "analysis", "costs", "costBreakdown", "startedAt", "endedAt"} <= set(report)


async def test_only_what_an_assistant_subscribes_to_is_told(sim, client, hook):
    sim.vapi.assistant(first_message="Good morning.", replies=["Yes."])
    wanted = ['transcript[transcriptType="final"]', "speech-update"]
    client.body = {"assistantOverrides": {"server": SERVER, "serverMessages": wanted}}
    await client.open()
    await client.speak(None, 2.0)
    await client.speak(spoken(sim, "is it noon"))
    await client.speak(None, 3.0)
    await client.socket.close()
    await asyncio.sleep(4)
    assert set(hook.kinds) == {"transcript", "speech-update"}
    said = [message["transcript"] for _, message in hook.of("transcript")]
    assert said == ["Good morning.", "is it noon", "Yes."]


async def test_transcripts_are_told_only_when_asked_for(sim, client, hook):
    sim.vapi.assistant(first_message="Good morning.")
    client.body = {"assistantOverrides": {"server": SERVER}}
    await client.open()
    await client.speak(None, 3.0)
    await client.socket.close()
    await asyncio.sleep(4)
    assert hook.kinds == [
        "status-update",
        "speech-update",
        "speech-update",
        "conversation-update",
        "status-update",
        "end-of-call-report",
    ]
    [(_, update)] = hook.of("conversation-update")
    assert update["messagesOpenAIFormatted"] == [{"role": "assistant", "content": "Good morning."}]
    assert update["messages"][0]["role"] == "bot"
    assert "conversation" not in update


async def test_the_accounts_server_is_told_where_the_assistant_has_none(sim, client, hook):
    sim.vapi.server = {"url": URL, "secret": "account"}
    await client.open()
    await client.speak(None, 0.5)
    assert hook.headers[0]["x-vapi-secret"] == "account"
    await client.socket.close()


async def test_the_older_fields_of_a_server_count_too(sim, client, hook):
    client.body = {"assistant": {"serverUrl": URL, "serverUrlSecret": "old"}}
    await client.open()
    await client.speak(None, 0.5)
    assert hook.headers[0]["x-vapi-secret"] == "old"
    await client.socket.close()


def test_a_server_that_vapi_would_refuse_is_refused(sim):
    with pytest.raises(ValueError, match=r"server\.url must be a valid URL; found"):
        sim.vapi.server = {"url": "hook.example.com"}


async def test_nobody_is_told_where_there_is_no_server(sim, client):
    await client.open()
    await client.socket.close()
    await asyncio.sleep(4)
    assert [e for e in sim.timeline.of("request") if e.source == "vapi"] == []


# Proof


async def test_the_secret_is_sent_as_it_is(sim, client, hook):
    await brief_call(client, server=SERVER | {"secret": "s3cret!", "headers": {"X-A": "b"}})
    assert {found["x-vapi-secret"] for found in hook.headers} == {"s3cret!"}
    assert {found["x-a"] for found in hook.headers} == {"b"}
    assert not any("signature" in name for name in hook.headers[0])


async def test_a_credential_signs_body_and_time(sim, client, hook):
    sim.vapi.webhooks.credentials["c"] = credential = Hmac("key")
    await brief_call(client, server=SERVER | {"credentialId": "c"})
    for (at, _), headers, body in zip(hook.came, hook.headers, hook.bodies, strict=True):
        now = time.time() - sim.now + at
        assert credential.is_valid(headers, body, now=now)
        assert abs(now - int(headers["x-timestamp"])) <= 1


async def test_a_replay_is_known_by_its_time(sim, client, hook):
    sim.vapi.webhooks.credentials["c"] = credential = Hmac("key")
    await brief_call(client, server=SERVER | {"credentialId": "c"})
    await asyncio.sleep(600)
    assert await sim.vapi.webhooks.replay() == 200
    assert hook.bodies[-1] == hook.bodies[-2]
    assert not credential.is_valid(hook.headers[-1], hook.bodies[-1], now=time.time())
    assert credential.is_valid(hook.headers[-1], hook.bodies[-1], now=time.time(), window=3600)


async def test_a_bearer_credential_may_have_any_header(sim, client, hook):
    sim.vapi.webhooks.credentials["c"] = Bearer("token", "X-Vapi-Secret", "")
    await brief_call(client, server=SERVER | {"credentialId": "c"})
    assert {found["x-vapi-secret"] for found in hook.headers} == {"token"}


async def test_the_signature_of_the_seed_articles_covers_the_url(sim, client, hook):
    sim.vapi.webhooks.credentials["c"] = Hmac("key", **SEED_DIALECT)
    await brief_call(client, server=SERVER | {"credentialId": "c"})
    right = hmac.new(b"key", URL.encode() + hook.bodies[0], hashlib.sha256).hexdigest()
    assert hook.headers[0]["x-vapi-signature"] == right
    assert "x-timestamp" not in hook.headers[0]


# Failures


@pytest.mark.parametrize(
    ("plan", "gaps"),
    [
        ({"type": "fixed", "maxRetries": 2, "baseDelaySeconds": 2}, [2.0, 2.0]),
        ({"type": "exponential", "maxRetries": 3, "baseDelaySeconds": 1}, [1.0, 2.0, 4.0]),
        ({"maxRetries": 3, "excludedStatusCodes": [500]}, []),
        (None, []),
    ],
)
async def test_deliveries_are_tried_again_as_planned(sim, client, hook, plan, gaps):
    hook.answers = [500] * 5
    server = SERVER | ({} if plan is None else {"backoffPlan": plan})
    client.body = {"assistantOverrides": {"server": server, "serverMessages": ["status-update"]}}
    await client.open()
    await client.speak(None, 12.0)
    at = [when for when, _ in hook.of("status-update")]
    # Each attempt connects and asks anew: 40 ms of way there and back.
    assert [b - a for a, b in itertools.pairwise(at)] == pytest.approx(
        [gap + 0.04 for gap in gaps], abs=0.001
    )
    assert len(warnings(sim)) == len(gaps) + 1
    assert "status-update, attempt 1" in warnings(sim)[0]
    assert "HTTP 500" in warnings(sim)[0]
    await client.socket.close()


async def test_a_slow_server_is_not_waited_for_longer_than_it_says(sim, client, hook):
    hook.delay = 5.0
    server = SERVER | {"timeoutSeconds": 2}
    client.body = {"assistantOverrides": {"server": server, "serverMessages": ["status-update"]}}
    await client.open()
    await client.speak(None, 3.0)
    assert ["timed out" in reason for reason in warnings(sim)] == [True]
    await client.socket.close()
    await asyncio.sleep(10)


async def test_a_server_that_is_not_there_is_named(sim, client):
    await brief_call(client, server={"url": "https://nobody.example.com"})
    assert all("nobody.example.com" in reason for reason in warnings(sim))
    assert len(warnings(sim)) == 3


async def test_a_server_over_wss_is_named(sim, client):
    await brief_call(client, server={"url": "wss://hook.example.com/vapi"})
    assert len(warnings(sim)) == 3
    assert "wss are not simulated, found wss://hook.example.com/vapi" in warnings(sim)[0]


async def test_frequent_events_are_dropped_while_a_server_fails(sim, client, hook):
    sim.vapi.assistant(first_message="Good morning.", replies=["Yes.", "No."])
    sim.vapi.account.drop_after = 2
    hook.answers = [500] * 3
    client.body = {"assistantOverrides": {"server": SERVER}}
    await client.open()
    await client.speak(None, 3.0)
    assert hook.kinds == ["status-update", "speech-update"]
    assert next(reason for reason in warnings(sim) if "was dropped" in reason).startswith(
        "webhook speech-update was dropped: 2 deliveries failed"
    )
    await client.socket.close()
    await asyncio.sleep(4)
    # What matters is told all the same, and after it everything.
    assert hook.kinds[2:] == ["status-update", "end-of-call-report"]


async def test_a_success_ends_the_dropping(sim, client, hook):
    sim.vapi.account.drop_after = 1
    wanted = ["status-update", "speech-update", "user-interrupted"]
    sim.vapi.assistant(first_message="This is going to be a rather long speech.")
    hook.answers = [500]
    client.body = {"assistantOverrides": {"server": SERVER, "serverMessages": wanted}}
    await client.open()
    await client.speak(None, 1.0)
    await client.speak(spoken(sim, "wait"))
    await client.speak(None, 2.0)
    # The failure, what matters, and then frequent events again.
    assert hook.kinds[:3] == ["status-update", "user-interrupted", "speech-update"]
    await client.socket.close()
    await asyncio.sleep(4)


# Disorder


async def test_events_can_come_twice(sim, client, hook):
    sim.vapi.account.webhook_duplicate = 1.0
    await brief_call(client)
    assert hook.kinds == [
        *["status-update"] * 4,
        *["end-of-call-report"] * 2,
    ]
    assert hook.bodies[0] == hook.bodies[1]


async def test_events_can_be_late_and_overtake_one_another(sim, client, hook):
    sim.vapi.account.webhook_late = 5.0
    sim.vapi.assistant(first_message="Good morning.", replies=["Yes."])
    client.body = {"assistantOverrides": {"server": SERVER, "serverMessages": ["speech-update"]}}
    await client.open()
    for _ in range(3):
        await client.speak(spoken(sim, "hello"))
        await client.speak(None, 2.0)
    await asyncio.sleep(6)
    stamps = [message["timestamp"] for _, message in hook.came]
    assert len(stamps) > 5
    assert stamps != sorted(stamps)
    await client.socket.close()
    await asyncio.sleep(10)


# Determinism


async def everything(sim):
    """Hold a call with a recording, webhooks in disorder, a tool and a log; return the bytes."""
    hook = Hook(sim)
    sim.vapi.account.recording = "always"
    sim.vapi.account.webhook_late = 1.0
    sim.vapi.account.webhook_duplicate = 0.3
    sim.vapi.webhooks.credentials["c"] = Hmac("key", message_id_header="x-id")
    sim.vapi.assistant(first_message="Good morning.", replies=["Yes."])
    client = Client(sim)
    client.body = {"assistantOverrides": {"server": SERVER | {"credentialId": "c"}}}
    await client.open()
    await client.speak(None, 1.0)
    await client.speak(spoken(sim, "is it noon"))
    await sim.vapi.ask_tool(sim.vapi.calls[0], "weather", {"city": "Rome"})
    await client.speak(None, 2.0)
    await client.socket.close()
    await asyncio.sleep(62)
    async with httpx.AsyncClient(verify=False, follow_redirects=True) as http:
        files = [
            (await http.get(f"{API}/call/{client.call['id']}/{name}", headers=HEADERS)).content
            for name in ("call-logs", "stereo-recording")
        ]
    return hook.bodies, [headers.get("x-signature") for headers in hook.headers], files


def test_the_same_seed_gives_the_same_bytes():
    with Simulation(seed=7, verify=True) as sim:
        first = sim.run(everything)
    with Simulation(seed=7) as again:
        assert again.run(everything) == first
    with Simulation(seed=8) as other:
        assert other.run(everything)[0] != first[0]
