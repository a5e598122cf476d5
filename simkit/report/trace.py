"""A run as Chrome trace events: JSON that Perfetto (ui.perfetto.dev) and chrome://tracing open.

A call is a process, a lane is a thread of it. What lasts is a slice; a message is an instant in the
lane that sends it and one in the lane that it reaches, with an arrow between them. Built from the
timeline alone, the same bytes for the same timeline.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from ..timeline import BargeIn, Event, Level, Timeline, barge_ins, bridged
from ..timeline.text import line, printable

_FRAME_NS = 20_000_000
_STEP_NS = 50_000_000
"""Between values of a counter that rises or falls."""
_FIRST_THREAD = 100_001
"""Beyond every process: the thread of its number is taken for its main one."""
_ROWS = {
    "speaks": "caller says",
    "replies": "agent says",
    "hears": "caller hears",
    "noise": "noise",
    "receives": "reaches the agent",
    "media": "audio {source} > {target}",
    "lost": "lost packets",
    "slow-reader": "writes that wait",
}
"""Rows of what lasts, by the kind of its events."""
_ORDER = ["barge-in", "caller says", "agent says", "caller hears", "caller", "twilio", "bridge"]
"""The uppermost rows; then the other lanes, then what else lasts."""

_Json = dict[str, Any]


def trace(timeline: Timeline) -> str:
    """Return a run as a JSON object, a trace event a line; instants in microseconds, as it has it.

    >>> from simkit.timeline import Timeline
    >>> timeline = Timeline()
    >>> _ = timeline.record("hangs-up", "caller", call=1, t_ns=8_602_000_000)
    >>> print(trace(timeline).splitlines()[1])
    {"ph": "M", "name": "process_name", "pid": 2, "tid": 0, "args": {"name": "call 1"}},
    """
    rows = ",\n".join(json.dumps(event, allow_nan=False) for event in _Trace(timeline).events())
    return f'{{"displayTimeUnit": "ms", "traceEvents": [\n{rows}\n]}}\n'


class _Trace:
    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self._call_of = {session: min(calls) for session, calls in bridged(timeline).items()}
        self._made: list[tuple[int, _Json]] = []
        """Instant and event; of one instant in the order in which a reader must meet them."""
        self._threads: dict[tuple[int, str], int] = {}
        """Of each row, by process and name."""
        self._free_ns: dict[tuple[int, str], int] = {}
        """From when on a row is free."""
        self._flows = 0
        self._marks: dict[int, int] = {}
        """How many each process waits for."""
        self._cut = {
            (event.session, event.fields["reply"]): event.t_ns
            for event in timeline.of("replied")
            if event.fields["interrupted"]
        }

    def events(self) -> Iterator[_Json]:
        for barge_in in barge_ins(self._timeline):
            self._barge_in(barge_in)
        for event in self._timeline:
            self._event(event)
        for level in self._timeline.levels:
            self._level(level)
        for process in sorted({process for process, _ in self._threads}):
            name = f"call {process - 1}" if process > 1 else "simulation"
            yield _named("process_name", process, 0, name=name)
        numbers = {0: 0}
        for number, (process, row) in enumerate(sorted(self._threads, key=_place), _FIRST_THREAD):
            # Perfetto orders threads by their numbers, chrome://tracing by the index.
            numbers[self._threads[process, row]] = number
            yield _named("thread_name", process, number, name=row)
            yield _named("thread_sort_index", process, number, sort_index=number)
        for _, made in sorted(self._made, key=lambda one: one[0]):
            yield made | {"tid": numbers[made["tid"]]}

    def _event(self, event: Event) -> None:
        call = event.call if event.call is not None else self._call_of.get(event.session or 0)
        process = 1 if call is None else call + 1  # 1: what belongs to no call
        args = _plain(event.fields) | {"line": printable(line(event).strip())}
        if event.kind in _ROWS:
            self._lasting(event, process, args)
            return
        sent_ns = event.t_ns if event.sent_ns is None else event.sent_ns
        thread = self._thread(process, event.source)
        if event.target is None:
            self._instant(event.t_ns, event.kind, "event", process, thread, args)
            return
        arrived_ns = event.t_ns if event.arrived_ns is None else event.arrived_ns
        arrived_ns = max(sent_ns, arrived_ns)
        args["flight_ms"] = (arrived_ns - sent_ns) / 1e6
        other = self._thread(process, event.target)
        self._flows += 1
        flow = {"name": printable(event.kind), "cat": "message", "id": self._flows, "pid": process}
        self._instant(sent_ns, event.kind, "message", process, thread, args)
        self._add(sent_ns, {"ph": "s", **flow, "tid": thread})
        self._instant(arrived_ns, event.kind, "message", process, other, args)
        self._add(arrived_ns, {"ph": "f", "bp": "e", **flow, "tid": other})
        if event.kind == "mark":
            waits = self._marks.get(process, 0) + (1 if event.source == "bridge" else -1)
            self._marks[process] = waits
            self._count(event.t_ns, "marks not yet back", process, {"marks": waits})

    def _lasting(self, event: Event, process: int, args: _Json) -> None:
        fields = event.fields
        if "duration_ns" in fields:
            end_ns = event.t_ns + fields["duration_ns"]
        else:
            last_ns = fields["last_ns"]
            end_ns = self._timeline.duration_ns if last_ns is None else last_ns + _FRAME_NS
        if event.kind == "replies":
            end_ns = min(end_ns, self._cut.get((event.session, fields["reply"]), end_ns))
        row = _ROWS[event.kind].format(source=event.source, target=event.target)
        name = fields.get("text") or fields.get("name") or event.kind
        thread = self._row(process, row, event.t_ns, end_ns)
        self._slice(event.t_ns, end_ns, name, event.kind, process, thread, args)

    def _level(self, level: Level) -> None:
        """Count along a line: counters stay what they are until they are told otherwise."""
        process = 1 if level.call is None else level.call + 1
        for (t_ns, value), (end_ns, end) in pairwise((*level.points, *level.points[-1:])):
            slope = (end - value) / max(end_ns - t_ns, 1)
            for at_ns in range(t_ns, end_ns if slope else t_ns + 1, _STEP_NS) or (t_ns,):
                there = round(value + slope * (at_ns - t_ns), 1)
                self._count(at_ns, printable(level.name), process, {level.unit: there})

    def _barge_in(self, barge_in: BargeIn) -> None:
        """Add a slice with its four parts within; they tell where the time went."""
        process = barge_in.call + 1
        parts: list[tuple[str, int, int]] = []
        at_ns = barge_in.onset_ns
        names = ("detect", "react", "fly", "tail")
        shown_ms = barge_in.whole_ms[1:]
        for name, part_ms, whole_ms in zip(names, barge_in.parts, shown_ms, strict=True):
            if part_ms is None or part_ms < 0:  # silent before the clear came
                break
            end_ns = at_ns + round(part_ms * 1e6)
            parts.append((f"{name} {whole_ms} ms", at_ns, end_ns))
            at_ns = end_ns
        if barge_in.time_to_stop_ms is None:
            name, stop_ns = "barge-in: never stops", self._timeline.duration_ns
        else:
            name = f"barge-in: stops after {barge_in.time_to_stop_ms:.0f} ms"
            stop_ns = barge_in.onset_ns + round(barge_in.time_to_stop_ms * 1e6)
        stop_ns = max(stop_ns, at_ns)
        thread = self._row(process, "barge-in", barge_in.onset_ns, stop_ns)
        args = {field: _plain(getattr(barge_in, field)) for field in barge_in.__struct_fields__}
        self._slice(barge_in.onset_ns, stop_ns, name, "barge-in", process, thread, args)
        for name, start_ns, end_ns in parts:
            self._slice(start_ns, end_ns, name, "barge-in", process, thread, {})

    def _thread(self, process: int, row: str) -> int:
        return self._threads.setdefault((process, printable(row)), len(self._threads) + 1)

    def _row(self, process: int, name: str, start_ns: int, end_ns: int) -> int:
        """Return a thread on which nothing else lasts meanwhile: slices of one must not overlap."""
        number, row = 1, name
        while self._free_ns.get((process, row), 0) > start_ns:
            number += 1
            row = f"{name} ({number})"
        self._free_ns[process, row] = end_ns
        return self._thread(process, row)

    def _slice(
        self,
        start_ns: int,
        end_ns: int,
        name: str,
        kind: str,
        process: int,
        thread: int,
        args: _Json,
    ) -> None:
        length_ns = max(end_ns - start_ns, 0)
        made = {"ph": "X", "name": printable(name), "cat": kind, "pid": process, "tid": thread}
        self._add(start_ns, made, {"dur": _us(length_ns), "args": args})

    def _instant(
        self, t_ns: int, name: str, kind: str, process: int, thread: int, args: _Json
    ) -> None:
        made = {"ph": "i", "s": "t", "name": printable(name), "cat": kind, "pid": process}
        self._add(t_ns, made | {"tid": thread}, {"args": args})

    def _count(self, t_ns: int, name: str, process: int, values: _Json) -> None:
        self._add(t_ns, {"ph": "C", "name": name, "pid": process, "tid": 0}, {"args": values})

    def _add(self, t_ns: int, made: _Json, more: _Json | None = None) -> None:
        self._made.append((t_ns, {**made, "ts": _us(t_ns), **(more or {})}))


def _named(what: str, process: int, thread: int, **args: str | int) -> _Json:
    return {"ph": "M", "name": what, "pid": process, "tid": thread, "args": args}


def _place(key: tuple[int, str]) -> tuple[int, int, str]:
    process, row = key
    name = row.partition(" (")[0]
    if name in _ORDER:
        return process, _ORDER.index(name), row
    return process, len(_ORDER) + (" " in name), row  # no lane has a name of two words


def _us(ns: int) -> int | float:
    return ns // 1000 if ns % 1000 == 0 else ns / 1000


def _plain(value: Any) -> Any:
    """Return what JSON has words for; a text without anything that moves a cursor."""
    if isinstance(value, dict):
        return {printable(str(key)): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set):
        return [_plain(inner) for inner in value]
    if (
        value is None
        or isinstance(value, int)
        or (isinstance(value, float) and math.isfinite(value))
    ):
        return value
    return printable(str(value))
