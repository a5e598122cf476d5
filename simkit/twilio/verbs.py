"""Verbs: what Twilio does with a TwiML document."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from urllib.parse import urljoin

from ..wire.errors import shorten
from ..wire.http import HttpResponse
from . import sounds
from .channel import Channel
from .gather import Gather
from .legs import Step
from .streams import Streams
from .twiml import UNSUPPORTED, Document, TwimlError, Verb, stream_order
from .webhooks import Ask, WebhookError, media_type

_OFTEN = 1000
"""How often ``loop="0"`` repeats."""
_LONGEST_PAUSE = 3600
_PROMPTS = ("Say", "Play", "Pause")


class Interpreter:
    """Follows documents for one call.

    Args:
        channel: to the person on the phone.
        streams: the call's streams.
        ask: makes a request; None when the call was interrupted meanwhile.
        answer: the call is answered, if it is not yet, and sound flows; told whether a stream is
            to be connected next, without anything that the person would have to do.
        pick_up: the call is answered, if it is not yet; sound flows later.
        reject: the call is not answered; says why (``busy`` or ``rejected``).
        failed: told, in words, why a stream was not connected.
    """

    def __init__(
        self,
        *,
        channel: Channel,
        streams: Streams,
        ask: Callable[[Ask], Awaitable[HttpResponse | None]],
        answer: Callable[[bool], None],
        pick_up: Callable[[], None],
        reject: Callable[[str], None],
        failed: Callable[[str], None],
    ) -> None:
        self._channel = channel
        self._streams = streams
        self._ask = ask
        self._answer = answer
        self._pick_up = pick_up
        self._reject = reject
        self._failed = failed
        self._leads_on = False

    async def follow(self, document: Document, base_url: str) -> Step | None:
        """Do what a document says.

        Returns:
            Where the next instructions come from; None when there are none, or the call was
            interrupted.

        Raises:
            TwimlError: 11100, an instruction leads to no URL.
        """
        self._warn(document.warnings)
        for number, verb in enumerate(document.verbs):
            self._leads_on = _is_connected_next(document.verbs[number:])
            if self._channel.interrupted.is_set():
                return None
            if verb.name in ("Hangup", "Reject"):
                if verb.name == "Reject":
                    self._reject(self._reason(verb))
                return None
            if verb.name == "Redirect":
                return self._elsewhere(verb, verb.text, base_url)
            step = await self._do(verb, base_url)
            if step is not None:
                return step
        return None

    async def _do(self, verb: Verb, base_url: str) -> Step | None:
        if verb.name in _PROMPTS:
            await self._prompt(verb, base_url)
        elif verb.name == "Gather":
            return await self._gather(verb, base_url)
        elif verb.name == "Connect":
            return await self._connect(verb, base_url)
        elif verb.name == "Start":
            self._start(verb, base_url)
        elif verb.name == "Stop":
            await self._stop(verb)
        elif verb.name in UNSUPPORTED:
            self._channel.note("unsupported", verb=verb.name)
        return None

    def _reason(self, verb: Verb) -> str:
        reason = verb.attributes.get("reason", "rejected")
        if reason not in ("busy", "rejected"):
            self._warn([f"<Reject reason>: expected busy or rejected, found {shorten(reason)}"])
            reason = "rejected"
        return reason

    def _elsewhere(
        self, verb: Verb, url: str, base_url: str, params: dict[str, str] | None = None
    ) -> Ask:
        warnings: list[str] = []
        method = verb.method(warnings)
        self._warn(warnings)
        return Ask(join(base_url, url), method, params or {})

    def _warn(self, reasons: list[str]) -> None:
        self._channel.warn(12200, reasons)

    # Sound

    async def _prompt(self, verb: Verb, base_url: str, *stops: asyncio.Event) -> None:
        """Say, play or pause, until one of ``stops``."""
        warnings: list[str] = []
        channel = self._channel
        self._answer(self._leads_on)
        if verb.name == "Pause":
            seconds = verb.whole("length", 1, _LONGEST_PAUSE, warnings)
            self._warn(warnings)
            await channel.until(*stops, seconds=seconds)
            return
        times = verb.whole("loop", 1, _OFTEN, warnings) or _OFTEN
        self._warn(warnings)
        if verb.name == "Say" and verb.text:
            for _ in range(times):
                if _any_set(channel.interrupted, *stops):
                    return
                await channel.says(verb.text, *stops)
        elif verb.name == "Play":
            await self._play(verb, base_url, times, stops)

    async def _play(
        self, verb: Verb, base_url: str, times: int, stops: tuple[asyncio.Event, ...]
    ) -> None:
        channel = self._channel
        try:
            if "digits" in verb.attributes:
                name, samples = "keys", sounds.keys(verb.attributes["digits"])
                times = 1
            else:
                url = join(base_url, verb.text)
                name = url.rpartition("/")[2].partition("?")[0] or url
                response = await self._ask(Ask(url, "GET"))
                if response is None:
                    return
                samples = sounds.read(response.body, media_type(response))
        except (sounds.SoundError, WebhookError, TwimlError) as error:
            code = 12400 if isinstance(error, sounds.SoundError) else error.code
            channel.note("warning", code=code, reason=f"<Play>: {error}")
            return
        for _ in range(times):
            if _any_set(channel.interrupted, *stops) or not len(samples):
                return
            await channel.plays(name, samples, *stops)

    # Listening

    async def _gather(self, verb: Verb, base_url: str) -> Step | None:
        self._answer(False)
        warnings: list[str] = []
        gather = Gather(verb, self._channel, warnings)
        self._warn(warnings)

        async def prompt(stop: asyncio.Event) -> None:
            for child in verb.children:
                if not _any_set(self._channel.interrupted, stop):
                    await self._prompt(child, base_url, stop)

        result = await gather.listen(prompt)
        if self._channel.interrupted.is_set():
            return None
        empty_too = verb.attributes.get("actionOnEmptyResult", "").strip().lower() == "true"
        if not result and not empty_too:
            return None
        return self._elsewhere(
            verb, verb.attributes.get("action", ""), base_url, result or {"Digits": ""}
        )

    # Streams

    async def _connect(self, verb: Verb, base_url: str) -> Step | None:
        for child in verb.children:
            if child.name != "Stream":
                self._channel.note("unsupported", verb=f"Connect {child.name}")
                continue
            warnings: list[str] = []
            order = stream_order(child, base_url, warnings)
            self._warn(warnings)
            self._pick_up()
            streaming = await self._streams.connect(order, partial(self._answer, False))
            if streaming.problem is not None and not streaming.started:
                self._failed(f"the bridge did not accept the stream: {streaming.problem[1]}")
            if len(verb.children) > 1:
                self._warn(["<Connect>: one thing is connected, more are ignored"])
            break
        action = verb.attributes.get("action")
        if action and not self._channel.interrupted.is_set():
            return self._elsewhere(verb, action, base_url)
        return None

    def _start(self, verb: Verb, base_url: str) -> None:
        for child in verb.children:
            if child.name != "Stream":
                self._channel.note("unsupported", verb=f"Start {child.name}")
                continue
            warnings: list[str] = []
            order = stream_order(child, base_url, warnings)
            self._answer(False)
            try:
                self._streams.start(order)
            except ValueError as error:
                warnings.append(f"<Start>: {error}")
            self._warn(warnings)

    async def _stop(self, verb: Verb) -> None:
        for child in verb.children:
            name = child.attributes.get("name", "")
            if child.name != "Stream":
                self._channel.note("unsupported", verb=f"Stop {child.name}")
            elif not await self._streams.stop(name):
                self._warn([f"<Stop>: no stream named {shorten(name)} runs"])


def join(base_url: str, url: str) -> str:
    """Return an absolute URL.

    Raises:
        TwimlError: 11100, it cannot be one.
    """
    try:
        return urljoin(base_url, url)
    except ValueError as error:
        raise TwimlError(11100, f"{error}: {shorten(url)}") from None


def _is_connected_next(verbs: Sequence[Verb]) -> bool:
    """Tell whether nothing but what Twilio says and plays by itself stands before a stream."""
    names = (verb.name for verb in verbs if verb.name not in _PROMPTS)
    return next(names, "") in ("Connect", "Start")


def _any_set(*events: asyncio.Event) -> bool:
    return any(event.is_set() for event in events)
