"""Who speaks: second interruptions, replies that are owed, keys, and the fallback line."""

from __future__ import annotations

import pytest

from simkit.bridge.events import (
    AgentAudio,
    AgentStarted,
    AgentStopped,
    CallEnded,
    CallerSaid,
    CallerStarted,
    CallerStopped,
    CancelReply,
    Delayed,
    FallbackQueued,
    Interrupted,
    SayFallback,
    TellVapi,
    TimerDue,
    VapiReady,
)
from simkit.wire import WireError, twilio
from tests.bridge.calls import (
    LOUD,
    LOUD_CALLER,
    MS,
    SECOND,
    counts,
    done,
    key,
    kinds,
    make,
    mark,
    media,
    notes,
    running,
    speaking,
    start,
    timers,
)

CLEAR = twilio.Clear("MZ1")
PARTIAL = CallerSaid("wait", final=False)
FINAL = CallerSaid("can we do Thursday instead?", final=True)


def heard_out(core, now_ns: int) -> None:
    """The agent is done, and Twilio has played everything."""
    for action in done(core.handle(AgentStopped(), now_ns)):
        core.handle(mark(action.mark.name), now_ns)


# Interruptions


def test_hints_at_the_same_interruption_do_not_cut_off_the_next_reply():
    core = running()
    speaking(core, 0)
    assert done(core.handle(Interrupted(), 200 * MS)) == [CLEAR]
    speaking(core, 300 * MS)
    assert done(core.handle(PARTIAL, 400 * MS)) == []
    assert done(core.handle(PARTIAL, 600 * MS)) == [CLEAR, CancelReply()]


def test_vapi_itself_is_always_believed_about_a_second_interruption():
    core = running()
    speaking(core, 0)
    core.handle(Interrupted(), 200 * MS)
    speaking(core, 250 * MS)
    assert done(core.handle(Interrupted(), 300 * MS)) == [CLEAR]


def test_a_second_interruption_by_voice_is_put_off_but_not_swallowed():
    core = running()
    speaking(core, 0)
    core.handle(Interrupted(), 200 * MS)
    speaking(core, 250 * MS)
    core.handle(AgentStopped(), 260 * MS)
    later = core.handle(CallerStarted(), 350 * MS)
    assert (done(later), timers(later)) == ([], {"debounce": 500 * MS})
    assert done(core.handle(TimerDue("debounce"), 500 * MS)) == [CLEAR, CancelReply()]


def test_a_voice_that_ended_meanwhile_is_no_second_interruption():
    core = running()
    speaking(core, 0)
    core.handle(Interrupted(), 200 * MS)
    speaking(core, 250 * MS)
    core.handle(AgentStopped(), 260 * MS)
    core.handle(CallerStarted(), 350 * MS)
    core.handle(CallerStopped(), 400 * MS)
    assert core.handle(TimerDue("debounce"), 500 * MS) == []


def test_vapi_is_told_of_an_interruption_that_it_did_not_report():
    core = running()
    speaking(core, 0)
    assert done(core.handle(PARTIAL, 200 * MS)) == [CLEAR, CancelReply()]


def test_silence_that_is_queued_needs_no_clear():
    core = running()
    core.handle(AgentAudio(bytes(640 * 50)), 0)
    assert done(core.handle(Interrupted(), 200 * MS)) == []


def test_the_callers_stopped_after_the_agents_started_ends_nothing():
    core = running()
    core.handle(FINAL, 0)
    speaking(core, 500 * MS)
    assert core.handle(CallerStopped(), 600 * MS) == []
    assert "SendMedia" in kinds(core.handle(AgentAudio(LOUD), 620 * MS))
    assert done(core.handle(Interrupted(), 700 * MS)) == [CLEAR]


def caller_speaks(core, first: int, frames: int, sound: bytes = LOUD_CALLER) -> list:
    return [
        action
        for n in range(first, first + frames)
        for action in done(core.handle(media(n, sound), n * 20 * MS))
        if not hasattr(action, "data")
    ]


@pytest.mark.parametrize(("frames", "cut"), [(9, []), (10, [CLEAR, CancelReply()])])
def test_with_an_ear_of_its_own_200_ms_of_voice_interrupt(frames, cut):
    core = running(own_vad=True)
    speaking(core, 0, frames=200)
    assert caller_speaks(core, 1, frames) + caller_speaks(core, 1 + frames, 5, b"\xff" * 160) == cut


