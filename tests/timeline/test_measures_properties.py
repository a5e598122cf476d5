"""The measures of random calls against a second, slow and obvious implementation.

It looks at a call one millisecond at a time.
"""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simkit.timeline import Timeline, barge_ins, measures
from simkit.timeline.intervals import percentiles
from tests.timeline.stories import MS, Story

END = 6000
GAP = 200


def pieces(longest_gap: int) -> st.SearchStrategy[list[tuple[int, int]]]:
    """Stretches one after the other, each a start and an end."""
    gaps = st.sampled_from([199, 200, 201]) | st.integers(1, longest_gap)
    lengths = st.tuples(gaps, st.integers(1, 900) | st.integers(1950, 2050))
    return st.lists(lengths, max_size=6).map(_laid_out)


def _laid_out(lengths: list[tuple[int, int]]) -> list[tuple[int, int]]:
    at, result = 0, []
    for gap, length in lengths:
        at += gap
        result.append((at, at + length))
        at += length
    return [(start, end) for start, end in result if end < END]


@st.composite
def calls(draw: st.DrawFn) -> Story:
    story = Story(END)
    story.heard = draw(pieces(700))
    story.spoken = draw(pieces(1500))
    # A second after the last word, and two after the noise, the verdict turns.
    verdicts = [end + 1000 + d for _, end in story.spoken for d in (-1, 0, 1) if end + d < 4000]
    clears = st.sampled_from([*verdicts, 3000]) | st.integers(0, END - 100)
    story.cleared = sorted(draw(st.lists(clears, max_size=4)))
    edges = [clear - 2000 + d for clear in story.cleared for d in (-1, 0, 1) if clear > 2000]
    noises = st.sampled_from([*edges, 500]) | st.integers(0, END)
    story.noises = draw(st.lists(noises, max_size=4))
    story.told = sorted(draw(st.lists(st.integers(0, END), max_size=4)))
    story.replies(1, END)
    for start, end in story.heard:
        story.hears(start, end)
    for number, (start, end) in enumerate(story.spoken):
        story.speaks(start, end - start, utterance=100 + number)
    for at in story.noises:
        story.noise(at)
    for at in story.cleared:
        story.clears(at, at + 20)
    for at in story.told:
        story.tells(at)
    return story


def at_each_ms(stretches: list[tuple[int, int]]) -> list[bool]:
    result = [False] * (END + 1)
    for start, end in stretches:
        for t in range(start, end):
            result[t] = True
    return result


def agent(story: Story) -> list[bool]:
    """Whether the agent is heard, ms by ms, with short pauses filled."""
    result = at_each_ms(story.heard)
    since = None  # the end of the last sound
    for t in range(1, END + 1):
        if result[t - 1] and not result[t]:
            since = t
        if result[t] and since is not None and t - since < GAP:
            result[since:t] = [True] * (t - since)
        if result[t]:
            since = None
    return result


def caller(story: Story) -> list[bool]:
    return at_each_ms(story.spoken)


def begins(heard: list[bool]) -> list[int]:
    return [t for t in range(len(heard)) if heard[t] and (t == 0 or not heard[t - 1])]


def ends(heard: list[bool]) -> list[int]:
    return [t for t in range(1, len(heard)) if not heard[t] and heard[t - 1]]


@given(calls())
@settings(max_examples=80)
def test_turns_are_what_they_are_millisecond_by_millisecond(story):
    heard, spoken = agent(story), caller(story)
    found = measures(story.timeline, 1)
    assert found.overlap_ms == sum(a and u for a, u in zip(heard, spoken, strict=True))
    assert found.agent_interrupts == sum(spoken[t] and spoken[t - 1] for t in begins(heard))
    latencies = []
    for end in ends(spoken):
        answers = [t for t in begins(heard) if t >= end]
        again = [t for t in begins(spoken) if t >= end]
        if answers and (not again or answers[0] < again[0]):
            latencies.append(answers[0] - end)
    assert found.response_latency.samples == len(latencies)
    assert found.response_latency == percentiles(latencies)
    assert found.turns == len(story.spoken)


