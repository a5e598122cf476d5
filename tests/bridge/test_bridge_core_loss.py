"""Loss: Vapi's socket closes, never opens, comes back or does not; Twilio's falls silent."""

from __future__ import annotations

import pytest

from simkit.bridge.events import (
    AgentAudio,
    CallEnded,
    CallerSaid,
    FallbackQueued,
    Malformed,
    OpenVapi,
    PolledCall,
    PollVapi,
    SayFallback,
    SlowReader,
    TimerDue,
    TwilioGone,
    UnknownMessage,
    VapiGone,
    VapiReady,
)
from simkit.wire import twilio
from tests.bridge.calls import (
    LOUD,
    MS,
    SECOND,
    counts,
    done,
    kinds,
    make,
    mark,
    media,
    notes,
    running,
    sounds,
    speaking,
    start,
    timers,
)

RESET = VapiGone("socket closed with 1006", 1006, 0.5)


def opened(core, now_ns: int) -> list:
    """Let the reconnect timer be due; returns what is opened."""
    return done(core.handle(TimerDue("reconnect"), now_ns))


def test_a_lost_socket_is_opened_again_and_nothing_of_the_caller_is_lost():
    core = running(vapi_format="mulaw")
    core.handle(media(1, b"a" * 160), 20 * MS)
    lost = core.handle(RESET, 30 * MS)
    assert timers(lost)["reconnect"] == 30 * MS
    assert "try 1 of 3" in notes(lost)
    assert opened(core, 30 * MS) == [OpenVapi("CA1", 1, greets=True)]
    assert core.handle(media(2, b"b" * 160), 40 * MS) == []
    assert sounds(core.handle(VapiReady(rejoined=True), 50 * MS)) == [b"b" * 160]
    assert sounds(core.handle(media(3, b"c" * 160), 60 * MS)) == [b"c" * 160]


def test_a_socket_that_stays_lost_is_tried_three_times_and_then_looked_up():
    core = running()
    now_ns, tries = 0, []
    lost = core.handle(VapiGone("closed", 1011, 0.5), now_ns)
    while "reconnect" in timers(lost):
        now_ns = timers(lost)["reconnect"]
        tries += opened(core, now_ns)
        lost = core.handle(VapiGone("refused", None, 0.5), now_ns)
    assert tries == [OpenVapi("CA1", 1), OpenVapi("CA1", 2), OpenVapi("CA1", 3)]
    assert now_ns == 7 * SECOND
    assert done(lost) == [PollVapi()]
    assert counts(lost) == [("reconnects", "given up")]
    ended = core.handle(PolledCall("ended", (), "worker-shutdown"), 8 * SECOND)
    assert "ended worker-shutdown" in notes(ended)
    assert done(ended) == [SayFallback("MZ1", "agent-1")]


def test_a_look_up_that_takes_too_long_is_not_waited_for():
    core = running()
    assert timers(core.handle(VapiGone("bad call", 1008), 0))["poll"] == 3 * SECOND
    assert kinds(core.handle(TimerDue("poll"), 3 * SECOND)) == ["SayFallback"]
    assert core.handle(PolledCall("ended"), 4 * SECOND) == []


@pytest.mark.parametrize("code", [401, 403, 400])
def test_a_refusal_that_would_be_repeated_is_not_tried_again(code):
    core = make()
    core.handle(start(), 0)
    refused = core.handle(VapiGone(f"POST /call: HTTP {code}", code), SECOND)
    assert done(refused) == [SayFallback("MZ1", "agent-1")]
    core.handle(FallbackQueued(2 * SECOND), SECOND)
    assert core.handle(media(1), 2 * SECOND) == []
    assert not core.is_over
    core.handle(mark("agent-1"), 3 * SECOND)
    assert kinds(core.handle(TimerDue("hang-up"), 3 * SECOND)) == ["EndVapi", "CloseTwilio"]


