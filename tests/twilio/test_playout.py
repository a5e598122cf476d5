"""The play-out queue: what plays when."""

from __future__ import annotations

import asyncio
import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from simkit import new_event_loop
from simkit.timeline import Clock
from simkit.twilio import PlayOut

MS = 1_000_000


def played(script, *, buffer_ns: int = 40 * MS, mark_delay_ns: int = 0):
    """Run (instant in ms, action, argument) and return bursts and returned marks."""
    marks: list[tuple[int, str]] = []

    async def run():
        clock = Clock(asyncio.get_running_loop())
        playout = PlayOut(
            clock,
            grid_ns=0,
            buffer_ns=buffer_ns,
            mark_delay_ns=mark_delay_ns,
            limit=10_000_000,
            returns=lambda name: marks.append((clock.now_ns // MS, name)),
        )
        for when_ms, action, argument in script:
            await clock.sleep_until(when_ms * MS)
            getattr(playout, action)(*argument)
        await asyncio.sleep(60)
        return [(burst.start_ns // MS, len(burst.data)) for burst in playout.bursts]

    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        return runner.run(run()), marks


def test_audio_begins_on_the_grid_after_the_buffer():
    assert played([(5, "media", (b"a" * 160,))])[0] == [(60, 160)]


def test_audio_that_comes_in_time_joins_what_plays():
    script = [(t, "media", (b"a" * 160,)) for t in (0, 20, 40, 60)]
    assert played(script)[0] == [(40, 640)]


def test_audio_that_comes_too_late_begins_anew():
    script = [(0, "media", (b"a" * 160,)), (61, "media", (b"b" * 160,))]
    assert played(script)[0] == [(40, 160), (120, 160)]


def test_a_packet_that_left_half_full_is_padded():
    script = [(0, "media", (b"a" * 100,)), (50, "media", (b"b" * 160,))]
    assert played(script)[0] == [(40, 320)]


def test_a_clear_lets_the_packet_finish_that_is_leaving():
    script = [(0, "media", (b"a" * 8000,)), (145, "clear", ())]
    assert played(script)[0] == [(40, 6 * 160)]


def test_a_clear_behind_a_packet_that_left_half_full_leaves_what_was_audio():
    script = [
        (0, "media", (b"a" * 8,)),
        (40, "media", (b"b" * 160,)),
        (40, "clear", ()),
        (40, "mark", ("heard",)),
        (42, "media", (b"c" * 160,)),
    ]
    assert played(script) == ([(40, 8), (100, 160)], [(41, "heard")])


def test_a_clear_before_the_first_packet_leaves_nothing():
    script = [(0, "media", (b"a" * 8000,)), (30, "clear", ())]
    assert played(script)[0] == []


def test_marks_return_in_order_at_the_end_of_their_audio():
    script = [
        (0, "mark", ("now",)),
        (0, "media", (b"a" * 800,)),
        (0, "mark", ("one",)),
        (0, "media", (b"a" * 800,)),
        (0, "mark", ("two",)),
    ]
    assert played(script)[1] == [(0, "now"), (140, "one"), (240, "two")]


def test_a_clear_with_nothing_pending_does_nothing():
    assert played([(0, "clear", ()), (10, "media", (b"a" * 160,))])[0] == [(60, 160)]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 200), st.sampled_from("mkc"), st.integers(1, 2000)),
        min_size=1,
        max_size=25,
    ),
    st.integers(0, 200),
)
def test_whatever_is_sent_plays_in_order_without_overlap_and_every_mark_returns_once(
    steps, buffer_ms
):
    at, script, names, sent = 0, [], [], 0
    for wait, kind, size in steps:
        at += wait
        if kind == "m":
            script.append((at, "media", (b"a" * size,)))
            sent += size
        elif kind == "k":
            names.append(f"m{len(names)}")
            script.append((at, "mark", (names[-1],)))
        else:
            script.append((at, "clear", ()))
    bursts, marks = played(script, buffer_ns=buffer_ms * MS)
    assert [name for _, name in marks] == names
    assert sum(size for _, size in bursts) <= sent + 160 * len(steps)
    for (start, size), (later, _) in itertools.pairwise(bursts):
        assert later >= start + size / 8
    assert all(start % 20 == 0 for start, _ in bursts)


