"""A phone call at Twilio: webhook, TwiML, stream, end."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin

from ..audio import Repertoire, mulaw, voice
from ..timeline import Clock, Timeline
from ..wire.disorder import Disorder
from ..wire.errors import shorten
from ..wire.http import HttpError
from ..wire.websocket import address_of
from .ear import Ear
from .mouth import Mouth
from .playout import PACKET_NS, PlayOut
from .settings import TwilioSettings
from .stream import MediaStream, StreamIdentity
from .twiml import ConnectStream, TwimlError, Verb, parse
from .webhooks import Webhooks

_CLOSING_SECONDS = 1.0
_MOST_DOCUMENTS = 100
"""Documents that one call may ask for: a redirect to itself comes to an end."""


class CallFailed(Exception):  # noqa: N818 - what happened to the call, named as Twilio does
    """The call was not connected to a stream; says what the bridge answered."""


@dataclass
class Leg:
    """What a call is made of, besides its course."""

    number: int
    call_sid: str
    account_sid: str
    from_: str
    to: str
    voice_url: str


class CallFlow:
    """The course of one inbound call, from the first webhook to its end.

    Runs as a task on Twilio's host. ``answered`` is set when a stream flows or speech plays,
    ``ended`` when the call is over.
    """

    def __init__(
        self,
        leg: Leg,
        *,
        clock: Clock,
        timeline: Timeline,
        repertoire: Repertoire,
        settings: TwilioSettings,
        webhooks: Webhooks,
        draw: random.Random,
        make_sid: Callable[[str], str],
        make_disorder: Callable[[], Disorder[bytes] | None],
        ssl: Any,
    ) -> None:
        self.leg = leg
        self._clock = clock
        self._timeline = timeline
        self._repertoire = repertoire
        self._settings = settings
        self._webhooks = webhooks
        self._draw = draw
        self._make_sid = make_sid
        self._make_disorder = make_disorder
        self._ssl = ssl
        self._hung_up = asyncio.Event()
        self._stream_over: asyncio.Event = asyncio.Event()
        self._started_ns: int | None = None
        self.mouth = Mouth()
        self.ear: Ear | None = None
        self.stream: MediaStream | None = None
        self.status = "ringing"
        self.failure = ""
        self.answered = asyncio.Event()
        self.ended = asyncio.Event()

    async def run(self) -> None:
        """Take the call through its TwiML."""
        try:
            url: str | None = self.leg.voice_url
            for _ in range(_MOST_DOCUMENTS):
                if url is None:
                    break
                url = await self._follow(await self._request(url), url)
        except (HttpError, TwimlError) as error:
            code = getattr(error, "code", None)
            self.failure = self.failure or str(error)
            if code is not None:
                self._timeline.record(
                    "error", "twilio", call=self.leg.number, code=code, reason=str(error)
                )
        finally:
            self._end()

    def hang_up(self, by: str) -> None:
        """End the call from the caller's side, or from Twilio's."""
        if self.status == "completed" or self._hung_up.is_set():
            return
        self._timeline.record("hangs-up", by, call=self.leg.number)
        self._hung_up.set()
        self._stream_over.set()

    def _end(self) -> None:
        self.status = "completed" if self.answered.is_set() else "failed"
        self._timeline.record("ended", "twilio", call=self.leg.number, status=self.status)
        self.ended.set()

    # TwiML

    async def _request(self, url: str) -> list[Verb]:
        """Ask the bridge what to do."""
        try:
            address_of(url)
        except ValueError as error:
            raise TwimlError(11100, str(error)) from None
        response = await self._webhooks.post(url, self._params(), call=self.leg.number)
        if not 200 <= response.status < 300:
            self.failure = f"POST {url} was answered with HTTP {response.status}"
            raise TwimlError(11200, self.failure)
        return parse(response.body, url)

    async def _follow(self, verbs: list[Verb], url: str) -> str | None:
        """Do what a document says; returns the URL of the next one, if there is one."""
        for verb in verbs:
            if self._hung_up.is_set():
                return None
            if isinstance(verb, ConnectStream):
                await self._connect(verb)
                action = verb.attributes.get("action")
                if action and not self._hung_up.is_set():
                    return _join(url, action)
            elif verb.name == "Redirect":
                return _join(url, verb.text)
            elif verb.name == "Say":
                await self._say(verb.text)
            elif verb.name == "Pause":
                seconds = _length(verb)
                self._answer()
                await self._wait(seconds)
            elif verb.name in ("Hangup", "Reject"):
                return None
            else:
                self._timeline.record("unsupported", "twilio", call=self.leg.number, verb=verb.name)
        return None

    async def _connect(self, verb: ConnectStream) -> None:
        """Stream until the server closes or the call ends."""
        leg = self.leg
        stream_sid = self._make_sid("MZ")
        self._stream_over = asyncio.Event()
        stream = self.stream = MediaStream(
            verb.url,
            signature=self._webhooks.sign(verb.url, slash=self._settings.signature_slash),
            identity=StreamIdentity(leg.account_sid, leg.call_sid, stream_sid, verb.parameters),
            number=leg.number,
            clock=self._clock,
            timeline=self._timeline,
            mouth=self.mouth,
            settings=self._settings,
            disorder=self._make_disorder(),
            on_started=self._on_stream_started,
            on_ended=self._on_stream_ended,
        )
        opening = asyncio.ensure_future(stream.connect(self._ssl))
        await self._stream_over.wait()
        opening.cancel()
        await asyncio.wait([opening])
        if stream.problem is not None:
            self.failure = f"stream {verb.url}: {stream.problem[1]}"
        elif self._hung_up.is_set():
            stream.stop()
            try:
                await asyncio.wait_for(stream.gone.wait(), _CLOSING_SECONDS)
            except TimeoutError:
                stream.drop()
        self.stream = None

    def _on_stream_started(self) -> None:
        self._answer()
        if self.stream is not None and self.stream.playout is not None and self.ear is not None:
            self.ear.listen_to(self.stream.playout)

    def _on_stream_ended(self, reason: str) -> None:
        self._stream_over.set()

    def _answer(self) -> None:
        if self._started_ns is None:
            self._started_ns = self._clock.now_ns
            self.status = "in-progress"
            self.mouth.begin(self._started_ns - PACKET_NS)
            self.ear = Ear(
                self._timeline,
                self._repertoire,
                call=self.leg.number,
                origin_ns=self.mouth.origin_ns,
            )
        self.answered.set()

    async def _say(self, text: str) -> None:
        """Speak with Twilio's own voice."""
        self._answer()
        if not text:
            return
        speech = voice.speak(text, self._draw)
        self._repertoire.add(speech)
        playout = PlayOut(
            self._clock,
            grid_ns=self.mouth.origin_ns,
            buffer_ns=0,
            mark_delay_ns=0,
            limit=self._settings.buffer_limit,
            returns=lambda _: None,
        )
        if self.ear is not None:
            self.ear.listen_to(playout)
        playout.media(mulaw.encode(speech.samples))
        await self._wait(speech.duration)
        playout.stop()

    async def _wait(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._hung_up.wait(), seconds)
        except TimeoutError:
            return

    async def _either(self, *events: asyncio.Event) -> None:
        waits = [asyncio.ensure_future(event.wait()) for event in events]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    def _params(self) -> dict[str, str]:
        """Return the form fields of a voice webhook; unknown places are empty strings."""
        leg = self.leg
        params = {
            "AccountSid": leg.account_sid,
            "ApiVersion": "2010-04-01",
            "CallSid": leg.call_sid,
            "CallStatus": self.status,
            "Direction": "inbound",
            "StirVerstat": "TN-Validation-Passed-A",
        }
        for name, number in (
            ("Called", leg.to),
            ("Caller", leg.from_),
            ("From", leg.from_),
            ("To", leg.to),
        ):
            params[name] = number
            params |= {f"{name}{part}": "" for part in ("City", "State", "Zip")}
            params[f"{name}Country"] = "US"
        return params


def _join(base: str, url: str) -> str:
    try:
        return urljoin(base, url)
    except ValueError as error:
        raise TwimlError(11100, f"{error}: {shorten(url)}") from None


def _length(pause: Verb) -> float:
    """Return the seconds of a ``<Pause>``."""
    text = pause.attributes.get("length", "1")
    if not text.isdecimal() or int(text) > 3600:
        raise TwimlError(12200, f"<Pause length>: expected whole seconds, found {text!r}")
    return float(text)
