"""What the bridge costs by itself: fed the messages of a call directly, without a world around it.

No network, no fakes, no virtual clock: its socket to Twilio, as uvicorn makes it, and its own
socket to Vapi get the bytes of each frame handed in, on asyncio's own loop without a selector, and
what they write goes nowhere. ``call.py`` divides the cost of the whole call by this.
"""

from __future__ import annotations

import asyncio
import gc
import time
from types import SimpleNamespace
from typing import Any

import uvicorn
from uvicorn.server import ServerState
from websockets.client import ClientProtocol
from websockets.server import ServerProtocol
from websockets.uri import parse_uri

from simkit.audio import Speech, mulaw
from simkit.bridge import Bridge, Config
from simkit.bridge.vapi_rest import CreatedCall
from simkit.bridge.vapi_transport import TransportDialect
from simkit.wire import twilio

CALL_SID = "CA1"
STREAM_SID = "MZ1"


SOCKET = SimpleNamespace(
    setsockopt=lambda *option: None,
    getsockname=lambda: ("127.0.0.1", 443),
    getpeername=lambda: ("127.0.0.1", 50_000),
)


class NoSelector:
    """Waits for nothing."""

    def select(self, timeout: float | None) -> list[Any]:
        return []


class Sink(asyncio.Transport):
    """Takes what the bridge writes; during the handshake, answers with what ``core`` has to say."""

    def __init__(self, protocol: Any, core: ClientProtocol | ServerProtocol) -> None:
        super().__init__({"socket": SOCKET})
        self.protocol = protocol
        self.core: Any = core
        self.handshaking = True
        self.written = 0

    def write(self, data: Any) -> None:
        self.written += 1
        if self.handshaking:
            self.core.receive_data(data)
            for event in self.core.events_received():
                if isinstance(self.core, ServerProtocol):
                    self.core.send_response(self.core.accept(event))
                self.handshaking = False
            asyncio.get_running_loop().call_soon(self.feed)

    def feed(self) -> None:
        """Hand the core's bytes to the bridge."""
        for data in self.core.data_to_send():
            self.protocol.data_received(data)

    def set_protocol(self, protocol: Any) -> None:
        self.protocol = protocol

    def get_write_buffer_size(self) -> int:
        return 0

    def is_closing(self) -> bool:
        return False

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass

    def close(self) -> None:
        pass


class DirectLoop(asyncio.BaseEventLoop):
    """asyncio's own loop; connects to a sink."""

    _selector = NoSelector()
    vapi: Sink

    def _process_events(self, events: object) -> None:
        pass

    def _write_to_self(self) -> None:
        pass

    async def create_connection(self, factory: Any, *args: Any, **options: Any) -> Any:  # type: ignore[override]
        protocol = factory()
        self.vapi = Sink(protocol, ServerProtocol())
        protocol.connection_made(self.vapi)
        return self.vapi, protocol


class Created(TransportDialect):
    """The transport dialect, with a call that exists already."""

    async def create(
        self, call_sid: str, *, greets: bool = True, tap: object = None
    ) -> CreatedCall:
        return CreatedCall("call", "ws://vapi.example.com/transport")

    def end(self, call: CreatedCall, *, was_joined: bool) -> None:
        pass


def frames(agent: Speech, caller: Speech) -> tuple[list[bytes], list[bytes]]:
    """Return the frames of either side as they are on the wire: Twilio's JSON, Vapi's PCM."""
    codes, pcm = mulaw.encode(caller.samples), agent.at_rate(16000).astype("<i2").tobytes()
    count = round(caller.duration * 50)
    media = [
        twilio.encode_media(
            number + 2, number + 1, 20 * number, codes[160 * number :][:160], STREAM_SID
        )
        for number in range(count)
    ]
    return media, [pcm[640 * number :][:640] for number in range(count)]


def wire(core: ClientProtocol | ServerProtocol, data: bytes, *, text: bool) -> bytes:
    """Return a message as its frame."""
    (core.send_text if text else core.send_binary)(data)
    return b"".join(core.data_to_send())


async def feed(loop: DirectLoop, agent: Speech, caller: Speech) -> float:
    """Set up a call and feed it; returns the CPU seconds of its frames."""
    bridge = Bridge(
        Config(
            public_url="https://bridge.example.com",
            twilio_auth_token="token",
            vapi_api_key="key",
            check_signatures=False,
            message_burst=1_000_000,  # a minute's frames come at once
        )
    )
    app = bridge.app()
    config = uvicorn.Config(
        app, loop="none", log_config=None, access_log=False, **app.state.uvicorn
    )
    config.load()
    lifespan = config.lifespan_class(config)
    await lifespan.startup()
    client = bridge.dialect.rest._client  # type: ignore[attr-defined]
    bridge.dialect = Created(bridge.config, client)
    protocol: Any = config.http_protocol_class(  # type: ignore[call-arg, operator]
        config=config, server_state=ServerState(), app_state=lifespan.state, _loop=loop
    )
    phone = ClientProtocol(parse_uri("ws://bridge.example.com/media"))
    sink = Sink(protocol, phone)
    protocol.connection_made(sink)
    phone.send_request(phone.connect())
    sink.feed()
    await settle()
    body = twilio.StartBody(
        account_sid="AC1",
        stream_sid=STREAM_SID,
        call_sid=CALL_SID,
        tracks=["inbound"],
        media_format=twilio.MediaFormat(),
        custom_parameters={"token": bridge.tokens.issue(CALL_SID, time.time_ns() // 1_000_000)},
    )
    for message in (twilio.Connected(), twilio.Start("1", body, STREAM_SID)):
        sink.protocol.data_received(wire(phone, twilio.encode(message), text=True))
        await settle()
    media, pcm = frames(agent, caller)
    from_twilio = [wire(phone, message, text=True) for message in media]
    from_vapi = [wire(loop.vapi.core, sound, text=False) for sound in pcm]
    written = sink.written, loop.vapi.written
    gc.collect()
    started = time.process_time()
    for message, sound in zip(from_twilio, from_vapi, strict=True):
        sink.protocol.data_received(message)
        await asyncio.sleep(0)
        loop.vapi.protocol.data_received(sound)
        await asyncio.sleep(0)
    took = time.process_time() - started
    sent = sink.written - written[0], loop.vapi.written - written[1]
    if min(sent) < len(media) - 2:
        raise SystemExit(f"{sent} frames written of {len(media)} each way")
    sink.protocol.connection_lost(None)
    await settle()
    loop.vapi.protocol.connection_lost(None)
    await settle()
    await lifespan.shutdown()
    return took


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


def fed_directly(agent: Speech, caller: Speech) -> float:
    """Return the CPU seconds that the bridge takes for the frames of two who speak at once."""
    loop = DirectLoop()
    try:
        return loop.run_until_complete(feed(loop, agent, caller))
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
