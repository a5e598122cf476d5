"""Wrong bridges that are no bug of the zoo's: settings, and what a bridge does not offer."""

from __future__ import annotations

from typing import get_args

import pytest

from simkit.bridge.browser_core import BrowserCore
from simkit.scenarios import find, simulate
from simkit.twilio import Forgery, StreamForgery
from tests.scenarios.wrong import wrong
from tests.zoo.doors import LooksAtTheSignatureOnly


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


def test_a_door_that_garbles_what_a_page_hears_fails(monkeypatch):
    pass_on = BrowserCore._on_agent_frame
    monkeypatch.setattr(
        BrowserCore,
        "_on_agent_frame",
        lambda self, data, now_ns: pass_on(self, data[::-1], now_ns),
    )
    assert simulate(find("two-doors")).failure.startswith("the page heard []")


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
        ("dtmf", {}, "Vapi was told of no key"),
    ],
)
def test_what_a_bridge_does_not_offer_is_not_applicable(name, settings, reason):
    outcome = simulate(
        find(name), settings, app=wrong(dtmf="ignore", vapi_webhook_secret="another")
    )
    assert (outcome.failure, outcome.inapplicable[: len(reason)]) == ("", reason)
