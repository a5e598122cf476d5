"""The report in a terminal: colour for people, plain text for pipes."""

from __future__ import annotations

import io
import os
import re
from functools import partial

import msgspec
import pytest
from rich.console import Console
from rich.table import Table

from simkit.checks import CheckResult, Violation
from simkit.report import (
    console,
    print_barge_ins,
    print_checks,
    print_measures,
    print_table,
    print_timeline,
)
from simkit.timeline import BargeIn, CallMeasures, Timeline, measures
from simkit.timeline.alignment import Clarity, Flaws
from simkit.timeline.intervals import Percentiles
from tests.timeline.stories import interrupted

MS = 1_000_000
ESCAPE = "\x1b"


@pytest.fixture(autouse=True)
def _terminal(monkeypatch):
    """The same terminal on every machine that runs these tests."""
    monkeypatch.setenv("TERM", "xterm-256color")
    for name in ("FORCE_COLOR", "NO_COLOR", "COLUMNS", "LINES", "TTY_COMPATIBLE", "COLORTERM"):
        monkeypatch.delenv(name, raising=False)


def piped(show, *what) -> str:
    out = io.StringIO()
    show(console(out), *what)
    return out.getvalue()


def coloured(show, *what, width: int = 160) -> str:
    out = io.StringIO()
    show(Console(file=out, force_terminal=True, width=width, highlight=False), *what)
    return out.getvalue()


def some_events() -> Timeline:
    timeline = Timeline(lambda: 9_000 * MS)
    timeline.record("connected", "twilio", "bridge", t_ns=104 * MS, call=1)
    timeline.record("clear", "bridge", "twilio", t_ns=2410 * MS, call=1)
    timeline.record("mark", "bridge", "twilio", t_ns=2500 * MS, call=1, name="x " * 200)
    return timeline


def barge_in(**changes) -> BargeIn:
    values = {
        "call": 1,
        "onset_ns": 1274 * MS,
        "text": "wait",
        "time_to_stop_ms": 226.0,
        "detect_ms": 200.0,
        "react_ms": 0.0,
        "fly_ms": 20.0,
        "tail_ms": 6.0,
        "detected_by": "partial transcript",
        "reply": 1,
        "reply_at_ms": 334.0,
        "unheard_ms": 2119.4,
        "stale_after_clear_ms": 0.0,
    }
    return BargeIn(**values | changes)


def result(*sentences: str, name: str = "no-stale-audio") -> CheckResult:
    return CheckResult(name, "all is well", [Violation(1, sentence) for sentence in sentences])


# The console


def test_a_pipe_gets_plain_lines_however_long():
    assert piped(print_timeline, some_events()) == str(some_events())


def test_a_row_in_a_pipe_is_one_line_that_ends_with_its_last_word():
    table = Table(box=None, pad_edge=False)
    for title in ("race", ""):
        table.add_column(title)
    table.add_row("barge-in", "passed")
    table.add_row("dtmf", "a sentence " * 40)
    first, second, third = piped(print_table, table).splitlines()
    assert (first, second) == ("race", "barge-in  passed")
    assert third == "dtmf      " + ("a sentence " * 40).rstrip()


def test_a_terminal_gets_colour():
    text = coloured(print_timeline, some_events())
    assert f"{ESCAPE}[31mtwilio{ESCAPE}[0m" in text
    assert ESCAPE in coloured(print_barge_ins, [barge_in()])
    assert f"{ESCAPE}[32mpassed" in coloured(partial(print_checks, every=True), [result()])
    assert f"{ESCAPE}[1;31mFAILED" in coloured(print_checks, [result("it broke")])


def test_a_pseudo_terminal_is_a_terminal():
    master, slave = os.openpty()
    with open(slave, "w") as terminal, open(master, "rb", buffering=0) as screen:
        out = console(terminal)
        assert out.is_terminal
        print_checks(out, [result()])
        terminal.flush()
        assert b"\x1b[32m1 check held" in screen.read(1000)


