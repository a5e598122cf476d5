"""simkit's own bridge with one part of it replaced."""

from __future__ import annotations

from typing import Any

from simkit.bridge import Bridge, CallCore, Config
from simkit.bridge.session import Session
from simkit.bridge.tap import CallTap
from simkit.twilio import AUTH_TOKEN


def wrong(part: Any = CallCore, **settings: Any) -> Any:
    """Return an application with another core, another session or another :class:`Bridge`."""
    config = Config(
        public_url="https://bridge.example.com",
        twilio_auth_token=AUTH_TOKEN,
        vapi_api_key="key",
        **settings,
    )
    if issubclass(part, Bridge):
        return part(config).app()
    if not issubclass(part, Session):
        return Bridge(config, part).app()

    class WithSession(Bridge):
        def new_session(self, tap: CallTap | None = None) -> Session:
            return part(self.config, self.dialect, CallCore(self.config), self.metrics, tap)

    return WithSession(config).app()
