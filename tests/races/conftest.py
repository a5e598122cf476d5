"""What every race needs: a bridge on its host, right or wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from simkit import Simulation
from simkit.bridge import Bridge, CallCore, Config
from simkit.bridge.tools import Function
from simkit.recording.replay import knows_own_line
from simkit.twilio import AUTH_TOKEN

BRIDGE = "bridge.example.com"
Serve = Callable[..., Bridge]


@pytest.fixture
def serve(sim: Simulation) -> Serve:
    """Serve simkit's bridge; a wrong core or other settings on request."""

    def serve(
        make_core: type[CallCore] = CallCore,
        tools: dict[str, Function] | None = None,
        **settings: Any,
    ) -> Bridge:
        config = Config(
            public_url=f"https://{BRIDGE}",
            twilio_auth_token=AUTH_TOKEN,
            vapi_api_key="key",
            **settings,
        )
        bridge = Bridge(config, make_core, tools=tools)
        sim.host(BRIDGE).serve(bridge.app())
        knows_own_line(sim)
        return bridge

    return serve


@pytest.fixture
def simkit_checks() -> str:
    """Every race is held to the promises, as users' tests are."""
    return "fail"
