"""Checks of lateness and of what is kept, on timelines by hand."""

from __future__ import annotations

import pytest

from simkit.checks.buffers import BOUNDED_BUFFERS
from simkit.checks.caller_audio import CALLER_AUDIO_COMPLETE, covered
from simkit.timeline import Timeline

MS = 1_000_000


def world(*, opens_ms: int | None = 200, closes_ms: int | None = None, ends_ms: int = 60_000):
    """A call whose stream starts at 0.1 s; by default Vapi's socket opens soon afterwards."""
    timeline = Timeline(lambda: ends_ms * MS)
    timeline.record("start", "twilio", "bridge", t_ns=100 * MS, call=1)
    if opens_ms is not None:
        timeline.record("open", "vapi", "bridge", t_ns=opens_ms * MS, session=1)
    if closes_ms is not None:
        timeline.record("close", "bridge", "vapi", t_ns=closes_ms * MS, session=1, code=1000)
    return timeline


def says(timeline, t_ms: int, ms: int = 1000, *, utterance: int = 1, call: int = 1, **more):
    timeline.record(
        "speaks",
        "caller",
        t_ns=t_ms * MS,
        call=call,
        utterance=utterance,
        text="wait",
        duration_ns=ms * MS,
        **more,
    )


def receives(timeline, sent_ms: int, ms: int = 1000, *, late_ms: int = 0, utterance: int = 1):
    return timeline.record(
        "receives",
        "vapi",
        t_ns=(sent_ms + 10) * MS,
        sent_ns=sent_ms * MS,
        session=1,
        utterance=utterance,
        offset_ns=0,
        duration_ns=ms * MS,
        late_ns=late_ms * MS,
    )


def replies(timeline, t_ms: int):
    timeline.record(
        "replies",
        "agent",
        t_ns=t_ms * MS,
        session=1,
        reply=1,
        utterance=9,
        text="Yes.",
        duration_ns=500 * MS,
        arrived_ns=t_ms * MS,
    )


def hears(timeline, t_ms: int, utterance: int | None = 9, *, ms: int = 500):
    timeline.record(
        "hears",
        "caller",
        t_ns=t_ms * MS,
        call=1,
        utterance=utterance,
        offset_ns=0,
        duration_ns=ms * MS,
        text="Yes.",
    )


def slow(timeline, from_ms: int, to_ms: int | None, most: int, peer: str = "api.vapi.ai:443"):
    last_ns = None if to_ms is None else to_ms * MS
    timeline.record(
        "slow-reader", "bridge", t_ns=from_ms * MS, peer=peer, most=most, last_ns=last_ns
    )


def logs(timeline, t_ms: int):
    timeline.record("log", "bridge", t_ns=t_ms * MS, message="dropping oldest audio")


# caller-audio-complete: lateness, policies, and when nobody was there


@pytest.mark.parametrize(("sent_ms", "late_ms"), [(4500, 0), (2020, 2480)])
def test_2500_ms_late_is_in_time_and_more_is_not(sent_ms, late_ms):
    for more, passes in ((0, True), (1, False)):
        timeline = world()
        says(timeline, 2000)
        receives(timeline, sent_ms + more, late_ms=late_ms)
        assert CALLER_AUDIO_COMPLETE.judge(timeline).passed is passes
    result = CALLER_AUDIO_COMPLETE.judge(timeline)
    assert result.sentence == 'what the caller said at 2.000 ("wait") was sent to Vapi 2501 ms late'
    assert [event.kind for event in result.violations[0].events] == ["speaks", "receives"]
    assert CALLER_AUDIO_COMPLETE.judge(timeline, limits={"late_ms": 2501}).passed


def test_lateness_counts_from_the_opening_of_the_socket():
    timeline = world(opens_ms=9000)
    says(timeline, 2000)
    receives(timeline, 11_000)
    assert CALLER_AUDIO_COMPLETE.judge(timeline).passed


@pytest.mark.parametrize(("peer", "passes"), [("api.vapi.ai:443", True), ("twilio:99", False)])
def test_nobody_is_late_for_an_assistant_that_does_not_read(peer, passes):
    timeline = world()
    says(timeline, 2000)
    slow(timeline, 3000, 8000, 20_000, peer)
    receives(timeline, 8000)
    assert CALLER_AUDIO_COMPLETE.judge(timeline).passed is passes


@pytest.mark.parametrize(("logged_ms", "passes"), [(2500, True), (-8000, True), (-8001, False)])
def test_what_the_log_says_to_be_dropped_is_no_loss(logged_ms, passes):
    timeline = world()
    says(timeline, 2000)
    logs(timeline, logged_ms)
    assert CALLER_AUDIO_COMPLETE.judge(timeline).passed is passes


