"""The core by itself: events in, actions out."""

from __future__ import annotations

import pytest

from simkit.bridge.events import (
    AgentAudio,
    AgentStarted,
    AgentStopped,
    CallEnded,
    CallerSaid,
    CallerStarted,
    CloseTwilio,
    EndVapi,
    Interrupted,
    OpenVapi,
    SendCallerAudio,
    SetTimer,
    TimerDue,
    TwilioGone,
    VapiReady,
)
from simkit.wire import WireError, twilio
from tests.bridge.calls import (
    LOUD,
    MS,
    SILENT,
    done,
    kinds,
    make,
    media,
    notes,
    running,
    speaking,
    start,
    timers,
)


def test_start_opens_vapi():
    actions = make().handle(start(), 0)
    assert done(actions) == [OpenVapi("CA1")]
    assert timers(actions) == {
        "vapi": 20_000 * MS,
        "stream": 45_000 * MS,
        "session": 14_400_000 * MS,
    }


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"encoding": "audio/x-l16"}, "audio/x-l16 at 8000 Hz"),
        ({"sample_rate": 16000}, "at 16000 Hz"),
        ({"channels": 2}, "in 2"),
        ({"tracks": ("outbound",)}, "expected inbound alone, found outbound"),
        ({"tracks": ()}, "found none"),
    ],
)
def test_a_start_that_is_no_telephone_audio_is_refused(wrong, named):
    core = make()
    actions = core.handle(start(**wrong), 0)
    assert kinds(actions) == ["CloseTwilio"]
    assert named in notes(actions)
    assert core.is_over


def test_a_second_start_is_refused():
    core = running()
    with pytest.raises(WireError, match="second start"):
        core.handle(start(), 0)


def test_caller_audio_waits_for_vapi_and_then_goes_in_order():
    core = make()
    core.handle(start(), 0)
    sounds = [bytes([code]) * 160 for code in (10, 20, 30)]
    for number, sound in enumerate(sounds, 1):
        assert core.handle(media(number, sound), 0) == []
    direct = running()
    expected = b"".join(
        direct.handle(media(number, sound), 0)[0].data for number, sound in enumerate(sounds, 1)
    )
    sent = core.handle(VapiReady(), 0)
    assert [action.data for action in sent if isinstance(action, SendCallerAudio)] == [expected]


def test_the_oldest_caller_audio_is_dropped_beyond_the_limit():
    core = make(cold_start_limit=0.1, vapi_format="mulaw")
    core.handle(start(), 0)
    for number in range(1, 11):
        core.handle(media(number, bytes([number]) * 160), 0)
    [sent] = [a for a in core.handle(VapiReady(), 0) if isinstance(a, SendCallerAudio)]
    assert sent.data == b"".join(bytes([number]) * 160 for number in range(6, 11))


def test_a_missing_chunk_is_waited_for_and_then_replaced_by_silence():
    core = running(vapi_format="mulaw", reorder_limit=0.1)
    assert kinds(core.handle(media(1, b"a" * 160), 0)) == ["SendCallerAudio"]
    assert core.handle(media(3, b"c" * 160), 5 * MS) == [SetTimer("caller-order", 105 * MS)]
    sent = core.handle(TimerDue("caller-order"), 105 * MS)
    sounds = [action.data for action in sent if isinstance(action, SendCallerAudio)]
    assert sounds == [b"\xff" * 160, b"c" * 160]


def test_a_missing_chunk_is_waited_for_as_long_whatever_was_missing_before():
    core = running(vapi_format="mulaw", reorder_limit=0.1)
    core.handle(media(1, b"a" * 160), 0)
    assert core.handle(media(3, b"c" * 160), 5 * MS) == [SetTimer("caller-order", 105 * MS)]
    core.handle(media(2, b"b" * 160), 25 * MS)
    assert core.handle(media(5, b"e" * 160), 95 * MS) == []
    again = core.handle(TimerDue("caller-order"), 105 * MS)
    assert again == [SetTimer("caller-order", 195 * MS)]
    sent = core.handle(media(4, b"d" * 160), 115 * MS)
    assert [action.data for action in sent] == [b"d" * 160, b"e" * 160]
    assert core.handle(TimerDue("caller-order"), 195 * MS) == []


def test_agent_audio_is_transcoded_and_played():
    core = running()
    [sent] = [a for a in core.handle(AgentAudio(LOUD), 0) if isinstance(a, twilio.SendMedia)]
    assert sent.stream_sid == "MZ1"
    assert len(sent.media.payload) == 160


def test_an_odd_byte_waits_for_the_other_half_of_its_sample():
    whole, split = running(), running()
    first = whole.handle(AgentAudio(LOUD), 0)[0]
    split.handle(AgentAudio(LOUD[:1]), 0)
    rest = split.handle(AgentAudio(LOUD[1:]), 0)[0]
    assert rest.media.payload == first.media.payload


def test_an_interruption_clears_once():
    core = running()
    speaking(core, 0)
    assert done(core.handle(Interrupted(), 200 * MS)) == [twilio.Clear("MZ1")]
    assert core.handle(Interrupted(), 210 * MS) == []
    assert done(core.handle(CallerStarted(), 220 * MS)) == []
    assert done(core.handle(CallerSaid("wait", final=False), 230 * MS)) == []


def test_without_audible_speech_there_is_nothing_to_clear():
    core = running()
    assert core.handle(Interrupted(), 0) == []


