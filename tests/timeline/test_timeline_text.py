"""The timeline as text: what a person reviews in a pull request."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simkit.timeline import Timeline
from simkit.timeline.text import line

MS = 1_000_000
S = 1_000 * MS

EVERY_KIND = """\
    0.060  twilio   > bridge   POST /voice/inbound  CallStatus=ringing  To=+1555
    0.061  bridge   > twilio   HTTP 200  TwiML
    0.104  twilio   > bridge   connected
    0.104+ twilio   > bridge   media x2  0.040 s
    0.105+ bridge   > vapi     media x2  0.040 s  1 out of order
    0.106  twilio   > bridge   start  encoding=mulaw/8000
    0.200  vapi     > bridge   speech-update assistant started
    0.900  agent    speaks     reply 1 "Hello there"  2.000 s
    1.000  caller   hears      "Hello"  1.310 s
    2.000  caller   speaks     "wait"  0.415 s
    2.200  vapi     > bridge   transcript partial user "wait"
    2.200  agent    stops      reply 1, 1.600 s of it sent
    2.201  bridge   > twilio   clear
    2.202  bridge   > twilio   mark "agent-1"
    2.310  caller   hears      silence, 310 ms after onset; 0.3 s unheard
    2.500  twilio   warning  code=31951  reason="two words"
    3.000  caller   hears      something unknown  0.100 s
    4.000  agent    is done    reply 2
    5.000  bridge   > vapi     close 1000
    5.001  caller   hangs-up
