"""Load on a bridge, in a process of its own: many phones, and the Vapi that they end at.

A phone is Twilio's side of a call: signed webhook, signed socket, ``start``, a frame every 20 ms,
marks returned when their audio has been played. An agent is Vapi's: created by ``POST /call``, and
a frame every 20 ms too. Both are one process's, so that both know when each other's frames were
due. Every frame has a level of its own, by which the far end tells which one it is, and so whether
any was lost, doubled or came out of turn.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import os
import random
import re
import socket
import ssl
import struct
import time
from multiprocessing.connection import Connection
from typing import Any
from urllib.parse import urlencode

import numpy as np
from websockets.http11 import Request

from benchmarks.directions import FRAME_NS, LEVELS, MULAW, PCM, Direction, Wheel
from benchmarks.serve import AUTH_TOKEN, PUBLIC_URL
from simkit.wire import signatures, twilio, vapi
from simkit.wire.http import HttpRequest, HttpResponse, HttpServer, fetch
from simkit.wire.websocket import WebSocketPeer, client_core, server_core

TURN_FRAMES = 250
"""An agent says every so many frames that it has stopped, which makes the bridge ask for a mark."""


class Phone(WebSocketPeer):
    """Twilio's end of a call's stream."""

    def __init__(self, call: Call, port: int, parameters: dict[str, str]) -> None:
        super().__init__(client_core(f"ws://127.0.0.1:{port}/media"))
        self._mask = bytes(4)
        self._call = call
        call.phone = self
        self._parameters = parameters
        self._sid = "MZ" + call.sid[2:]
        self._number = 1
        self._said = 0
        self._played_ns = 0
        self.is_lost = False
        """True once the connection is gone."""
        self._loop = asyncio.get_running_loop()

    def upgrade_request(self) -> Request:
        """Sign, as Twilio does."""
        request = super().upgrade_request()
        request.headers["x-twilio-signature"] = signatures.sign(
            AUTH_TOKEN, PUBLIC_URL.replace("http", "ws", 1) + "/media"
        )
        return request

    def on_open(self) -> None:
        """Begin the stream."""
        self.send_text(twilio.encode(twilio.Connected()))
        body = twilio.StartBody(
            "AC" + "0" * 32,
            self._sid,
            self._call.sid,
            ["inbound"],
            twilio.MediaFormat(),
            self._parameters,
        )
        self.send_text(twilio.encode(twilio.Start("1", body, self._sid)))
        self._call.to_vapi.emit = self._emit  # type: ignore[method-assign]
        self._call.begin(self._call.to_vapi)

    def _emit(self, number: int) -> None:
        self.say(MULAW[number % len(LEVELS)])

    def on_text(self, data: bytes) -> None:
        """Play audio, and return marks when what came before them has been played."""
        message = twilio.decode_for_twilio(data)
        now_ns = time.monotonic_ns()
        if isinstance(message, twilio.SendMedia):
            sound = message.media.payload
            self._call.to_twilio.came(sound)
            self._played_ns = max(self._played_ns, now_ns) + 125_000 * len(sound)
        elif isinstance(message, twilio.SendMark):
            self._loop.call_at(self._played_ns / 1e9, self._return, message.mark)
        else:
            self._call.cleared += 1

    def _return(self, mark: twilio.MarkBody) -> None:
        self._number += 1
        self.send_text(twilio.encode(twilio.Mark(str(self._number), self._sid, mark)))

    def hang_up(self) -> None:
        """Say ``stop`` and close."""
        body = twilio.StopBody("AC" + "0" * 32, self._call.sid)
        self.send_text(twilio.encode(twilio.Stop(str(self._number + 1), self._sid, body)))
        self.close()

    def say(self, sound: bytes) -> None:
        """Send sound of any length, in one message."""
        number = self._said
        self._said += 1
        self._number += 1
        self.send_text(twilio.encode_media(self._number, number + 1, 20 * number, sound, self._sid))

    def on_close(self, code: int, reason: str) -> None:
        """The stream is over."""
        self._call.closed(f"phone: {code} {reason}")

    def connection_lost(self, error: Exception | None) -> None:
        """The connection is gone."""
        super().connection_lost(error)
        self.is_lost = True


class Agent(WebSocketPeer):
    """Vapi's end of a call's transport."""

    def __init__(self, call: Call) -> None:
        super().__init__(server_core())
        self._call = call
        call.agent = self
        self._frames = MULAW if call.is_mulaw else PCM
        self.is_lost = False
        """True once the connection is gone."""

    def on_open(self) -> None:
        """Begin to speak, as a real agent does before anyone has said a word."""
        self._call.to_twilio.emit = self._emit  # type: ignore[method-assign]
        self._call.begin(self._call.to_twilio)

    def _emit(self, number: int) -> None:
        if number % TURN_FRAMES == 0:
            self._say(vapi.SpeechUpdate("started", "assistant"))
        self.send_binary(self._frames[number % len(LEVELS)])
        if number % TURN_FRAMES == TURN_FRAMES - 1:
            self._say(vapi.SpeechUpdate("stopped", "assistant"))

    def _say(self, message: vapi.SpeechUpdate) -> None:
        self.send_text(vapi.encode(message))

    def on_binary(self, data: bytes) -> None:
        """Hear the caller."""
        self._call.to_vapi.came(data)

    def on_close(self, code: int, reason: str) -> None:
        """The bridge is gone."""
        self._call.closed(f"agent: {code} {reason}")

    def connection_lost(self, error: Exception | None) -> None:
        """The connection is gone."""
        super().connection_lost(error)
        self.is_lost = True


class Call:
    """A call: its phone, its agent, and both directions between them."""

    def __init__(self, sid: str, wheel: Wheel, *, is_mulaw: bool) -> None:
        self.sid = sid
        self.is_mulaw = is_mulaw
        self.phone: Phone | None = None
        self.agent: Agent | None = None
        self._wheel = wheel
        self._opened = 0
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.to_vapi = Direction(160 if is_mulaw else 640)
        self.to_twilio = Direction(160)
        self.cleared = 0
        self.is_ending = False
        self.ends: list[str] = []

    def begin(self, direction: Direction) -> None:
        """One side is there: it speaks from the next instant of its own clock."""
        direction.is_sending = True
        phase_ns = random.randrange(FRAME_NS)
        self._wheel.add(direction, time.monotonic_ns() + phase_ns)
        self._opened += 1
        if self._opened == 2 and not self.opened.done():
            self.opened.set_result(None)

    @property
    def directions(self) -> tuple[Direction, Direction]:
        """Both of them."""
        return self.to_vapi, self.to_twilio

    @property
    def is_complete(self) -> bool:
        """True when everything that was sent came out, once and in order."""
        return all(
            len(one.came_ns) == len(one.due_ns) and not one.lost and not one.doubled
            for one in self.directions
        )

    def stop_sending(self) -> None:
        """Be silent, on both sides."""
        for direction in self.directions:
            direction.is_sending = False

    def hang_up(self) -> None:
        """End the call as Twilio does."""
        self.is_ending = True
        if self.phone is not None:
            self.phone.hang_up()

    def reset(self) -> None:
        """Lose Twilio's socket, by a reset and without a word."""
        assert self.phone is not None
        self.is_ending = True
        sever(self.phone)

    def closed(self, why: str) -> None:
        """A socket is gone."""
        if not self.is_ending:
            self.ends.append(why)
        self.stop_sending()
        if not self.opened.done():
            self.opened.set_exception(ConnectionError(why))
            self.opened.exception()  # nobody may have waited


