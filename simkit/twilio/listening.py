"""Listening: what a test waits for as the caller, and what it is told when that does not come."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from difflib import get_close_matches
from typing import Any, TypeVar, get_args

import numpy as np

from ..audio import Samples
from ..timeline import Clock, Event, Timeline, sessions_of
from ..timeline.text import OWN_KINDS
from ..wire import twilio, vapi
from .call import CallFlow
from .ear import HeardUtterance

T = TypeVar("T")

_LOOK_NS = 20_000_000
_PAUSE_NS = 200_000_000
"""Silence after which an utterance is over, whole or not."""
_AUDIBLE = 40
"""Amplitude of sound that is not silence: -58 dBFS."""
_REPORTED_EVENTS = 12
_LATE_TOLD = ("hears", "lost")
"""Kinds of events that are recorded when somebody looks."""
_MESSAGES = get_args(twilio.FromTwilio | twilio.ToTwilio | vapi.ServerMessage)
_KINDS = OWN_KINDS | {message.__struct_config__.tag for message in _MESSAGES}
"""Kinds of events that may come, whether or not one has."""


class NotHeard(AssertionError):  # noqa: N818 - reads as what happened
    """The caller did not hear what the test waited for."""


class NotHappened(AssertionError):  # noqa: N818 - reads as what happened
    """The event that the test waited for did not happen."""


class Heard:
    """What reached the caller's ear so far."""

    def __init__(self, samples: Samples, utterances: list[HeardUtterance]) -> None:
        self.samples = samples
        """mu-law decoded, 8 kHz, from the call's first instant."""
        self.utterances = utterances
        """Stretches of speech that were recognised, in order."""

    def __str__(self) -> str:
        return " | ".join(utterance.text for utterance in self.utterances)

    def __contains__(self, text: str) -> bool:
        return text in str(self)


