"""Vapi's webhook: its proofs, what is answered, and what comes twice, late or out of order."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import logging
import time

import httpx
import pytest

from simkit.bridge import ConfigError
from simkit.bridge.server import Bridge
from simkit.bridge.vapi_webhook import decode
from simkit.wire import WireError
from simkit.wire.vapi_signatures import SEED_DIALECT, Bearer, Hmac
from tests.races.conftest import BRIDGE, serve

__all__ = ["serve"]

URL = f"https://{BRIDGE}/vapi/webhook"
NUMBER = "+15550100"
SECRET = "a secret that Vapi knows"


@pytest.fixture(autouse=True)
def assistant(sim):
    return sim.vapi.assistant(first_message="How can I help you")


@pytest.fixture
def hooked(sim, serve):
    """Serve a bridge with the webhook; the account's server is told as Vapi tells it."""

    def with_settings(credential=None, **settings) -> Bridge:
        bridge = serve(vapi_webhook_secret=SECRET, **settings)
        server = {"url": URL}
        if credential is None:
            server["secret"] = SECRET
        else:
            sim.vapi.webhooks.credentials["c"] = credential
            server["credentialId"] = "c"
        sim.vapi.server = server
        return bridge

    return with_settings


async def post(body, headers=None, url=URL, **kinds):
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    if headers is None:
        headers = {"x-vapi-secret": SECRET}
    await asyncio.sleep(0.1)  # a server starts meanwhile
    async with httpx.AsyncClient(verify=False, timeout=None) as http:
        return await http.post(url, content=content, headers=headers, **kinds)


def update(status, sid="CA1", **fields):
    call = {"id": "call-1", "metadata": {"twilioCallSid": sid}}
    return {"message": {"type": "status-update", "status": status, "call": call} | fields}


# Proofs


@pytest.mark.parametrize(
    ("settings", "credential"),
    [
        ({}, None),
        ({"vapi_webhook_auth": "bearer"}, Bearer(SECRET)),
        ({"vapi_webhook_auth": "hmac"}, Hmac(SECRET)),
        (
            {
                "vapi_webhook_auth": "hmac",
                "vapi_hmac_algorithm": "sha512",
                "vapi_hmac_signature_header": "X-Sig",
                "vapi_hmac_prefix": "v1=",
                "vapi_hmac_encoding": "base64",
                "vapi_hmac_message_id_header": "svix-id",
                "vapi_hmac_payload": "{svix-id}.{timestamp}.{method}.{url}.{body}",
            },
            Hmac(
                SECRET,
                algorithm="sha512",
                signature_header="X-Sig",
                signature_prefix="v1=",
                signature_encoding="base64",
                message_id_header="svix-id",
                payload_format="{svix-id}.{timestamp}.{method}.{url}.{body}",
            ),
        ),
        ({"vapi_webhook_auth": "seed"}, Hmac(SECRET, **SEED_DIALECT)),
    ],
)
async def test_each_proof_of_vapi_is_known(sim, hooked, settings, credential):
    bridge = hooked(credential, **settings)
    call = await sim.twilio.call(to=NUMBER)
    await call.hears("help you")
    await call.hangs_up()
    await asyncio.sleep(4)
    counted = bridge.metrics.value("vapi_webhooks", type="status-update", news="new")
    assert counted == 2
    assert not [event for event in sim.timeline.of("response") if event.fields["status"] > 201]


def hmac_headers(body, *, at=None, secret=SECRET):
    at = int(time.time()) if at is None else at
    return Hmac(secret).headers("POST", URL, body, at=at, key="")