"""


def record_speech(timeline: Timeline, utterance: int, t_ms: int, ms: int, *, call=1, text="wait"):
    timeline.record(
        "speaks",
        "caller",
        t_ns=t_ms * MS,
        call=call,
        utterance=utterance,
        text=text,
        duration_ns=ms * MS,
    )


def record_hearing(timeline: Timeline, utterance, t_ms: int, ms: int, *, call=1, text="Hello"):
    timeline.record(
        "hears",
        "caller",
        t_ns=t_ms * MS,
        call=call,
        utterance=utterance,
        offset_ns=0,
        duration_ns=ms * MS,
        text=text,
    )


def every_kind() -> Timeline:
    t = Timeline(lambda: 6 * S)
    t.record(
        "request",
        "twilio",
        "bridge",
        t_ns=60 * MS,
        method="POST",
        path="/voice/inbound",
        shown={"CallStatus": "ringing", "To": "+1555"},
    )
    t.record("response", "bridge", "twilio", t_ns=61 * MS, status=200, summary="TwiML")
    t.record("connected", "twilio", "bridge", t_ns=104 * MS, call=1)
    for at in (104, 124):
        t.frame("twilio", "bridge", at * MS, 20 * MS, call=1)
        t.frame("bridge", "vapi", (at + 1) * MS, 20 * MS, session=1, in_order=at == 104)
    t.record("start", "twilio", "bridge", t_ns=106 * MS, call=1, encoding="mulaw/8000")
    t.record(
        "speech-update",
        "vapi",
        "bridge",
        t_ns=200 * MS,
        session=1,
        role="assistant",
        status="started",
    )
    reply = {"reply": 1, "utterance": 1}
    t.record(
        "replies",
        "agent",
        t_ns=900 * MS,
        session=1,
        arrived_ns=910 * MS,
        text="Hello there",
        duration_ns=2 * S,
        **reply,
    )
    record_hearing(t, 1, 1000, 1310)
    record_speech(t, 2, 2000, 415)
    t.record("receives", "vapi", t_ns=2030 * MS, session=1, utterance=2, duration_ns=S, offset_ns=0)
    t.record(
        "transcript",
        "vapi",
        "bridge",
        t_ns=2200 * MS,
        session=1,
        role="user",
        transcript_type="partial",
        text="wait",
    )
    t.record(
        "replied", "agent", t_ns=2200 * MS, session=1, interrupted=True, audio_ns=1600 * MS, **reply
    )
    t.record("clear", "bridge", "twilio", t_ns=2201 * MS, call=1, arrived_ns=2221 * MS)
    t.record("mark", "bridge", "twilio", t_ns=2202 * MS, call=1, name="agent-1")
    t.record("warning", "twilio", t_ns=2500 * MS, call=1, code=31951, reason="two words")
    record_hearing(t, None, 3000, 100, text="")
    t.record(
        "replied", "agent", t_ns=4 * S, session=1, reply=2, utterance=3, interrupted=False,
        audio_ns=S,
    )  # fmt: skip
    t.record("close", "bridge", "vapi", t_ns=5 * S, session=1, code=1000)
    t.record("hangs-up", "caller", t_ns=5001 * MS, call=1)
    return t


def test_every_kind_of_event_has_its_line():
    assert str(every_kind()) == EVERY_KIND


def test_an_empty_timeline_is_an_empty_text():
    assert str(Timeline()) == ""


def test_what_vapi_receives_is_not_shown():
    timeline = Timeline()
    timeline.record("receives", "vapi", utterance=1, offset_ns=0, duration_ns=S)
    assert str(timeline) == ""


def test_of_several_calls_each_line_says_whose_it_is():
    timeline = Timeline()
    timeline.record("connected", "twilio", "bridge", call=1)
    timeline.record("connected", "twilio", "bridge", call=2)
    timeline.record("open", "vapi", "bridge", session=3)
    timeline.record("stall", "bridge", duration_ns=1)
    assert str(timeline) == (
        "call 1      0.000  twilio   > bridge   connected\n"
        "call 2      0.000  twilio   > bridge   connected\n"
        "vapi 3      0.000  vapi     > bridge   open\n"
        "            0.000  bridge   stall  duration_ns=1\n"
    )


def test_the_silence_of_one_of_several_calls_says_whose_it_is():
    timeline = every_kind()
    timeline.record("connected", "twilio", "bridge", t_ns=0, call=2)
    [silence] = [line for line in str(timeline).splitlines() if "silence" in line]
    assert silence.startswith("call 1      2.310  caller   hears      silence, 310 ms")


def test_who_interrupts_twice_hears_the_agent_stop_once():
    timeline = every_kind()
    record_speech(timeline, 4, 2100, 100, text="now")
    assert str(timeline).count("silence, ") == 1


def test_silence_that_never_came_is_not_claimed():
    timeline = Timeline(lambda: 2 * S)
    record_hearing(timeline, 1, 1000, 1000)
    record_speech(timeline, 2, 1500, 100)
    assert "silence" not in str(timeline)


def test_what_was_not_synthesised_in_a_reply_is_not_called_unheard():
    timeline = Timeline(lambda: 9 * S)
    record_hearing(timeline, 1, 1000, 1000)
    record_speech(timeline, 2, 1500, 100)
    assert str(timeline).splitlines()[-1].endswith("silence, 500 ms after onset")


def test_long_speech_is_cut_at_a_word():
    timeline = Timeline()
    record_speech(timeline, 1, 0, 100, text="word " * 100)
    [line] = str(timeline).splitlines()
    assert len(line) < 120
    assert 'word word ..."' in line


def test_a_reason_is_shown_whole_and_of_a_very_long_one_the_middle_is_left_out():
    def reason(text: str) -> str:
        event = Timeline().record("error", "twilio", call=1, reason=text)
        return line(event).partition("reason=")[2]

    why = "POST https://bridge.example.com/voice/inbound was answered HTTP 500, expected HTTP 200"
    assert reason(why) == f'"{why}"'
    shown = reason(f"{why}: {'Traceback (most recent call last) ' * 20} KeyError: 'CallSid'")
    assert shown.startswith(f'"{why}: Traceback')
    assert " ... " in shown
    assert shown.endswith("KeyError: 'CallSid'\"")
    assert len(shown) <= 210
    assert len(reason("no-space-" * 100 + " at all")) <= 210


# Hostile text

HOSTILE = 'a\nb\r\x1b[31m\x85\u2028\t\0"\udc80'


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("speaks", {"text": HOSTILE, "utterance": 1, "duration_ns": 1}),
        ("hears", {"text": HOSTILE, "utterance": 1, "duration_ns": 1, "offset_ns": 0}),
        ("replies", {"text": HOSTILE, "utterance": 1, "duration_ns": 1, "reply": 1}),
        ("transcript", {"text": HOSTILE, "role": "user", "transcript_type": "final"}),
        ("mark", {"name": HOSTILE}),
        ("error", {"reason": f"with a space {HOSTILE}"}),
    ],
)
def test_hostile_text_cannot_break_a_line(kind, fields):
    timeline = Timeline()
    timeline.record(kind, "vapi", **fields)
    text = str(timeline)
    assert text.count("\n") == 1
    assert text[:-1].isprintable()


@given(st.text())
def test_no_name_of_a_mark_can_break_a_line(name):
    timeline = Timeline()
    timeline.record("mark", "bridge", "twilio", name=name)
    assert str(timeline)[:-1].isprintable()


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("error", {"reason": "no-space\nbut-a-line"}),
        ("outside-world", {"name": "evil\x1b[2J.example"}),
        ("request", {"method": "POST", "path": "/a\nb", "shown": {"error": "x\ny"}}),
        ("response", {"status": 200, "summary": "TwiML Connect Stream a\nb"}),
    ],
)
def test_hostile_values_of_other_fields_cannot_break_a_line(kind, fields):
    timeline = Timeline()
    timeline.record(kind, "bridge", **fields)
    assert str(timeline)[:-1].isprintable()
