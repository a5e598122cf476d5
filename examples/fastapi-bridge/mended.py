"""The same bridge, mended race by race. The comments name the races that asked for the lines."""

import asyncio
import base64
import contextlib
import json
import logging
import os
import secrets
from collections import deque
from pathlib import Path

import httpx
from fastapi import FastAPI, Request, Response, WebSocket
from starlette.websockets import WebSocketState
from twilio.request_validator import RequestValidator
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

app = FastAPI()
log = logging.getLogger("bridge")
AUDIO = {"format": "mulaw", "container": "raw", "sampleRate": 8000}
QUEUED_FRAMES = 1000  # 20 s of the caller: cold-start, slow-configure, backpressure
RETRIES = (0.5, 1.0, 2.0)
STALE_MS = 2000  # stale-burst
SORRY = (Path(__file__).parent / "sorry.ulaw").read_bytes()
THINKING = 8.0  # llm-timeout: so long the caller waits for an answer before we excuse ourselves
PATIENCE = 20.0  # of a caller who hears nothing: vapi-never-opens
CREATE_TIMEOUT = 15.0  # slow-configure


answered = deque(maxlen=1000)  # signatures of webhooks: forged-webhook
tokens = deque(maxlen=1000)  # of calls whose stream is still to come: forged-stream


def is_from_twilio(url: str, headers, form: dict) -> bool:
    """forged-webhook: the URL that Twilio signed is the public one."""
    validator = RequestValidator(os.environ["TWILIO_AUTH_TOKEN"])
    return validator.validate(url, form, headers.get("x-twilio-signature", ""))


@app.post("/voice/inbound")
async def incoming_call(request: Request):
    public = os.environ["PUBLIC_URL"]
    form = dict(await request.form())
    query = f"?{request.url.query}" if request.url.query else ""
    if not is_from_twilio(f"{public}{request.url.path}{query}", request.headers, form):
        return Response(status_code=403)
    if request.headers["x-twilio-signature"] in answered:
        return Response(status_code=403)
    answered.append(request.headers["x-twilio-signature"])
    host = public.removeprefix("https://")
    token = f"{form['CallSid']} {secrets.token_urlsafe()}"
    tokens.append(token)
    parameter = f'<Parameter name="token" value="{token}" />'
    twiml = f'<Connect><Stream url="wss://{host}/media">{parameter}</Stream></Connect>'
    return Response(f"<Response>{twiml}</Response>", media_type="text/xml")


@app.websocket("/media")
async def media_stream(twilio: WebSocket):
    host = os.environ["PUBLIC_URL"].removeprefix("https://")
    if not is_from_twilio(f"wss://{host}/media", twilio.headers, {}):
        await twilio.close(1008)
        return
    await twilio.accept()
    await PhoneCall(twilio).run()


class NoLineFreeError(Exception):
    """Vapi takes no further call at the moment: crowd."""


class Pace:
    """format-mismatch: compares how fast audio comes with how fast it plays."""

    def __init__(self):
        self.second, self.slots, self.bytes, self.wrong = 0, set(), 0, 0

    def is_right(self, size: int, now: float) -> bool:
        if int(now) != self.second:
            # Audio that is sent ahead comes at once, and says nothing; nor does a second with gaps.
            paced = len(self.slots) > 40
            self.wrong = self.wrong + 1 if paced and not 6000 < self.bytes < 12_000 else 0
            self.second, self.slots, self.bytes = int(now), set(), 0
        self.slots.add(int(now * 50))
        self.bytes += size
        return self.wrong < 3


