"""The check that the caller is not left alone, on timelines by hand."""

from __future__ import annotations

import pytest

from simkit.checks.liveness import LIVENESS
from tests.checks.test_checks_caller import MS, hears, receives, replies, says, world


def passes(timeline) -> bool:
    return LIVENESS.judge(timeline).passed


# Waiting for an answer


def test_a_reply_that_is_not_heard_within_10_s_leaves_the_caller_alone():
    for heard_ms, passes in ((14_000, True), (14_001, False)):
        timeline = world()
        says(timeline, 2000)
        receives(timeline, 2010)
        replies(timeline, 4000)
        hears(timeline, heard_ms)
        assert LIVENESS.judge(timeline).passed is passes
    result = LIVENESS.judge(timeline)
    assert result.sentence == (
        'from 4.000 on the caller waited for 10000 ms and more, having said "wait", and heard '
        "nothing: reply 1, made at 4.000, was not heard"
    )
    assert [e.kind for e in result.violations[0].events] == ["speaks", "receives", "replies"]
    assert LIVENESS.judge(timeline, limits={"answer_ms": 10_001}).passed


def test_any_sound_is_an_answer():
    timeline = world()
    says(timeline, 2000)
    receives(timeline, 2010)
    replies(timeline, 4000)
    hears(timeline, 9000, utterance=None)
    assert LIVENESS.judge(timeline).passed


def test_an_assistant_that_has_nothing_to_say_is_not_the_bridges_doing():
    timeline = world()
    says(timeline, 2000)
    receives(timeline, 2010)
    assert LIVENESS.judge(timeline).passed


def test_a_question_that_never_reached_an_open_assistant_is():
    timeline = world()
    says(timeline, 2000)
    assert LIVENESS.judge(timeline).sentence.endswith("the assistant was there and never got it")


@pytest.mark.parametrize(("ends_ms", "passes"), [(25_000, True), (25_001, False)])
def test_without_an_assistant_somebody_says_so_within_22_s(ends_ms, passes):
    timeline = world(closes_ms=1000, ends_ms=ends_ms)
    says(timeline, 2000)
    assert LIVENESS.judge(timeline).passed is passes


@pytest.mark.parametrize("kind", ["hangs-up", "ended", "speaks"])
def test_who_does_not_wait_is_not_left_alone(kind):
    timeline = world(ends_ms=14_000)
    says(timeline, 2000)
    if kind == "speaks":
        says(timeline, 9000, utterance=2)
    else:
        timeline.record(kind, "caller", t_ns=9000 * MS, call=1)
    assert LIVENESS.judge(timeline).passed


def test_the_wait_begins_anew_with_each_disturbance():
    for fault_ms, ends_ms, passes in ((8000, 18_000, True), (8000, 18_001, False)):
        timeline = world(ends_ms=ends_ms)
        says(timeline, 2000)
        timeline.record("fault", "vapi", t_ns=fault_ms * MS, name="close", value=1006)
        assert LIVENESS.judge(timeline).passed is passes


def test_an_aside_needs_no_answer():
    timeline = world()
    says(timeline, 2000, directed=False)
    assert LIVENESS.judge(timeline).passed


@pytest.mark.parametrize(("heard_ms", "told"), [(2999, True), (3000, False), (13_000, False)])
def test_an_answer_is_heard_when_the_caller_is_done_and_not_before(heard_ms, told):
    timeline = world(ends_ms=13_001)
    says(timeline, 2000)
    hears(timeline, heard_ms, ms=1)
    assert passes(timeline) is not told


def test_who_is_talked_over_waits_from_when_the_agent_is_silent():
    for ends_ms, fine in ((13_400, True), (13_401, False)):
        timeline = world(ends_ms=ends_ms)
        says(timeline, 2000)
        hears(timeline, 2900)
        assert passes(timeline) is fine
    result = LIVENESS.judge(timeline)
    assert result.sentence.startswith("from 3.400 on")


@pytest.mark.parametrize(("made_ms", "is_answer"), [(1999, False), (2000, True), (14_500, False)])
def test_a_reply_to_it_is_made_after_it_was_begun_and_before_anything_is_heard(made_ms, is_answer):
    timeline = world()
    says(timeline, 2000)
    replies(timeline, made_ms)
    hears(timeline, 14_500)
    assert LIVENESS.judge(timeline).sentence.endswith(
        "reply 1, made at 2.000, was not heard"
        if is_answer
        else "the assistant was there and never got it"
    )


@pytest.mark.parametrize(("ms", "fine"), [(499, False), (500, True)])
def test_who_got_half_of_it_was_asked(ms, fine):
    timeline = world(ends_ms=14_000)
    says(timeline, 2000)
    receives(timeline, 2010, ms)
    assert passes(timeline) is fine


