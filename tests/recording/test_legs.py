"""Recorded legs: the services say what they said then, and the same bridge does the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from simkit import Simulation
from simkit.recording import (
    Header,
    MediaFormat,
    RecordedEvent,
    Recording,
    RecordingError,
    read,
    replay,
)
from simkit.recording.legs import Stage, choose_legs
from simkit.recording.recorder import Recorder
from tests.recording.bridges import (
    MULAW,
    STEADY,
    call_with_a_barge_in,
    captured,
    small_bridge,
    stream,
    told,
)
from tests.vapi.test_recital import told as told_by_vapi

PCM = MediaFormat("pcm_s16le", 16000)
BOTH = {"twilio": "recorded", "vapi": "recorded"}
RECORDINGS = Path(__file__).parents[2] / "recordings"


def replayed(recording: Recording, folder: Path, **bridge: Any) -> tuple[Recording, Any]:
    """Replay a recording with both legs recorded; returns what was captured, and the replay."""
    return captured(folder, lambda app: replay(recording, app=app, legs=BOTH), **bridge)


@pytest.fixture(scope="module")
def recording(tmp_path_factory) -> Recording:
    return captured(tmp_path_factory.mktemp("then") / "calls", call_with_a_barge_in)[0]


@pytest.fixture(scope="module")
def again(recording, tmp_path_factory) -> tuple[Recording, Any]:
    return replayed(recording, tmp_path_factory.mktemp("now") / "calls")


def assert_same(then: list[tuple[float, Any]], now: list[tuple[float, Any]]) -> None:
    assert [what for _, what in now] == [what for _, what in then]
    assert [t_ms for t_ms, _ in now] == pytest.approx([t_ms for t_ms, _ in then], abs=0.1)


def changed(recording: Recording, change: Any) -> Recording:
    """The recording with each event changed; None leaves it out."""
    events = [new for event in recording.events if (new := change(event)) is not None]
    return Recording(
        recording.name,
        recording.header,
        events,
        recording.sounds,
        recording._tapes,
        recording.formats,
    )


# The same bridge


def test_the_services_say_what_they_said_when_they_said_it(recording, again):
    for leg in ("twilio", "vapi"):
        assert_same(told(recording, leg, "in"), told(again[0], leg, "in"))


def test_frames_come_as_they_came_with_their_numbers(recording, again):
    for leg in ("twilio", "vapi"):
        then, now = (list(one.frames(leg, "in")) for one in (recording, again[0]))
        assert [(f.numbers, data) for f, data in now] == [(f.numbers, data) for f, data in then]
        worst = max(abs(a.t_ns - b.t_ns) for (a, _), (b, _) in zip(then, now, strict=True))
        assert worst < 100_000


def test_the_same_bridge_does_the_same(recording, again):
    for leg in ("twilio", "vapi"):
        assert_same(told(recording, leg, "out"), told(again[0], leg, "out"))
        then, now = (list(one.frames(leg, "out")) for one in (recording, again[0]))
        assert [data for _, data in now] == [data for _, data in then]
        worst = max(abs(a.t_ns - b.t_ns) for (a, _), (b, _) in zip(then, now, strict=True))
        assert worst < 100_000
    kinds = [what["event"] for _, what in told(again[0], "twilio", "out")]
    assert kinds == ["clear", "mark", "mark"]


def test_nothing_is_left_unanswered_and_every_check_holds(again):
    _, result = again
    assert result.legs == BOTH
    assert result.unanswered == []
    assert [check.name for check in result.checks if not check.passed] == []
    waived = {check.name: check.waived for check in result.checks if check.waived}
    assert waived == {"one-reply-per-turn": "what a recorded Vapi says is not this bridge's doing"}


def test_who_was_captured_on_both_sides_is_replayed_as_recorded(recording):
    assert replay(recording, app=small_bridge()).legs == BOTH


def test_what_the_agent_says_is_known_to_the_measures(again):
    _, result = again
    said = [event.fields["text"] for event in result.timeline.of("replies")]
    assert said == ["Your appointment is", "Thursday it is."]
    heard = [event.fields["text"] for event in result.timeline.of("hears")]
    assert [text for text in heard if text] == said
    first, second = result.timeline.of("replied")
    assert (first.fields["interrupted"], second.fields["interrupted"]) == (True, False)
    [barge_in] = result.barge_ins
    assert barge_in.detected_by == "user-interrupted"
    assert (barge_in.react_ms, barge_in.fly_ms) == (0.0, 20.0)


def test_the_same_recording_gives_the_same_text(recording, again):
    once = replay(recording, app=small_bridge(), legs=BOTH).timeline
    assert str(once) == str(again[1].timeline)


def test_audio_is_brought_to_the_format_that_is_asked_for_today(recording, again, tmp_path):
    now, result = replayed(recording, tmp_path / "calls", encoding="mulaw")
    assert now.formats["from-vapi.flac"] == MULAW
    assert result.unanswered == []
    heard = [event.fields["text"] for event in result.timeline.of("hears")]
    assert [text for text in heard if text] == ["Your appointment is", "Thursday it is."]
    assert len(list(now.frames("twilio", "out"))) == len(list(again[0].frames("twilio", "out")))


def test_a_call_that_vapi_ended_ends_so_again(tmp_path):
    def call_that_ends(app: Any) -> Any:
        with Simulation() as sim:
            sim.host("bridge.example.com").serve(app)
            sim.vapi.assistant(first_message="Goodbye.", max_duration=2.007)

            async def call():
                phone = await sim.twilio.call(to="+15550100")
                await phone.ends()

            sim.run(call())
            return sim.finish()

    then, _ = captured(tmp_path / "then", call_that_ends)
    assert told(then, "vapi", "in")[-2][1]["endedReason"] == "exceeded-max-duration"
    assert told(then, "twilio", "out")[-1][1] == {"event": "closed", "code": 1000}
    now, result = replayed(then, tmp_path / "now")
    for leg in ("twilio", "vapi"):
        for direction in ("in", "out"):
            assert_same(told(then, leg, direction), told(now, leg, direction))
    assert result.unanswered == []
    assert result.timeline.of("hangs-up") == []


# Another bridge


def test_a_bridge_that_does_not_clear_any_more_is_found(recording, tmp_path):
    now, _ = replayed(recording, tmp_path / "calls", clears=False)
    kinds = [what["event"] for _, what in told(now, "twilio", "out")]
    assert kinds == ["mark", "mark"]
    assert [what["type"] for _, what in told(now, "vapi", "in") if "type" in what].count(
        "user-interrupted"
    ) == 1


def test_a_mark_that_is_not_sent_does_not_come_back(recording, tmp_path):
    now, result = replayed(recording, tmp_path / "calls", marks=False)
    assert now.messages("twilio", "in", "mark") == []
    assert result.unanswered == [
        "1.900: mark 'reply-1' did not come back: the bridge did not send it",
        "6.020: mark 'reply-2' did not come back: the bridge did not send it",
    ]
    numbers = [frame.numbers.sequence for frame, _ in now.frames("twilio", "in")]
    [key] = now.messages("twilio", "in", "dtmf")
    everything = sorted([1, int(key.message["sequenceNumber"]), *numbers])
    assert everything == list(range(1, len(everything) + 1))


def test_a_mark_that_is_sent_late_comes_back_late(recording, tmp_path):
    def earlier(event: RecordedEvent) -> RecordedEvent:
        if event.direction == "in" and event.message.get("event") == "mark":
            return msgspec.structs.replace(event, t_ms=event.t_ms - 500)
        return event

    events = sorted(changed(recording, earlier).events, key=lambda event: event.t_ms)
    hasty = changed(recording, lambda event: event)
    hasty.events = events
    now, result = replayed(hasty, tmp_path / "calls")
    sent = [t_ms for t_ms, what in told(now, "twilio", "out") if what["event"] == "mark"]
    back = [t_ms for t_ms, what in told(now, "twilio", "in") if what["event"] == "mark"]
    assert back == pytest.approx([t_ms + 40 for t_ms in sent], abs=0.1)
    assert result.unanswered == []


def test_a_mark_that_was_not_recorded_comes_back_when_it_has_played(recording, tmp_path):
    def without_first(event: RecordedEvent) -> RecordedEvent | None:
        is_first = event.message.get("mark") == {"name": "reply-1"}
        return None if is_first and event.direction == "in" else event

    now, _ = replayed(changed(recording, without_first), tmp_path / "calls")
    assert [what["mark"]["name"] for _, what in told(now, "twilio", "in") if "mark" in what] == [
        "reply-1",
        "reply-2",
    ]


def test_a_bridge_that_never_asks_vapi_is_told(recording):
    result = replay(recording, app=small_bridge(opens_vapi=False), legs=BOTH)
    assert "0.120: Vapi said nothing: the bridge did not open its socket" in result.unanswered


def test_an_end_that_was_asked_for_waits_until_it_is(recording, tmp_path):
    ended = {"type": "status-update", "status": "ended", "endedReason": "assistant-ended-call"}

    def as_asked(event: RecordedEvent) -> RecordedEvent | None:
        return event if event.t_ms < 3000 else None

    cut = changed(recording, as_asked)
    for t_ms, direction, message in (
        (3000.0, "out", {"type": "end-call"}),
        (3020.0, "in", ended),
    ):
        cut.events.append(
            RecordedEvent(t_ms=t_ms, leg="vapi", direction=direction, message=message)
        )

    async def hangs_up(socket: Any) -> None:
        await socket.send(json.dumps({"type": "end-call"}))

    now, result = replayed(cut, tmp_path / "asks", says=hangs_up)
    assert [t_ms for t_ms, what in told(now, "vapi", "in") if what.get("status") == "ended"] == [
        pytest.approx(3020, abs=0.1)
    ]
    assert result.unanswered == []

    now, result = replayed(cut, tmp_path / "does-not", ends_vapi=False)
    assert [what for _, what in told(now, "vapi", "in") if what.get("status") == "ended"] == []
    assert result.unanswered == [
        "3.020: Vapi did not say status-update ended: the bridge sent no end-call",
        "3.020: Vapi did not close its socket (1000): the bridge sent no end-call",
    ]


def test_an_end_that_the_recording_does_not_answer_is_granted(recording):
    async def hangs_up(socket: Any) -> None:
        await socket.send(json.dumps({"type": "end-call"}))

    result = replay(recording, app=small_bridge(says=hangs_up), legs=BOTH)
    assert [event.fields["status"] for event in result.timeline.of("status-update")] == ["ended"]


def test_a_tools_result_waits_for_its_answer(recording, tmp_path):
    answer = {"role": "tool", "content": "sunny", "tool_call_id": "call_1"}
    asked = {"type": "add-message", "message": answer}
    came = {"type": "tool-calls-result", "toolCallResult": {"toolCallId": "call_1"}}
    tooled = changed(recording, lambda event: event)
    for t_ms, direction, message in ((500.0, "out", asked), (600.0, "in", came)):
        tooled.events.append(
            RecordedEvent(t_ms=t_ms, leg="vapi", direction=direction, message=message)
        )
    tooled.events.sort(key=lambda event: event.t_ms)

    async def answers(socket: Any) -> None:
        await socket.send(json.dumps(asked))

    now, result = replayed(tooled, tmp_path / "answers", says=answers)
    assert [
        t_ms for t_ms, what in told(now, "vapi", "in") if what.get("type") == "tool-calls-result"
    ] == [pytest.approx(600, abs=0.1)]
    assert result.unanswered == []
    result = replay(tooled, app=small_bridge(), legs=BOTH)
    assert result.unanswered == [
        "0.600: Vapi did not say tool-calls-result: the bridge sent no tool:call_1"
    ]


def test_a_bridge_that_reconnected_gets_on_each_socket_what_was_said_on_it(tmp_path):
    taken = Recorder(tmp_path / "call", Header(source="a test"))
    for t_ms in (100, 600):
        taken.message(t_ms * 1_000_000, "vapi", "in", {"event": "opened"})
        taken.frame((t_ms + 5) * 1_000_000, "vapi", "in", bytes([t_ms // 100, 0]), PCM)
        gone = {"event": "disconnected", "code": 1000 + t_ms // 100}
        taken.message((t_ms + 7) * 1_000_000, "vapi", "in", gone)
    taken.finish(1_000_000_000)
    with Simulation() as sim:
        Stage(sim, read(tmp_path / "call"), {"twilio": "live", "vapi": "recorded"})
        assert told_by_vapi(sim) == [(5, b"\1\0"), (27, 1001)]
        assert told_by_vapi(sim) == [(5, b"\6\0"), (7, 1006)]


# Choices


def test_where_one_side_was_captured_both_legs_are_live(tmp_path):
    recording = stream(tmp_path / "call", STEADY)
    assert replay(recording).legs == {"twilio": "live", "vapi": "live"}


def test_what_was_composed_is_live():
    for name in ("three-interruptions", "pricing-question"):
        assert replay(read(RECORDINGS / name)).legs == {"twilio": "live", "vapi": "live"}


@pytest.mark.parametrize("legs", [{"twilio": "live"}, {"vapi": "live"}])
def test_one_leg_may_be_live(recording, legs):
    result = replay(recording, app=small_bridge(), legs=legs)
    assert result.legs == BOTH | legs
    assert result.failure == ""
    assert len(result.timeline.of("clear")) == 1


@pytest.mark.parametrize(
    ("legs", "expected"),
    [
        (
            {"phone": "live"},
            "leg: expected twilio or vapi, recorded or live, as in vapi=live; found phone=live",
        ),
        ({"vapi": "dead"}, "found vapi=dead"),
        ({"vapi": "recorded"}, "three-interruptions: leg vapi=recorded: expected frames of audio"),
    ],
)
def test_legs_that_cannot_be_are_told(legs, expected):
    with pytest.raises(RecordingError, match=expected):
        replay(read(RECORDINGS / "three-interruptions"), legs=legs)


def test_on_real_sockets_both_legs_are_live(recording):
    class RealTime:
        def __enter__(self) -> RealTime:
            return self

        def __exit__(self, *exc_info: object) -> None:
            pass

    with pytest.raises(RecordingError, match="on real sockets both legs are live"):
        replay(recording, world=RealTime(), legs={"vapi": "recorded"})


ODD = [
    {},
    {"event": "mark"},
    {"event": "mark", "mark": {"name": 5}},
    {"event": ["mark"]},
    {"event": "media", "media": 7},
    {"event": "dtmf", "dtmf": "x"},
    {"event": "dtmf", "dtmf": {"digit": {}}, "sequenceNumber": "x"},
    {"event": "mark", "mark": {"name": "a"}, "sequenceNumber": -(10**30)},
    {"event": "unreadable", "length": 3},
    {"type": 5},
    {"type": "transcript"},
    {"type": ["media"]},
    {"type": "status-update", "status": ["ended"]},
    {"type": "tool-calls-result", "toolCallResult": {"toolCallId": []}},
    {"type": "add-message", "message": "x"},
    {"message": {"message": {"type": "hang"}}},
    {"event": "opened", "type": "opened"},
    {"event": "disconnected", "code": [1000]},
]


def test_odd_messages_are_passed_on_or_passed_over(recording):
    odd = changed(recording, lambda event: event if event.t_ms < 3000 else None)
    for number, message in enumerate(ODD):
        for leg in ("twilio", "vapi"):
            for direction in ("in", "out"):
                event = RecordedEvent(
                    t_ms=1000.0 + number, leg=leg, direction=direction, message=message
                )
                odd.events.append(event)
    odd.events.sort(key=lambda event: event.t_ms)
    result = replay(odd, legs=BOTH)
    assert result.failure == ""
    assert "unhandled-error" not in {event.kind for event in result.timeline}
    assert str(result.timeline)


def test_audio_in_json_is_always_live():
    recording = read(Path(__file__).parents[2] / "recordings" / "json-audio")
    assert choose_legs(recording, None, None) == {"twilio": "live", "vapi": "live"}
    with pytest.raises(RecordingError, match="leg vapi=recorded: its audio came in JSON; only"):
        choose_legs(recording, {"vapi": "recorded"}, None)