def test_noise_with_pauses_is_no_continuous_voice():
    core = running(own_vad=True)
    speaking(core, 0, frames=200)
    for n in range(1, 60, 6):
        assert caller_speaks(core, n, 5) == []
        assert caller_speaks(core, n + 5, 1, b"\xff" * 160) == []


def test_without_it_voice_is_left_to_vapi():
    core = running()
    speaking(core, 0, frames=200)
    assert caller_speaks(core, 1, 100) == []


# Replies


def test_a_reply_that_does_not_come_is_excused_once():
    core = running()
    assert timers(core.handle(FINAL, SECOND)) == {"reply": 11 * SECOND}
    late = core.handle(TimerDue("reply"), 11 * SECOND)
    assert done(late) == [SayFallback("MZ1", "agent-1")]
    assert counts(late) == [("fallbacks", "late")]
    core.handle(FallbackQueued(2 * SECOND), 11 * SECOND)
    assert done(core.handle(TimerDue("reply"), 30 * SECOND)) == []


def test_the_late_reply_is_spoken_once_after_the_line():
    core = running()
    core.handle(FINAL, 0)
    core.handle(TimerDue("reply"), 10 * SECOND)
    core.handle(AgentStarted(), 12 * SECOND)
    assert "SendMedia" in kinds(core.handle(AgentAudio(LOUD), 12 * SECOND))
    assert done(core.handle(TimerDue("reply"), 20 * SECOND)) == []


def test_a_reply_in_time_needs_no_excuse():
    core = running()
    core.handle(FINAL, 0)
    core.handle(AgentStarted(), SECOND)
    core.handle(AgentAudio(LOUD), SECOND)
    assert core.handle(TimerDue("reply"), 10 * SECOND) == []


def test_a_final_transcript_in_pieces_is_one_turn():
    core = running()
    core.handle(FINAL, 0)
    core.handle(FINAL, SECOND)
    assert len(done(core.handle(TimerDue("reply"), 11 * SECOND))) == 1
    assert done(core.handle(TimerDue("reply"), 22 * SECOND)) == []


def test_each_turn_without_a_reply_is_excused():
    core = running()
    for turn in range(2):
        began = turn * 60 * SECOND
        core.handle(FINAL, began)
        [line] = done(core.handle(TimerDue("reply"), began + 10 * SECOND))
        core.handle(mark(line.mark), began + 15 * SECOND)


def test_an_agent_that_is_announced_and_not_heard_has_not_answered():
    core = running()
    core.handle(FINAL, 0)
    core.handle(AgentStarted(), SECOND)
    core.handle(AgentAudio(bytes(640)), SECOND)
    assert kinds(core.handle(TimerDue("reply"), 10 * SECOND)) == ["SayFallback"]


def test_a_background_sound_is_no_answer():
    core = running()
    core.handle(AgentStarted(), 0)
    heard_out(core, SECOND)
    core.handle(FINAL, 2 * SECOND)
    core.handle(AgentAudio(LOUD), 2 * SECOND)
    assert core._guard.is_owed


def test_who_did_not_interrupt_the_agent_is_owed_nothing():
    core = running()
    speaking(core, 0)
    assert core.handle(CallerSaid("okay", final=True), 500 * MS) == []


def test_no_excuse_while_the_caller_speaks_again():
    core = running()
    core.handle(FINAL, 0)
    core.handle(CallerStarted(), 9 * SECOND)
    assert timers(core.handle(TimerDue("reply"), 10 * SECOND)) == {"reply": 11 * SECOND}


def test_hang_is_a_delay_and_ends_nothing():
    core = running()
    core.handle(FINAL, 0)
    assert notes(core.handle(Delayed(), 5 * SECOND)) == "Vapi says that its answer is late"
    assert not core.is_over
    speaking(core, 6 * SECOND)
    assert done(core.handle(Interrupted(), 6500 * MS)) == [CLEAR]


