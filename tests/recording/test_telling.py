"""When streams and sockets began in a recording, and what answers what."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from simkit.recording import Header, MediaFormat, Recording, read
from simkit.recording.media import Numbers
from simkit.recording.recorder import Recorder
from simkit.recording.telling import Causes, openings_ns, said_by, stream_began_ns

MS = 1_000_000


def recorded(folder: Path, *entries: tuple[Any, ...]) -> Recording:
    """A recording of (ms, leg, direction, message, or bytes of a frame, or its timestamp)."""
    taken = Recorder(folder / "call", Header(source="a test"))
    for t_ms, leg, direction, what in entries:
        if isinstance(what, dict):
            taken.message(round(t_ms * MS), leg, direction, what)
        elif isinstance(what, int):
            numbers = Numbers(None, None, what)
            frame = (bytes(160), MediaFormat("mulaw", 8000), numbers)
            taken.frame(round(t_ms * MS), leg, direction, *frame)
        else:
            taken.frame(round(t_ms * MS), leg, direction, what, MediaFormat("pcm_s16le", 16000))
    taken.finish(10_000 * MS)
    return read(folder / "call")


CONNECTED = {"event": "connected"}
HELLO = {"type": "status-update", "status": "in-progress"}


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ([], 0),
        ([(40, "twilio", "in", CONNECTED), (41, "twilio", "in", 57)], 40),
        ([(40, "twilio", "in", CONNECTED), (90, "twilio", "in", 57)], 40),
        ([(200, "twilio", "in", CONNECTED), *((max(200, t), "twilio", "in", t) for t in
          range(57, 400, 20))], 57),
        ([(70, "twilio", "in", 5000), (90, "twilio", "in", 5020)], 70),
        ([(40, "twilio", "out", {"event": "clear"})], 0),
    ],
    ids=["nothing", "at once", "late frames", "busy", "no connected", "nothing came"],
)  # fmt: skip
def test_the_stream_began_when_its_first_message_must_have_been_there(entries, expected, tmp_path):
    assert stream_began_ns(recorded(tmp_path, *entries)) == pytest.approx(expected * MS, abs=MS)


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ([], []),
        ([(300, "vapi", "in", {"event": "opened"}), (500, "vapi", "in", HELLO)], [300]),
        ([(300, "vapi", "in", HELLO)], [160]),
        ([(90, "vapi", "in", HELLO)], [0]),
        ([(250, "vapi", "out", b"\0\1"), (300, "vapi", "in", HELLO)], [160]),
        ([(120, "vapi", "in", b"\0\1"), (300, "vapi", "in", HELLO)], [120]),
        (
            [
                (10, "vapi", "out", {"event": "request", "path": "/call"}),
                (60, "vapi", "in", {"event": "response", "status": 201}),
                (300, "vapi", "in", HELLO),
            ],
            [160],
        ),
        ([(t_ms, "vapi", "in", {"event": "opened"}) for t_ms in (300, 900)], [300, 900]),
    ],
    ids=["nothing", "told", "before", "early", "after", "sound", "requests", "twice"],
)
def test_sockets_opened_when_told_or_a_little_before_the_first_message(entries, expected, tmp_path):
    assert openings_ns(recorded(tmp_path, *entries)) == [t_ms * MS for t_ms in expected]


def test_what_came_at_one_instant_is_in_the_order_of_its_numbers(tmp_path):
    taken = Recorder(tmp_path / "call", Header(source="a test"))
    mulaw = MediaFormat("mulaw", 8000)
    taken.frame(0, "twilio", "in", b"a", mulaw, Numbers(4, 1, 0))
    taken.message(0, "twilio", "in", {"event": "mark", "sequenceNumber": "3"})
    taken.message(0, "twilio", "in", {"event": "dtmf", "sequenceNumber": "5"})
    taken.message(0, "twilio", "in", {"event": "odd", "sequenceNumber": []})
    taken.finish(MS)
    found = [said.sequence for said in said_by(read(tmp_path / "call"), "twilio")]
    assert found == [3, 4, 5, None]


ENDED = {"type": "status-update", "status": "ended"}
RESULT = {"type": "tool-calls-result", "toolCallResult": {"toolCallId": "call_1"}}
ANSWER = {"type": "add-message", "message": {"role": "tool", "tool_call_id": "call_1"}}


@pytest.mark.parametrize(
    ("asked", "told", "expected"),
    [
        ([], ENDED, set()),
        ([{"type": "end-call"}], ENDED, {"end-call"}),
        ([{"type": "hangup"}, {"event": "closed"}], ENDED, {"hangup", "closed"}),
        ([{"type": "end-call"}], {"message": ENDED}, {"end-call"}),
        ([{"type": "end-call"}], HELLO, set()),
        ([{"event": "closed"}], {"event": "disconnected"}, {"closed"}),
        ([{"type": "handoff"}], {"type": "transfer-update"}, {"handoff"}),
        ([ANSWER], RESULT, {"tool:call_1"}),
        ([], RESULT, set()),
        ([ANSWER], {"type": "tool-calls-result", "toolCallResult": 7}, set()),
        ([{"type": ["end-call"]}, {"message": 1}], ENDED, set()),
    ],
)
def test_an_answer_waits_for_what_had_been_asked(asked, told, expected):
    causes = Causes()
    for message in asked:
        causes.bridge_said(message)
    assert causes.of(told) == expected
