"""The recorded call as a timeline, on the clock of its replay: shown and measured as any other.

What a recording does not hold is reckoned as a simulation would: the bridge's audio goes through
Twilio's play-out, and what leaves it is listened to. Where it holds none of that audio, what the
agent is told to have said goes there, at once.
"""

from __future__ import annotations

import random
from bisect import bisect_left
from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec

from ..audio import RATE, Repertoire, Samples, mulaw
from ..report import Outcome
from ..timeline import Clock, Timeline, barge_ins, measures
from ..twilio import PROFILES
from ..twilio.carrier import CarrierLeg
from ..twilio.concealment import Carried
from ..twilio.ear import Ear
from ..twilio.playout import PlayOut
from ..twilio.settings import TwilioSettings
from ..vapi.commands import asked
from ..vapi.transport import describe
from ..wire import WireError, vapi
from ..world import TWILIO_LATENCY, VAPI_LATENCY
from .format import RecordedEvent
from .outputs import in_order, steps
from .reading import Recording
from .telling import CLOSED, DISCONNECTED, OPENED, agent_speech, instant_ns
from .utterances import Utterance, track, utterances

_TOLD_MS = 10.0
"""By how much a point of the play-out queue that is left out may be off."""
_SECOND = 1_000_000_000


class Origin(NamedTuple):
    """Two instants of a replay, in ns on its clock."""

    begun_ns: int
    """The recording's begin, for all that is dated at the bridge."""
    played_ns: int
    """The first sample of the caller's recorded side."""


def retold(recording: Recording, origin: Origin) -> Outcome:
    """Return what came of the recorded call, as far as the recording tells; nothing is checked."""
    past = _Past(recording, origin)
    timeline = past.timeline
    return Outcome(
        timeline=timeline,
        barge_ins=barge_ins(timeline),
        measures=measures(timeline),
        checks=[],
        sound=past.sound,
        sound_starts_ns=max(0, origin.played_ns),
        call_seconds=recording.duration_ms / 1000,
        cpu_seconds=0.0,
    )


def is_reckoned(recording: Recording) -> bool:
    """Tell whether what the caller heard is not known from the bridge's audio."""
    return next(recording.frames("twilio", "out"), None) is None


