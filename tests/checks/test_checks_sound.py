"""Checks of what was heard and understood, on timelines by hand."""

from __future__ import annotations

import pytest

from simkit.checks import Sound
from simkit.checks.caller_audio import CALLER_AUDIO_COMPLETE
from simkit.checks.sound import (
    AGENT_AUDIO_INTACT,
    NO_CROSS_TALK,
    NO_STALE_AUDIO,
)
from simkit.timeline import Timeline

MS = 1_000_000


def new() -> Timeline:
    timeline = Timeline(lambda: 60_000 * MS)
    for session in (1, 2):
        timeline.record("open", "vapi", "bridge", t_ns=0, session=session)
    return timeline


def says(timeline: Timeline, t_ms: int, ms: int, *, utterance=1, call=1) -> Timeline:
    timeline.record(
        "speaks",
        "caller",
        t_ns=t_ms * MS,
        call=call,
        utterance=utterance,
        text="wait",
        duration_ns=ms * MS,
    )
    return timeline


def receives(
    timeline, t_ms: int, offset_ms: float, ms: float, pause_ms: int = 0, *, utterance=1, session=1
):
    timeline.record(
        "receives",
        "vapi",
        t_ns=t_ms * MS,
        session=session,
        utterance=utterance,
        offset_ns=round(offset_ms * MS),
        duration_ns=round(ms * MS),
        pause_ns=pause_ms * MS,
    )


def replies(timeline, t_ms: int, ms: int, *, utterance=1, session=1, reply=1):
    timeline.record(
        "replies",
        "agent",
        t_ns=t_ms * MS,
        session=session,
        reply=reply,
        utterance=utterance,
        text="Tuesday",
        duration_ns=ms * MS,
        arrived_ns=t_ms * MS,
    )


def hears(timeline, t_ms: int, offset_ms: float, ms: float, *, utterance: int | None = 1, call=1):
    timeline.record(
        "hears",
        "caller",
        t_ns=t_ms * MS,
        call=call,
        utterance=utterance,
        offset_ns=round(offset_ms * MS),
        duration_ns=round(ms * MS),
        text="Tuesday",
    )


# caller-audio-complete


def caller_said(*pieces: tuple[int, float, float], ms: int = 1000) -> Timeline:
    timeline = says(new(), 2000, ms)
    for piece in pieces:
        receives(timeline, *piece)
    return timeline


@pytest.mark.parametrize(
    "pieces",
    [
        [(2050, 0, 1000)],
        [(2050, 0, 500), (2550, 500, 500)],
        [(2050, 0, 940)],
        [(2050, 30, 400), (2550, 460, 510)],
        [(2050, 0, 505), (2550, 500, 500)],
        [(2050, 0, 200), (2850, 800, 200, 600)],
    ],
)
def test_what_reached_vapi_in_order_is_complete(pieces):
    assert CALLER_AUDIO_COMPLETE.judge(caller_said(*pieces)).passed


def test_what_was_lost_is_told_in_milliseconds():
    result = CALLER_AUDIO_COMPLETE.judge(caller_said((2250, 200, 800)))
    assert result.sentence == (
        '200 ms of what the caller said at 2.000 ("wait") never reached Vapi'
    )


def test_speech_that_never_arrived_is_lost_as_a_whole():
    assert CALLER_AUDIO_COMPLETE.judge(caller_said()).sentence.startswith("1000 ms of what")


def test_audio_that_arrives_twice_does_not_make_up_for_what_is_lost():
    result = CALLER_AUDIO_COMPLETE.judge(caller_said((2050, 0, 500), (2550, 0, 500)))
    assert result.sentence.startswith("500 ms of what")


def test_a_pause_of_the_speaker_s_makes_up_for_no_more_than_it_is():
    result = CALLER_AUDIO_COMPLETE.judge(caller_said((2050, 0, 200), (2850, 800, 200, 400)))
    assert result.sentence.startswith("200 ms of what")


def test_60_ms_a_piece_are_forgiven_and_no_more():
    assert CALLER_AUDIO_COMPLETE.judge(caller_said((2050, 0, 940))).passed
    assert not CALLER_AUDIO_COMPLETE.judge(caller_said((2050, 0, 939.9))).passed


@pytest.mark.parametrize(
    "pieces", [[(2050, 500, 500), (2550, 0, 500)], [(2050, 0, 600), (2650, 500, 500)]]
)
def test_what_goes_back_is_told(pieces):
    assert CALLER_AUDIO_COMPLETE.judge(caller_said(*pieces)).sentence == (
        'what the caller said at 2.000 ("wait") reached Vapi twice in places, or out of order'
    )


@pytest.mark.parametrize("kind", ["hangs-up", "ended"])
def test_speech_just_before_the_end_may_still_be_on_its_way(kind):
    timeline = caller_said((2050, 0, 250))
    timeline.record(kind, "caller", t_ns=2750 * MS, call=1)
    assert CALLER_AUDIO_COMPLETE.judge(timeline).passed


