"""Checks of who speaks when."""

from __future__ import annotations

import asyncio

import pytest

from simkit import checks
from simkit.checks.replies import ONE_REPLY_PER_TURN
from simkit.checks.turns import STOPS_WHEN_INTERRUPTED
from simkit.recording import own_bridge
from simkit.timeline import Timeline

MS = 1_000_000


# stops-when-interrupted


def interrupted(until_ms: int, end_ms: int = 60_000, *, at_ms: int = 2000) -> Timeline:
    """The caller says "wait" while hearing the agent, which speaks from 1,000 ms on."""
    timeline = Timeline(lambda: end_ms * MS)
    timeline.record(
        "hears",
        "caller",
        t_ns=1000 * MS,
        call=1,
        utterance=1,
        offset_ns=0,
        duration_ns=(until_ms - 1000) * MS,
    )
    timeline.record(
        "speaks", "caller", t_ns=at_ms * MS, call=1, utterance=2, text="wait", duration_ns=MS
    )
    return timeline


def test_an_agent_that_stops_within_two_seconds_yields():
    assert STOPS_WHEN_INTERRUPTED.judge(interrupted(until_ms=4000)).passed


def test_one_that_goes_on_for_longer_does_not():
    assert STOPS_WHEN_INTERRUPTED.judge(interrupted(until_ms=4001)).sentence == (
        'caller interrupted at 2.000 ("wait") and the agent went on for 2001 ms more'
    )


def test_one_that_never_stops_does_not():
    assert STOPS_WHEN_INTERRUPTED.judge(interrupted(until_ms=9000, end_ms=9000)).sentence == (
        'caller interrupted at 2.000 ("wait") and the agent went on and never stopped'
    )