class _Past:
    def __init__(self, recording: Recording, origin: Origin) -> None:
        self._recording = recording
        self._origin = origin
        self._end_ns = origin.begun_ns + round(recording.duration_ms * 1e6)
        self.timeline = Timeline(lambda: max(0, self._end_ns))
        links_ms = recording.header.links_ms
        self._flight_ns = {
            "twilio": round(links_ms.get("twilio", TWILIO_LATENCY * 1e3) * 1e6),
            "vapi": round(links_ms.get("vapi", VAPI_LATENCY * 1e3) * 1e6),
        }
        self._mouth = track(recording, "caller")
        self._repertoire = Repertoire()
        agent = self._agent()
        self._tell_messages()
        self._tell_caller()
        self._tell_agent(agent)
        self._ear = self._listen(agent)

    def sound(self) -> tuple[Samples, Samples]:
        """Return both sides, 8 kHz, from the caller's first sample on, or the replay's begin."""
        start_ns = max(0, self._origin.played_ns)
        ear, _ = self._ear.sound_between(start_ns, max(start_ns, self._end_ns))
        mouth = self._mouth[(start_ns - self._origin.played_ns) * RATE // _SECOND :][: len(ear)]
        return mouth, ear[: len(mouth)]

    # People

    def _agent(self) -> list[tuple[int, Utterance]]:
        """Return what the agent said, with the ns at which the first of it came to the bridge."""
        if next(self._recording.frames("vapi", "in"), None) is not None:
            return agent_speech(self._recording)
        return [(round(one.t_ms * 1e6), one) for one in utterances(self._recording, "agent")]

    def _tell_caller(self) -> None:
        for said in utterances(self._recording, "caller", self._mouth):
            self.timeline.record(
                "speaks",
                "caller",
                t_ns=self._origin.played_ns + round(said.t_ms * 1e6),
                call=1,
                utterance=self._repertoire.add(said.speech),
                text=said.speech.text,
                duration_ns=said.speech.duration_ns,
            )

    def _tell_agent(self, agent: list[tuple[int, Utterance]]) -> None:
        told = self.timeline.of("user-interrupted", "clear")
        cuts_ns = [event.t_ns for event in told]
        for number, (came_ns, said) in enumerate(agent, 1):
            came_ns += self._origin.begun_ns
            fields: dict[str, Any] = {"reply": number}
            fields["utterance"] = self._repertoire.add(said.speech)
            start_ns, lasts_ns = came_ns - self._flight_ns["vapi"], said.speech.duration_ns
            self.timeline.record(
                "replies",
                "agent",
                t_ns=start_ns,
                session=1,
                arrived_ns=came_ns,
                text=said.speech.text,
                duration_ns=lasts_ns,
                **fields,
            )
            cut = bisect_left(cuts_ns, came_ns)
            is_cut = cut < len(cuts_ns) and cuts_ns[cut] < start_ns + lasts_ns
            self.timeline.record(
                "replied",
                "agent",
                t_ns=cuts_ns[cut] if is_cut else start_ns + lasts_ns,
                session=1,
                interrupted=is_cut,
                audio_ns=lasts_ns,
                **fields,
            )

    def _listen(self, agent: list[tuple[int, Utterance]]) -> Ear:
        """Play what was sent to Twilio, drop what was cleared, and hear what is left."""
        now_ns = 0
        clock = Clock(None, lambda: now_ns)  # type: ignore[arg-type] # no timer is set
        settings, timeline = TwilioSettings(), self.timeline
        playout = PlayOut(
            clock,
            grid_ns=self._origin.begun_ns,
            buffer_ns=round(settings.play_out_buffer * 1e9),
            mark_delay_ns=0,
            limit=settings.buffer_limit,
            returns=lambda name: None,
            depth=timeline.level(
                "Twilio's play-out queue", "twilio", "ms", tolerance=_TOLD_MS, call=1
            ),
        )
        line = CarrierLeg(
            "caller",
            PROFILES["clear"],
            call=1,
            clock=clock,
            timeline=timeline,
            random_for=random.Random,
        )
        ear = Ear(timeline, self._repertoire, call=1, origin_ns=self._origin.played_ns)
        ear.listen_to(Carried(playout, line, clock))
        for sent_ns, data in sorted(self._played(agent), key=lambda one: one[0]):
            now_ns = self._origin.begun_ns + sent_ns + self._flight_ns["twilio"]
            if data:
                playout.media(data)
            else:
                playout.clear()
        now_ns = max(now_ns, self._end_ns)
        playout.stop()
        ear.settle(now_ns)
        return ear

    def _played(self, agent: list[tuple[int, Utterance]]) -> Iterator[tuple[int, bytes]]:
        """Yield what went to Twilio with its ns: audio, and nothing for a clear."""
        for event in self._recording.messages("twilio", "out", "clear"):
            yield instant_ns(event), b""
        if is_reckoned(self._recording):
            for came_ns, said in agent:
                yield came_ns, mulaw.encode(said.speech.samples)
            return
        for frame, data in self._recording.frames("twilio", "out"):
            yield frame.t_ns, data

    # Messages

    def _steps(self, event: RecordedEvent) -> Iterator[tuple[int, RecordedEvent, Any]]:
        for t_ns, _, what in steps(self._recording, event):
            yield t_ns, event, what

    def _tell_messages(self) -> None:
        begun_ns = self._origin.begun_ns
        told = (self._steps(event) for event in self._recording.events if event.direction)
        for t_ns, event, what in in_order(told):
            leg = event.leg
            source, target = (leg, "bridge") if event.direction == "in" else ("bridge", leg)
            call, session = (1, None) if leg == "twilio" else (None, 1)
            at_ns = begun_ns + t_ns
            if isinstance(what, tuple):
                self.timeline.frame(source, target, at_ns, what[0], call=call, session=session)
                continue
            kind, fields = told_of(event)
            if kind == "clear":
                self.timeline.end_run(source, target, call=call)
            sent_ns = at_ns - self._flight_ns[leg] if event.direction == "in" else at_ns
            self.timeline.record(
                kind,
                source,
                target,
                t_ns=at_ns,
                call=call,
                session=session,
                sent_ns=sent_ns,
                arrived_ns=sent_ns + self._flight_ns[leg],
                **fields,
            )
        for event in self._recording.events:
            if event.leg == "call" and event.message.get("event") != "ended":
                about = str(event.message.get("text") or event.message.get("reason") or "")
                at_ns = begun_ns + instant_ns(event)
                self.timeline.record("note", "bridge", t_ns=at_ns, about=about)


def told_of(event: RecordedEvent) -> tuple[str, dict[str, Any]]:
    """Return kind and fields by which a timeline tells of a recorded message.

    They are those of a simulation, so that both read alike. What nobody knows is a ``message``: it
    comes from a file, and is not to be taken for something else.
    """
    message = event.message
    named = str(message.get("event") or message.get("type") or "")
    if named == OPENED:
        return "open", {}
    if named in (DISCONNECTED, CLOSED):
        code = message.get("code")
        return "close", {"code": code if isinstance(code, int) else None}
    if named == "request" and "event" in message:
        method, path = _short(message.get("method")), _short(message.get("path"))
        return named, {"method": method, "path": path, "shown": {}}
    if named == "response" and "event" in message:
        return named, {"status": _short(message.get("status", "failed")), "summary": ""}
    told = _of_twilio(named, message) if event.leg == "twilio" else _of_vapi(event)
    return told or ("message", {"of": _short(named)})


def _of_twilio(named: str, message: dict[str, Any]) -> tuple[str, dict[str, Any]] | None:
    inner = message.get(named)
    inner = inner if isinstance(inner, dict) else {}
    if named == "mark":
        return named, {"name": _short(inner.get("name", ""))}
    if named == "dtmf":
        return named, {"digit": _short(inner.get("digit", ""))}
    return (named, {}) if named in ("connected", "start", "stop", "clear") else None


def _of_vapi(event: RecordedEvent) -> tuple[str, dict[str, Any]] | None:
    data = msgspec.json.encode(event.message)
    try:
        if event.direction == "out":
            asks = vapi.decode_for_vapi(data)
            return str(asks.__struct_config__.tag), asked(asks)
        said = vapi.decode(data)
    except WireError:
        return None
    if isinstance(said, vapi.Unknown):
        return None
    return str(said.__struct_config__.tag), describe(said)


def _short(value: Any) -> str:
    return str(value)[:100]
