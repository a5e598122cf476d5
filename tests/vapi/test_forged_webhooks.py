"""Webhooks that Vapi did not make: what is wrong with them, and what the timeline says."""

from __future__ import annotations

import time

import pytest

from simkit.vapi import VapiForgery
from simkit.wire.vapi_signatures import SEED_DIALECT, Bearer, Hmac
from tests.vapi.hooks import URL, Hook

PROOFS = {
    "secret": ({"secret": "ours"}, None),
    "bearer": ({"credentialId": "c"}, Bearer("ours")),
    "hmac": ({"credentialId": "c"}, Hmac("b3Vycw==", secret_is_base64=True)),
    "seed": ({"credentialId": "c"}, Hmac("ours", **SEED_DIALECT)),
}
"""What a server asks for, by kind."""


@pytest.fixture
def hook(sim):
    return Hook(sim)


def is_proved(kind: str, headers: dict[str, str], body: bytes) -> bool:
    credential = PROOFS[kind][1]
    if isinstance(credential, Hmac):
        return credential.is_valid(headers, body, now=time.time(), url=URL)
    name = "x-vapi-secret" if credential is None else "authorization"
    return headers.get(name) == ("ours" if credential is None else "Bearer ours")


@pytest.mark.parametrize("how", VapiForgery.__args__)
@pytest.mark.parametrize("kind", PROOFS)
async def test_it_tells_of_the_end_of_a_running_call_without_the_proof(
    sim, client, hook, kind, how
):
    server, credential = PROOFS[kind]
    sim.vapi.server = {"url": URL, **server}
    if credential is not None:
        sim.vapi.webhooks.credentials["c"] = credential
    await client.open()
    await client.speak(None, 0.5)
    assert is_proved(kind, hook.headers[-1], hook.bodies[-1])
    hook.answers = [403]
    assert await sim.vapi.forges(how) == 403
    message = hook.came[-1][1]
    assert (message["type"], message["status"]) == ("status-update", "ended")
    assert (message["call"]["id"], sim.vapi.calls[0].status) == (client.call["id"], "in-progress")
    assert not is_proved(kind, hook.headers[-1], hook.bodies[-1])
    names = {"x-vapi-secret", "authorization", "x-signature", "x-vapi-signature"}
    assert bool(names & set(hook.headers[-1])) is (how == "wrong-secret")
    [forged] = sim.timeline.of("forged")
    assert (forged.source, forged.target, forged.session) == ("stranger", "bridge", None)
    assert forged.fields == {"how": how, "path": "/vapi", "status": 403}
    await client.socket.close()


async def test_what_is_told_is_no_delivery_that_failed(sim, client, hook):
    sim.vapi.server = {"url": URL, "secret": "ours"}
    await client.open()
    await client.speak(None, 0.5)
    sent = len(sim.vapi.webhooks.sent)
    hook.answers = [403]
    await sim.vapi.forges("unsigned")
    assert (len(sim.vapi.webhooks.sent), sim.timeline.of("warning")) == (sent, [])
    await client.socket.close()


async def test_without_a_call_or_a_server_there_is_nothing_to_forge(sim, client):
    with pytest.raises(ValueError, match="forges: there was no call"):
        await sim.vapi.forges("unsigned")
    await client.open()
    with pytest.raises(ValueError, match=r"nobody is told of the call: set sim\.vapi\.server"):
        await sim.vapi.forges("unsigned")
    await client.socket.close()