class PhoneCall:
    """One call, and nothing of any other: crowd, stop-mid-tts."""

    def __init__(self, twilio: WebSocket):
        self.twilio = twilio
        self.stream_sid = ""
        self.started = asyncio.Event()
        self.caller = deque(maxlen=QUEUED_FRAMES)
        self.caller_spoke = asyncio.Event()
        self.held = {}  # out-of-order: chunks that wait for one before them
        self.next_chunk = 1
        self.least_delay_ms = float("inf")
        self.interrupted = False  # barge-in: what still comes of the old reply is stale
        self.marks = 0
        self.played = asyncio.Event()
        self.excuse = None
        self.pace = Pace()

    async def run(self):
        # cold-start: Twilio is listened to while Vapi's socket still opens.
        listening = asyncio.create_task(self.listen())
        talking = asyncio.create_task(self.talk())
        await asyncio.wait([listening, talking], return_when=asyncio.FIRST_COMPLETED)
        # stop-mid-tts, hangup-everywhere: whoever is left has nobody to work for.
        self.is_waiting(False)
        for task in (listening, talking):
            task.cancel()
        for error in await asyncio.gather(listening, talking, return_exceptions=True):
            if isinstance(error, Exception):
                log.error("call %s: %r", self.stream_sid, error)
        if self.twilio.application_state is WebSocketState.CONNECTED:
            with contextlib.suppress(RuntimeError):
                await self.twilio.close()

    async def listen(self):
        """Take what Twilio says until it says ``stop``, or nothing more."""
        async for text in self.twilio.iter_text():
            try:
                message = json.loads(text)
                event = message["event"]
                if event == "start":
                    self.stream_sid = message["start"]["streamSid"]
                    token = message["start"]["customParameters"].get("token", "")
                    if token not in tokens or token.split()[0] != message["start"]["callSid"]:
                        return  # forged-stream
                    tokens.remove(token)
                    self.started.set()
                elif event == "media":
                    self.take(message["media"])
                elif event == "mark":
                    self.marks -= 1
                    if self.marks == 0:
                        self.played.set()
                elif event == "stop":
                    return
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                log.warning("a message of Twilio's is of no use: %r", error)  # malformed

    def take(self, media: dict):
        """Queue a frame of the caller's in its place, unless it is old or there already."""
        chunk, timestamp = int(media["chunk"]), int(media["timestamp"])
        audio = base64.b64decode(media["payload"], validate=True)
        if chunk < self.next_chunk or chunk in self.held:
            return
        delay_ms = asyncio.get_running_loop().time() * 1000 - timestamp
        self.least_delay_ms = min(self.least_delay_ms, delay_ms)
        if delay_ms - self.least_delay_ms > STALE_MS:
            log.warning("dropped 20 ms of audio that is %d ms late", delay_ms - self.least_delay_ms)
            audio = b""  # stale-burst: nobody waits for an answer to it any more
        self.held[chunk] = audio
        if len(self.held) > 5:  # 100 ms: what is missing will not come
            self.next_chunk = min(self.held)
        while self.next_chunk in self.held:
            self.caller.append(self.held.pop(self.next_chunk))
            self.next_chunk += 1
        self.caller_spoke.set()

    async def talk(self):
        """Keep a socket to Vapi open while the call lasts: reconnect."""
        await self.started.wait()  # vapi-never-opens: an excuse may be quicker than the stream
        clock = asyncio.get_running_loop()
        tries, greet, deadline = 0, True, clock.time() + PATIENCE
        while True:
            try:
                async with asyncio.timeout_at(deadline):
                    url = await create_call(greet)
                    vapi = await connect(url, max_size=2**20)
            except TimeoutError:
                break
            except (InvalidStatus, httpx.HTTPStatusError) as error:
                if error.response.status_code in (401, 403):
                    break  # no use in trying again
            except (OSError, httpx.HTTPError, ConnectionClosed, NoLineFreeError):
                pass
            else:
                tries, greet = 0, False
                async with vapi:
                    try:
                        if await self.carry(vapi):
                            return
                    except asyncio.CancelledError:
                        with contextlib.suppress(ConnectionClosed):
                            await vapi.send('{"type": "end-call"}')
                        raise
                deadline = clock.time() + PATIENCE
            if tries == len(RETRIES):
                break
            await asyncio.sleep(RETRIES[tries])
            tries += 1
        await self.apologise()

    async def carry(self, vapi) -> bool:
        """Carry sound both ways; True if Vapi has ended the call, False if it was lost."""
        sending = asyncio.create_task(self.send_caller(vapi))
        try:
            async for message in vapi:
                if isinstance(message, bytes):
                    await self.play(message)
                else:
                    await self.heed(json.loads(message))
        except ConnectionClosed:
            pass
        finally:
            sending.cancel()
            with contextlib.suppress(asyncio.CancelledError, ConnectionClosed):
                await sending
        if vapi.close_code not in (1000, 1001):
            return False
        # agent-hangs-up: the last words are still in Twilio's queue.
        self.played.clear()
        await self.mark()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(60):
                await self.played.wait()
        return True

    async def send_caller(self, vapi):
        while True:
            self.caller_spoke.clear()
            while self.caller:
                await vapi.send(self.caller[0])
                self.caller.popleft()  # reconnect: only what was sent is gone
            await self.caller_spoke.wait()

    async def wait_and_say_sorry(self):
        await asyncio.sleep(THINKING)
        await self.say({"event": "media", "media": {"payload": base64.b64encode(SORRY).decode()}})

    async def apologise(self):
        """vapi-never-opens, crowd: say why there is no answer, and end when it was heard."""
        await self.say({"event": "media", "media": {"payload": base64.b64encode(SORRY).decode()}})
        self.played.clear()
        await self.mark()
        await self.played.wait()

    async def play(self, audio: bytes):
        if self.interrupted:
            return
        if not self.pace.is_right(len(audio), asyncio.get_running_loop().time()):
            raise ValueError("Vapi's audio comes at another rate than it was asked for")
        media = {"payload": base64.b64encode(audio).decode()}
        await self.say({"event": "media", "media": media})

    async def heed(self, message: dict):
        kind, status = message.get("type"), message.get("status")
        if kind == "user-interrupted":
            self.interrupted = True
            await self.say({"event": "clear"})
        elif kind == "speech-update" and message.get("role") == "assistant" and status == "started":
            self.interrupted = False
            self.is_waiting(False)
        elif kind == "transcript" and message.get("transcriptType") == "final":
            self.is_waiting(message.get("role") == "user")

    def is_waiting(self, waiting: bool):
        """llm-timeout: excuse ourselves once, and let the late answer be heard all the same."""
        if self.excuse is not None:
            self.excuse.cancel()
        if waiting:
            self.excuse = asyncio.create_task(self.wait_and_say_sorry())

    async def mark(self):
        self.marks += 1
        await self.say({"event": "mark", "mark": {"name": f"mark {self.marks}"}})

    async def say(self, message: dict):
        await self.twilio.send_json(message | {"streamSid": self.stream_sid})


async def create_call(greet: bool) -> str:
    call = {
        "assistantId": os.environ["VAPI_ASSISTANT_ID"],
        "transport": {"provider": "vapi.websocket", "audioFormat": AUDIO},
    }
    if not greet:  # reconnect
        silent = {"firstMessage": "", "firstMessageMode": "assistant-waits-for-user"}
        call["assistantOverrides"] = silent
    async with httpx.AsyncClient() as http:
        response = await http.post(
            "https://api.vapi.ai/call",
            headers={"Authorization": f"Bearer {os.environ['VAPI_API_KEY']}"},
            json=call,
            timeout=CREATE_TIMEOUT,
        )
    response.raise_for_status()
    call = response.json()
    if call.get("subscriptionLimits", {}).get("concurrencyBlocked"):
        raise NoLineFreeError
    return call["transport"]["websocketCallUrl"]