def test_the_wait_is_for_a_reply_that_has_arrived():
    for heard_ms, fine in ((14_500, True), (14_501, False)):
        timeline = world()
        says(timeline, 2000)
        replies(timeline, 4000)
        timeline.of("replies")[0].arrived_ns = 4500 * MS
        hears(timeline, heard_ms)
        assert passes(timeline) is fine


def test_a_call_that_never_began_is_not_judged():
    timeline = world(opens_ms=None, ends_ms=22_000)
    says(timeline, 200, call=2)
    assert passes(timeline)


@pytest.mark.parametrize("kind", ["stall", "open", "close", "retry", "slow-reader"])
def test_each_of_them_is_a_disturbance(kind):
    timeline = world(ends_ms=15_000)
    says(timeline, 2000)
    timeline.record(kind, "vapi", t_ns=6000 * MS, session=7)
    assert passes(timeline)


@pytest.mark.parametrize(("fault_ms", "fine"), [(3000, False), (3001, True), (13_001, False)])
def test_a_disturbance_is_one_that_comes_while_they_wait(fault_ms, fine):
    timeline = world(ends_ms=13_001)
    says(timeline, 2000)
    timeline.record("fault", "vapi", t_ns=fault_ms * MS, name="close", value=1006)
    assert passes(timeline) is fine


def test_what_lasts_disturbs_until_its_end():
    for ends_ms, fine in ((19_000, True), (19_001, False)):
        timeline = world(ends_ms=ends_ms)
        says(timeline, 2000)
        timeline.record("slow-reader", "bridge", t_ns=4000 * MS, peer="x", last_ns=9000 * MS)
        assert passes(timeline) is fine


@pytest.mark.parametrize(("more_ns", "fine"), [(0, False), (1, True)])
def test_a_pause_of_over_500_ms_in_the_callers_media_disturbs_until_its_end(more_ns, fine):
    timeline = world(ends_ms=16_000)
    says(timeline, 2000)
    timeline.frame("twilio", "bridge", 6000 * MS, 20 * MS, call=1)
    timeline.frame("twilio", "bridge", 6500 * MS + more_ns, 20 * MS, call=1)
    assert passes(timeline) is fine


@pytest.mark.parametrize(("source", "call"), [("bridge", 1), ("twilio", 2)])
def test_a_pause_of_the_bridges_or_between_calls_is_none(source, call):
    timeline = world(ends_ms=16_000)
    says(timeline, 2000)
    timeline.frame("twilio", "bridge", 4000 * MS, 20 * MS, call=1)
    timeline.frame(source, "bridge", 5000 * MS, 20 * MS, call=call)
    timeline.frame(source, "bridge", 5010 * MS, 20 * MS, call=call)
    if source == "bridge":
        timeline.frame(source, "twilio", 6500 * MS, 20 * MS, call=call)
    assert not passes(timeline)


def test_without_an_assistant_no_disturbance_excuses_the_silence():
    timeline = world(closes_ms=1000, ends_ms=25_001)
    says(timeline, 2000)
    timeline.record("fault", "vapi", t_ns=8000 * MS, name="close", value=1006)
    assert not passes(timeline)


# Left on the line


@pytest.mark.parametrize(("ends_ms", "passes"), [(22_100, True), (22_101, False)])
def test_who_has_not_said_a_word_is_not_left_alone_either(ends_ms, passes):
    result = LIVENESS.judge(world(opens_ms=None, ends_ms=ends_ms))
    assert result.passed is passes
    assert passes or result.sentence.endswith("no assistant came, and nobody said so")


@pytest.mark.parametrize(("ends_ms", "passes"), [(15_000, True), (15_001, False)])
def test_nor_is_who_hears_that_the_assistant_has_ended_the_call(ends_ms, passes):
    timeline = world(closes_ms=5100, ends_ms=ends_ms)
    timeline.record("status-update", "vapi", "bridge", t_ns=5000 * MS, session=1, status="ended")
    assert LIVENESS.judge(timeline).passed is passes


@pytest.mark.parametrize(("opens_ms", "fine"), [(22_100, True), (22_101, False)])
def test_an_assistant_that_comes_is_there(opens_ms, fine):
    assert passes(world(opens_ms=opens_ms)) is fine


@pytest.mark.parametrize(("heard_ms", "fine"), [(22_100, True), (22_101, False)])
def test_sound_without_an_assistant_is_somebody(heard_ms, fine):
    timeline = world(opens_ms=None, ends_ms=22_200)
    hears(timeline, heard_ms, utterance=None)
    assert passes(timeline) is fine


@pytest.mark.parametrize(("ends_ms", "fine"), [(15_500, True), (15_501, False)])
def test_the_last_word_of_an_assistant_that_has_ended_the_call_is_heard_first(ends_ms, fine):
    timeline = world(closes_ms=5100, ends_ms=ends_ms)
    timeline.record("status-update", "vapi", "bridge", t_ns=4000 * MS, session=1, status="ended")
    hears(timeline, 5000)
    assert passes(timeline) is fine
    if not fine:
        [violation] = LIVENESS.judge(timeline).violations
        assert violation.sentence.startswith("from 5.500 on the caller was alone")
        assert [event.kind for event in violation.events] == ["start", "status-update"]


