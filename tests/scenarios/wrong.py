"""A bridge with one decision changed, as an application."""

from __future__ import annotations

from typing import Any

from simkit.bridge import Bridge, CallCore, Config
from simkit.twilio import AUTH_TOKEN


def wrong(make_core: type[CallCore] = CallCore, **settings: Any) -> Any:
    """Serve simkit's bridge with another core, or with settings that nobody should choose."""
    config = Config(
        public_url="https://bridge.example.com",
        twilio_auth_token=AUTH_TOKEN,
        vapi_api_key="key",
        **settings,
    )
    return Bridge(config, make_core).app()