def echo_delayed(script, delay_ms):
    return played(script, mark_delay_ns=delay_ms * MS)[1]


def test_the_echo_of_a_mark_may_come_late_and_never_out_of_order():
    script = [
        (0, "mark", ("empty",)),
        (0, "media", (b"a" * 800,)),
        (0, "mark", ("one",)),
        (150, "mark", ("behind it",)),
        (400, "mark", ("empty again",)),
    ]
    assert echo_delayed(script, 100) == [
        (0, "empty"),
        (240, "one"),
        (240, "behind it"),
        (400, "empty again"),
    ]


def test_a_clear_returns_late_echoes_at_once_and_in_order():
    script = [
        (0, "media", (b"a" * 800,)),
        (0, "mark", ("played",)),
        (0, "media", (b"a" * 800,)),
        (0, "mark", ("queued",)),
        (160, "clear", ()),
        (180, "mark", ("empty",)),
    ]
    assert echo_delayed(script, 100) == [(160, "played"), (160, "queued"), (180, "empty")]


def test_marks_of_one_name_come_back_once_each():
    script = [(0, "media", (b"a" * 160,))]
    script += [(0, "mark", ("responsePart",))] * 5
    script += [(0, "media", (b"a" * 160,)), (0, "mark", ("responsePart",)), (70, "clear", ())]
    assert played(script)[1] == [(60, "responsePart")] * 5 + [(70, "responsePart")]


def test_marks_with_no_audio_come_back_at_once_whatever_their_number():
    script = [(0, "mark", (f"m{n}",)) for n in range(20)] + [(5, "clear", ()), (5, "clear", ())]
    assert played(script)[1] == [(0, f"m{n}") for n in range(20)]


def test_marks_between_clear_and_the_next_audio_come_back_at_once():
    script = [
        (0, "media", (b"a" * 8000,)),
        (0, "mark", ("old",)),
        (100, "clear", ()),
        (130, "mark", ("between",)),
        (130, "media", (b"b" * 160,)),
        (130, "mark", ("new",)),
    ]
    # The packet that was leaving at the clear has played at 120.
    assert played(script)[1] == [(100, "old"), (130, "between"), (200, "new")]


def test_a_mark_behind_a_clear_waits_for_the_packet_that_is_leaving():
    script = [(0, "media", (b"a" * 8000,)), (105, "clear", ()), (105, "mark", ("last",))]
    assert played(script)[1] == [(120, "last")]


def test_new_audio_behind_a_clear_joins_the_packet_that_is_leaving():
    script = [
        (0, "media", (b"a" * 8000,)),
        (105, "clear", ()),
        (110, "media", (b"b" * 320,)),
        (110, "mark", ("new",)),
    ]
    assert played(script) == ([(40, 4 * 160 + 320)], [(160, "new")])


def test_a_storm_of_marks_comes_back_complete_and_in_order():
    # Twilio's own sample sends a mark for every piece of audio, all of one name.
    script = []
    for n in range(2000):
        script += [(0, "media", (b"a" * 160,)), (0, "mark", (f"m{n}",))]
    marks = played([*script, (20_000, "clear", ())])[1]
    assert [name for _, name in marks] == [f"m{n}" for n in range(2000)]
    assert [at for at, _ in marks[:3]] == [60, 80, 100]
    assert [at for at, _ in marks].count(20_000) == 2000 - 997


def test_more_than_ten_minutes_is_cut_where_it_fits():
    taken = []

    async def run():
        clock = Clock(asyncio.get_running_loop())
        names = []
        playout = PlayOut(
            clock, grid_ns=0, buffer_ns=0, mark_delay_ns=0, limit=1000, returns=names.append
        )
        taken.append(playout.media(b"a" * 900))  # one packet of it leaves at once
        taken.append(playout.media(b"b" * 200))
        taken.append(playout.media(b"c" * 100))
        playout.mark("end")
        assert playout.queued == 1000
        taken.append(playout.media(b"d"))
        await clock.sleep_until(100 * MS)
        taken.append(playout.media(b"e" * 300))
        assert names == []
        await clock.sleep_until(1000 * MS)
        assert names == ["end"]
        assert playout.clear() == 0
        return bytes(playout.bursts[0].data)

    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        sound = runner.run(run())
    assert taken == [True, True, False, False, True]
    assert sound == b"a" * 900 + b"b" * 200 + b"c" * 60 + b"e" * 300


