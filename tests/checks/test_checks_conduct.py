"""Checks of conduct, and what all checks have in common."""

from __future__ import annotations

import re

import pytest

from simkit import checks
from simkit.checks import Check, CheckResult, Violation
from simkit.checks.conduct import (
    CLEAN_TEARDOWN,
    NO_BLOCKING,
    NO_OUTSIDE_WORLD,
    NO_UNHANDLED_ERROR,
    PROTOCOL_CONFORMANCE,
    TWIML_IN_TIME,
)
from simkit.timeline import Timeline

MS = 1_000_000
S = 1_000 * MS


def one_event(kind: str, source: str = "twilio", **fields) -> Timeline:
    timeline = Timeline(lambda: 10 * S)
    timeline.record(kind, source, t_ns=1234 * MS, call=1, **fields)
    return timeline


# All of them


def test_there_are_sixteen_checks_in_this_order():
    assert [check.name for check in checks.ALL] == [
        "twiml-in-time",
        "caller-audio-complete",
        "agent-audio-intact",
        "stops-when-interrupted",
        "keeps-talking-when-not",
        "no-stale-audio",
        "one-reply-per-turn",
        "liveness",
        "no-cross-talk",
        "bounded-buffers",
        "protocol-conformance",
        "signature-required",
        "no-unhandled-error",
        "no-blocking",
        "no-outside-world",
        "clean-teardown",
    ]


def test_every_name_is_unique_and_kebab_case():
    names = [check.name for check in checks.ALL]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", name) for name in names)


def test_every_promise_is_one_sentence_of_its_own():
    promises = [check.promise for check in checks.ALL]
    assert len(set(promises)) == len(promises)
    assert all(promise[0].islower() and not promise.endswith(".") for promise in promises)


def test_an_empty_timeline_breaks_no_promise():
    results = checks.run(Timeline())
    assert [result.name for result in results] == [check.name for check in checks.ALL]
    assert all(result.passed and result.sentence == result.promise for result in results)


# A result


def test_the_sentence_of_a_kept_promise_is_the_promise():
    result = CheckResult("a", "all is well", [])
    assert (result.passed, result.sentence) == (True, "all is well")


def test_the_sentence_of_one_violation_is_its_own():
    result = CheckResult("a", "all is well", [Violation(1, "it broke")])
    assert (result.passed, result.sentence) == (False, "it broke")


def test_the_sentence_of_several_counts_the_others():
    result = CheckResult("a", "all is well", [Violation(n, f"broke {n}") for n in (1, 2, 3)])
    assert result.sentence == "broke 1 (and 2 more)"


def test_violations_are_told_from_the_first_on():
    found = [Violation(5, "later"), Violation(2, "first"), Violation(5, "later too")]
    result = Check("a", "all is well", lambda _: found).judge(Timeline())
    assert [violation.sentence for violation in result.violations] == [
        "first",
        "later",
        "later too",
    ]


# In real time


def test_what_nobody_looked_at_in_real_time_has_not_passed():
    found = {result.name: result for result in checks.run(Timeline(), in_real_time=True)}
    whole = [name for name, result in found.items() if result.word == "not judged"]
    assert whole == ["no-unhandled-error", "no-blocking"]
    assert not any(found[name].passed or found[name].failed for name in whole)
    assert checks.not_judged(found.values()) == [
        "bounded-buffers: write buffers",
        "no-unhandled-error",
        "no-blocking",
        "no-outside-world: whatever the bridge itself reaches for",
        "clean-teardown: tasks, and sockets to others than Vapi",
    ]
    assert checks.not_judged(checks.run(Timeline())) == []


def test_what_is_seen_in_real_time_all_the_same_breaks_the_promise():
    [result] = [
        one
        for one in checks.run(one_event("outside-world", name="a.com"), in_real_time=True)
        if one.violations
    ]
    assert (result.word, result.failed) == ("failed", True)


# twiml-in-time


@pytest.mark.parametrize("code", [11200, 11205, 11210, 11220])
def test_a_failed_webhook_is_named_with_its_instant_and_reason(code):
    result = TWIML_IN_TIME.judge(one_event("error", code=code, reason="HTTP 500"))
    assert result.sentence == "voice webhook failed at 1.234: HTTP 500"


@pytest.mark.parametrize("fields", [{"code": 31921}, {}])
def test_other_errors_are_not_the_webhook_s(fields):
    assert TWIML_IN_TIME.judge(one_event("error", reason="closed", **fields)).passed


# clean-teardown


