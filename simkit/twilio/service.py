"""The fake Twilio: numbers, calls, and the knobs of both."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..audio import Repertoire, files
from ..audio.voices import Voice
from ..timeline import Clock, Timeline
from ..wire.http import HttpServer
from ..wire.knobs import Sealed
from .call import CallFailed, CallFlow
from .callbacks import Spawn
from .callee import Person
from .course import Course
from .directory import Directory
from .exchange import Exchange
from .forged_stream import StreamForgery
from .forging import Forger, Forgery
from .legs import Leg, Literally, Reports, Step, new_call_token
from .lines import Lines
from .numbers import Place, check_number, how_to_point
from .phone import Call
from .profiles import Profile, find_profile
from .rest import RestApi
from .settings import TwilioSettings
from .webhooks import Ask

AUTH_TOKEN = "simkit-twilio-auth-token"  # noqa: S105 - a simulated account
"""The account's primary auth token, unless another is given."""

ACCOUNT_SID = "AC" + "5e" * 16
"""The account."""

ANY_CALLER = "+15550199"


class Twilio(Directory, Lines, Sealed):
    """A simulated Twilio account.

    Args:
        clock: time.
        timeline: where everything is recorded.
        repertoire: everything anyone says.
        random_for: a seeded generator for each named purpose.
        spawn: runs a coroutine on Twilio's machine.
        ssl: passed to connections over TLS; True for the loop's default.
        outside: where a program of the machine may be run, for a caller's voice.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        timeline: Timeline,
        repertoire: Repertoire,
        random_for: Callable[[str], random.Random],
        spawn: Spawn,
        ssl: Any = True,
        auth_token: str = AUTH_TOKEN,
        outside: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        self._clock = clock
        self._timeline = timeline
        self._repertoire = repertoire
        self._random_for = random_for
        self._ids = random_for("twilio ids")
        Directory.__init__(self, clock, random_for("twilio number ids"))
        Lines.__init__(self, random_for, outside)
        self.auth_token = auth_token
        self.account_sid = ACCOUNT_SID
        self.settings = TwilioSettings()
        self._exchange = Exchange(
            clock,
            timeline,
            repertoire,
            self.settings,
            random_for,
            spawn,
            self._make_sid,
            self._make_disorder,
            ssl,
        )
        self.default_voice_url: str | None = None
        """Where numbers point that were not configured."""
        self.calls: list[Call] = []
        """Every call, in the order they were placed: from the side of the person."""
        self.flows: list[CallFlow] = []
        """The same calls, from Twilio's side."""
        self.rest = RestApi(
            self,
            clock=clock,
            timeline=timeline,
            settings=self.settings,
            draw=random_for("twilio request ids"),
        )
        """The REST API on ``api.twilio.com``."""
        self._seal("twilio")

    def plays(self, course: Course) -> None:
        """Let the next bidirectional stream say what is given, whatever happens in its call."""
        self._exchange.course = course

    async def call(
        self,
        to: str,
        from_: str = ANY_CALLER,
        *,
        caller_name: str | None = None,
        forwarded_from: str | None = None,
        stir_verstat: str | None = "TN-Validation-Passed-A",
        profile: str | Profile | None = None,
        voice: str | Voice | None = None,
    ) -> Call:
        """Place a phone call; returns when it is answered, that is when audio flows.

        Where Twilio first says or plays something by itself and connects a stream then, it returns
        when that one flows: from then on the bridge hears the caller. :meth:`rings` does not wait.

        Takes what :meth:`rings` takes.

        Raises:
            CallFailed: the bridge did not connect it; says how it answered.
            ValueError: nobody said where the number points, or there is no such profile or voice.
        """
        call = self.rings(
            to,
            from_,
            caller_name=caller_name,
            forwarded_from=forwarded_from,
            stir_verstat=stir_verstat,
            profile=profile,
            voice=voice,
        )
        flow = self.flows[-1]
        await _either(flow.put_through, flow.ended)
        if not flow.put_through.is_set() and (flow.failure or not flow.answered.is_set()):
            elsewhere = ""
            if flow.failure.endswith(("HTTP 404", "HTTP 405")):
                elsewhere = f"; if the voice webhook is elsewhere, say where: {how_to_point(to)}"
            elif "Connect call failed" in flow.failure:
                elsewhere = (
                    "; nothing listens there: https is port 443, another one is part of "
                    f"{how_to_point(to)}"
                )
            raise CallFailed(
                f"call {call.number} to {to} was not connected: {flow.failure}{elsewhere}"
            )
        return call

    def rings(
        self,
        to: str,
        from_: str = ANY_CALLER,
        *,
        caller_name: str | None = None,
        forwarded_from: str | None = None,
        stir_verstat: str | None = "TN-Validation-Passed-A",
        profile: str | Profile | None = None,
        voice: str | Voice | None = None,
    ) -> Call:
        """Place a phone call and return at once, while it rings.

        Args:
            to: one of the account's numbers, in E.164 as ``+15550100``; or a client or SIP address.
            from_: whose call it is, likewise; ``anonymous`` where they do not tell.
            caller_name: what a look-up of the caller found.
            forwarded_from: the number that was dialled first.
            stir_verstat: how the caller's number was attested; None: not at all.
            profile: of its carrier leg; None: :attr:`profile`.
            voice: of the caller; None: :attr:`voice`.

        Raises:
            ValueError: no number, nobody said where it points, or there is no such profile or
                voice.
        """
        check_number("to", to)
        check_number("from_", from_, may_be_withheld=True)
        found = self._profile if profile is None else find_profile(profile)
        speak = self._voice if voice is None else self._find_voice(voice)
        known = self.numbers.get(to)
        voice_url = self._voice_url(to)
        fallback, reports = None, Reports()
        if known is not None:
            if known.fallback_url:
                fallback = Ask(known.fallback_url, known.fallback_method)
            reports = Reports(known.status_callback or None, known.status_callback_method)
        number = len(self.calls) + 1
        draw = self._random_for(f"twilio call {number} token")
        leg = Leg(
            number,
            self._make_sid("CA"),
            self.account_sid,
            from_,
            to,
            Ask(voice_url, known.voice_method if known is not None else "POST"),
            fallback=fallback,
            reports=reports,
            from_place=self._places.get(from_, Place()),
            to_place=self._places.get(to, Place()),
            stir_verstat=stir_verstat,
            caller_name=caller_name,
            forwarded_from=forwarded_from,
            call_token=new_call_token(draw),
        )
        return self._begin(leg, None, found, speak)[1]

    async def forges(self, how: Forgery, *, to: str, replays: int = 0) -> int:
        """Ask a number's voice webhook as Twilio never would; returns the status of the answer.

        Args:
            how: what is wrong with the request.
            to: the number.
            replays: the call whose first request is made again, for ``replayed``.

        Raises:
            HttpError: there was no answer.
            ValueError: nobody said where the number points, or there was no such request.
        """
        check_number("to", to)
        asks = (self._ask_for_nobody(to) for _ in range(2))
        if how == "replayed":
            found = self.flows[replays - 1].first_request if self._was(replays) else None
            if found is None:
                raise ValueError(f"replays: call {replays} has made no request")
            return await self._forger.make(how, found, self.calls[replays - 1].sid, next(asks))
        first = next(asks)
        request = self._forger.request(how, first)
        return await self._forger.make(how, request, first.params["CallSid"], next(asks))

    def _ask_for_nobody(self, to: str) -> Ask:
        """Return how Twilio would ask for the TwiML of a call that there is not."""
        sid = f"CA{self._random_for('forged calls').randbytes(16).hex()}"
        known = self.numbers.get(to)
        method = known.voice_method if known is not None else "POST"
        ask = Ask(self._voice_url(to).partition("#")[0], method)
        leg = Leg(0, sid, self.account_sid, ANY_CALLER, to, ask)
        return replace(ask, params=leg.params("ringing"))

    async def forges_stream(self, how: StreamForgery, *, of: int, says: str) -> int:
        """Open a call's media socket as Twilio never would; returns what became of it.

        Args:
            how: what is wrong with it.
            of: the call, whose stream may be over.
            says: what is spoken there.

        Returns:
            An HTTP status, where it was not let in; the code with which it was closed; or 101: it
            was left open for 5 s, or something was said to it.

        Raises:
            OSError: there was nobody to connect to.
            ValueError: there was no such call, or it had no stream.
        """
        streams = self.flows[of - 1].streams.all if self._was(of) else []
        if not streams:
            raise ValueError(f"of: call {of} has had no stream")
        speech = self._voice(says, random.Random(says), None)
        self._repertoire.add(speech)
        return await self._forger.open(how, streams[0], speech.samples)

    @property
    def _forger(self) -> Forger:
        return Forger(self._clock, self._timeline, self.auth_token, self._exchange.ssl)

    def _was(self, call: int) -> bool:
        return 1 <= call <= len(self.calls)

    def _voice_url(self, to: str) -> str:
        known = self.numbers.get(to)
        voice_url = self.default_voice_url if known is None else known.voice_url
        if voice_url is None:
            raise ValueError(
                f"the number {to} points nowhere: serve a bridge with sim.host(name).serve(app), "
                f"or say {how_to_point(to)}"
            )
        return voice_url

    def create_call(
        self,
        *,
        to: str,
        from_: str,
        url: str | None = None,
        method: str = "POST",
        twiml: str | None = None,
        fallback_url: str | None = None,
        fallback_method: str = "POST",
        status_callback: str | None = None,
        status_callback_method: str = "POST",
        events: tuple[str, ...] = ("completed",),
        timeout: float = 60.0,
        time_limit: float | None = None,
        send_digits: str = "",
        queued_for: float = 0.0,
    ) -> CallFlow:
        """Call somebody, as a program asks for it; returns at once.

        What :meth:`person` says of the number decides what comes of it.

        Args:
            to: whom to call.
            from_: one of the account's numbers.
            url: asked for TwiML when they pick up, by ``method``; or
            twiml: the document itself.
            fallback_url: asked when ``url`` fails, by ``fallback_method``.
            status_callback: told of the ``events`` (of initiated, ringing, answered, completed),
                by ``status_callback_method``.
            timeout: seconds that it rings at most.
            time_limit: seconds that it lasts at most.
            send_digits: keys pressed once it is answered.
            queued_for: seconds that it waits for its turn to be dialled.

        Raises:
            ValueError: neither ``url`` nor ``twiml``, or both.
        """
        if (url is None) == (twiml is None):
            raise ValueError("expected either url or twiml")
        first: Step = Literally((twiml or "").encode()) if url is None else Ask(url, method)
        leg = Leg(
            len(self.calls) + 1,
            self._make_sid("CA"),
            self.account_sid,
            from_,
            to,
            first,
            direction="outbound-api",
            fallback=Ask(fallback_url, fallback_method) if fallback_url else None,
            reports=Reports(status_callback, status_callback_method, events),
            from_place=self._places.get(from_, Place()),
            to_place=self._places.get(to, Place()),
            timeout=timeout,
            time_limit=time_limit,
            send_digits=send_digits,
            queued_for=queued_for,
        )
        person = self.people.setdefault(to, Person(to))
        flow, call = self._begin(leg, person, self._profile, self._voice)
        flow.on_picked_up = lambda: person.picks_up(call)
        return flow

    def _begin(
        self, leg: Leg, callee: Person | None, profile: Profile, voice: Voice
    ) -> tuple[CallFlow, Call]:
        flow, call = self._exchange.begin(leg, callee, self.auth_token, profile, voice)
        self.calls.append(call)
        self.flows.append(flow)
        return flow, call

    def connection(self) -> asyncio.Protocol:
        """Make the protocol of one incoming connection: to the REST API."""
        return HttpServer(self.rest.handle)

    def write_audio(self, path: str | os.PathLike[str], call: int = 1) -> None:
        """Write a call as stereo: left the caller's mouth, right the caller's ear, on one clock.

        Args:
            path: ends in ``.wav`` or ``.flac``.
            call: its number, from 1.

        Raises:
            AudioFileError: another ending, or a place that cannot be written.
            ValueError: there was no such call.
        """
        if not self._was(call):
            raise ValueError(f"call {call}: there were {len(self.calls)} calls")
        mouth, ear = self.calls[call - 1].sound()
        length = max(len(mouth), len(ear))
        files.write(Path(path), *(np.pad(side, (0, length - len(side))) for side in (mouth, ear)))

    def settle(self) -> None:
        """Bring the timeline up to date with what every caller heard."""
        for call in self.calls:
            call.settle()

    def _make_sid(self, prefix: str) -> str:
        return prefix + self._ids.randbytes(16).hex()


async def _either(*events: asyncio.Event) -> None:
    waits = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