@pytest.mark.parametrize(
    ("knobs", "passes"),
    [
        ({"opens_ms": None}, True),
        ({"closes_ms": 1900}, True),
        ({"closes_ms": 2500}, True),
        ({"closes_ms": 2561}, False),
        ({}, False),
    ],
)
def test_nothing_is_due_where_no_socket_is_open_any_more(knobs, passes):
    timeline = world(**knobs)
    says(timeline, 2000)
    assert CALLER_AUDIO_COMPLETE.judge(timeline).passed is passes


def delayed(timeline, ms: int = 100):
    """The carrier takes so long to Twilio."""
    timeline.record("carrier", "carrier", t_ns=0, call=1, towards="twilio", delay_ns=ms * MS)
    return timeline


@pytest.mark.parametrize(("closes_ms", "passes"), [(2660, True), (2661, False)])
def test_what_is_due_comes_later_by_what_the_carrier_takes(closes_ms, passes):
    timeline = delayed(world(closes_ms=closes_ms))
    says(timeline, 2000)
    assert CALLER_AUDIO_COMPLETE.judge(timeline).passed is passes


def test_so_does_what_is_late():
    for sent_ms, passes in ((4600, True), (4601, False)):
        timeline = delayed(world())
        says(timeline, 2000)
        receives(timeline, sent_ms)
        assert CALLER_AUDIO_COMPLETE.judge(timeline).passed is passes


@pytest.mark.parametrize(
    ("fault_ms", "passes"),
    [(2099, False), (2100, True), (3500, True), (3501, False)],
)
def test_a_socket_that_is_lost_takes_400_ms_with_it(fault_ms, passes):
    timeline = delayed(world())
    says(timeline, 2000)
    receives(timeline, 2100, 540)
    timeline.record("fault", "vapi", t_ns=fault_ms * MS, session=1, name="close", value=1006)
    assert CALLER_AUDIO_COMPLETE.judge(timeline).passed is passes
    timeline.of("fault")[0].fields["name"] = "stt_stall"
    assert not CALLER_AUDIO_COMPLETE.judge(timeline).passed


@pytest.mark.parametrize(("lost_ms", "passes"), [(2050, True), (1050, False), (2150, False)])
def test_a_fragment_is_forgiven_where_a_loss_is_heard(lost_ms, passes):
    timeline = delayed(world())
    says(timeline, 1000)
    for offset, duration in ((0, 700), (730, 90), (700, 300)):
        receives(timeline, 1100 + offset, duration).fields["offset_ns"] = offset * MS
    timeline.record(
        "lost", "carrier", t_ns=lost_ms * MS, call=1, towards="twilio", packets=1, late=0,
        last_ns=lost_ms * MS,
    )  # fmt: skip
    assert CALLER_AUDIO_COMPLETE.judge(timeline).passed is passes


@pytest.mark.parametrize(("ms", "passes"), [(900, True), (859, False)])
def test_what_the_carrier_lost_is_not_missed(ms, passes):
    timeline = world()
    says(timeline, 2000)
    receives(timeline, 2010, ms)
    timeline.record(
        "lost", "carrier", t_ns=2900 * MS, call=1, towards="twilio", packets=4, late=0,
        last_ns=2980 * MS,
    )  # fmt: skip
    assert CALLER_AUDIO_COMPLETE.judge(timeline).passed is passes


def test_the_first_sound_and_pieces_that_touch_cover_what_they_are():
    timeline = world()
    says(timeline, 2000)
    pieces = []
    for offset_ms, ms in ((0, 400), (400, 0), (300, 100), (400, 600)):
        pieces.append(receives(timeline, 2010, ms))
        pieces[-1].fields["offset_ns"] = offset_ms * MS
    assert covered(pieces, 1000 * MS) == 1000 * MS
    assert covered(pieces, 500 * MS) == 500 * MS
    assert covered(pieces[1:], 1000 * MS) == 700 * MS


@pytest.mark.parametrize(("source", "service"), [("openai", "OpenAI"), (None, "Vapi")])
def test_the_service_is_named_that_was_to_hear_it(source, service):
    timeline = world(opens_ms=None if source else 200)
    if source:
        timeline.record("open", source, "bridge", t_ns=200 * MS, session=1)
    says(timeline, 2000)
    assert CALLER_AUDIO_COMPLETE.judge(timeline).sentence.endswith(f"never reached {service}")


# bounded-buffers


def test_what_was_said_before_is_not_kept_for_who_reads_too_slowly():
    timeline = world()
    slow(timeline, 3000, 30_000, 70_000)
    for at_ms, utterance, passes in ((2000, 1, True), (2001, 2, False)):
        says(timeline, at_ms, utterance=utterance)
        assert BOUNDED_BUFFERS.judge(timeline).passed is passes
    assert "was for 26.5 s neither sent nor said" in BOUNDED_BUFFERS.judge(timeline).sentence


