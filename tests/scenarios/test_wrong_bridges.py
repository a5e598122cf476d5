"""Wrong bridges in other numbers than the zoo's, in settings, and what a bridge does not offer."""

from __future__ import annotations

import asyncio
import runpy
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest

from simkit import Simulation
from simkit.bridge.browser_core import BrowserCore
from simkit.scenarios import find, play, simulate
from simkit.scenarios.registry import CHECKS
from simkit.starting.trial import BIN
from simkit.twilio import Forgery, StreamForgery
from simkit.world import BRIDGE_HOST
from tests.scenarios.static_webhooks import (
    behind_a_bin,
    calls_at_the_webhook,
    get_only,
    get_only_for_signed_streams,
)
from tests.scenarios.wrong import wrong
from tests.zoo.catalogue import BUGS
from tests.zoo.doors import LooksAtTheSignatureOnly

EXAMPLE = Path(__file__).parents[2] / "examples" / "fastapi-bridge" / "bridge.py"
TUTORIAL = runpy.run_path(str(EXAMPLE))["app"]


@pytest.mark.parametrize("how", get_args(Forgery))
def test_a_bridge_that_asks_for_no_signature_fails(how):
    app = wrong(check_signatures=False)
    outcome = simulate(find("forged-webhook"), {"how": how}, app=app)
    assert f"that Twilio did not make ({how}) was answered with HTTP 200" in outcome.failure


@pytest.mark.parametrize("how", get_args(StreamForgery))
def test_a_bridge_that_lets_every_stream_in_fails(how):
    app = wrong(LooksAtTheSignatureOnly, check_signatures=False)
    outcome = simulate(find("forged-stream"), {"how": how}, app=app)
    assert f"that Twilio did not open ({how}) was let in during a call" in outcome.failure


@pytest.mark.parametrize(
    ("name", "settings", "bug", "found"),
    [
        ("cold-start", {"late": 0.2}, "drops-until-ready", "Vapi understood 'a table for two"),
        ("cold-start", {"late": 3.0}, "drops-until-ready", "caller-audio-complete"),
        ("odd-chunks", {"size": 1}, "loses-the-odd-byte", "the caller did not hear 'Hello.'"),
        ("odd-chunks", {"size": 37}, "loses-the-odd-byte", "agent-audio-intact"),
        ("odd-chunks", {"size": 32_001}, "swaps-the-bytes", "agent-audio-intact"),
        ("packet-loss", {"loss": 0.05}, "opens-the-gate-late", "the line left 9 whole"),
        ("second-barge-in", {"latency": 0.08}, "loses-marks-to-late-echoes", "the agent went on"),
    ],
)
@pytest.mark.filterwarnings("ignore::simkit.network.openings.LeftOpenWarning")
def test_a_bug_is_told_in_other_numbers_too(name, settings, bug, found):
    scenario = find(name)
    if found in CHECKS:  # they need not wait for words that never come
        scenario = replace(scenario, limit=9.0)
    outcome = simulate(scenario, settings, app=BUGS[bug].app())
    broken = [text for c in outcome.checks if not c.passed for text in (c.name, c.sentence)]
    assert found in "; ".join([outcome.failure, *broken])


@pytest.mark.parametrize("how", ["unsigned", "other-query", "replayed"])
@pytest.mark.parametrize(
    ("app", "reason"),
    [
        (behind_a_bin, "the voice webhook answers everybody alike, and is at handler.twilio.com"),
        (
            get_only_for_signed_streams,
            "the voice webhook answers everybody alike, and its stream sent a stranger away",
        ),
    ],
)
def test_twiml_that_is_the_same_for_all_says_nothing_of_a_bridge(how, app, reason):
    outcome = simulate(find("forged-webhook"), {"how": how}, app=app)
    assert (outcome.failure, outcome.inapplicable[: len(reason)]) == ("", reason)
    assert next(c for c in outcome.checks if c.name == "signature-required").passed


def test_it_does_where_the_stream_then_lets_strangers_in():
    outcome = simulate(find("forged-webhook"), app=get_only)
    assert outcome.failure == (
        "a webhook that Twilio did not make (unsigned) was answered with HTTP 200, and the stream "
        "that it names let a stranger in"
    )


def test_a_webhook_that_calls_vapi_for_anybody_fails_whatever_it_answers():
    outcome = simulate(find("forged-webhook"), app=calls_at_the_webhook)
    assert outcome.failure == "a call at Vapi was made for nobody"