def ended_call(closed_ns: int | None, until_ns: int = 20 * S, *, opens: bool = True) -> Timeline:
    """Call 1 ends at 5 s; it was bridged to Vapi's call 3, whose socket opened at 1 s."""
    timeline = Timeline(lambda: until_ns)
    if opens:
        timeline.record("open", "vapi", "bridge", t_ns=S, session=3)
    timeline.record("replies", "agent", t_ns=S, session=3, utterance=1, text="hi", reply=1)
    timeline.record("hears", "caller", t_ns=S, call=1, utterance=1, duration_ns=S, offset_ns=0)
    timeline.record("ended", "twilio", t_ns=5 * S, call=1, status="completed")
    if closed_ns is not None:
        timeline.record("close", "bridge", "vapi", t_ns=closed_ns, session=3, code=1000)
    return timeline


def test_a_socket_that_closes_within_a_second_was_torn_down():
    assert CLEAN_TEARDOWN.judge(ended_call(closed_ns=6 * S)).passed


def test_a_socket_that_closed_before_the_end_was_torn_down():
    assert CLEAN_TEARDOWN.judge(ended_call(closed_ns=4 * S)).passed


@pytest.mark.parametrize("closed_ns", [None, 6 * S + 1])
def test_a_socket_that_stays_open_for_longer_was_not(closed_ns):
    assert CLEAN_TEARDOWN.judge(ended_call(closed_ns)).sentence == (
        "call 1 ended at 5.000 and its socket to Vapi was still open a second later"
    )


def test_nothing_is_said_before_the_second_has_passed():
    assert CLEAN_TEARDOWN.judge(ended_call(None, until_ns=6 * S - 1)).passed
    assert not CLEAN_TEARDOWN.judge(ended_call(None, until_ns=6 * S)).passed


def test_a_socket_of_another_call_may_stay():
    timeline = ended_call(closed_ns=5 * S)
    timeline.record("open", "vapi", "bridge", t_ns=S, session=4)
    timeline.record("start", "twilio", "bridge", t_ns=S, call=2)
    assert CLEAN_TEARDOWN.judge(timeline).passed


def test_a_socket_that_never_opened_need_not_close():
    assert CLEAN_TEARDOWN.judge(ended_call(closed_ns=None, opens=False)).passed


def test_tasks_that_outlive_their_calls_are_named():
    result = CLEAN_TEARDOWN.judge(one_event("leaks", "bridge", tasks=["pump", "keepalive"]))
    assert result.sentence == "2 tasks outlived their calls: pump, keepalive"


def test_timers_that_outlive_their_calls_are_told_with_the_lines_that_armed_them():
    armed = ["my/bridge.py:7 in media", "my/bridge.py:7 in media"]
    result = CLEAN_TEARDOWN.judge(one_event("leaks", "bridge", tasks=[], timers=2, armed=armed))
    assert result.sentence == (
        "2 timers outlived their calls, armed at my/bridge.py:7 in media, my/bridge.py:7 in media"
    )


def test_tasks_that_outlive_their_calls_are_told_with_their_lines_and_not_all_of_many():
    names = [f"Task-{number}" for number in range(5)]
    lines = [f"awaits at my/bridge.py:{number} in pump" for number in range(5)]
    result = CLEAN_TEARDOWN.judge(one_event("leaks", "bridge", tasks=names, lines=lines))
    assert result.sentence == (
        "5 tasks outlived their calls: Task-0 awaits at my/bridge.py:0 in pump, Task-1 awaits at "
        "my/bridge.py:1 in pump, Task-2 awaits at my/bridge.py:2 in pump and 2 more"
    )


def wordless(until_ns: int = 20 * S, closed_ns: int | None = None) -> Timeline:
    """Call 1 ends at 5 s; nothing ties the socket that opened at 1 s to it."""
    timeline = Timeline(lambda: until_ns)
    timeline.record("open", "vapi", "bridge", t_ns=S, session=1)
    timeline.record("ended", "twilio", t_ns=5 * S, call=1, status="completed")
    if closed_ns is not None:
        timeline.record("close", "bridge", "vapi", t_ns=closed_ns, session=1, code=1000)
    return timeline


def test_the_open_socket_of_a_call_without_a_word_is_told():
    result = CLEAN_TEARDOWN.judge(wordless())
    assert result.sentence == (
        "a socket to Vapi, session 1, was still open a second after the last call it may belong to "
        "ended at 5.000"
    )
    assert (result.violations[0].at_ns, len(result.violations[0].events)) == (5 * S, 2)