FORGED = [
    ("secret", lambda body: {}, 401),
    ("secret", lambda body: {"x-vapi-secret": "wrong"}, 403),
    ("secret", lambda body: {"x-vapi-secret": SECRET[:-1]}, 403),
    ("secret", lambda body: [("x-vapi-secret", SECRET), ("x-vapi-secret", SECRET)], 403),
    ("secret", lambda body: {"x-vapi-secret": "\xe4".encode("latin-1")}, 403),
    ("bearer", lambda body: {"x-vapi-secret": SECRET}, 401),
    ("bearer", lambda body: {"authorization": SECRET}, 403),
    ("hmac", lambda body: {"x-vapi-secret": SECRET}, 401),
    ("hmac", lambda body: hmac_headers(body, secret="other"), 403),
    ("hmac", lambda body: hmac_headers(body + b" "), 403),
    ("hmac", lambda body: hmac_headers(body, at=int(time.time()) - 301), 403),
    ("hmac", lambda body: hmac_headers(body, at=int(time.time()) + 301), 403),
    ("hmac", lambda body: hmac_headers(body) | {"x-timestamp": "0"}, 403),
    ("hmac", lambda body: {"x-signature": hmac_headers(body)["x-signature"]}, 403),
    (
        "seed",
        lambda body: {
            "x-vapi-signature": hmac.new(
                SECRET.encode(), b"https://other.example.com/vapi/webhook" + body, hashlib.sha256
            ).hexdigest()
        },
        403,
    ),
]


@pytest.mark.parametrize(("auth", "headers", "status"), FORGED)
async def test_a_forged_webhook_does_nothing(sim, hooked, auth, headers, status):
    runs = []

    async def book() -> None:
        runs.append(1)

    bridge = hooked(vapi_webhook_auth=auth, tools={"book": book})
    asked = {"id": "1", "function": {"name": "book", "arguments": {}}}
    body = json.dumps({"message": {"type": "tool-calls", "toolCallList": [asked]}}).encode()
    response = await post(body, headers(body))
    reason = "unsigned webhook" if status == 401 else "forged webhook"
    assert (response.status_code, response.text) == (status, reason + "\n")
    assert bridge.metrics.value("refused", reason=reason) == 1
    assert not runs


async def test_a_query_belongs_to_what_is_signed(sim, hooked):
    hooked(vapi_webhook_auth="seed")
    body, url = b'{"event":"call.started"}', URL + "?tenant=1"
    digest = hmac.new(SECRET.encode(), url.encode() + body, hashlib.sha256).hexdigest()
    assert (await post(body, {"x-vapi-signature": digest}, url)).status_code == 200
    assert (await post(body, {"x-vapi-signature": digest}, URL + "?tenant=2")).status_code == 403


async def test_without_a_secret_there_is_no_webhook(sim, serve):
    serve()
    assert (await post(update("ended"))).status_code == 404


def test_a_secret_in_base64_has_to_be_some(serve):
    with pytest.raises(ConfigError, match="vapi_webhook_secret: vapi_hmac_secret_is_base64"):
        serve(vapi_webhook_auth="hmac", vapi_webhook_secret="?", vapi_hmac_secret_is_base64=True)


# What comes in


@pytest.mark.parametrize(
    ("body", "status", "problem"),
    [
        (b"", 400, "Input data was truncated"),
        (b"[1]", 400, "Expected `object`, got `array`"),
        (b'{"message":{"type":3}}', 400, "webhook of Vapi: "),
        (b'{"message":{}, "a":' + b"[" * 100_000, 400, "recursion"),
        (b'{"message":"\xff"}', 400, "webhook of Vapi: "),
        (b"{}", 400, "missing required field `message`"),
        (b'{"message":{"type":"x","pad":"' + b"x" * 2000 + b'"}}', 413, "body too large"),
    ],
)
async def test_what_is_no_message_is_refused(sim, hooked, body, status, problem, caplog):
    hooked(vapi_webhook_limit_bytes=1024 if status == 413 else 10**6)
    assert (await post(body)).status_code == status
    assert problem in caplog.text


@pytest.mark.parametrize(
    "message",
    [
        {"type": "chat.created"},
        {"type": "hang", "call": {"id": "c"}},
        {"type": "transcript", "role": "user"},
        {"type": "status-update", "status": "of-another-kind"},
        {"type": "end-of-call-report", "call": {"id": "c", "metadata": "none"}},
    ],
)
@pytest.mark.parametrize("enveloped", [True, False])
async def test_what_is_of_no_concern_is_answered_and_ignored(sim, hooked, message, enveloped):
    hooked()
    response = await post({"message": message} if enveloped else message)
    assert (response.status_code, response.json()) == (200, {})


