"""The media socket: lets Twilio's streams in, one session each, and nothing else."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from starlette.requests import HTTPConnection
from starlette.types import Receive, Scope, Send

from ..wire import WireError, signatures, twilio
from . import logs
from .guard import Refused, refuse
from .stream import Stream, StreamSocket, Traffic
from .tap import TappedStream

if TYPE_CHECKING:
    from .server import Bridge, Running

log = logging.getLogger("simkit.bridge")


class Media:
    """The ASGI application behind ``/media``.

    Args:
        bridge: whose calls it carries.
    """

    def __init__(self, bridge: Bridge) -> None:
        self._bridge = bridge
        self._traffic = traffic = Traffic()
        count = bridge.metrics.total
        count("frames", lambda: traffic.received, leg="twilio", direction="in")
        count("frames", lambda: traffic.sent, leg="twilio", direction="out")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Carry one call, from the opening of its socket to the end."""
        bridge = self._bridge
        try:
            self._judge(HTTPConnection(scope))
        except Refused as refused:
            bridge.note_refusal(f"stream refused: {refused.reason}", refused.reason)
            await refuse(scope, receive, send, refused)
            return
        stream = Stream(bridge.config, self._traffic, receive, send)
        await stream.accept()
        try:
            first: list[str] = []
            start = await self._read_start(stream, first)
            if start is not None:
                await self._carry(stream, start, first)
        except Refused as refused:
            scope["state"]["charge"]()
            bridge.note_refusal(f"stream closed: {refused.reason}", refused.reason)
            await stream.close(1008)
        if stream.breach:
            scope["state"]["charge"]()
            bridge.note_refusal(f"stream closed: {stream.breach}", stream.breach)

    def _judge(self, request: HTTPConnection) -> None:
        """Look at a stream before it opens.

        Raises:
            Refused: Twilio does not come like this.
        """
        config = self._bridge.config
        if request.scope["query_string"]:
            raise Refused(403, "query on stream")
        if "origin" in request.headers:
            raise Refused(403, "browser on stream")
        signature = request.headers.get("x-twilio-signature", "")
        token = config.twilio_auth_token
        if config.check_signatures and not signatures.is_valid(
            token, config.media_url, {}, signature
        ):
            raise Refused(403, "signature does not match")
        if len(self._bridge.sessions) >= config.max_sessions:
            raise Refused(503, "max_sessions")

    async def _read_start(self, stream: Stream, first: list[str]) -> twilio.Start | None:
        """Read up to ``start`` and check that it belongs to a call we answered.

        Args:
            first: gets every message that was read.

        Raises:
            Refused: it does not, or something else came, or nothing.
        """
        is_connected = False
        try:
            async with asyncio.timeout(self._bridge.config.start_timeout):
                while True:
                    received = await stream.receive()
                    if received["type"] == "websocket.disconnect":
                        return None
                    text = received.get("text") or ""
                    message = twilio.decode(text)
                    first.append(text)
                    if isinstance(message, twilio.Start):
                        break
                    if is_connected or not isinstance(message, twilio.Connected):
                        raise Refused(403, "something before start")
                    is_connected = True
        except TimeoutError:
            raise Refused(403, "no start") from None
        except WireError:
            raise Refused(403, "something before start") from None
        token = _token(message)
        now_ms = time.time_ns() // 1_000_000
        wrong = self._bridge.tokens.redeem(token, message.start.call_sid, now_ms)
        if wrong:
            raise Refused(403, wrong)
        return message

    async def _carry(self, stream: Stream, start: twilio.Start, first: list[str]) -> None:
        sid = start.start.call_sid
        said = {"streamSid": start.stream_sid}
        bridge = self._bridge
        if bridge.tap is None:
            session = bridge.new_session()
            await carry(bridge, session, sid, stream, lambda: session.run(stream, start), said)
            return
        tap = bridge.tap.begin(sid)
        tapped = TappedStream(stream, tap, _token(start))
        tapped.begin(first)
        session = bridge.new_session(tap)
        try:
            await carry(bridge, session, sid, tapped, lambda: session.run(tapped, start), said)
        finally:
            tap.end()


def _token(start: twilio.Start) -> str:
    return start.start.custom_parameters.get("token", "")


async def carry(
    bridge: Bridge,
    session: Running,
    name: str,
    stream: StreamSocket,
    run: Callable[[], Awaitable[None]],
    said: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Run a session in this task, among those that run, until it is over or all are ended.

    Args:
        bridge: whose session it is.
        session: what is run.
        name: what the log calls it.
        stream: its socket.
        run: runs it.
        said: fields for the log's first line.
    """
    logs.call_sid.set(name)
    log.info("call begins", extra={"event": "begins", **said})
    began_ns = time.monotonic_ns()
    try:
        with bridge.running(session):
            await run()
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if not bridge.is_ending or task is None:
            raise
        task.uncancel()
        await stream.close(1001)
    seconds = (time.monotonic_ns() - began_ns) / 1e9
    log.info("call is over", extra={"event": "over", "seconds": round(seconds, 3)})