@given(calls())
@settings(max_examples=80)
def test_barge_ins_are_what_they_are_millisecond_by_millisecond(story):
    heard = agent(story)
    onsets = [start for start, _ in story.spoken if heard[start]]
    found = barge_ins(story.timeline, 1)
    assert [one.onset_ns for one in found] == [onset * MS for onset in onsets]
    for one, onset in zip(found, onsets, strict=True):
        stops = next(t for t in range(onset, END + 1) if not heard[t])
        assert one.time_to_stop_ms == stops - onset
        assert one.yielded == (stops - onset <= 2000)
        if None not in one.parts:
            assert sum(one.parts) == pytest.approx(one.time_to_stop_ms, abs=1e-6)
        if one.detect_ms is not None:
            assert onset + one.detect_ms == next(t for t in story.told if t >= onset)
        if one.stale_after_clear_ms is not None and one.tail_ms is not None:
            arrived = stops - one.tail_ms
            sound = at_each_ms(story.heard)
            late = range(max(0, int(arrived) + 20), END)
            assert one.stale_after_clear_ms == sum(sound[t] for t in late)
    misses = [one.yielded is False for one in found]
    rate = measures(story.timeline, 1).missed_rate
    assert rate == (sum(misses) / len(misses) if misses else None)


@given(calls())
@settings(max_examples=80)
def test_giving_way_to_noise_is_told_from_giving_way_to_words(story):
    heard, spoken = agent(story), caller(story)
    chances = [t for t in story.noises if heard[t]]
    false = 0
    for t in chances:
        stops = [clear for clear in story.cleared if t <= clear <= t + 2000]
        if stops:
            # Words in the second before it, or at that very instant.
            last_second = range(max(0, stops[0] - 1000), stops[0] + 1)
            false += not any(spoken[s] for s in last_second)
    rate = measures(story.timeline, 1).false_rate
    assert rate == (false / len(chances) if chances else None)


# Alignment


@st.composite
def hearings(draw: st.DrawFn) -> list[tuple[int, int, int]]:
    """Pieces of one reply as they were heard: instant, offset, length."""
    at, result = 1000, []
    for _ in range(draw(st.integers(1, 6))):
        at += draw(st.sampled_from([0, 0, 30, 250]))
        offset, length = draw(st.integers(0, 900)), draw(st.integers(10, 400))
        result.append((at, offset, length))
        at += length
    return result


@given(hearings())
@settings(max_examples=80)
def test_flaws_are_what_they_are_millisecond_by_millisecond(heard):
    story = Story().replies(900, 2000)
    for at, offset, length in heard:
        story.hears(at, at + length, offset=offset)
    first = heard[0][1]
    lost, repeat, gap = (first if first > 20 else 0), 0, 0
    expected, last = None, 0
    for at, offset, length in heard:
        for ms in range(length):
            if expected is not None and (at + ms != last + 1 or offset + ms != expected):
                silent, step = at + ms - last - 1, offset + ms - expected
                lost += step if step > 1 else 0
                repeat += -step if step < -1 else 0
                gap += silent - max(0, step) if silent - max(0, step) > 1 else 0
            expected, last = offset + ms + 1, at + ms
    found = measures(story.timeline, 1).flaws
    assert (found.lost_ms, found.repeat_ms, found.gap_ms) == (lost, repeat, gap)


@given(hearings())
@settings(max_examples=80)
def test_the_delay_is_that_of_the_middle_millisecond(heard):
    story = Story().replies(900, 2000)
    for at, offset, length in heard:
        story.hears(at, at + length, offset=offset)
    delays = sorted(at - offset - 900 for at, offset, length in heard for _ in range(length))
    found = measures(story.timeline, 1).agent_to_caller
    assert found is not None
    assert found.max_ms == delays[-1]
    assert found.median_ms == delays[(len(delays) - 1) // 2]


@given(st.lists(st.integers(0, 90), min_size=1, max_size=40))
def test_jitter_is_that_of_rfc_3550(gaps):
    timeline, at = Timeline(), 0
    timeline.frame("twilio", "bridge", 0, 20 * MS, call=1)
    jitter = highest = 0.0
    for gap in gaps:
        at += gap
        timeline.frame("twilio", "bridge", at * MS, 20 * MS, call=1)
        jitter += (abs(gap - 20) - jitter) / 16
        highest = max(highest, jitter)
    found = measures(timeline, 1).jitter_ms["twilio>bridge"]
    assert found == pytest.approx(highest, abs=1e-4)


@given(st.lists(st.integers(0, 5000), max_size=60))
def test_percentiles_are_values_that_occurred_and_few_samples_carry_none(values):
    found = percentiles(values)
    assert found.samples == len(values)
    assert (found.p50_ms is None) == (not values)
    assert (found.p90_ms is None) == (len(values) < 10)
    assert (found.p95_ms is None) == (len(values) < 20)
    for share, value in ((0.5, found.p50_ms), (0.9, found.p90_ms), (0.95, found.p95_ms)):
        if value is not None:
            assert value == sorted(values)[math.ceil(round(share * len(values), 6)) - 1]