def test_what_still_arrives_of_an_interrupted_reply_is_dropped():
    core = running()
    speaking(core, 0)
    core.handle(Interrupted(), 200 * MS)
    assert core.handle(AgentAudio(LOUD), 210 * MS) == []
    core.handle(AgentStarted(), 400 * MS)
    assert "SendMedia" in kinds(core.handle(AgentAudio(LOUD), 410 * MS))


def test_a_pause_ends_the_interrupted_reply_too():
    core = running(new_reply_gap=0.3)
    speaking(core, 0)
    core.handle(Interrupted(), 200 * MS)
    core.handle(AgentAudio(LOUD), 250 * MS)
    assert core.handle(AgentAudio(LOUD), 540 * MS) == []
    assert "SendMedia" in kinds(core.handle(AgentAudio(LOUD), 841 * MS))


def test_the_next_reply_can_be_interrupted_as_well():
    core = running()
    speaking(core, 0)
    core.handle(Interrupted(), 200 * MS)
    speaking(core, 400 * MS)
    assert "Clear" in kinds(core.handle(Interrupted(), 500 * MS))


def test_words_interrupt_while_the_reply_is_heard_though_all_of_it_was_sent():
    core = running()
    speaking(core, 0)
    core.handle(AgentStopped(), 10 * MS)
    assert "Clear" in kinds(core.handle(CallerSaid("wait", final=False), 800 * MS))


def test_voice_interrupts_what_vapi_believes_to_be_over():
    core = running()
    speaking(core, 0)
    assert core.handle(CallerStarted(), 5 * MS) == []
    core.handle(AgentStopped(), 10 * MS)
    assert "Clear" in kinds(core.handle(CallerStarted(), 800 * MS))


@pytest.mark.parametrize("text", ["okay", "Uh-huh.", "mm-hmm", "Yeah, sure"])
def test_a_caller_who_only_listens_does_not_interrupt(text):
    core = running()
    speaking(core, 0)
    core.handle(AgentStopped(), 10 * MS)
    assert core.handle(CallerSaid(text, final=False), 300 * MS) == []


def test_a_late_transcript_counts_within_the_grace_and_not_after_it():
    def after(wait_ns: int) -> bool:
        core = running(late_partial_grace=0.5)
        speaking(core, 0)
        [mark] = [a for a in core.handle(AgentStopped(), 0) if isinstance(a, twilio.SendMark)]
        core.handle(twilio.Mark("9", "MZ1", mark.mark), 1000 * MS)
        core.handle(CallerSaid("wait", final=False), 1000 * MS + wait_ns)
        # Whether it counted shows in what becomes of the rest of that reply.
        return core.handle(AgentAudio(LOUD), 1001 * MS + wait_ns) == []

    assert after(400 * MS)
    assert not after(600 * MS)


def test_an_echo_of_a_flushed_mark_says_nothing_of_the_next_reply():
    core = running()
    speaking(core, 0)
    [old] = [a for a in core.handle(AgentStopped(), 0) if isinstance(a, twilio.SendMark)]
    core.handle(Interrupted(), 100 * MS)
    speaking(core, 200 * MS)
    core.handle(AgentStopped(), 200 * MS)
    core.handle(twilio.Mark("9", "MZ1", old.mark), 250 * MS)
    assert "Clear" in kinds(core.handle(Interrupted(), 300 * MS))


def test_silence_from_vapi_asks_for_no_mark():
    core = running()
    for number in range(30):
        assert kinds(core.handle(AgentAudio(SILENT), number * 20 * MS)) == ["SendMedia"]
    assert core.handle(AgentStopped(), 600 * MS) == []


def test_stop_ends_vapi_at_once_and_nothing_follows():
    core = running()
    speaking(core, 0)
    stop = twilio.Stop("9", "MZ1", twilio.StopBody("AC1", "CA1"))
    assert done(core.handle(stop, 1)) == [EndVapi()]
    for event in (AgentAudio(LOUD), Interrupted(), media(1), TwilioGone(), TimerDue("quiet")):
        assert core.handle(event, 2) == []


def test_the_line_is_held_until_the_last_word_was_heard():
    core = running()
    speaking(core, 0)
    first = core.handle(CallEnded("assistant-ended-call"), 100 * MS)
    assert "CloseTwilio" not in kinds(first)
    assert "SendMark" in kinds(first)
    assert core.handle(TimerDue("hang-up"), 500 * MS) == [SetTimer("hang-up", 520 * MS)]
    [mark] = [action for action in first if isinstance(action, twilio.SendMark)]
    core.handle(twilio.Mark("9", "MZ1", mark.mark), 1040 * MS)
    assert done(core.handle(TimerDue("hang-up"), 1060 * MS)) == [EndVapi(), CloseTwilio()]


@pytest.mark.parametrize("event", [media(1, b""), twilio.Connected(), AgentStopped()])
def test_events_without_consequence_do_nothing(event):
    assert [a for a in running().handle(event, 0) if not isinstance(a, SendCallerAudio)] == []


def test_a_chunk_that_is_no_number_is_a_wire_error():
    body = twilio.MediaBody("inbound", "one", "20", b"")
    with pytest.raises(WireError, match="decimal digits"):
        running().handle(twilio.Media("2", body, "MZ1"), 0)


def test_a_mark_follows_the_agents_last_sound_by_one_gap_and_not_two():
    core = running()
    for frame in range(10):
        core.handle(AgentAudio(LOUD), 1000 * MS + frame * 20 * MS)
    [again] = timers(core.handle(TimerDue("quiet"), 1300 * MS)).values()
    assert again == 1180 * MS + 300 * MS
    assert kinds(core.handle(TimerDue("quiet"), again)) == ["SendMark"]
