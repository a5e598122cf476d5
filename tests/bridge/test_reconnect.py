"""Reconnecting: whether and when a lost socket is tried again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simkit.bridge.reconnect import SETTLED_NS, TRIES, Reconnects, is_final

SECOND = 1_000_000_000
MIDDLE = 0.5  # the draw that neither shortens nor lengthens a pause

codes = st.one_of(st.none(), st.integers(400, 599), st.integers(1000, 1015), st.just(4000))
chances = st.floats(0, 1, exclude_max=True)


def pauses(*losses: int | None, chance: float = MIDDLE) -> list[int | None]:
    """Return the pause after each of several failures of one loss, in ns."""
    reconnects = Reconnects()
    reconnects.opened(0)
    found: list[int | None] = []
    now = SETTLED_NS
    for code in losses:
        due = reconnects.lost(code, chance, now)
        found.append(None if due is None else due - now)
        now = due or now
    return found


def test_the_pauses_are_one_two_and_four_seconds_and_then_it_gives_up():
    assert pauses(1011, 500, None, None) == [SECOND, 2 * SECOND, 4 * SECOND, None]


def test_a_socket_lost_without_a_word_is_tried_at_once_and_then_after_pauses():
    assert pauses(1006, 1006, None, 500) == [0, 2 * SECOND, 4 * SECOND, None]


@pytest.mark.parametrize("code", [1001, 1005, 1011, 1013, 1014, 4000, 429, 500, 502, 503, None])
def test_trouble_that_passes_is_tried_after_a_pause(code):
    assert pauses(code) == [SECOND]


@pytest.mark.parametrize("code", [1000, 1002, 1003, 1007, 1008, 1009, 1010, 400, 401, 403, 404])
def test_what_would_end_the_same_way_is_not_tried(code):
    assert pauses(code) == [None]


@pytest.mark.parametrize(("chance", "pause"), [(0.0, 2.0), (MIDDLE, 3.5), (0.999_999_999, 5.0)])
def test_a_restarting_server_gets_two_to_five_seconds(chance, pause):
    for found in pauses(1012, 1012, 1012, chance=chance)[:TRIES]:
        assert found == pytest.approx(pause * SECOND, rel=1e-6)


@pytest.mark.parametrize(("chance", "share"), [(0.0, 0.8), (0.999_999_999, 1.2)])
def test_a_draw_moves_a_pause_by_a_fifth(chance, share):
    found = pauses(1011, 1011, 1011, chance=chance)
    assert found == pytest.approx([share * n * SECOND for n in (1, 2, 4)], rel=1e-6)


def test_a_call_that_is_never_opened_has_three_tries_too():
    reconnects = Reconnects()
    assert [reconnects.lost(None, MIDDLE, 0) for _ in range(4)] == [
        SECOND, 2 * SECOND, 4 * SECOND, None,
    ]  # fmt: skip


def test_a_call_may_lose_its_socket_every_half_minute_for_ever():
    reconnects = Reconnects()
    now = 0
    for _ in range(100):
        reconnects.opened(now)
        now += 30 * SECOND
        assert reconnects.lost(1006, MIDDLE, now) == now


def test_a_socket_that_opens_and_falls_again_at_once_uses_up_the_tries():
    reconnects = Reconnects()
    now = 0
    for _ in range(TRIES):
        reconnects.opened(now)
        due = reconnects.lost(1006, MIDDLE, now + SETTLED_NS - 1)
        assert due is not None
        now = due
    reconnects.opened(now)
    assert reconnects.lost(1006, MIDDLE, now + SETTLED_NS - 1) is None


def test_time_between_tries_is_not_time_open():
    reconnects = Reconnects()
    reconnects.opened(0)
    for _ in range(TRIES):
        assert reconnects.lost(1011, MIDDLE, SECOND) is not None
    assert reconnects.lost(1011, MIDDLE, 10 * SETTLED_NS) is None


@given(st.lists(st.tuples(codes, chances, st.booleans(), st.integers(0, 20 * SECOND)), max_size=30))
def test_whatever_happens_tries_are_bounded_and_pauses_are_within_their_limits(losses):
    reconnects = Reconnects()
    now = tries = 0
    for code, chance, opens, lasts in losses:
        if opens:
            reconnects.opened(now)
            now += lasts
            if lasts >= SETTLED_NS:
                tries = 0
        due = reconnects.lost(code, chance, now)
        if due is None:
            assert is_final(code) or tries == TRIES
            continue
        tries += 1
        assert tries <= TRIES
        assert reconnects.tries == tries
        assert due == now or 0.8 * SECOND <= due - now <= 5 * SECOND
        assert due > now or (code == 1006 and tries == 1)
        now = due
