"""What the tests of both bridges need: the accounts, and the bridge on its host.

``BRIDGE_APP=bridge:app pytest`` tests the bridge as it was before it was mended.
"""

import os
from pathlib import Path

import pytest

from simkit.twilio import AUTH_TOKEN


@pytest.fixture
def simkit_checks():
    return "fail"  # every promise is to hold in every test


@pytest.fixture
def bridge(sim, monkeypatch):
    monkeypatch.setenv("PUBLIC_URL", "https://bridge.example.com")
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", AUTH_TOKEN)
    monkeypatch.setenv("VAPI_API_KEY", "simulated-key")
    monkeypatch.setenv("VAPI_ASSISTANT_ID", "an-assistant")
    monkeypatch.syspath_prepend(Path(__file__).parent)
    sim.host("bridge.example.com").serve(os.environ.get("BRIDGE_APP", "mended:app"))