@pytest.mark.parametrize("why", ["twilio", "received", "hangs-up", "closed"])
def test_what_nobody_is_to_send_is_not_kept(why):
    timeline = world(closes_ms=9000 if why == "closed" else None)
    slow(timeline, 3000, None, 70_000, "twilio:99" if why == "twilio" else "api.vapi.ai:443")
    says(timeline, 4000)
    if why == "received":
        receives(timeline, 4010, 10)
    if why == "hangs-up":
        timeline.record("hangs-up", "caller", t_ns=19_500 * MS, call=1)
    assert BOUNDED_BUFFERS.judge(timeline).passed


@pytest.mark.parametrize(("late_ms", "passes"), [(0, True), (1, False)])
def test_keeping_counts_from_when_it_came_and_to_when_the_last_of_it_left(late_ms, passes):
    timeline = delayed(world())
    says(timeline, 2000)
    receives(timeline, 17_100, late_ms=late_ms)
    receives(timeline, 30_000, utterance=77)  # of nobody
    assert BOUNDED_BUFFERS.judge(timeline).passed is passes


@pytest.mark.parametrize(("most", "passes"), [(5 * 2**20 + 65_536, True), (6 * 2**20, False)])
def test_5_mb_and_a_message_may_wait_for_a_slow_reader(most, passes):
    timeline = world()
    slow(timeline, 3000, None, most)
    result = BOUNDED_BUFFERS.judge(timeline)
    assert result.passed is passes
    if not passes:
        assert result.sentence == (
            "from 3.000 on bridge let 6.0 MB wait to be sent to api.vapi.ai:443, which reads too "
            "slowly"
        )
        assert "to the end, 6291456 bytes unsent" in result.violations[0].evidence[0]


def test_what_was_kept_for_over_15_s_is_told_although_it_arrives():
    timeline = world(opens_ms=17_000)
    says(timeline, 2000)
    receives(timeline, 17_000)
    assert BOUNDED_BUFFERS.judge(timeline).passed
    receives(timeline, 17_001)
    assert BOUNDED_BUFFERS.judge(timeline).sentence == (
        'what the caller said at 2.000 ("wait") was kept for 15.0 s, until 17.001, as was all that '
        "followed it"
    )


@pytest.mark.parametrize(("left_ms", "passes"), [(18_000, True), (18_001, False)])
def test_keeping_counts_from_when_that_part_was_said(left_ms, passes):
    timeline = world()
    says(timeline, 2000, 2000)
    receives(timeline, left_ms).fields["offset_ns"] = 1000 * MS
    result = BOUNDED_BUFFERS.judge(timeline)
    assert result.passed is passes
    told = [event.kind for found in result.violations for event in found.events]
    assert told == ([] if passes else ["speaks", "receives"])


def test_a_stall_on_the_way_to_the_bridge_is_not_its_keeping():
    timeline = world()
    says(timeline, 2000)
    for t_ns in (1900 * MS, 19_000 * MS):
        timeline.frame("twilio", "bridge", t_ns, 20 * MS, call=1)
    receives(timeline, 19_010)
    assert BOUNDED_BUFFERS.judge(timeline).passed


@pytest.mark.parametrize(("until_ms", "said_so", "passes"), [
    (18_501, False, False),
    (18_500, False, True),
    (18_501, True, True),
])  # fmt: skip
def test_what_is_neither_sent_nor_said_to_be_dropped_is_kept(until_ms, said_so, passes):
    timeline = world()
    slow(timeline, 3000, until_ms, 70_000)
    says(timeline, 2500)
    if said_so:
        logs(timeline, 4000)
    assert BOUNDED_BUFFERS.judge(timeline).passed is passes


@pytest.mark.parametrize(("lost", "ms", "passes"), [(1, 90, True), (1, 110, False), (0, 90, False)])
def test_where_in_an_utterance_a_fragment_between_losses_is_nobody_knows(lost, ms, passes):
    timeline = world()
    says(timeline, 1000)
    for start, offset, duration in ((1000, 0, 700), (1700, 730, ms), (1900, 700, 300)):
        receives(timeline, start, duration).fields["offset_ns"] = offset * MS
    if lost:
        timeline.record(
            "lost", "carrier", t_ns=1690 * MS, call=1, towards="twilio", packets=lost, late=0,
            last_ns=1690 * MS,
        )  # fmt: skip
    assert CALLER_AUDIO_COMPLETE.judge(timeline).passed is passes


@pytest.mark.parametrize(("ms", "passed"), [(15, True), (20, False)])
def test_what_is_shorter_than_a_frame_says_nothing_about_the_order(ms, passed):
    timeline = world()
    says(timeline, 2000)
    for offset_ms, length_ms in ((0, 800), (900, ms), (800, 200)):
        receives(timeline, 2030 + offset_ms, length_ms).fields["offset_ns"] = offset_ms * MS
    assert CALLER_AUDIO_COMPLETE.judge(timeline).passed == passed