@pytest.mark.parametrize("app", [behind_a_bin, get_only])
@pytest.mark.parametrize(
    ("side", "reason"),
    [
        ("twilio", "no status callbacks at /voice/status: no answer"),
        ("vapi", "no webhook of Vapi at /vapi/webhook: no answer"),
    ],
)
def test_a_server_that_closes_on_a_post_takes_no_callbacks(app, side, reason):
    outcome = simulate(find("webhook-chaos"), {"side": side}, app=app)
    assert (outcome.failure, outcome.inapplicable) == ("", reason)


def test_a_door_that_garbles_what_a_page_hears_fails(monkeypatch):
    pass_on = BrowserCore._on_agent_frame
    monkeypatch.setattr(
        BrowserCore,
        "_on_agent_frame",
        lambda self, data, now_ns: pass_on(self, data[::-1], now_ns),
    )
    assert simulate(find("two-doors")).failure.startswith("the page heard []")


async def tutorial_at_any_path(scope, receive, send):
    if scope["type"] == "websocket":
        scope = scope | {"path": "/media", "raw_path": b"/media"}
    await TUTORIAL(scope, receive, send)


def socket_alone(sim):
    """Put up a bridge without webhook, as `simkit init` does: what it is given comes from a Bin."""
    twiml = f'<Response><Connect><Stream url="wss://{BRIDGE_HOST}/media"/></Connect></Response>'
    sim.http.post(BIN).respond(text=twiml, content_type="text/xml")
    sim.twilio.default_voice_url = BIN
    sim.host(BRIDGE_HOST).serve(TUTORIAL)


@pytest.mark.parametrize(
    ("app", "name", "settings", "reason"),
    [
        (
            tutorial_at_any_path,
            "two-doors",
            {},
            "no browser door: the bridge takes a socket at any",
        ),
        (
            "tutorial",
            "two-doors",
            {"path": "/media"},
            "no browser door: at /media the bridge takes",
        ),
        (
            socket_alone,
            "forged-webhook",
            {},
            "the voice webhook answers everybody alike, and is at",
        ),
        (socket_alone, "webhook-chaos", {}, "no status callbacks at /voice/status: 404"),
        (
            socket_alone,
            "webhook-chaos",
            {"side": "vapi"},
            "no webhook of Vapi at /vapi/webhook: 404",
        ),
    ],
)
@pytest.mark.filterwarnings("ignore::simkit.network.openings.LeftOpenWarning")
def test_a_socket_of_twilios_is_no_door_and_a_bin_no_webhook(
    monkeypatch, app, name, settings, reason
):
    monkeypatch.setenv("VAPI_API_KEY", "any")
    monkeypatch.setenv("VAPI_ASSISTANT_ID", "any")
    app = TUTORIAL if app == "tutorial" else app
    outcome = simulate(find(name), settings, app=app)
    assert (outcome.failure, outcome.inapplicable[: len(reason)]) == ("", reason)


@pytest.mark.parametrize(
    ("name", "settings", "reason"),
    [
        ("two-doors", {"path": "/chat"}, "no browser door at /chat: HTTP 403"),
        ("webhook-chaos", {"path": "/progress"}, "no status callbacks at /progress: 404 or 405"),
        (
            "webhook-chaos",
            {"side": "vapi", "vapi_path": "/hook"},
            "no webhook of Vapi at /hook: 404 or 405",
        ),
        (
            "webhook-chaos",
            {"side": "vapi"},
            "Vapi was refused: the bridge did not take VAPI_WEBHOOK_SECRET",
        ),
        ("packet-loss", {"loss": 0.33}, "the line left none of the 14 words whole"),
        ("dtmf", {}, "Vapi was told of no key"),
        (
            "llm-timeout",
            {"tool": "look_up", "vapi_path": "/hook"},
            "no tool look_up at /hook: HTTP 404 instead of 200",
        ),
        (
            "llm-timeout",
            {"tool": "look_up"},
            "no tool look_up at /vapi/webhook: HTTP 403 instead of 200",
        ),
        (
            "odd-chunks",
            {"audio": "pcm 24000"},
            "the bridge asks Vapi for pcm 16000, not for pcm 24000",
        ),
    ],
)
def test_what_a_bridge_does_not_offer_is_not_applicable(name, settings, reason):
    outcome = simulate(
        find(name), settings, app=wrong(dtmf="ignore", vapi_webhook_secret="another")
    )
    assert (outcome.failure, outcome.inapplicable[: len(reason)]) == ("", reason)


def test_sockets_from_before_a_scenario_have_another_assistant():
    """In real time a bridge has started, and warmed its sockets, before a scenario begins."""
    own = find("pooled-connection").offered({})
    with Simulation() as sim:
        sim.host("bridge.example.com").serve(wrong(**own))
        sim.run(asyncio.sleep(1))
        outcome = play(find("pooled-connection"), sim)
    assert outcome.inapplicable.startswith("sockets that were opened before it begins")