def sever(peer: WebSocketPeer) -> None:
    """Reset a connection: what was sent and not yet taken is lost, and the far end told."""
    linger = struct.pack("ii", 1, 0)
    peer.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    peer.drop()


class Callers:
    """All calls of this process, and a Vapi for everybody's.

    Args:
        is_mulaw: the format between bridge and Vapi is mu-law, not PCM.
    """

    def __init__(self, *, is_mulaw: bool = False) -> None:
        self.bridge_port = 0
        """Where the bridge listens."""
        self._is_mulaw = is_mulaw
        self._wheel = Wheel()
        self.refused: set[str] = set()
        """Calls that Vapi does not take: ``POST /call`` is answered with 403."""
        self.calls: dict[str, Call] = {}
        self.port = 0
        self._scheme = "ws"

    async def listen(self, port: int = 0, tls: str = "") -> asyncio.Server:
        """Be Vapi; over TLS with a certificate, if a file has one and its key."""
        context = None
        if tls:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(tls)
        self._scheme = "wss" if tls else "ws"
        server = await asyncio.get_running_loop().create_server(
            lambda: HttpServer(self._create, self._upgrade), "127.0.0.1", port, ssl=context
        )
        self.port = server.sockets[0].getsockname()[1]
        return server

    async def _create(self, request: HttpRequest) -> HttpResponse:
        sid = json.loads(request.body)["metadata"]["twilioCallSid"]
        if sid in self.refused:
            return HttpResponse(403)
        # The call's number begins with the port of the process that placed it.
        url = f"{self._scheme}://127.0.0.1:{int(sid[2:8])}/{sid}"
        call = vapi.Call(id=sid, transport=vapi.CallTransport(url))
        return HttpResponse(201, [("Content-Type", "application/json")], vapi.encode(call))

    def _upgrade(self, path: str) -> WebSocketPeer:
        return Agent(self.calls[path[1:]])

    def sid(self, number: int) -> str:
        """Return the SID of one of our calls."""
        return f"CA{self.port:06}{number:026}"

    async def place(self, number: int, *, is_alone: bool = False) -> Call:
        """Place one call; returns when both of its sockets are open.

        Args:
            is_alone: no agent of ours will be there; returns when the phone's socket connects.
        """
        sid = self.sid(number)
        call = self.calls[sid] = Call(sid, self._wheel, is_mulaw=self._is_mulaw)
        form = {"CallSid": sid, "From": "+15550100", "To": "+15550199", "CallStatus": "ringing"}
        signature = signatures.sign(AUTH_TOKEN, f"{PUBLIC_URL}/voice/inbound", form)
        answer = await fetch(
            "POST",
            f"http://127.0.0.1:{self.bridge_port}/voice/inbound",
            headers=[
                ("Content-Type", "application/x-www-form-urlencoded"),
                ("X-Twilio-Signature", signature),
            ],
            body=urlencode(form).encode(),
        )
        if answer.status != 200:
            raise ConnectionError(f"voice webhook: HTTP {answer.status}")
        parameters = dict(re.findall(r'<Parameter name="(.*?)" value="(.*?)"', str(answer.body)))
        phone = Phone(call, self.bridge_port, parameters)
        await asyncio.get_running_loop().create_connection(
            lambda: phone, "127.0.0.1", self.bridge_port
        )
        if not is_alone:
            async with asyncio.timeout(15):
                await call.opened
        return call

    async def place_all(self, count: int, seconds: float) -> list[str]:
        """Place calls spread over some time; returns what went wrong."""
        first = len(self.calls)

        async def later(number: int) -> None:
            await asyncio.sleep(seconds * number / count)
            await self.place(first + number)

        results = await asyncio.gather(*map(later, range(count)), return_exceptions=True)
        gc.collect()
        gc.freeze()
        return [repr(result) for result in results if isinstance(result, BaseException)]

    def window(self, begin_ns: int, end_ns: int) -> dict[str, Any]:
        """Return the latencies of the frames that were due within a span, by direction."""
        calls = self.calls.values()
        pairs = {
            "to_vapi": [call.to_vapi for call in calls],
            "to_twilio": [call.to_twilio for call in calls],
        }
        found: dict[str, Any] = {
            name: np.concatenate([one.latencies_ms(begin_ns, end_ns) for one in directions])
            for name, directions in pairs.items()
        }
        found["errors"] = np.concatenate(
            [one.errors_ms(begin_ns, end_ns) for both in pairs.values() for one in both]
        )
        return found

    async def end(self, patience: float) -> dict[str, Any]:
        """Stop sending, wait for what is on its way, hang up; returns the book-keeping."""
        calls = list(self.calls.values())
        directions = [one for call in calls for one in call.directions]
        for call in calls:
            call.stop_sending()
        until = time.monotonic() + patience
        while time.monotonic() < until and not all(call.is_complete for call in calls):
            await asyncio.sleep(0.05)
        for call in calls:
            call.hang_up()
        return {
            "sent": sum(len(one.due_ns) for one in directions),
            "lost": sum(
                one.lost + max(0, len(one.due_ns) - len(one.came_ns)) for one in directions
            ),
            "doubled": sum(one.doubled for one in directions),
            "ends": [end for call in calls for end in call.ends],
            "cleared": sum(call.cleared for call in calls),
        }


def work(pipe: Connection, cores: list[int], is_mulaw: bool, tls: str, seed: int) -> None:
    """The process: does what its parent says, one command at a time."""
    if cores:
        os.sched_setaffinity(0, cores)
    with contextlib.suppress(OSError):  # where that is allowed
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    random.seed(seed)
    gc.disable()

    async def run() -> None:
        loop = asyncio.get_running_loop()
        callers = Callers(is_mulaw=is_mulaw)
        await callers.listen(tls=tls)
        pipe.send(callers.port)
        commands: asyncio.Queue[Any] = asyncio.Queue()
        loop.add_reader(pipe.fileno(), lambda: commands.put_nowait(pipe.recv()))
        while True:
            name, *arguments = await commands.get()
            if name == "bridge":
                (callers.bridge_port,) = arguments
                pipe.send(None)
            elif name == "place":
                pipe.send(await callers.place_all(*arguments))
            elif name == "window":
                pipe.send(callers.window(*arguments))
            else:
                pipe.send(await callers.end(*arguments))
                return

    asyncio.run(run())