def test_the_fallback_line_can_be_interrupted_for_as_long_as_it_plays():
    def after(ns: int) -> list:
        core = running()
        core.handle(FINAL, 0)
        core.handle(TimerDue("reply"), 10 * SECOND)
        core.handle(FallbackQueued(4 * SECOND), 10 * SECOND)
        return done(core.handle(CallerStarted(), 10 * SECOND + ns))

    assert after(3900 * MS) == [CLEAR, CancelReply()]
    assert after(6100 * MS) == []  # its mark is overdue: it was heard


def test_one_utterance_is_one_turn_whether_vapi_or_the_bridge_hears_its_end():
    core = running(own_vad=True)
    caller_speaks(core, 1, 50)
    quiet = [core.handle(media(n, b"\xff" * 160), n * 20 * MS) for n in range(51, 90)]
    [due] = [timers(actions)["reply"] for actions in quiet if "reply" in timers(actions)]
    assert due == (1000 + 600) * MS + 10 * SECOND
    core.handle(FINAL, 1700 * MS)
    assert len(done(core.handle(TimerDue("reply"), 12 * SECOND))) == 1
    assert done(core.handle(TimerDue("reply"), 24 * SECOND)) == []


def test_the_end_of_a_voice_that_was_transcribed_and_answered_is_no_turn():
    core = running(own_vad=True)
    caller_speaks(core, 1, 50)
    core.handle(FINAL, 1100 * MS)
    speaking(core, 1200 * MS, frames=1)
    heard_out(core, 1300 * MS)
    quiet = [core.handle(media(n, b"\xff" * 160), n * 20 * MS) for n in range(51, 120)]
    assert all("reply" not in timers(actions) for actions in quiet)


# Keys


def test_keys_pressed_in_a_row_are_told_together():
    core = running()
    for n, digit in enumerate("12#"):
        last = core.handle(key(digit), n * 500 * MS)
    assert timers(last) == {"keys": 2 * SECOND}
    assert done(core.handle(TimerDue("keys"), 2 * SECOND)) == [
        TellVapi("The caller pressed 1 2 #.")
    ]
    assert core.handle(TimerDue("keys"), 4 * SECOND) == []


def test_keys_wait_for_vapi():
    core = make()
    core.handle(start(), 0)
    core.handle(key("5"), 0)
    assert core.handle(TimerDue("keys"), SECOND) == []
    assert TellVapi("The caller pressed 5.") in core.handle(VapiReady(), 2 * SECOND)


def test_keys_are_bounded_and_may_be_ignored():
    core, deaf = running(), running(dtmf="ignore")
    for _ in range(40):
        core.handle(key("1"), 0)
        assert deaf.handle(key("1"), 0) == []
    [told] = done(core.handle(TimerDue("keys"), SECOND))
    assert told.text.count("1") == 32


@pytest.mark.parametrize("digit", ["", "12", "x", "é"])
def test_what_is_no_key_is_a_wire_error(digit):
    with pytest.raises(WireError, match=r"dtmf\.digit"):
        running().handle(key(digit), 0)


# The end


def test_a_long_last_word_is_heard_whole():
    core = running()
    speaking(core, 0, frames=1500)
    limit = timers(core.handle(CallEnded("assistant-ended-call"), SECOND))["hang-up-limit"]
    assert limit == 35 * SECOND
    assert timers(core.handle(TimerDue("hang-up"), 29 * SECOND)) == {"hang-up": 29_020 * MS}
    assert "CloseTwilio" in kinds(core.handle(TimerDue("hang-up"), 33 * SECOND))


def test_the_end_of_an_end_is_waited_for_in_vain_only_so_long():
    core = running()
    speaking(core, 0)
    limit = timers(core.handle(CallEnded("assistant-ended-call"), 0))["hang-up-limit"]
    assert limit == 10 * SECOND
    assert kinds(core.handle(TimerDue("hang-up-limit"), limit)) == ["EndVapi", "CloseTwilio"]


def test_when_vapi_fails_the_line_is_said_before_the_end():
    core = running()
    actions = core.handle(CallEnded("call.in-progress.error-vapifault-openai"), 0)
    assert kinds(actions) == ["SayFallback"]
    core.handle(FallbackQueued(2 * SECOND), 0)
    core.handle(mark("agent-1"), 2 * SECOND)
    assert kinds(core.handle(TimerDue("hang-up"), 2 * SECOND)) == ["EndVapi", "CloseTwilio"]
