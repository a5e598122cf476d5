"""Replay: a recorded call again, against today's bridge.

The caller's sound comes from the recording, at its recorded instants, and the hang-up. Each leg is
recorded or live. A recorded one says what the service said then, to the message. On a live one the
fake answers: the assistant says what it said then, as late as it was then, and is interrupted by
what interrupted it then. The bridge is real.
"""

from __future__ import annotations

import time
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from .._served import put_up, with_cause
from ..audio import Speech
from ..audio.resample import DELAY_NS
from ..checks.replies import ONE_REPLY_PER_TURN
from ..report import Outcome
from ..simulation import Simulation
from ..timeline import barge_ins, measures
from ..twilio import CallFailed
from ..twilio.numbers import check_number
from ..vapi import HOST as VAPI_HOST
from ..vapi import Assistant, Reply
from ..world import BRIDGE_HOST, TWILIO_HOST, World
from .divergence import LIVE_TOLERANCE_MS, TOLERANCE_MS, Divergence, diverged
from .format import Header, RecordingError
from .legs import LegName, Stage, Way, choose_legs, speaks_json
from .outputs import tells_begin
from .own_bridge import knows_own_line, own_bridge
from .own_lines import without_own
from .reading import Recording
from .utterances import Utterance, since, track, transcripts, utterances

if TYPE_CHECKING:
    from ..report.page import Page

_FRAME_MS = 20.0
_GRACE_SECONDS = 1.0
"""For which a call goes on when the recording is over, unless the bridge ends it."""


@dataclass(kw_only=True, repr=False)
class Replay(Outcome):
    """What a replay showed."""

    recording: Recording
    legs: dict[LegName, Way] = field(default_factory=dict)
    """How each leg was replayed."""
    unanswered: list[str] = field(default_factory=list)
    """What recorded legs did not say since its cause never came: each with its recorded second."""
    divergence: Divergence
    """What the bridge did otherwise than in the recording."""
    played_ns: int = 0
    """When the recorded sound began to be played again."""

    @property
    def passed(self) -> bool:
        """True when nothing failed, every check held, and the bridge did as it had done."""
        return super().passed and self.divergence.is_none

    @property
    def faults(self) -> list[str]:
        """What it did not pass for, in sentences: what differs, then broken promises."""
        found = [f"the call failed: {self.failure}"] if self.failure else []
        for cause in self.divergence.causes:
            told = "; ".join(map(str, (cause, *cause.consequences)))
            found.append(f"at {cause.t_ns / 1e9:.3f}: {told}")
        return found + [
            f"{check.name}: {violation.sentence}"
            for check in self.checks
            for violation in check.violations
        ]

    def page(self, title: str, remarks: Sequence[str] = (), *, panels: int = 2) -> Page:
        """Return what a page is told of it: the recorded call above, this one below."""
        from .compared import with_recording

        page = super().page(title, remarks, panels=panels)
        return with_recording(page, self.recording, self.divergence, self.played_ns)

    def __repr__(self) -> str:
        """Return what it did not pass for: that is what a failing test shows."""
        return f"<Replay of {self.recording.name}: {'; '.join(self.faults) or 'as recorded'}>"


def _check_numbers(recording: Recording) -> None:
    header = recording.header
    try:
        check_number("to", header.to)
        check_number("from", header.from_, may_be_withheld=True)
    except ValueError as error:
        raise RecordingError(f"{recording.name}: header: {error}") from None