def test_what_proves_it_is_what_the_call_said_and_heard_from_then_on():
    timeline = interrupted(until_ms=5000)
    timeline.record("clear", "bridge", "twilio", t_ns=5000 * MS, call=1)
    timeline.record("clear", "bridge", "twilio", t_ns=5001 * MS, call=1)
    timeline.record("clear", "bridge", "twilio", t_ns=3000 * MS, call=2)
    for utterance, session in ((1, 1), (8, 2)):  # the first is what call 1 heard
        timeline.record(
            "replies", "agent", t_ns=900 * MS, session=session, reply=1, utterance=utterance,
            text="Long.", duration_ns=5000 * MS,
        )  # fmt: skip
        timeline.record("user-interrupted", "vapi", "bridge", t_ns=2100 * MS, session=session)
    for t_ms, utterance in ((1499, 5), (1500, 6)):
        timeline.record(
            "hears", "caller", t_ns=t_ms * MS, call=1, utterance=utterance, offset_ns=0,
            duration_ns=500 * MS,
        )  # fmt: skip
    [violation] = STOPS_WHEN_INTERRUPTED.judge(timeline).violations
    assert [(event.kind, event.t_ns // MS) for event in violation.events] == [
        ("replies", 900),
        ("hears", 1000),
        ("hears", 1500),
        ("speaks", 2000),
        ("user-interrupted", 2100),
        ("clear", 5000),
    ]


def test_an_agent_that_nobody_interrupts_may_go_on():
    assert STOPS_WHEN_INTERRUPTED.judge(interrupted(until_ms=9000, at_ms=9500)).passed


# one-reply-per-turn


def turns(*entries: tuple[str, int]) -> Timeline:
    """Entries are replies, transcripts or messages added, each with the number of its Vapi call."""
    timeline = Timeline()
    for number, (what, session) in enumerate(entries, 1):
        t_ns = number * 1000 * MS
        if what in ("add-message", "add-message in silence"):
            silent = {"triggers": False} if what.endswith("silence") else {}
            timeline.record(
                "add-message", "bridge", "vapi", t_ns=t_ns, session=session, role="system", **silent
            )
        elif what in ("prompt", "replied"):
            timeline.record(what, "bridge", "agent", t_ns=t_ns, session=session)
        elif what == "reply":
            timeline.record(
                "replies",
                "agent",
                t_ns=t_ns,
                session=session,
                reply=number,
                utterance=number,
                text="Yes.",
                duration_ns=MS,
            )
        else:
            role, _, kind = what.rpartition(" ")
            timeline.record(
                "transcript",
                "vapi",
                t_ns=t_ns,
                session=session,
                role=role or "user",
                transcript_type=kind,
            )
    return timeline


def of_one_call(*what: str) -> Timeline:
    return turns(*((entry, 1) for entry in what))


@pytest.mark.parametrize(
    "what",
    [
        ["reply"],
        ["reply", "final", "reply", "final", "reply"],
        ["final", "reply"],
        ["final", "final", "final"],
        ["reply", "final", "final", "reply", "reply"],
        ["reply", "add-message", "reply"],
    ],
)
def test_a_first_message_and_one_reply_a_turn_are_fine(what):
    assert ONE_REPLY_PER_TURN.judge(of_one_call(*what)).passed


def test_a_second_reply_to_one_turn_answers_nobody():
    result = ONE_REPLY_PER_TURN.judge(of_one_call("reply", "final", "reply", "reply"))
    assert result.sentence == "reply 4 at 4.000 answers no turn of the caller"


@pytest.mark.parametrize("what", ["partial", "assistant final", "add-message in silence"])
def test_only_final_transcripts_of_the_caller_and_what_asks_for_a_reply_are_turns(what):
    assert not ONE_REPLY_PER_TURN.judge(of_one_call("reply", what, "reply")).passed


def test_after_a_reply_too_many_the_count_begins_anew():
    result = ONE_REPLY_PER_TURN.judge(
        of_one_call("reply", "reply", "reply", "final", "reply", "reply")
    )
    assert [violation.at_ns for violation in result.violations] == [
        2000 * MS,
        3000 * MS,
        6000 * MS,
    ]
    assert result.sentence == "reply 2 at 2.000 answers no turn of the caller (and 2 more)"


def test_turns_of_one_call_do_not_allow_replies_in_another():
    timeline = turns(("reply", 1), ("reply", 2), ("final", 1), ("reply", 2))
    assert ONE_REPLY_PER_TURN.judge(timeline).sentence.startswith("reply 4 at 4.000")


def lost(*entries: tuple[str, int]) -> Timeline:
    """One phone call, in which every reply was heard as it was made."""
    timeline = turns(*entries)
    timeline.record("start", "twilio", "bridge", t_ns=0, call=1)
    for reply in timeline.of("replies"):
        timeline.record(
            "hears",
            "caller",
            t_ns=reply.t_ns,
            call=1,
            utterance=reply.fields["utterance"],
            offset_ns=0,
            duration_ns=MS,
        )
    return timeline


@pytest.mark.parametrize(
    "entries",
    [
        [("reply", 1), ("final", 1), ("add-message", 2), ("reply", 2)],
        [("reply", 1), ("final", 1), ("reply", 1), ("add-message", 2), ("reply", 2)],
        [("reply", 1), ("add-message in silence", 2), ("final", 2), ("reply", 2)],
    ],
)
def test_who_takes_a_lost_agents_place_may_answer_what_was_not_answered(entries):
    assert ONE_REPLY_PER_TURN.judge(lost(*entries)).passed


def test_who_takes_its_place_answers_nothing_that_was_answered():
    answered = [("reply", 1), ("final", 1), ("reply", 1), ("assistant final", 1)]
    result = ONE_REPLY_PER_TURN.judge(lost(*answered, ("add-message", 2), ("reply", 2)))
    assert result.sentence == "reply 6 at 6.000 answers no turn of the caller"


def test_who_takes_its_place_does_not_greet_again():
    result = ONE_REPLY_PER_TURN.judge(lost(("reply", 1), ("reply", 2)))
    assert result.sentence == 'reply 2 at 2.000 says again what the caller had heard: "Yes."'


def test_to_ask_for_the_answer_that_is_coming_makes_no_turn():
    result = ONE_REPLY_PER_TURN.judge(
        of_one_call("reply", "final", "reply", "add-message", "reply")
    )
    assert result.sentence == "reply 5 at 5.000 answers no turn of the caller"


@pytest.mark.parametrize(("call", "passes"), [(None, False), (1, True), (2, False)])
def test_keys_are_a_turn_of_their_own(call, passes):
    timeline = lost(*((what, 1) for what in ("reply", "final", "reply", "add-message", "reply")))
    if call is not None:
        timeline.record("dtmf", "twilio", "bridge", t_ns=3500 * MS, call=call, digit="1")
    assert ONE_REPLY_PER_TURN.judge(timeline).passed is passes


@pytest.mark.parametrize(
    ("entries", "passes"),
    [
        (["reply", "final", "reply", "replied", "add-message", "reply"], True),
        (["reply", "final", "add-message", "reply", "replied", "reply"], False),
        (["reply", "final", "reply", "replied", "add-message", "add-message", "reply"], True),
        (["reply", "add-message", "add-message", "reply", "reply"], True),
    ],
)
def test_to_ask_when_nothing_is_said_nor_owed_makes_a_turn(entries, passes):
    assert ONE_REPLY_PER_TURN.judge(of_one_call(*entries)).passed is passes


def test_a_prompt_is_a_turn_each_time():
    for prompts, passes in ((1, False), (2, True)):
        timeline = of_one_call("reply", *["prompt"] * prompts, "reply", "reply")
        assert ONE_REPLY_PER_TURN.judge(timeline).passed is passes


def test_what_no_session_is_told_for_is_one_session():
    timeline = of_one_call("reply", "reply")
    for event in timeline:
        event.session = None
    assert not ONE_REPLY_PER_TURN.judge(timeline).passed


@pytest.mark.parametrize(
    ("heard_ns", "long_ns", "again"),
    [
        (500 * MS, 2000 * MS, True),
        (500 * MS - 1, 2000 * MS, False),
        (100 * MS, 100 * MS, True),
        (100 * MS - 1, 100 * MS, False),
    ],
)
def test_who_has_heard_half_a_second_or_all_of_it_has_heard_it_begin(heard_ns, long_ns, again):
    timeline = lost(("reply", 1), ("reply", 2))
    timeline.of("replies")[0].fields["duration_ns"] = long_ns
    timeline.of("hears")[0].fields["duration_ns"] = heard_ns
    assert ONE_REPLY_PER_TURN.judge(timeline).passed is not again


def test_what_is_heard_of_the_repetition_itself_is_no_proof():
    timeline = lost(("reply", 1), ("reply", 2))
    timeline.of("hears")[0].t_ns = timeline.of("replies")[1].t_ns
    assert ONE_REPLY_PER_TURN.judge(timeline).passed


def test_a_reply_and_what_it_answers_may_be_of_one_instant():
    timeline = of_one_call("reply", "reply", "final")
    timeline.of("transcript")[0].sent_ns = timeline.of("replies")[1].t_ns
    assert ONE_REPLY_PER_TURN.judge(timeline).passed


def test_a_reply_too_many_is_told_with_the_two_wishes_before_it():
    timeline = of_one_call("reply", "final", "reply", "reply")
    [violation] = ONE_REPLY_PER_TURN.judge(timeline).violations
    assert [event.t_ns // MS for event in violation.events] == [2000, 3000, 4000]


def test_an_assistant_that_answers_at_once_is_no_false_alarm(sim):
    sim.host("bridge.example.com").serve(own_bridge())
    sim.vapi.assistant(
        first_message="Hello.",
        replies=["Fine."],
        llm=0,
        tts=0,
        wait_seconds=0,
        started_before_audio=0,
    )

    async def talk():
        call = await sim.twilio.call(to="+15550100")
        await call.hears("Hello")
        await asyncio.sleep(0.5)
        await call.says("one two three")
        await call.hears("Fine")
        await call.hangs_up()

    sim.run(talk())
    assert [result.sentence for result in checks.run(sim.finish()) if not result.passed] == []
