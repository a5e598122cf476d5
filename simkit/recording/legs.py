"""Recorded legs: the fakes say what the services said then, at the instants at which they did.

All instants count from the beginning of the stream, and of Vapi's socket, today. An answer waits
for what it answers; one whose cause never comes is not said but reported.
"""

from __future__ import annotations

import heapq
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from typing import Any, Literal

import msgspec

from ..audio import Speech
from ..simulation import Simulation
from ..twilio.course import Course, End, Frame, Step
from ..twilio.playout import PACKET_NS
from ..vapi import HOST as VAPI_HOST
from ..vapi.recital import Closing, Line, Recital, Text
from ..wire import vapi
from ..world import BRIDGE_HOST, TWILIO_HOST, World
from .conversion import Conversion
from .format import RecordingError
from .media import MediaFormat
from .reading import Recording
from .telling import (
    CLOSED,
    DISCONNECTED,
    Causes,
    agent_speech,
    instant_ns,
    is_of_capture,
    opened_envelope,
    openings_ns,
    said_by,
    stream_began_ns,
    woven,
)

LegName = Literal["twilio", "vapi"]
Way = Literal["recorded", "live"]
LEGS: tuple[LegName, ...] = ("twilio", "vapi")
WAYS: tuple[Way, ...] = ("recorded", "live")

_SENDABLE = {1000, 1001, 1002, 1003, 1005, 1006, *range(1007, 1015), *range(3000, 5000)}


def choose_legs(
    recording: Recording, wanted: Mapping[str, str] | None, world: World | None
) -> dict[LegName, Way]:
    """Return how each leg is replayed.

    Both legs are recorded where frames from both services were captured, else both are live: a
    recorded leg goes on as it did while a live one reacts to today's bridge, and the two would soon
    tell of different calls. Who wants that may ask for it. Audio in JSON is always live.

    Raises:
        RecordingError: there is no such leg or way, or it cannot be replayed so.
    """
    is_virtual = world is None or isinstance(world, Simulation)
    captured = all(_frames(recording, leg, {"captured"}) for leg in LEGS)
    in_json = speaks_json(recording)
    usual: Way = "recorded" if captured and is_virtual and not in_json else "live"
    ways = dict.fromkeys(LEGS, usual)
    for leg, way in (wanted or {}).items():
        if leg not in LEGS or way not in WAYS:
            raise RecordingError(
                f"leg: expected twilio or vapi, recorded or live, as in vapi=live; found "
                f"{leg}={way}"
            )
        if way == "recorded" and not is_virtual:
            raise RecordingError(
                f"leg {leg}=recorded: on real sockets both legs are live; recorded legs are "
                "replayed in virtual time"
            )
        if way == "recorded" and not _frames(recording, leg, set()):
            raise RecordingError(
                f"{recording.name}: leg {leg}=recorded: expected frames of audio that came from "
                f"{leg.capitalize()}, found none"
            )
        if way == "recorded" and leg == "vapi" and in_json:
            raise RecordingError(
                f"{recording.name}: leg vapi=recorded: its audio came in JSON; only Vapi's own "
                "transport is replayed as it was recorded"
            )
        ways[leg] = way
    return ways


def speaks_json(recording: Recording) -> bool:
    """Tell whether Vapi's audio came in messages of its own, as in the dialect of two articles."""
    return any(
        event.media is not None
        and (event.leg, event.direction) == ("vapi", "in")
        and bool(recording.formats[event.media.file].message)
        for event in recording.events
    )


def _frames(recording: Recording, leg: str, origins: set[str]) -> bool:
    return any(
        event.media is not None
        and (event.leg, event.direction) == (leg, "in")
        and (not origins or event.origin in origins)
        for event in recording.events
    )


