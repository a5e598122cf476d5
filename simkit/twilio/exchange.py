"""The exchange: puts together what a call consists of, and lets it take its course."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..audio import Repertoire
from ..audio.voices import Voice
from ..timeline import Clock, Timeline
from ..wire.disorder import Disorder
from .call import CallFlow
from .callbacks import Callbacks, Spawn
from .callee import Person
from .carrier import CarrierLeg, Line
from .channel import Channel
from .course import Course
from .legs import Leg
from .phone import Call
from .profiles import Profile
from .settings import TwilioSettings
from .streams import Streams, Surroundings
from .webhooks import Webhooks


@dataclass
class Exchange:
    """Everything that calls have in common."""

    clock: Clock
    timeline: Timeline
    repertoire: Repertoire
    settings: TwilioSettings
    random_for: Callable[[str], random.Random]
    spawn: Spawn
    make_sid: Callable[[str], str]
    make_disorder: Callable[[str], Disorder[bytes] | None]
    """Makes what changes the order of a call's media, for a purpose; None: nothing does."""
    ssl: Any
    course: Course | None = None
    """What is said on the next bidirectional stream; None: what follows from its call."""

    def begin(
        self,
        leg: Leg,
        callee: Person | None,
        auth_token: str,
        profile: Profile,
        voice: Voice,
    ) -> tuple[CallFlow, Call]:
        """Begin a call; returns it from Twilio's side and from the person's.

        Args:
            leg: who calls whom.
            callee: who is called, if it is no number of the account.
            auth_token: what webhooks are signed with.
            profile: of the carrier leg.
            voice: of the person.
        """
        purpose = f"twilio call {leg.number}"
        channel = Channel(
            leg.number,
            clock=self.clock,
            timeline=self.timeline,
            repertoire=self.repertoire,
            settings=self.settings,
            draw=self.random_for(f"{purpose} say"),
            line=self._make_line(leg.number, profile),
        )
        webhooks = Webhooks(
            clock=self.clock,
            timeline=self.timeline,
            settings=self.settings,
            auth_token=auth_token,
            draw=self.random_for(f"{purpose} webhooks"),
            ssl=self.ssl,
        )
        callbacks = Callbacks(
            channel, webhooks, draw=self.random_for(f"{purpose} callbacks"), spawn=self.spawn
        )
        streams = Streams(
            Surroundings(
                leg,
                channel,
                self.timeline,
                webhooks,
                callbacks,
                self.spawn,
                self.make_sid,
                lambda: self.make_disorder(purpose),
                self.ssl,
                self._take_course,
            )
        )
        flow = CallFlow(
            leg,
            channel=channel,
            webhooks=webhooks,
            callbacks=callbacks,
            streams=streams,
            spawn=self.spawn,
            callee=callee,
        )
        call = Call(
            flow,
            clock=self.clock,
            timeline=self.timeline,
            repertoire=self.repertoire,
            settings=self.settings,
            random_for=lambda name: self.random_for(f"{purpose} {name}"),
            speak=voice,
        )
        self.spawn(flow.run(), purpose)
        return flow, call

    def _take_course(self) -> Course | None:
        course, self.course = self.course, None
        return course

    def _make_line(self, number: int, profile: Profile) -> Line:
        return Line(
            lambda end: CarrierLeg(
                end,
                profile,
                call=number,
                clock=self.clock,
                timeline=self.timeline,
                random_for=self.random_for,
            )
        )