@pytest.mark.parametrize("code", [None, 500, 503])
def test_a_vapi_that_never_opens_is_tried_three_times_more(code):
    core = make()
    core.handle(start(), 0)
    for attempt in (1, 2, 3):
        lost = core.handle(VapiGone("nobody there", code, 0.5), 0)
        assert opened(core, timers(lost)["reconnect"]) == [OpenVapi("CA1", attempt)]
    assert kinds(core.handle(VapiGone("nobody there", code, 0.5), 0)) == ["SayFallback"]


def test_a_normal_close_is_the_end_of_the_call():
    core = running()
    closed = core.handle(VapiGone("socket closed with 1000", 1000), 0)
    assert kinds(closed) == ["EndVapi", "CloseTwilio"]
    assert counts(closed) == [("calls", "agent-ended")]


def test_the_close_that_follows_the_end_is_no_loss():
    core = running()
    speaking(core, 0)
    core.handle(CallEnded("assistant-ended-call"), 0)
    assert core.handle(RESET, 10 * MS) == []


def test_an_agent_that_was_heard_already_does_not_greet_again():
    core = running()
    speaking(core, 0)
    core.handle(RESET, SECOND)
    assert opened(core, SECOND) == [OpenVapi("CA1", 1, greets=False)]


def test_an_agent_that_was_cut_short_owes_the_caller_the_rest():
    core = running()
    speaking(core, 0)
    assert timers(core.handle(RESET, SECOND))["reply"] == 11 * SECOND
    core.handle(VapiReady(), 2 * SECOND)
    assert kinds(core.handle(TimerDue("reply"), 11 * SECOND)) == ["SayFallback"]


def test_what_the_agent_was_saying_plays_out():
    core = running()
    speaking(core, 0)
    assert kinds(core.handle(RESET, 100 * MS)) == ["SendMark"]


def test_it_can_be_interrupted_as_it_plays_out_though_nobody_is_there_to_be_told():
    core = running(own_vad=True)
    speaking(core, 0, frames=200)
    core.handle(RESET, 100 * MS)
    came = [core.handle(media(n, b"\x00" * 160), (n * 20 + 100) * MS) for n in range(1, 20)]
    assert [kind for actions in came for kind in kinds(actions)] == ["Clear"]


def test_or_is_cut_where_that_is_wanted():
    core = running(lost_reply="clear")
    speaking(core, 0)
    assert kinds(core.handle(RESET, 100 * MS)) == ["Clear"]


def test_after_an_interruption_a_new_socket_is_listened_to_at_once():
    core = running()
    speaking(core, 0)
    core.handle(CallerSaid("wait", final=False), 100 * MS)
    assert core.handle(AgentAudio(LOUD), 120 * MS) == []
    core.handle(RESET, 130 * MS)
    core.handle(VapiReady(), 200 * MS)
    assert "SendMedia" in kinds(core.handle(AgentAudio(LOUD), 210 * MS))


def test_the_reply_timer_waits_for_the_socket():
    core = running()
    core.handle(CallerSaid("hello", final=True), 0)
    core.handle(RESET, SECOND)
    assert timers(core.handle(TimerDue("reply"), 10 * SECOND)) == {"reply": 11 * SECOND}
    core.handle(VapiReady(), 11 * SECOND)
    assert kinds(core.handle(TimerDue("reply"), 11 * SECOND)) == ["SayFallback"]


@pytest.mark.parametrize("was_there", [True, False])
def test_nobody_waits_over_20_seconds_for_vapi_whatever_is_being_tried(was_there):
    core = make()
    began = core.handle(start(), 0)
    if was_there:
        core.handle(VapiReady(), 0)
        assert core.handle(TimerDue("vapi"), 20 * SECOND) == []
        began = core.handle(RESET, 60 * SECOND)
    due_ns = timers(began)["vapi"]
    assert due_ns == (80 if was_there else 20) * SECOND
    assert kinds(core.handle(TimerDue("vapi"), due_ns)) == ["SayFallback"]
    # Whatever was being tried comes too late.
    assert core.handle(VapiReady(), due_ns) == []
    assert core.handle(VapiGone("refused", None, 0.5), due_ns) == []
    assert core.handle(media(1), due_ns) == []


