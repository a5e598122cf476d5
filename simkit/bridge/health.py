"""Health and metrics: what a load balancer and Prometheus ask for."""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from .metrics import CONTENT_TYPE
from .security import bearer, is_same

if TYPE_CHECKING:
    from .server import Bridge


class Health:
    """The two addresses that show how a bridge is doing.

    Args:
        bridge: whose.
    """

    def __init__(self, bridge: Bridge) -> None:
        self._bridge = bridge
        metrics = bridge.metrics
        metrics.gauge("sessions", lambda: len(bridge.sessions))
        metrics.gauge("buffered_bytes", self._buffered)
        metrics.gauge("draining", lambda: bridge.draining)

    async def health(self, request: Request) -> Response:
        """Tell whether new calls are taken (200) or not (503), and how much is going on."""
        draining = self._bridge.draining
        body = {
            "status": "draining" if draining else "ok",
            "activeSessions": len(self._bridge.sessions),
            "bufferSize": self._buffered(),
            "draining": draining,
        }
        return JSONResponse(body, 503 if draining else 200, {"Cache-Control": "no-store"})

    async def metrics(self, request: Request) -> Response:
        """Show the counters to who has the token, or, where there is none, to this machine."""
        if not self._may_read(request):
            return PlainTextResponse("not for you\n", 403)
        return Response(self._bridge.metrics.text(), headers={"Content-Type": CONTENT_TYPE})

    def _may_read(self, request: Request) -> bool:
        expected = self._bridge.config.metrics_token
        if expected:
            return is_same(bearer(request.headers.get("authorization", "")), expected)
        # What a proxy on this machine hands on comes from elsewhere.
        forwarded = {"x-forwarded-for", "forwarded", "x-real-ip", "via"} & set(request.headers)
        return not forwarded and request.client is not None and _is_local(request.client.host)

    def _buffered(self) -> int:
        return sum(session.buffered for session in self._bridge.sessions)


def _is_local(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