@pytest.mark.parametrize("why", ["asked to", "still open", "in-progress", "of another"])
def test_who_knows_that_the_assistant_is_gone_or_has_it_is_not_alone(why):
    timeline = world(closes_ms=30_000 if why == "still open" else 5100, ends_ms=30_000)
    session = 2 if why == "of another" else 1
    if why == "of another":
        hears_reply(timeline)
    status = "in-progress" if why == "in-progress" else "ended"
    timeline.record(
        "status-update", "vapi", "bridge", t_ns=5000 * MS, session=session, status=status
    )
    if why == "asked to":
        timeline.record("end-call", "bridge", "vapi", t_ns=4900 * MS, session=1)
    assert passes(timeline)


def hears_reply(timeline) -> None:
    """Tie session 1 to call 1, and session 2 to call 2, by what is heard."""
    replies(timeline, 1000)
    hears(timeline, 1200)
    timeline.record("replies", "agent", t_ns=1000 * MS, session=2, reply=1, utterance=8, text="")
    timeline.record(
        "hears", "caller", t_ns=1200 * MS, call=2, utterance=8, offset_ns=0, duration_ns=MS, text=""
    )


# Hung up on


def hung_up(
    reason: str = "", *, told_ms: int = 5000, ended_ms: int = 5010, code: int = 31921, **fields
):
    timeline = world(ends_ms=ended_ms + 1000)
    if reason:
        about = {"call": 1, "session": 1, "status": "ended"} | fields
        timeline.record(reason, "vapi", "bridge", t_ns=4500 * MS, **about)
    timeline.record("end-call", "bridge", "vapi", t_ns=told_ms * MS, session=1)
    timeline.record("error", "twilio", t_ns=ended_ms * MS, call=1, code=code, reason="closed")
    timeline.record("ended", "twilio", t_ns=ended_ms * MS, call=1, status="completed")
    return timeline


@pytest.mark.parametrize(
    "reason",
    [
        "stop",
        "hangs-up",
        "status-update",
        "transfer-update",
        "fault",
        "garbage",
        "stall",
        "slow-reader",
        "retry",
        "warning",
        "outside-world",
    ],
)
def test_nobody_hangs_up_on_a_caller_without_a_reason(reason):
    assert passes(hung_up(reason))
    result = LIVENESS.judge(hung_up())
    assert result.sentence == (
        "the bridge hung up on the caller at 5.010, while the assistant was there and neither of "
        "them had said so"
    )
    assert [event.kind for event in result.violations[0].events] == ["end-call", "error", "ended"]


@pytest.mark.parametrize(
    ("reason", "fields"),
    [
        ("stop", {"call": 2}),
        ("status-update", {"status": "in-progress"}),
        ("status-update", {"session": 2}),
    ],
    ids=["another's stop", "an update", "another's end"],
)
def test_what_is_said_of_another_call_is_no_reason(reason, fields):
    assert not passes(hung_up(reason, **fields))


@pytest.mark.parametrize(("code", "fine"), [(31920, False), (31921, False), (31903, True)])
def test_a_connection_that_breaks_is_not_hung_up(code, fine):
    assert passes(hung_up(code=code)) is fine


@pytest.mark.parametrize(("told_ms", "fine"), [(4499, False), (4500, True)])
def test_the_assistants_end_comes_first(told_ms, fine):
    assert passes(hung_up("status-update", told_ms=told_ms)) is fine


@pytest.mark.parametrize(("told_ms", "fine"), [(5010, False), (5011, True)])
def test_what_is_said_to_the_assistant_after_the_end_is_none_of_it(told_ms, fine):
    assert passes(hung_up(told_ms=told_ms)) is fine


def test_an_end_that_was_asked_of_another_assistant_is_no_hanging_up():
    timeline = hung_up()
    hears_reply(timeline)
    timeline.of("end-call")[0].session = 2
    assert passes(timeline)


@pytest.mark.parametrize("sound", ["hears", "speaks", "start"])
@pytest.mark.parametrize("more_ms", [-1, 0])
def test_where_nobody_has_said_a_word_for_22_s_the_bridge_may_hang_up(sound, more_ms):
    last_ms = {"hears": 1500, "speaks": 2000, "start": 100}[sound]
    told_ms = last_ms + 22_000 + more_ms
    timeline = hung_up(told_ms=told_ms, ended_ms=told_ms + 10)
    if sound == "hears":
        hears(timeline, 1000)
    elif sound == "speaks":
        says(timeline, 1000)
        receives(timeline, 1000)
    assert passes(timeline) is (more_ms == 0)