@pytest.mark.parametrize(("closed_ns", "passes"), [(6 * S, True), (6 * S + 1, False)])
def test_it_has_a_second_to_close_too(closed_ns, passes):
    assert CLEAN_TEARDOWN.judge(wordless(closed_ns=closed_ns)).passed is passes
    assert CLEAN_TEARDOWN.judge(wordless(until_ns=closed_ns)).passed is passes


def test_it_may_belong_to_a_call_that_goes_on_or_to_none():
    timeline = wordless()
    timeline.record("start", "twilio", "bridge", t_ns=S, call=2)
    assert CLEAN_TEARDOWN.judge(timeline).passed
    timeline.record("ended", "twilio", t_ns=9 * S, call=2, status="completed")
    assert CLEAN_TEARDOWN.judge(timeline).sentence.endswith("ended at 9.000")
    timeline = Timeline(lambda: 20 * S)
    timeline.record("open", "vapi", "bridge", t_ns=S, session=1)
    assert CLEAN_TEARDOWN.judge(timeline).passed


def test_a_socket_that_closed_too_late_is_told_even_before_the_end_of_the_second():
    timeline = ended_call(closed_ns=6 * S + 1, until_ns=5 * S)
    assert not CLEAN_TEARDOWN.judge(timeline).passed


def test_a_socket_is_open_to_the_end_of_a_run_that_does_not_say_when_it_closed():
    assert CLEAN_TEARDOWN.judge(ended_call(None, until_ns=6 * S - 1)).passed


# protocol-conformance


def test_what_twilio_rejects_is_quoted_with_its_code():
    result = PROTOCOL_CONFORMANCE.judge(one_event("warning", code=31951, reason="not base64"))
    assert result.sentence == "Twilio reported at 1.234: 31951 not base64"


def test_vapi_has_no_codes():
    result = PROTOCOL_CONFORMANCE.judge(one_event("warning", "vapi", reason="unknown type"))
    assert result.sentence == "Vapi reported at 1.234: unknown type"


def test_an_error_counts_as_a_warning_does():
    assert not PROTOCOL_CONFORMANCE.judge(one_event("error", code=31902, reason="x")).passed


def test_a_socket_that_the_server_closes_is_no_offence():
    assert PROTOCOL_CONFORMANCE.judge(one_event("error", code=31921, reason="1000")).passed


# The machine


def test_an_unhandled_error_is_named_with_its_host():
    result = NO_UNHANDLED_ERROR.judge(
        one_event("unhandled-error", "bridge", error="KeyError", message="Task exception")
    )
    assert result.sentence == "unhandled at 1.234 on bridge: KeyError (Task exception)"


@pytest.mark.parametrize(
    ("kind", "check", "fields"),
    [
        ("unhandled-error", NO_UNHANDLED_ERROR, {"error": "KeyError", "message": "Task exception"}),
        ("stall", NO_BLOCKING, {"duration_ns": 30 * MS}),
    ],
)
def test_what_happens_again_and_again_at_one_line_is_told_once_and_counted(kind, check, fields):
    timeline = Timeline(lambda: 10 * S)
    for number, line in enumerate(["a.py:1", "b.py:2", "a.py:1", "a.py:1"]):
        timeline.record(kind, "bridge", t_ns=number * S, line=line, task=f"Task-{number}", **fields)
    first, second = check.judge(timeline).violations
    assert first.sentence.endswith(
        "in task 'Task-0', at a.py:1; the same 2 more times, until 3.000"
    )
    assert second.sentence.endswith("in task 'Task-1', at b.py:2")
    assert len(first.events) == len(first.evidence) == 1


def test_an_error_that_twilio_reports_is_handled():
    assert NO_UNHANDLED_ERROR.judge(one_event("error", code=31902, reason="x")).passed


def test_the_loop_may_be_blocked_for_20_ms():
    assert NO_BLOCKING.judge(one_event("stall", "bridge", duration_ns=20 * MS)).passed


def test_but_not_for_longer():
    result = NO_BLOCKING.judge(one_event("stall", "bridge", duration_ns=150 * MS))
    assert result.sentence == "the loop was blocked for 150 ms at 1.234"
    assert not NO_BLOCKING.judge(one_event("stall", "bridge", duration_ns=20 * MS + 1)).passed


def test_a_name_outside_the_simulation_is_told():
    result = NO_OUTSIDE_WORLD.judge(one_event("outside-world", "bridge", name="example.org"))
    assert result.sentence == "tried to reach example.org at 1.234"


def test_hosts_of_the_simulation_are_not_the_outside_world():
    assert NO_OUTSIDE_WORLD.judge(one_event("request", "bridge", name="api.vapi.ai")).passed