class Listener:
    """The caller's attention: what was waited for, and what has been heard since."""

    def __init__(self, flow: CallFlow, *, clock: Clock, timeline: Timeline) -> None:
        self._flow = flow
        self._clock = clock
        self._timeline = timeline
        self._listened_until_ns = 0

    async def text(self, text: str, timeout: float) -> float:  # noqa: ASYNC109
        """Wait for words."""

        def look(now_ns: int) -> tuple[float | None, int | None]:
            if self._flow.ear is None:
                return None, None
            heard_ns, expected_ns = self._flow.ear.find(text, self._listened_until_ns, now_ns)
            if heard_ns is None:
                return None, expected_ns
            self._listened_until_ns = heard_ns
            return heard_ns / 1e9, None

        return await self._wait(look, repr(text), timeout)

    async def utterance(self, timeout: float) -> HeardUtterance:  # noqa: ASYNC109
        """Wait for the end of an utterance."""
        # Of what was partly waited for before, the rest counts only if it is still to come.
        if self._flow.ear is not None:
            for utterance in self._flow.ear.utterances(self._clock.now_ns):
                end_ns = round(utterance.end * 1e9)
                partly = round(utterance.start * 1e9) < self._listened_until_ns < end_ns
                if partly and (utterance.whole or self._clock.now_ns >= end_ns + _PAUSE_NS):
                    self._listened_until_ns = end_ns

        def look(now_ns: int) -> tuple[HeardUtterance | None, int | None]:
            for utterance in [] if self._flow.ear is None else self._flow.ear.utterances(now_ns):
                end_ns = round(utterance.end * 1e9)
                if end_ns <= self._listened_until_ns:
                    continue
                if utterance.whole or now_ns >= end_ns + _PAUSE_NS or self._flow.ended.is_set():
                    self._listened_until_ns = end_ns
                    return utterance, None
                break
            return None, None

        return await self._wait(look, "an utterance", timeout)

    async def sound(self, timeout: float) -> float:  # noqa: ASYNC109
        """Wait for any sound at all."""
        since_ns = self._clock.now_ns

        def look(now_ns: int) -> tuple[float | None, int | None]:
            loud = self._loud_since(since_ns, now_ns)
            return (loud[0] / 1e9 if len(loud) else None), None

        return await self._wait(look, "a sound", timeout)

    async def silence(self, seconds: float, timeout: float) -> float:  # noqa: ASYNC109
        """Wait for a while without sound."""
        needed_ns = round(seconds * 1e9)
        if needed_ns <= 0:
            raise ValueError(f"silence: seconds, more than 0; found {seconds!r}")

        def look(now_ns: int) -> tuple[float | None, int | None]:
            ear = self._flow.ear
            if ear is None:
                return None, None
            since_ns = max(ear.origin_ns, now_ns - needed_ns)
            loud = self._loud_since(since_ns, now_ns)
            quiet_ns = int(loud[-1]) if len(loud) else since_ns
            # A step of the grid of samples may be missing at either end.
            if now_ns - quiet_ns >= needed_ns - 125_000:
                return quiet_ns / 1e9, None
            return None, max(now_ns + _LOOK_NS // 4, quiet_ns + needed_ns)

        return await self._wait(look, f"{seconds:g} s of silence", timeout)

    def _loud_since(self, from_ns: int, to_ns: int) -> Any:
        """Return the instants of audible samples."""
        ear = self._flow.ear
        if ear is None:
            return np.zeros(0, dtype=np.int64)
        sound, first_ns = ear.sound_between(from_ns, to_ns)
        loud = np.flatnonzero(np.abs(sound.astype(np.int32)) > _AUDIBLE)
        return first_ns + loud.astype(np.int64) * 125_000

    async def _wait(
        self, look: Callable[[int], tuple[T | None, int | None]], what: str, limit: float
    ) -> T:
        """Look until something is found, time runs out or the call ends.

        ``look`` returns what it found, None for nothing yet, and when it is worth to look again.
        """
        deadline_ns = self._clock.now_ns + round(limit * 1e9)
        while True:
            now_ns = self._clock.now_ns
            found, expected_ns = look(now_ns)
            if found is not None:
                return found
            if now_ns >= deadline_ns:
                raise NotHeard(self._not_heard(what, f"within {limit:g} s"))
            if self._flow.ended.is_set():
                raise NotHeard(self._not_heard(what, "before the call ended"))
            # The ear judges 20 ms at a time, so that it may know a little later than expected.
            look_ns = now_ns + _LOOK_NS
            if expected_ns is not None:
                look_ns = max(expected_ns, now_ns + _LOOK_NS // 4)
            await self._clock.sleep_until(min(look_ns, deadline_ns))

    def _not_heard(self, what: str, limit: str) -> str:
        now_ns = self._clock.now_ns
        self.settle()
        ear = self._flow.ear
        heard = [f'"{u.text}"' for u in ear.utterances(now_ns) if u.text] if ear is not None else []
        return (
            f"the caller did not hear {what} {limit} (now {now_ns / 1e9:.3f} s). Heard so far: "
            f"{', '.join(heard) or 'nothing'}.\n{self._tail()}"
        )

    def _tail(self) -> str:
        tail = str(self._timeline).splitlines()[-_REPORTED_EVENTS:]
        return "The timeline ends with:\n" + "\n".join(tail)

    # Events

    async def event(self, kind: str, timeout: float, wanted: dict[str, Any]) -> Event:  # noqa: ASYNC109
        """Wait for the next event of this call."""
        if kind == "receives":
            raise ValueError("'receives' is known only after the fact: wait for a transcript")
        found: asyncio.Future[Event] = asyncio.get_running_loop().create_future()
        self.settle()
        known = {id(event) for event in self._timeline.of(kind)}

        def look(event: Event) -> None:
            if not found.done() and event.kind == kind and self._is_meant(event, wanted):
                found.set_result(event)

        stop = self._timeline.watch(look)
        ended = asyncio.ensure_future(self._flow.ended.wait())
        deadline_ns = self._clock.now_ns + round(timeout * 1e9)
        try:
            while not found.done():
                now_ns = self._clock.now_ns
                if now_ns >= deadline_ns:
                    raise NotHappened(self._not_happened(kind, wanted, f"within {timeout:g} s"))
                if self._flow.ended.is_set():
                    raise NotHappened(self._not_happened(kind, wanted, "before the call ended"))
                until_ns = deadline_ns
                if kind in _LATE_TOLD:
                    until_ns = min(until_ns, now_ns + _LOOK_NS)
                await asyncio.wait(
                    (found, ended),
                    timeout=(until_ns - now_ns) / 1e9,
                    return_when=asyncio.FIRST_COMPLETED,
                )
                if kind in _LATE_TOLD:
                    self.settle()
                    # What was heard is known a while after it began, and its words later still.
                    for event in self._timeline.of(kind):
                        if id(event) not in known:
                            look(event)
        finally:
            stop()
            ended.cancel()
        await self._clock.sleep_until(found.result().t_ns)
        return found.result()

    def _is_meant(self, event: Event, wanted: dict[str, Any]) -> bool:
        for name, value in wanted.items():
            if event.fields.get(name, getattr(event, name, None)) != value:
                return False
        if event.call is not None or event.session is None:
            return event.call in (None, self._flow.leg.number)
        return self._is_bridged_to(event.session)

    def _is_bridged_to(self, session: int) -> bool:
        """Tell whether one of Vapi's calls is the other end of this one, as far as is known."""
        mine = sessions_of(self._timeline, self._flow.leg.number)
        if mine:
            return session in mine
        others = {event.call for event in self._timeline.of("start") if event.call is not None}
        return not any(session in sessions_of(self._timeline, number) for number in sorted(others))

    def _not_happened(self, kind: str, wanted: dict[str, Any], limit: str) -> str:
        shown = "".join(f" {name}={value!r}" for name, value in wanted.items())
        now_ns = self._clock.now_ns
        guess = self._guess(kind, wanted)
        return f"no event {kind}{shown} {limit} (now {now_ns / 1e9:.3f} s){guess} {self._tail()}"

    def _guess(self, kind: str, wanted: dict[str, Any]) -> str:
        """Say what may be meant by an event that did not come: another kind, field or instant."""
        there = self._timeline.of(kind)
        if not there:
            so_far = sorted({event.kind for event in self._timeline})
            if kind in _KINDS:
                return "."
            if near := get_close_matches(kind, sorted(_KINDS | set(so_far)), 1):
                return f"; did you mean {near[0]!r}?"
            return f"; there is no such kind so far; there are: {', '.join(so_far)}."
        last = there[-1]
        unknown = [name for name in wanted if name not in last.fields and not hasattr(last, name)]
        if unknown:
            names = ", ".join(["source", "target", *last.fields])
            return f"; one that was said no {unknown[0]}, but: {names}."
        before = [event for event in there if self._is_meant(event, wanted)]
        if not before:
            return "."
        was = f"{before[-1].t_ns / 1e9:.3f}"
        return f"; one was before, at {was}: until() waits for the next, so begin it earlier."

    # So far

    @property
    def heard(self) -> Heard:
        """What reached the ear so far."""
        ear = self._flow.ear
        if ear is None:
            return Heard(np.zeros(0, dtype=np.int16), [])
        now_ns = self._clock.now_ns
        return Heard(ear.samples(now_ns), ear.utterances(now_ns))

    def settle(self) -> None:
        """Bring the timeline up to date with what was heard."""
        if self._flow.ear is not None:
            self._flow.ear.settle(self._clock.now_ns)
