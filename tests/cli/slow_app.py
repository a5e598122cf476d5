"""The bridge, on a machine that is busy for 30 ms with each request."""

from __future__ import annotations

import time
from typing import Any

from simkit.recording.own_bridge import own_bridge

_bridge = own_bridge()


async def app(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "http":
        time.sleep(0.03)
    await _bridge(scope, receive, send)