class Model:
    """The same queue, ticked: every 20 ms a packet leaves, if there is anything to leave."""

    def __init__(self, buffer_ms: int) -> None:
        self.buffer_ms = buffer_ms
        self.queue: list[int | str] = []
        self.next_ms: int | None = None  # when the next packet leaves; None: nothing plays
        self.until_ms = 0.0  # the end of the last byte that left
        self.heard: list[tuple[int, int]] = []
        self.marks: list[tuple[int, str]] = []
        self.late: list[tuple[float, str]] = []

    def tick(self, now: int) -> None:
        """Let what is due at this millisecond leave, and return the marks behind it."""
        if now == self.next_ms:
            self.leave(now)
        while self.late and self.late[0][0] <= now:
            self.marks.append((now, self.late.pop(0)[1]))

    def leave(self, now: int) -> None:
        room = 160
        while self.queue and room:
            item = self.queue[0]
            if isinstance(item, str):
                self.late.append((self.until_ms, self.queue.pop(0)))
                continue
            taken = min(room, item)
            if room == 160:
                self.heard.append((now, 0))
            self.heard[-1] = (now, self.heard[-1][1] + taken)
            room -= taken
            self.until_ms = now + (160 - room) / 8
            self.queue[0] = item - taken
            if not self.queue[0]:
                self.queue.pop(0)
        while self.queue and isinstance(self.queue[0], str):
            self.late.append((self.until_ms, self.queue.pop(0)))
        if room < 160:
            self.next_ms = now + 20

    def media(self, now: int, size: int) -> None:
        waits = any(isinstance(item, int) for item in self.queue)
        self.queue.append(size)
        if waits:
            return
        if self.next_ms is not None and now <= self.until_ms:
            if self.next_ms == now:
                self.leave(now)  # the packet before it ends at this instant
            return
        start = max(-(-(now + self.buffer_ms) // 20) * 20, self.next_ms or 0)
        self.next_ms = start
        if start == now:
            self.leave(now)

    def mark(self, now: int, name: str) -> None:
        if any(isinstance(item, int) for item in self.queue):
            self.queue.append(name)
        elif self.until_ms > now or self.late:
            self.late.append((max(self.until_ms, now), name))
        else:
            self.marks.append((now, name))

    def clear(self, now: int) -> None:
        names = [name for _, name in self.late]
        names += [item for item in self.queue if isinstance(item, str)]
        self.marks += [(now, name) for name in names]
        self.queue.clear()
        self.late.clear()


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.one_of(st.integers(0, 60), st.sampled_from([0, 20, 40])),
            st.sampled_from("mmmkc"),
            st.one_of(st.integers(1, 800), st.sampled_from([160, 320, 80])),
        ),
        min_size=1,
        max_size=30,
    ),
    st.sampled_from([0, 7, 20, 40, 200]),
)
def test_it_plays_what_a_queue_does_that_is_emptied_every_20_ms(steps, buffer_ms):
    at, script = 0, []
    for wait, kind, size in steps:
        at += wait
        if kind == "m":
            script.append((at, "media", (b"a" * size,)))
        elif kind == "k":
            script.append((at, "mark", (f"m{len(script)}",)))
        else:
            script.append((at, "clear", ()))
    bursts, marks = played(script, buffer_ns=buffer_ms * MS)
    model = Model(buffer_ms)
    waiting = list(script)
    for now in range(at + 5000):
        model.tick(now)
        while waiting and waiting[0][0] == now:
            _, action, argument = waiting.pop(0)
            value = [len(argument[0])] if action == "media" else list(argument)
            getattr(model, action)(now, *value)
    # A packet that left half full, with more behind it, is whole in a burst.
    packets = [
        (start + 20 * n, min(160, size - 160 * n))
        for start, size in bursts
        for n in range(-(-size // 160))
    ]
    assert [when for when, _ in packets] == [when for when, _ in model.heard]
    assert all(found >= size for (_, found), (_, size) in zip(packets, model.heard, strict=True))
    assert [name for _, name in marks] == [name for _, name in model.marks]
    # Both count a millisecond that has begun.
    assert all(
        abs(found - expected) <= 1
        for (found, _), (expected, _) in zip(marks, model.marks, strict=True)
    )