def test_but_not_speech_from_long_before_it():
    timeline = caller_said()
    timeline.record("hangs-up", "caller", t_ns=2750 * MS, call=1)
    assert CALLER_AUDIO_COMPLETE.judge(timeline).sentence.startswith("250 ms of what")


def test_the_end_of_another_call_is_no_excuse():
    timeline = caller_said()
    timeline.record("ended", "twilio", t_ns=2100 * MS, call=2)
    assert CALLER_AUDIO_COMPLETE.judge(timeline).sentence.startswith("1000 ms of what")


# agent-audio-intact


def agent_said(*pieces: tuple[int, float, float]) -> Timeline:
    timeline = new()
    replies(timeline, 1900, 1000)
    for piece in pieces:
        hears(timeline, *piece)
    return timeline


@pytest.mark.parametrize(
    "pieces",
    [
        [(2000, 0, 1000)],
        [(2000, 0, 500), (2500, 500, 500)],
        [(2000, 60, 940)],
        [(2000, 0, 500), (2560, 500, 500)],
        [(2000, 0, 500), (2495, 495, 505)],
    ],
)
def test_a_reply_heard_in_order_is_intact(pieces):
    assert AGENT_AUDIO_INTACT.judge(agent_said(*pieces)).passed


def test_a_reply_that_is_cut_off_is_intact_as_far_as_it_went():
    assert AGENT_AUDIO_INTACT.judge(agent_said((2000, 0, 300))).passed


@pytest.mark.parametrize(
    ("pieces", "sentence"),
    [
        (
            [(2000, 0, 500), (2500, 300, 700)],
            'at 2.500, of "Tuesday", caller heard 200 ms of it again',
        ),
        (
            [(2000, 0, 500), (2500, 700, 300)],
            'at 2.500, of "Tuesday", caller heard it with 200 ms missing',
        ),
        (
            [(2000, 100, 900)],
            'at 2.000, of "Tuesday", caller heard it with 100 ms missing',
        ),
        (
            [(2000, 0, 500), (2750, 500, 500)],
            'at 2.750, of "Tuesday", caller heard it after a gap of 250 ms',
        ),
    ],
)
def test_what_was_wrong_with_a_reply_is_told(pieces, sentence):
    assert AGENT_AUDIO_INTACT.judge(agent_said(*pieces)).sentence == sentence


def test_sound_that_nobody_made_is_told():
    timeline = agent_said((2000, 0, 1000))
    hears(timeline, 4000, 0, 61, utterance=None)
    assert AGENT_AUDIO_INTACT.judge(timeline).sentence == (
        "caller heard 61 ms of sound at 4.000 that nobody is known to have made"
    )


def test_up_to_60_ms_of_unknown_sound_are_forgiven():
    timeline = agent_said()
    hears(timeline, 4000, 0, 60, utterance=None)
    assert AGENT_AUDIO_INTACT.judge(timeline).passed


def test_twilio_s_own_voice_is_not_the_agent_s():
    timeline = new()
    hears(timeline, 2000, 300, 100, utterance=9)
    assert AGENT_AUDIO_INTACT.judge(timeline).passed


def one_ns_more(at: int, of: str, field: str, timeline: Timeline) -> Timeline:
    timeline.of(of)[at].fields[field] += 1
    return timeline


def heard(*pieces: tuple[int, float, float]) -> Timeline:
    timeline = new()
    replies(timeline, 1000, 2000)
    for piece in pieces:
        hears(timeline, *piece)
    return timeline


@pytest.mark.parametrize(
    ("pieces", "at", "field"),
    [
        ([(1200, 0, 900), (2160, 960, 900)], 1, "offset_ns"),
        ([(1200, 0, 900), (2160, 900, 900)], 1, "t_ns"),
        ([(1200, 60, 900)], 0, "offset_ns"),
    ],
    ids=["missing", "gap", "its start"],
)
def test_60_ms_of_a_reply_are_forgiven_and_no_more(pieces, at, field):
    assert AGENT_AUDIO_INTACT.judge(heard(*pieces)).passed
    timeline = heard(*pieces)
    if field == "t_ns":
        timeline.of("hears")[at].t_ns += 1
    else:
        one_ns_more(at, "hears", field, timeline)
    assert not AGENT_AUDIO_INTACT.judge(timeline).passed


@pytest.mark.parametrize(("back_ms", "fine"), [(5, True), (5.000001, False)])
def test_what_goes_back_by_over_5_ms_is_heard_again(back_ms, fine):
    assert (
        AGENT_AUDIO_INTACT.judge(heard((1200, 0, 900), (2100, 900 - back_ms, 900))).passed is fine
    )


def test_60_ms_and_a_nanosecond_of_unknown_sound_are_told():
    timeline = new()
    hears(timeline, 1000, 0, 60, utterance=None)
    assert AGENT_AUDIO_INTACT.judge(timeline).passed
    assert not AGENT_AUDIO_INTACT.judge(one_ns_more(0, "hears", "duration_ns", timeline)).passed