@pytest.mark.parametrize("body", [b"{", b"null", b'{"message":null}'])
def test_errors_quote_what_was_found(body):
    with pytest.raises(WireError, match=r"webhook of Vapi: .*; found "):
        decode(body)


# What becomes of a call


async def test_a_call_that_is_over_for_vapi_is_over(sim, hooked, caplog):
    caplog.set_level(logging.INFO, "simkit.bridge")
    bridge = hooked()
    call = await sim.twilio.call(to=NUMBER)
    await call.hears("help you")
    [session] = bridge.sessions
    assert (await post(update("ended", session.call_sid, endedReason="worker-shutdown"))).is_success
    await call.ends()
    await asyncio.sleep(0.2)
    assert "worker-shutdown" in caplog.text
    assert not bridge.sessions


async def test_callbacks_come_twice_late_and_in_any_order(sim, hooked):
    bridge = hooked()
    call = await sim.twilio.call(to=NUMBER)
    await call.hears("help you")
    [session] = bridge.sessions
    sid = session.call_sid
    in_progress, ended = update("in-progress", sid), update("ended", "CA of another call")
    for body in (in_progress, in_progress, update("queued", sid), ended, ended):
        assert (await post(body)).is_success
    value = bridge.metrics.value
    assert value("vapi_webhooks", type="status-update", news="new") >= 2
    assert value("vapi_webhooks", type="status-update", news="duplicate") == 2
    assert value("vapi_webhooks", type="status-update", news="late") >= 1
    assert bridge.sessions
    await call.hangs_up()
    await asyncio.sleep(1)
    late = {"type": "end-of-call-report", "call": update("", sid)["message"]["call"]}
    assert (await post({"message": late})).is_success
    assert (await post(update("ended", sid))).is_success
    assert (await post({"event": "call.ended", "call": {"id": "call-1"}})).is_success


async def test_chaos_among_webhooks_changes_nothing_for_the_caller(sim, hooked):
    bridge = hooked()
    sim.vapi.account.webhook_duplicate = 0.5
    sim.vapi.account.webhook_late = 3.0
    call = await sim.twilio.call(to=NUMBER)
    await call.hears("help you")
    await call.hangs_up()
    second = await sim.twilio.call(to=NUMBER)
    await asyncio.sleep(8)
    assert bridge.sessions
    await second.hangs_up()
    await asyncio.sleep(8)
    assert not bridge.sessions


# Tools, asked for by Vapi


async def test_vapi_calls_tools_of_the_bridge(sim, serve):
    async def weather(city: str) -> dict:
        return {"city": city, "degrees": 22}

    async def breaks() -> None:
        raise ValueError("secret")

    async def slow() -> None:
        await asyncio.sleep(3)

    tools = {"weather": weather, "breaks": breaks, "slow": slow}
    serve(vapi_webhook_secret=SECRET, tools=tools, tool_timeout=2.0)
    sim.vapi.server = {"url": URL, "secret": SECRET}
    call = await sim.twilio.call(to=NUMBER)
    await call.hears("help you")
    [vapi_call] = sim.vapi.calls
    found = await sim.vapi.ask_tool(vapi_call, "weather", {"city": "Rome"})
    assert (found.result, found.problem) == ('{"city":"Rome","degrees":22}', "")
    assert (await sim.vapi.ask_tool(vapi_call, "breaks")).result == "breaks failed: ValueError"
    assert (await sim.vapi.ask_tool(vapi_call, "slow")).result == "slow: no result within 2 s"
    assert "there is no tool" in (await sim.vapi.ask_tool(vapi_call, "x")).result
    await call.hangs_up()
    await asyncio.sleep(2)


async def test_the_older_form_of_a_tool_call_is_answered(sim, serve):
    async def weather(city: str) -> str:
        return f"{city} is warm"

    serve(vapi_webhook_secret=SECRET, tools={"weather": weather})
    asked = {"name": "weather", "parameters": {"city": "Rome"}}
    response = await post({"message": {"type": "function-call", "functionCall": asked}})
    assert response.json() == {"result": "Rome is warm"}