def test_a_vapi_that_comes_back_during_the_look_up_is_taken():
    core = running()
    core.handle(VapiGone("bad call", 1008), 0)
    core.handle(VapiReady(), SECOND)
    assert core.handle(PolledCall("in-progress"), 2 * SECOND) == []
    assert kinds(core.handle(media(1), 3 * SECOND)) == ["SendCallerAudio"]


def test_in_the_seed_dialect_there_is_nothing_to_look_up():
    core = running(vapi_dialect="seed")
    assert kinds(core.handle(VapiGone("closed", 1008), 0)) == ["SayFallback"]


def test_a_hang_up_while_vapi_is_lost_ends_everything():
    core = running()
    core.handle(RESET, 0)
    assert kinds(core.handle(TwilioGone(), SECOND)) == ["EndVapi"]
    assert core.handle(TimerDue("reconnect"), 2 * SECOND) == []
    assert core.handle(VapiReady(), 3 * SECOND) == []


# Twilio


def test_a_silent_stream_is_dead_after_45_seconds():
    core = running()
    core.handle(media(1), 20 * SECOND)
    assert timers(core.handle(TimerDue("stream"), 45 * SECOND)) == {"stream": 65 * SECOND}
    dead = core.handle(TimerDue("stream"), 65 * SECOND)
    assert kinds(dead) == ["EndVapi", "CloseTwilio"]
    assert counts(dead) == [("calls", "stream-dead")]


def test_silence_of_the_caller_never_ends_a_call():
    core = running()
    due_ns = 45 * SECOND
    for n in range(1, 15_001):
        at_ns = n * 20 * MS
        core.handle(media(n), at_ns)
        if at_ns >= due_ns:
            due_ns = timers(core.handle(TimerDue("stream"), at_ns))["stream"]
    assert not core.is_over


def test_the_longest_call_ends_with_the_word_that_is_being_said():
    core = running(max_session=60.0)
    speaking(core, 60 * SECOND)
    assert kinds(core.handle(TimerDue("session"), 60 * SECOND)) == ["SendMark"]
    core.handle(mark("agent-1"), 61 * SECOND)
    assert kinds(core.handle(TimerDue("hang-up"), 61 * SECOND)) == ["EndVapi", "CloseTwilio"]


# What is only said


def test_malformed_messages_are_told_ten_times_and_counted_always():
    core = running()
    said = [core.handle(Malformed("message from Twilio: JSON"), 0) for _ in range(15)]
    assert [bool(notes(actions)) for actions in said] == [True] * 10 + [False] * 5
    assert all(counts(actions) == [("refused", "malformed")] for actions in said)


def test_each_unknown_type_is_noted_once_and_not_without_end():
    core = running()
    said = [
        notes(core.handle(UnknownMessage(kind), 0))
        for kind in ["new", "new", *(f"new-{n}" for n in range(20))]
    ]
    assert said[0] == "message from Vapi ignored: unknown type 'new'"
    assert said[1] == ""
    assert sum(map(bool, said)) == 10


def test_a_slow_reader_is_told_of_every_ten_seconds():
    core = running()
    told = [
        notes(core.handle(SlowReader("twilio", 100, refused=False), at * SECOND))
        for at in (0, 5, 10)
    ]
    assert told[0] == "twilio reads slowly: 100 messages wait; nothing is lost"
    assert told[1:] == ["", told[0]]
    assert "newer audio is dropped" in notes(core.handle(SlowReader("twilio", 9, True), 0))


@pytest.mark.parametrize("name", ["nobody's", "agent-99", "agent-1"])
def test_marks_that_are_not_waited_for_say_nothing(name):
    core = running()
    speaking(core, 0)
    assert core.handle(mark(name), 10 * MS) == []
    assert done(core.handle(CallerSaid("wait", final=False), 20 * MS))[0] == twilio.Clear("MZ1")