class Stage:
    """Sets the recorded legs of a call up, and knows what was not answered.

    Args:
        sim: where the call is replayed.
        ways: how each leg is.
    """

    def __init__(self, sim: World, recording: Recording, ways: Mapping[LegName, Way]) -> None:
        self._sim: Any = sim
        self._recording = recording
        self._course: Course | None = None
        self._recitals: list[tuple[int, Recital]] = []
        self.began_ns = stream_began_ns(recording) if "recorded" in ways.values() else 0
        """On the recording's clock: when the stream's first message came to the bridge."""
        if ways["twilio"] == "recorded":
            self._course = self._make_course()
            sim.twilio.plays(self._course)
        if ways["vapi"] == "recorded":
            self._recitals = [*self._make_recitals()]
            sim.vapi.plays(*(recital for _, recital in self._recitals))

    # Twilio

    def _make_course(self) -> Course:
        returns = [
            Step(0, event.message).mark or ""
            for event in self._recording.messages("twilio", "in", "mark")
        ]
        self._set_close_code()
        return Course(self._steps(), returns, lambda: self._sim.twilio.flows[-1].hang_up("caller"))

    def _set_close_code(self) -> None:
        """Let the socket close after ``stop`` as it did."""
        ends = self._recording.messages("twilio", "in", DISCONNECTED)
        if ends and self._recording.messages("twilio", "in", "stop"):
            code = _close_code(ends[0].message)
            self._sim.twilio.settings.close_code = None if code == 1005 else code

    def _steps(self) -> Iterator[Step]:
        recording = self._recording
        closed = [instant_ns(event) for event in recording.messages("twilio", "out", CLOSED)]
        has_start = bool(recording.messages("twilio", "in", "start"))
        if not has_start:
            yield Step(0, {"event": "start"})
        for said in said_by(recording, "twilio"):
            after_ns = said.t_ns - self.began_ns
            kind = said.message.get("event")
            if said.frame is not None:
                numbers = said.frame.numbers
                frame = Frame(said.data, numbers.chunk, numbers.timestamp)
                yield Step(after_ns, frame, numbers.sequence)
            elif kind == DISCONNECTED:
                answers = bool(closed) and closed[0] <= said.t_ns
                yield Step(after_ns, End(_close_code(said.message), answers))
            elif kind not in ("connected", "unreadable", None):
                yield Step(after_ns, said.message, said.sequence)

    # Vapi

    def _make_recitals(self) -> Iterator[tuple[int, Recital]]:
        opened = openings_ns(self._recording)
        speech: list[list[tuple[int, int, Speech]]] = [[] for _ in opened]
        answers: list[set[str]] = [set() for _ in opened]
        for t_ns, said in agent_speech(self._recording):
            speech[_socket(opened, t_ns)].append((t_ns, -1, said.speech))
        for t_ns, _, line in self._texts():
            answers[_socket(opened, t_ns)] |= line.waits_for
        for number, opened_ns in enumerate(opened):
            yield (
                opened_ns,
                self._make_recital(opened, number, speech[number], frozenset(answers[number])),
            )

    def _make_recital(
        self,
        opened: list[int],
        number: int,
        speech: list[tuple[int, int, Speech]],
        answers: frozenset[str],
    ) -> Recital:
        opened_ns = opened[number]

        def lines(audio: vapi.AudioFormat) -> Iterator[tuple[int, Line]]:
            few: Iterator[Any] = heapq.merge(speech, self._texts(), key=lambda e: e[:2])
            for t_ns, _, line in woven(few, self._sounds(audio), key=lambda e: e[:2]):
                if _socket(opened, t_ns) == number:
                    yield max(0, t_ns - opened_ns), line

        return Recital(lines, lambda: self._opens_ns(opened_ns), answers)

    def _texts(self) -> Iterator[tuple[int, int, Text | Closing]]:
        causes = Causes()
        own = [event for event in self._recording.events if event.leg == "vapi"]
        closes = [event for event in own if event.message.get("event") == DISCONNECTED]
        is_over = False
        for event in own:
            if event.media is not None:
                continue
            if event.direction == "out":
                causes.bridge_said(event.message)
                continue
            t_ns, message, waits_for = instant_ns(event), event.message, causes.of(event.message)
            kind = message.get("event")
            if kind == DISCONNECTED and not is_over:
                yield t_ns, 0, Closing(_close_code(message), waits_for)
            elif not is_of_capture(message):
                yield t_ns, 0, Text(msgspec.json.encode(message), waits_for)
                inner = opened_envelope(message)
                if (inner.get("type"), inner.get("status")) == ("status-update", "ended"):
                    # A client sees the close a round trip after it.
                    is_over = True
                    code = _close_code(closes[-1].message) if closes else 1000
                    yield t_ns, 0, Closing(code, waits_for)

    def _sounds(self, audio: vapi.AudioFormat) -> Iterator[tuple[int, int, bytes]]:
        today = MediaFormat(audio.format, audio.sample_rate)
        conversions: dict[MediaFormat, Conversion] = {}
        for said in said_by(self._recording, "vapi"):
            if said.frame is not None and said.event.media is not None:
                format_ = self._recording.formats[said.event.media.file]
                if format_ not in conversions:
                    conversions[format_] = Conversion(format_, today)
                yield said.t_ns, 1, conversions[format_].convert(said.data)

    def _opens_ns(self, opened_ns: int) -> int:
        """Return when Vapi may answer the upgrade, so that it is open as late as it was."""
        try:
            connected_ns = self._sim.twilio.flows[-1].mouth.origin_ns + PACKET_NS
        except (IndexError, RuntimeError):  # before there is a call, or a stream
            return 0
        there_ns = connected_ns + self._latency_ns(TWILIO_HOST)
        opened_today_ns: int = there_ns + opened_ns - self.began_ns
        return opened_today_ns - self._latency_ns(VAPI_HOST)

    def _latency_ns(self, host: str) -> int:
        latency: int = self._sim.link(host, BRIDGE_HOST).towards(BRIDGE_HOST).latency_ns
        return latency

    # What was not said

    def unanswered(self) -> list[str]:
        """Return, in sentences, what was not said since its cause never came."""
        found = []
        if self._course is not None:
            flow = self._sim.twilio.flows[-1]
            streams = [streaming for streaming in flow.streams.all if streaming.started]
            closed = any(streaming.problem is not None for streaming in streams)
            steps = self._course.unanswered(closed_by_server=closed) if streams else ()
            found += [(step.after_ns + self.began_ns, _of_step(step)) for step in steps]
        for opened_ns, recital in self._recitals:
            if recital.reciting is None:
                found.append((opened_ns, "Vapi said nothing: the bridge did not open its socket"))
                continue
            lines = recital.reciting.unanswered()
            found += [(opened_ns + after_ns, _of_line(line)) for after_ns, line in lines]
        found.sort(key=lambda entry: entry[0])
        return [f"{t_ns / 1e9:.3f}: {sentence}" for t_ns, sentence in found]


def _socket(opened: list[int], t_ns: int) -> int:
    """Return on which of the sockets that were opened then something came: not before the first."""
    return max(0, bisect_right(opened, t_ns) - 1)


def _close_code(message: dict[str, Any]) -> int:
    """Return the code with which a socket was closed; 1006 for none that could be."""
    code = message.get("code")
    return code if isinstance(code, int) and code in _SENDABLE else 1006


def _of_step(step: Step) -> str:
    if step.mark is None:
        return "Twilio's answer to the close was not sent: the bridge did not close the socket"
    return f"mark {step.mark!r} did not come back: the bridge did not send it"


def _of_line(line: Text | Closing) -> str:
    if isinstance(line, Closing):
        what = f"Vapi did not close its socket ({line.code})"
    else:
        what = f"Vapi did not say {_kind_of(line)}"
    return f"{what}: the bridge sent no {' or '.join(sorted(line.waits_for))}"


def _kind_of(text: Text) -> str:
    message = opened_envelope(msgspec.json.decode(text.data))
    return " ".join(str(message[key]) for key in ("type", "status") if key in message)