def replay(
    recording: Recording,
    *,
    app: Any = None,
    seed: int = 0,
    world: World | None = None,
    legs: Mapping[str, str] | None = None,
    tolerance_ms: float | None = None,
) -> Replay:
    """Run a recorded call through a bridge.

    Args:
        recording: as :func:`simkit.recording.read` returns it.
        app: an ASGI application or ``"module:attribute"``; None for simkit's own bridge, with the
            settings that the recording says.
        seed: of the simulation.
        world: where a bridge is served already, in place of a simulation of ``app``; it is closed
            afterwards.
        legs: how ``twilio`` and ``vapi`` are replayed, ``recorded`` or ``live``; where it is not
            said, ``recorded`` if frames from both were captured, else ``live``.
        tolerance_ms: what the bridge sends may be so much earlier or later than recorded; None: as
            the recording says, else 50, or 100 where a leg is live, whose fake answers by what a
            recording lets infer.

    Raises:
        AppError: the application cannot be loaded or does not start.
        RecordingError: the recording holds nothing to replay, or a leg cannot be replayed so.
    """
    started = time.process_time()
    header = recording.header
    _check_numbers(recording)
    # Given away where it is played: an hour of it is 58 MB.
    side = [track(recording, "caller")]
    spoken = utterances(recording, "caller", side[0])
    with world or _simulation(app, recording, seed) as sim:
        ways = choose_legs(recording, legs, world)
        knows_own_line(sim)
        for name, far in (("twilio", TWILIO_HOST), ("vapi", VAPI_HOST)):
            if name in header.links_ms:
                sim.link(far, BRIDGE_HOST).latency = header.links_ms[name] / 1000
        stage = Stage(sim, recording, ways)
        if ways["vapi"] == "recorded":
            reason = "what a recorded Vapi says is not this bridge's doing"
            sim.checks.waive(ONE_REPLY_PER_TURN.name, reason=reason)
        else:
            _set_assistant(sim, recording, spoken)
        began = stage.began_ns / 1e9
        speech = [(start - began, said) for start, said in _caller_speech(recording, spoken)]

        played_ns: list[int] = []

        async def call_again() -> str:
            try:
                call = await sim.twilio.call(to=header.to, from_=header.from_)
            except CallFailed as error:
                return str(error)
            origin = call.plays(since(side.pop(), stage.began_ns), speech)
            played_ns.append(round((origin - began) * 1e9))
            rest = origin + recording.duration_ms / 1000 - began - sim.now
            if ways["twilio"] == "recorded":
                rest += _GRACE_SECONDS  # it says itself how it ended
            try:
                await call.ends(timeout=max(0.0, rest))
            except TimeoutError:
                await call.hangs_up()
            return ""

        failure = with_cause(sim, sim.run(call_again()))
        timeline = sim.finish()
        call = sim.twilio.calls[0]
        sound = partial(call.sound, sim.now_ns)
        ear_ns = call.ear.origin_ns if call.ear is not None else 0
        started_ns = played_ns[0] if played_ns else 0
        cpu_seconds = time.process_time() - started
        return Replay(
            recording=recording,
            timeline=timeline,
            barge_ins=barge_ins(timeline),
            measures=measures(timeline),
            checks=without_own(
                sim.checks.judge(), recording, timeline, lambda: (sound()[1], ear_ns)
            ),
            sound=sound,
            sound_starts_ns=ear_ns,
            call_seconds=recording.duration_ms / 1000,
            cpu_seconds=cpu_seconds,
            failure=failure,
            legs=ways,
            unanswered=[] if failure else stage.unanswered(),
            played_ns=started_ns,
            divergence=diverged(
                recording,
                timeline,
                played_ns=started_ns,
                tolerance_ms=_tolerance_ms(header, ways) if tolerance_ms is None else tolerance_ms,
                # Sound, and marks at its ends, follow what a live service sends at its own pace.
                ignored=("media", "mark") if ways["vapi"] == "live" else (),
            ),
        )


def _tolerance_ms(header: Header, ways: Mapping[LegName, Way]) -> float:
    if header.tolerance_ms is not None:
        return header.tolerance_ms
    return LIVE_TOLERANCE_MS if "live" in ways.values() else TOLERANCE_MS


def _simulation(app: Any, recording: Recording, seed: int) -> Simulation:
    sim = Simulation(seed)
    try:
        put_up(sim, own_bridge(recording.header, recording.name) if app is None else app)
    except BaseException:
        sim.close()
        raise
    return sim


def _caller_speech(recording: Recording, spoken: list[Utterance]) -> list[tuple[float, Speech]]:
    """Return what the caller says, with its start in seconds and the transcripts it led to."""
    vapi_ms = recording.header.links_ms.get("vapi", 0.0)
    path_ms = _to_bridge_ms(recording) + vapi_ms + DELAY_NS / 1e6 + vapi_ms
    partials = list(transcripts(recording, "caller", "partial"))
    instants = [t_ms for t_ms, _ in partials]
    result = []
    for number, said in enumerate(spoken):
        until_ms = spoken[number + 1].t_ms if number + 1 < len(spoken) else float("inf")
        heard = slice(bisect_left(instants, said.t_ms + path_ms), bisect_left(instants, until_ms))
        own = tuple((text, (t_ms - said.t_ms - path_ms) / 1e3) for t_ms, text in partials[heard])
        result.append((said.t_ms / 1000, replace(said.speech, partials=own)))
    return result


def _to_bridge_ms(recording: Recording) -> float:
    """Return what passes from a sample's instant in the recording to its arrival at the bridge.

    Frames are dated there, when they are complete. What somebody is only told to have said is
    dated at the mouth.
    """
    return -_FRAME_MS if tells_begin(recording) else recording.header.links_ms.get("twilio", 0.0)


def _set_assistant(sim: World, recording: Recording, caller: list[Utterance]) -> None:
    """Let the assistant say what it said, as late as it was."""
    header = recording.header
    vapi_ms = header.links_ms.get("vapi", 0.0)
    to_bridge_ms = _to_bridge_ms(recording)
    first: Speech | None = None
    replies: list[Reply] = []
    delay = Assistant.first_message_delay
    ends_ms = sorted(own.spoken_until_ms for own in caller)
    for said in utterances(recording, "agent"):
        before = bisect_right(ends_ms, said.t_ms)
        if not before and first is None:
            first = said.speech
            # From the stream's start at the bridge: POST /call over a new connection (4 flights;
            # none where audio comes in JSON), the opening of the socket (3), then one flight back.
            flights = 4 if speaks_json(recording) else 8
            opened_ms = _FRAME_MS + to_bridge_ms + flights * vapi_ms
            delay = max(0.0, said.t_ms - opened_ms) / 1000
            continue
        ended_ms = ends_ms[before - 1] if before else 0.0
        arrived_ms = ended_ms + to_bridge_ms + vapi_ms + DELAY_NS / 1e6
        replies.append(Reply(said.speech, max(0.0, said.t_ms - vapi_ms - arrived_ms) / 1000))
    try:
        sim.vapi.assistant(
            first_message=first,
            replies=replies,
            **{"first_message_delay": delay, **header.assistant},
        )
    except (TypeError, ValueError, AttributeError) as error:
        raise RecordingError(f"{recording.name}: header: assistant: {error}") from None
