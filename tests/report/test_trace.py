"""Trace events: what the published format and Perfetto's importer ask of them, and where they are.

The rules are those of the Trace Event Format document, and of Perfetto's importer where it is
stricter: what breaks them it drops, and counts as an error.
"""

from __future__ import annotations

import json
from collections import defaultdict
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simkit.report import trace
from simkit.scenarios import find, simulate
from simkit.timeline import Timeline
from tests.timeline.stories import MS, Story, interrupted

NEEDED = {
    "X": {"name", "cat", "ts", "dur", "args"},
    "i": {"name", "cat", "ts", "s", "args"},
    "s": {"name", "cat", "ts", "id"},
    "f": {"name", "cat", "ts", "id", "bp"},
    "C": {"name", "ts", "args"},
    "M": {"name", "args"},
}
MOST = 2**32


def events_of(timeline: Timeline) -> list[dict[str, Any]]:
    text = trace(timeline)
    assert text.isascii()
    read = json.loads(text, parse_constant=lambda name: pytest.fail(f"JSON has no {name}"))
    # Perfetto reads the unit only where it stands first; "ns" would change what ts means.
    assert next(iter(read.items())) == ("displayTimeUnit", "ms")
    assert set(read) == {"displayTimeUnit", "traceEvents"}
    return read["traceEvents"]


def check(timeline: Timeline) -> list[dict[str, Any]]:
    """Assert every rule; return the events."""
    events = events_of(timeline)
    open_until: dict[tuple[int, int], list[float]] = defaultdict(list)
    started: dict[int, dict[str, Any]] = {}
    last_on: dict[tuple[int, int], dict[str, Any]] = {}
    threads, ended, last_ts = set(), set(), 0.0
    for event in events:
        assert set(event) - {"ph", "pid", "tid"} == NEEDED[event["ph"]]
        assert all(isinstance(event[key], int) and 0 <= event[key] < MOST for key in ("pid", "tid"))
        assert isinstance(event["name"], str)
        assert event["name"]
        where = event["pid"], event["tid"]
        if event["ph"] == "M":
            if event["name"] == "thread_name":
                threads.add(where)
            continue
        assert isinstance(event["ts"], int | float)
        assert event["ts"] >= last_ts  # flows bind in the order of the file
        last_ts = event["ts"]
        if event["ph"] == "C":
            assert all(isinstance(value, int | float) for value in event["args"].values())
            continue
        assert where in threads
        assert event["pid"] != event["tid"]  # that would be the main thread
        if event["ph"] == "X":
            # Slices of a thread nest, or have nothing in common.
            assert event["dur"] >= 0
            within = [end for end in open_until[where] if end > event["ts"]]
            assert all(event["ts"] + event["dur"] <= end for end in within)
            open_until[where] = [*within, event["ts"] + event["dur"]]
        if event["ph"] in "Xi":
            assert isinstance(event["args"], dict)
            last_on[where] = event
        if event["ph"] == "i":
            assert event["s"] == "t"
        if event["ph"] in "sf":
            # An arrow holds on to what came last on its thread, which must be its message.
            message = last_on[where]
            assert (message["ts"], message["name"]) == (event["ts"], event["name"])
        if event["ph"] == "s":
            assert event["id"] not in started
            started[event["id"]] = event
        if event["ph"] == "f":
            assert event["bp"] == "e"
            begun = started[event["id"]]
            assert (begun["name"], begun["cat"]) == (event["name"], event["cat"])
            assert event["id"] not in ended
            ended.add(event["id"])
    assert ended == set(started)
    return events


def rows(events: list[dict[str, Any]]) -> dict[int, str]:
    return {e["tid"]: e["args"]["name"] for e in events if e["name"] == "thread_name"}


@pytest.mark.parametrize("name", ["barge-in", "backpressure"])
def test_races_keep_every_rule_of_the_format(name):
    outcome = simulate(find(name), {}, app=None)
    events = check(outcome.timeline)
    assert trace(outcome.timeline) == trace(outcome.timeline)
    messages = [e for e in outcome.timeline if e.target is not None and e.kind != "media"]
    assert len([e for e in events if e["ph"] == "s"]) == len(messages)


def test_a_message_is_an_arrow_between_two_lanes_with_its_flight_time():
    events = check(interrupted().clears(2220, 2250).timeline)
    instants = [e for e in events if e["ph"] == "i" and e["name"] == "clear"]
    assert [(e["ts"], rows(events)[e["tid"]]) for e in instants] == [
        (2_220_000, "bridge"),
        (2_250_000, "twilio"),
    ]
    assert {e["args"]["flight_ms"] for e in instants} == {30.0}
    assert instants[0]["args"]["line"] == "2.220  bridge   > twilio   clear"


