"""A bridge that is put up by a function, wherever an application may be named."""

from __future__ import annotations

import pytest

from simkit.network.serve import AppError
from simkit.recording import own_bridge
from simkit.scenarios import find, simulate


def elsewhere(sim):
    sim.twilio.default_voice_url = "https://bridge.example.com/calls/new"
    bridge = own_bridge()

    async def moved(scope, receive, send):
        if scope.get("path") == "/calls/new":
            scope = scope | {"path": "/voice/inbound", "raw_path": b"/voice/inbound"}
        await bridge(scope, receive, send)

    sim.host("bridge.example.com").serve(moved)


def forgetful(sim):
    raise KeyError("VAPI_API_KEY")


def test_a_function_may_say_where_the_webhook_is():
    outcome = simulate(find("greeting"), app=elsewhere)
    [request] = [e for e in outcome.timeline.of("request") if e.fields["method"] == "POST"][:1]
    assert request.fields["path"] == "/calls/new"


def test_what_such_a_function_raises_is_told():
    with pytest.raises(AppError, match=r"forgetful.* raised KeyError: 'VAPI_API_KEY'"):
        simulate(find("greeting"), app=forgetful)