def loses(timeline: Timeline, t_ms: int, packets: int = 1) -> Timeline:
    """The carrier loses packets on their way to the caller."""
    timeline.record(
        "lost", "carrier", t_ns=t_ms * MS, call=1, towards="caller", packets=packets, late=0,
        last_ns=t_ms * MS,
    )  # fmt: skip
    return timeline


@pytest.mark.parametrize(("missing_ms", "fine"), [(280, True), (280.000001, False)])
def test_a_lost_packet_forgives_itself_and_a_pause_beside_it(missing_ms, fine):
    timeline = heard((1200, 0, 500), (1700 + round(missing_ms), 500 + missing_ms, 900))
    timeline.of("hears")[1].t_ns = round((1700 + missing_ms) * MS)
    assert not AGENT_AUDIO_INTACT.judge(timeline).passed
    assert AGENT_AUDIO_INTACT.judge(loses(timeline, 1750)).passed is fine


@pytest.mark.parametrize(("ms", "fine"), [(99, True), (101, False)])
def test_a_fragment_beside_a_loss_may_be_taken_for_anything(ms, fine):
    timeline = heard((1200, 0, 1000), (2300, 0, ms))
    assert AGENT_AUDIO_INTACT.judge(loses(timeline, 2290)).passed is fine
    unknown = new()
    hears(unknown, 2300, 0, 70, utterance=None)
    assert AGENT_AUDIO_INTACT.judge(loses(unknown, 2390 if fine else 2900)).passed is fine


def test_two_callers_may_hear_the_same_reply_from_its_start():
    timeline = agent_said((2000, 0, 500))
    hears(timeline, 2100, 0, 500, call=2)
    assert AGENT_AUDIO_INTACT.judge(timeline).passed


# no-stale-audio


def interrupted(clear_arrives_ms: int) -> Timeline:
    """The caller hears 2,000 to 3,000 ms of the reply and interrupts at 2,500."""
    timeline = agent_said((2000, 0, 1000))
    says(timeline, 2500, 300, utterance=2)
    timeline.record(
        "clear",
        "bridge",
        "twilio",
        t_ns=2700 * MS,
        call=1,
        sent_ns=2700 * MS,
        arrived_ns=clear_arrives_ms * MS,
    )
    return timeline


@pytest.mark.parametrize("arrives_ms", [2975, 3000])
def test_the_frame_that_was_leaving_and_5_ms_are_not_stale(arrives_ms):
    assert NO_STALE_AUDIO.judge(interrupted(arrives_ms)).passed


def test_more_is():
    assert not NO_STALE_AUDIO.judge(interrupted(2974)).passed
    assert NO_STALE_AUDIO.judge(interrupted(2720)).sentence == (
        "caller heard 260 ms of reply 1 after the clear that followed the interruption at 2.500"
    )


def test_what_is_stale_is_told_with_what_shows_it_and_nothing_else():
    timeline = interrupted(2720)
    replies(timeline, 2900, 500, utterance=3, reply=2)
    hears(timeline, 3400, 0, 500, utterance=3)
    (violation,) = NO_STALE_AUDIO.judge(timeline).violations
    assert violation.at_ns == 2740 * MS
    assert violation.sounds == [Sound(1, "ear", 2740 * MS, 3000 * MS)]
    kinds = sorted(event.kind for event in violation.events)
    assert kinds == ["clear", "hears", "replies", "speaks"]
    assert {event.fields.get("utterance") for event in violation.events} == {None, 1, 2}


def test_without_a_clear_nothing_is_stale():
    timeline = says(agent_said((2000, 0, 1000)), 2500, 300, utterance=2)
    assert NO_STALE_AUDIO.judge(timeline).passed


# no-cross-talk


def two_calls() -> Timeline:
    timeline = new()
    for number in (1, 2):
        replies(timeline, 1000, 1000, utterance=10 * number, session=number)
        hears(timeline, 1100, 0, 1000, utterance=10 * number, call=number)
        says(timeline, 3000, 500, utterance=20 * number, call=number)
        receives(timeline, 3050, 0, 500, utterance=20 * number, session=number)
    return timeline


def test_two_calls_that_stay_apart_do_not_cross():
    assert NO_CROSS_TALK.judge(two_calls()).passed


def test_hearing_the_other_caller_s_agent_is_told():
    timeline = two_calls()
    hears(timeline, 5000, 0, 100, utterance=10, call=2)
    assert NO_CROSS_TALK.judge(timeline).sentence == (
        "caller 2 heard at 5.000 what was said to caller 1"
    )


def test_being_transcribed_in_the_other_call_is_told():
    timeline = two_calls()
    receives(timeline, 5000, 0, 100, utterance=20, session=2)
    assert NO_CROSS_TALK.judge(timeline).sentence == (
        "Vapi's call 2 received at 5.000 what caller 1 said, besides caller 2"
    )


def test_sound_of_unknown_origin_crosses_nothing():
    timeline = two_calls()
    hears(timeline, 5000, 0, 100, utterance=None, call=2)
    receives(timeline, 5000, 0, 100, utterance=None, session=2)
    assert NO_CROSS_TALK.judge(timeline).passed
