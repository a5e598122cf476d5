"""The channel: sound between Twilio and the person on the phone, and what interrupts a call."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Any

from ..audio import Repertoire, Samples, Speech, mulaw, voice
from ..audio.speech import timed_by_letters
from ..timeline import Clock, Timeline
from .carrier import ENDS, Line
from .concealment import Carried
from .ear import Ear
from .mouth import Mouth
from .playout import PACKET_NS, PlayOut
from .settings import TwilioSettings
from .tracks import OutboundTrack


class Channel:
    """One call's way to a phone, and back.

    Attributes:
        number: the call's number in the timeline.
        line: the carrier leg, in both directions.
        heard: what the person hears, for streams that carry it.
        open: set once sound flows.
        interrupted: set when whatever happens in the call has to end: the call is over, or new
            instructions came. Everything that waits does so through :meth:`until`.
    """

    def __init__(
        self,
        number: int,
        *,
        clock: Clock,
        timeline: Timeline,
        repertoire: Repertoire,
        settings: TwilioSettings,
        draw: random.Random,
        line: Line,
    ) -> None:
        self.number = number
        self.clock = clock
        self.settings = settings
        self._timeline = timeline
        self._repertoire = repertoire
        self._draw = draw
        self.line = line
        self.mouth = Mouth(line.towards("twilio"))
        self.heard = OutboundTrack()
        self.ear: Ear | None = None
        self.open = asyncio.Event()
        self.interrupted = asyncio.Event()
        self.utterances: list[tuple[Speech, int]] = []
        """What the person said, with the instants of its first samples."""
        self.on_key: Callable[[str], object] | None = None
        """Takes keys, while somebody asks for them."""
        self.on_speech: Callable[[], object] | None = None
        """Told of every new utterance, while somebody listens."""

    def note(self, kind: str, **fields: Any) -> None:
        """Put an event of this call on the timeline."""
        self._timeline.record(kind, "twilio", call=self.number, **fields)

    def note_by(self, source: str, kind: str) -> None:
        """Put on the timeline what somebody else than Twilio does with this call."""
        self._timeline.record(kind, source, call=self.number)

    def warn(self, code: int, reasons: list[str]) -> None:
        """Put warnings on the timeline."""
        for reason in reasons:
            self.note("warning", code=code, reason=reason)

    def begin(self) -> None:
        """Let sound flow from now on."""
        if self.open.is_set():
            return
        self.mouth.begin(self.clock.now_ns - PACKET_NS)
        for end in ENDS:
            self.line.towards(end).begin(self.clock.now_ns)
        self.ear = Ear(
            self._timeline,
            self._repertoire,
            call=self.number,
            origin_ns=self.mouth.origin_ns,
        )
        self.open.set()

    def listen_to(self, playout: PlayOut) -> None:
        """Let the person hear what leaves a play-out."""
        self.heard.listen_to(playout)
        if self.ear is not None:
            self.ear.listen_to(Carried(playout, self.line.towards("caller"), self.clock))

    def spoke(self, speech: Speech, start_ns: int) -> None:
        """The person says something, from ``start_ns`` on."""
        self.utterances.append((speech, start_ns))
        if self.on_speech is not None:
            self.on_speech()

    # Waiting

    async def until(
        self,
        *happenings: asyncio.Event | asyncio.Future[Any],
        seconds: float | None = None,
    ) -> None:
        """Wait for any of them, for time to pass, or for an interruption."""
        waits: list[asyncio.Future[Any]] = [
            asyncio.ensure_future(happening.wait())
            for happening in (self.interrupted, *happenings)
            if isinstance(happening, asyncio.Event)
        ]
        others: list[asyncio.Future[Any]] = [
            one for one in happenings if not isinstance(one, asyncio.Event)
        ]
        try:
            await asyncio.wait(
                [*waits, *others], timeout=seconds, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            for wait in waits:
                wait.cancel()

    # Twilio's own sounds

    async def says(self, text: str, *stops: asyncio.Event) -> None:
        """Speak with Twilio's voice, to the end or until one of ``stops``."""
        if text.split():
            await self._plays(voice.speak(text, self._draw), stops)

    async def plays(self, name: str, samples: Samples, *stops: asyncio.Event) -> None:
        """Play sound, which is known by ``name`` in what was heard."""
        if len(samples):
            words = timed_by_letters(name, samples)
            await self._plays(Speech(name, samples, words), stops)

    async def _plays(self, speech: Speech, stops: tuple[asyncio.Event, ...]) -> None:
        playout = self._play(speech)
        rest_ns = playout.bursts[-1].end_ns - self.clock.now_ns
        await self.until(*stops, seconds=rest_ns / 1e9)
        playout.clear()

    def _play(self, speech: Speech) -> PlayOut:
        self._repertoire.add(speech)
        # One for each: so that what is heard begins anew, wherever the one before was cut.
        playout = PlayOut(
            self.clock,
            grid_ns=self.mouth.origin_ns,
            buffer_ns=0,
            mark_delay_ns=0,
            limit=len(speech.samples),
            returns=lambda _: None,
        )
        self.listen_to(playout)
        playout.media(mulaw.encode(speech.samples))
        return playout