def test_without_the_colours_the_words_are_the_same():
    plain = Console(file=io.StringIO(), width=160, highlight=False)
    print_timeline(plain, some_events())
    assert plain.file.getvalue() == str(some_events())


def test_standard_output_is_the_default(capsys):
    print_checks(console(), [result()])
    assert capsys.readouterr().out == "1 check held\n"


def test_a_pipe_stays_plain_when_a_build_server_forces_colour(monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert ESCAPE not in piped(print_timeline, some_events())


# Barge-ins


def test_without_a_barge_in_that_is_said():
    assert piped(print_barge_ins, []) == (
        "no barge-in: the caller never began to speak while hearing the agent\n"
    )


def test_a_barge_in_is_a_row_with_its_parts():
    header, row = piped(print_barge_ins, [barge_in()]).splitlines()
    assert " ".join(header.split()) == (
        "at caller interrupts stops after detect react fly tail unheard told by into the reply"
    )
    assert " ".join(row.split()) == (
        '1.274 "wait" reply 1 226 ms 200 ms 0 ms 20 ms 6 ms 2119 ms partial transcript 334 ms'
    )


def test_what_never_happened_is_no_number():
    never = barge_in(
        time_to_stop_ms=None,
        detect_ms=None,
        react_ms=None,
        fly_ms=None,
        tail_ms=None,
        detected_by=None,
        reply=None,
        reply_at_ms=None,
        unheard_ms=None,
    )
    row = piped(print_barge_ins, [never]).splitlines()[1]
    assert " ".join(row.split()) == '1.274 "wait" ? never - - - - - nobody -'


def test_what_the_caller_said_is_clipped_to_one_short_line():
    text = piped(print_barge_ins, [barge_in(text="a\nb\x1b[31m" + "c" * 100)])
    assert len(text.splitlines()) == 2
    assert ESCAPE not in text
    assert '"a?b?' in text
    assert "ccc..." in text


def test_80_columns_are_enough():
    rows = coloured(print_barge_ins, [barge_in(text="c" * 50)], width=80)
    out = io.StringIO()
    print_barge_ins(Console(file=out, width=80), [barge_in(text="c" * 50)])
    lines = out.getvalue().splitlines()
    assert len(lines) == len(rows.splitlines()) == 2
    assert all(len(line) <= 80 for line in lines)
    assert lines[1].split()[-2:] == ["6", "ms"]


@pytest.mark.parametrize("text", ["[red]alert", "[/b]"])
def test_brackets_in_what_was_said_are_shown(text):
    assert f'"{text}"' in piped(print_barge_ins, [barge_in(text=text)])


# Measures


def a_call(**more) -> CallMeasures:
    story = interrupted().receives(2080).tells(2210).clears(2250, 2270).replied(2200, 2000)
    found = measures(story.timeline, 1)
    return msgspec.structs.replace(found, **more)


def test_what_happened_in_a_call_is_a_line_each():
    assert piped(print_measures, a_call()) == (
        "both at once       400 ms\n"
        "to the caller      200.0 ms late\n"
        "to Vapi            80.0 ms late\n"
        "heard              110 ms stale after a clear\n"
        "never heard        700 ms\n"
    )


def test_each_measure_has_a_line_once_there_is_something_to_say():
    spread = Percentiles(samples=12, p50_ms=240.0, p90_ms=400.0, p95_ms=None)
    text = piped(
        print_measures,
        a_call(
            time_to_stop=spread,
            response_latency=spread,
            missed_rate=1.0,
            false_rate=0.0,
            agent_interrupts=1,
            flaws=Flaws(gap_ms=40.0, repeat_ms=20.0, lost_ms=60.0),
            clarity=Clarity(snr_db=33.9, mulaw_snr_db=37.2),
            jitter_ms={"twilio>bridge": 0.0, "bridge>vapi": 5.25},
            ledger_error_ms=-500.0,
            leaks=2,
            first_words_lost_ms=320.0,
        ),
    )
    for line in (
        "stops after        p50 240 ms, p90 400 ms (12)",
        "answers after      p50 240 ms, p90 400 ms (12)",
        "missed             1 of 1 interruptions",
        "stops for noise    0%",
        "talks over         1 of 1 turns of the caller",
        "heard              40 ms of gaps, 20 ms repeated, 60 ms lost, 110 ms stale after a clear",
        "first words lost   320 ms",
        "clarity            33.9 dB; mu-law alone 37.2 dB",
        "jitter             bridge>vapi 5.2 ms",
        "told the model     -500 ms off what was heard",
        "left over          2 tasks and sockets a second after the end",
    ):
        assert line in text.splitlines()


def test_of_a_call_without_events_nothing_is_printed():
    assert piped(print_measures, measures(Timeline(), 1)) == ""


def test_the_parts_that_are_shown_add_up_to_the_time_that_is_shown():
    halves = barge_in(
        time_to_stop_ms=235.0, detect_ms=198.5, react_ms=0.0, fly_ms=20.0, tail_ms=16.5
    )
    assert halves.whole_ms == [235, 199, 0, 20, 16]
    shown = re.findall(r"(\d+) ms", piped(print_barge_ins, [halves]))
    assert shown[:5] == ["235", "199", "0", "20", "16"]
    late = barge_in(time_to_stop_ms=226.4, detect_ms=200.6, react_ms=0.7, fly_ms=30.6, tail_ms=-5.5)
    assert late.whole_ms == [226, 201, 1, 30, -6]
    assert barge_in(time_to_stop_ms=None, tail_ms=None).whole_ms == [None, 200, 0, 20, None]


# Checks


def test_a_broken_promise_is_a_line_and_of_those_that_held_their_number():
    found = [result(name="short"), result("it broke", name="longer-name"), result()]
    assert piped(print_checks, found) == "FAILED  longer-name  it broke\n2 checks held\n"
    found[1] = msgspec.structs.replace(found[1], waived="on purpose")
    assert piped(print_checks, found) == (
        "waived  longer-name  it broke (waived: on purpose)\n2 checks held\n"
    )


def test_every_check_is_a_line_in_columns_where_that_is_asked_for():
    found = [result(name="short"), result("it broke", name="longer-name")]
    assert piped(partial(print_checks, every=True), found) == (
        "passed  short        all is well\nFAILED  longer-name  it broke\n"
    )


def test_what_was_not_looked_at_in_real_time_is_not_among_those_that_held():
    unseen = CheckResult("no-blocking", "it never was", [], not_judged="all of it")
    half = CheckResult("clean-teardown", "nothing is left", [], not_judged="tasks")
    assert piped(print_checks, [result(), unseen, half]) == (
        "2 checks held\nnot judged (real time): no-blocking; clean-teardown: tasks\n"
    )
    assert piped(partial(print_checks, every=True), [unseen, half]) == (
        "not judged  no-blocking     it never was (real time)\n"
        "passed      clean-teardown  nothing is left (not judged (real time): tasks)\n"
    )


def test_every_violation_is_shown():
    text = piped(print_checks, [result("broke once", "broke twice", "broke again", name="a")])
    assert text == (
        "FAILED  a  broke once (and 2 more)\n           broke twice\n           broke again\n"
    )


def test_no_checks_make_no_lines():
    assert piped(print_checks, []) == ""


def test_brackets_in_a_sentence_are_shown():
    assert "the caller said [/b]" in piped(print_checks, [result("the caller said [/b]")])


def test_brackets_in_a_second_sentence_are_shown():
    text = piped(print_checks, [result("it broke", "the caller said [red]alert")])
    assert "the caller said [red]alert" in text


def test_a_sentence_cannot_send_codes_to_the_terminal():
    text = piped(print_checks, [result('caller interrupted ("\x1b[2J\n")')])
    assert text.count("\n") == 1
    assert ESCAPE not in text
