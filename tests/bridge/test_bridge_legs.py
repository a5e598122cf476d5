"""The sound of a call on its two legs: what is kept, what is dropped, and what is said of it."""

from __future__ import annotations

import pytest

from simkit.bridge.events import AgentAudio, TimerDue, TwilioGone, VapiGone, VapiReady
from simkit.wire import WireError, twilio
from tests.bridge.calls import (
    LOUD,
    MS,
    SECOND,
    SILENT,
    counts,
    done,
    kinds,
    make,
    media,
    notes,
    running,
    sounds,
    start,
)

PLAIN = {"vapi_format": "mulaw"}
"""What is sent is what came."""


def sound(number: int) -> bytes:
    return bytes([number % 250]) * 160


def test_what_waits_is_bounded_in_bytes_too():
    core = make(cold_start_bytes=1600, **PLAIN)
    core.handle(start(), 0)
    for number in range(1, 21):
        core.handle(media(number, sound(number)), number * 20 * MS)
    assert core._waiting.size == 1600
    assert sounds(core.handle(VapiReady(), SECOND)) == [b"".join(map(sound, range(11, 21)))]


def test_what_is_dropped_for_the_bound_is_said_once_and_counted_each_time():
    core = make(cold_start_limit=0.1, **PLAIN)
    core.handle(start(), 0)
    said = [core.handle(media(number), 0) for number in range(1, 9)]
    assert [notes(actions) for actions in said].count("") == 7
    assert "dropping oldest" in notes(said[5])
    assert [counts(actions) for actions in said[5:]] == [[("dropped", "cold-start")]] * 3


def test_audio_that_waited_long_for_vapi_is_not_stale():
    core = make(cold_start_limit=60.0, **PLAIN)
    core.handle(start(), 0)
    for number in range(1, 501):
        core.handle(media(number, sound(number)), number * 20 * MS)
    assert sounds(core.handle(VapiReady(), 12 * SECOND)) == [b"".join(map(sound, range(1, 501)))]


def burst(core, first: int, last: int, at_ns: int) -> list[list]:
    return [core.handle(media(n, sound(n)), at_ns) for n in range(first, last + 1)]


def test_what_comes_over_two_seconds_late_is_dropped_and_said():
    core = running(**PLAIN)
    core.handle(media(1, sound(1)), 20 * MS)
    # Frames 2 to 300 were held up for 6 s.
    came = burst(core, 2, 300, 6000 * MS)
    sent = [data for actions in came for data in sounds(actions)]
    assert sent == [sound(number) for number in range(200, 301)]
    assert "stale-burst: caller audio is 6.0 s late" in notes(came[0])
    dropped = [count for actions in came for count in counts(actions)]
    assert dropped == [("dropped", "stale")] * 198
    assert notes(came[198]) == "caller audio is current again; 3960 ms of it dropped"
    assert [notes(actions) for actions in came].count("") == 297


def test_a_stall_of_under_two_seconds_loses_nothing():
    core = running(**PLAIN)
    core.handle(media(1, sound(1)), 20 * MS)
    came = burst(core, 2, 100, 2000 * MS)
    assert [data for actions in came for data in sounds(actions)] == [
        sound(number) for number in range(2, 101)
    ]


def test_a_clock_that_jumped_is_believed_after_two_seconds():
    """Twilio drops frames and counts on as if nothing had been: nothing is late."""
    core = running(**PLAIN)
    core.handle(media(1), 20 * MS)
    late = [core.handle(media(n), (n * 20 + 5000) * MS) for n in range(2, 402)]
    assert not sounds(late[98])
    assert all(sounds(actions) for actions in late[101:])


def test_an_old_duplicate_is_no_stale_audio():
    core = running(**PLAIN)
    core.handle(media(1), 20 * MS)
    core.handle(media(2), 40 * MS)
    assert core.handle(media(1), 5000 * MS) == []


def test_audio_of_another_stream_is_refused():
    with pytest.raises(WireError, match="streamSid: expected 'MZ1', found 'MZ2'"):
        running().handle(media(1, sid="MZ2"), 0)


@pytest.mark.parametrize("message", ["mark", "dtmf", "stop"])
def test_messages_of_another_stream_are_refused(message):
    messages = {
        "mark": twilio.Mark("9", "MZ2", twilio.MarkBody("agent-1")),
        "dtmf": twilio.Dtmf("MZ2", "9", twilio.DtmfBody("inbound_track", "1")),
        "stop": twilio.Stop("9", "MZ2", twilio.StopBody("AC1", "CA1")),
    }
    core = running()
    with pytest.raises(WireError, match=f"{message}: streamSid"):
        core.handle(messages[message], 0)
    assert not core.is_over