def test_a_barge_in_is_a_slice_divided_into_its_four_parts():
    events = check(interrupted().tells(2210).clears(2220, 2250).timeline)
    row = next(tid for tid, name in rows(events).items() if name == "barge-in")
    found = [(e["name"], e["ts"], e["dur"]) for e in events if e["ph"] == "X" and e["tid"] == row]
    assert found == [
        ("barge-in: stops after 400 ms", 2_000_000, 400_000),
        ("detect 210 ms", 2_000_000, 210_000),
        ("react 10 ms", 2_210_000, 10_000),
        ("fly 30 ms", 2_220_000, 30_000),
        ("tail 150 ms", 2_250_000, 150_000),
    ]


def test_a_clear_that_came_after_the_silence_is_still_within_its_barge_in():
    events = check(interrupted().tells(2380).clears(2390, 2450).timeline)
    [barge_in] = [e for e in events if e["name"].startswith("barge-in: ")]
    assert barge_in["dur"] == 450_000
    assert barge_in["args"]["tail_ms"] == -50.0
    assert not any(e["name"].startswith("tail") for e in events)


def test_what_lasts_at_once_stands_in_rows_of_its_own():
    story = Story().speaks(1000, 900).speaks(1500, 900, utterance=3).speaks(1900, 50, utterance=4)
    events = check(story.timeline)
    assert sorted(rows(events).values()) == ["caller says", "caller says (2)"]
    # The third begins when the first has ended.
    assert [rows(events)[e["tid"]] for e in events if e["ph"] == "X"] == [
        "caller says",
        "caller says (2)",
        "caller says",
    ]


def test_lanes_come_in_the_order_of_the_page_and_each_call_is_a_process():
    story = interrupted().tells(2210).clears(2220, 2250)
    story.timeline.record("hangs-up", "caller", t_ns=3000 * MS, call=2)
    events = check(story.timeline)
    names = [(e["pid"], e["args"]["name"]) for e in events if e["name"] == "thread_name"]
    assert names == [
        (2, "barge-in"),
        (2, "caller says"),
        (2, "agent says"),
        (2, "caller hears"),
        (2, "twilio"),
        (2, "bridge"),
        (2, "vapi"),
        (3, "caller"),
    ]
    order = [e["args"]["sort_index"] for e in events if e["name"] == "thread_sort_index"]
    assert order == sorted(order)


def test_marks_on_their_way_and_full_queues_are_counters():
    timeline = Timeline(lambda: 5000 * MS)
    for t_ms, source, target in ((100, "bridge", "twilio"), (200, "twilio", "bridge")):
        timeline.record("mark", source, target, t_ns=t_ms * MS, call=1, name="m")
    queue = timeline.level("queue", "twilio", "ms", tolerance=1.0, call=1)
    for t_ms, value in ((300, 0.0), (420, 120.0), (500, 120.0)):
        queue.add(t_ms * MS, value)
    queue.jump(500 * MS, 0.0)
    counted = [(e["ts"], e["args"]) for e in check(timeline) if e["ph"] == "C"]
    assert counted == [
        (100_000, {"marks": 1}),
        (200_000, {"marks": 0}),
        (300_000, {"ms": 0.0}),
        (350_000, {"ms": 50.0}),
        (400_000, {"ms": 100.0}),
        (420_000, {"ms": 120.0}),
        (500_000, {"ms": 120.0}),
        (500_000, {"ms": 0.0}),
    ]


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 50),
            st.integers(0, 50),
            st.text(max_size=8) | st.just("\ud800</script>\x1b[2J"),
            st.none() | st.floats() | st.lists(st.booleans(), max_size=2) | st.binary(max_size=3),
            st.booleans(),
        ),
        max_size=12,
    )
)
def test_hostile_fields_and_any_order_of_instants_keep_the_rules(told):
    timeline = Timeline(lambda: 100)
    for t_ns, more_ns, text, value, is_message in told:
        if is_message:
            timeline.record(
                "x" + text,
                "bridge",
                "twilio",
                t_ns=t_ns,
                sent_ns=more_ns,
                arrived_ns=t_ns,
                value=value,
                text=text,
            )
        else:
            timeline.record(
                "speaks", "caller", t_ns=t_ns, duration_ns=more_ns, text=text, utterance=1
            )
    check(timeline)