def test_a_timestamp_that_is_no_number_is_a_wire_error():
    body = twilio.MediaBody("inbound", "1", "soon", b"")
    with pytest.raises(WireError, match="decimal digits"):
        running().handle(twilio.Media("2", body, "MZ1"), 0)


# The agent's leg


@pytest.mark.parametrize("size", [1, 3, 333, 32_000])
def test_agent_audio_of_any_size_is_the_same_to_the_sample(size):
    pcm = (LOUD + SILENT) * 30
    core, whole = running(), running()
    [expected] = done(whole.handle(AgentAudio(pcm), 0))
    pieces = [pcm[at : at + size] for at in range(0, len(pcm), size)]
    sent = [action for piece in pieces for action in done(core.handle(AgentAudio(piece), 0))]
    heard = b"".join(twilio_sound(action) for action in sent)
    assert heard == twilio_sound(expected)
    assert core._agent.queued_until_ns == pytest.approx(whole._agent.queued_until_ns, abs=1)


def twilio_sound(action: twilio.SendMedia) -> bytes:
    return action.media.payload


@pytest.mark.parametrize(("size", "share"), [(160, 0.25), (320, 0.5), (1280, 2), (2560, 4)])
def test_agent_audio_of_another_rate_than_declared_is_noticed_after_three_seconds(size, share):
    core = running()
    said = [core.handle(AgentAudio((LOUD * 4)[:size]), n * 20 * MS) for n in range(400)]
    told = [(n, notes(actions)) for n, actions in enumerate(said) if notes(actions)]
    [(when, text)] = told
    assert 150 <= when <= 155
    assert f"{share:g} times the rate of pcm_s16le at 16000 Hz" in text
    assert not core.is_over


def test_frames_of_100_ms_may_come_a_little_unevenly():
    core = running()
    told = [
        notes(core.handle(AgentAudio(LOUD * 10), (n * 100 + n * 7919 % 30) * MS)) for n in range(80)
    ]
    assert sum(map(bool, told)) == 1


@pytest.mark.parametrize("frame", [SILENT[:320], LOUD[:320], SILENT * 2])
def test_it_ends_the_call_unless_that_is_not_wanted(frame):
    core, patient = running(), running(on_wrong_rate="note")
    for n in range(200):
        for one in (core, patient):
            one.handle(AgentAudio(frame), n * 20 * MS)
    assert core.is_over or core._is_leaving
    assert not patient.is_over
    assert not patient._is_leaving


def test_speech_at_twice_its_speed_may_be_ahead_of_time_until_silence_comes_as_fast():
    core = running()
    told = [notes(core.handle(AgentAudio(LOUD * 2), n * 20 * MS)) for n in range(400)]
    assert sum(map(bool, told)) == 1
    assert not core._is_leaving
    for n in range(400, 460):
        core.handle(AgentAudio(SILENT * 2), n * 20 * MS)
    assert core._is_leaving


@pytest.mark.parametrize("rhythm", ["as declared", "ahead of time", "with pauses", "uneven"])
def test_no_other_stream_is_taken_for_one_of_another_rate(rhythm):
    core = running()
    for n in range(500):
        at_ms = n * 20
        if rhythm == "ahead of time":
            at_ms = n // 100 * 2000
        elif rhythm == "with pauses":
            at_ms = n // 6 * 250 + n % 6 * 20  # half of the rate, over each half second
        elif rhythm == "uneven":
            at_ms = n * 20 + (n * 7919 % 60)
        assert not notes(core.handle(AgentAudio(LOUD), at_ms * MS))


def test_a_new_socket_has_neither_half_a_sample_nor_a_number_of_the_old_one():
    core, fresh = running(), running()
    core.handle(AgentAudio(LOUD[:1]), 0)
    core.handle(AgentAudio(b"", 7), 0)
    core.handle(VapiGone("closed", 1011), 0)
    core.handle(VapiReady(), SECOND)
    again = core.handle(AgentAudio(LOUD, 1), SECOND)
    assert done(again) == done(fresh.handle(AgentAudio(LOUD), SECOND))


def test_a_long_gap_is_filled_with_two_seconds_of_silence_and_no_more():
    core = running(**PLAIN)
    core.handle(media(1), 20 * MS)
    core.handle(media(1000, sound(7)), 20_000 * MS)
    actions = core.handle(TimerDue("caller-order"), 20_100 * MS)
    assert sounds(actions) == [b"\xff" * 160] * 100 + [sound(7)]
    assert notes(actions) == "998 frames of caller audio are missing"


def test_a_frame_that_is_missing_at_the_end_leaves_no_timer_going():
    core = running(**PLAIN)
    core.handle(media(1), 0)
    core.handle(media(3), 0)
    core.handle(TimerDue("caller-order"), 100 * MS)
    assert core.handle(TimerDue("caller-order"), 200 * MS) == []
    assert kinds(core.handle(TwilioGone(), SECOND)) == ["EndVapi"]
