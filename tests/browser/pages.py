"""Pages that tests open."""

from __future__ import annotations

import base64
from functools import cache
from typing import Any

import msgspec
import numpy as np
from msgspec.structs import replace

from simkit.report.page import page_of
from simkit.report.page.model import Curve, Difference, Events, Page, Panel, Wave
from simkit.scenarios import find, simulate

HOUR_OF_SOUND = 8_350_000
"""Letters that the sound of an hour takes in a page."""


@cache
def _kept(name: str) -> bytes:
    outcome = simulate(find(name), {"lead": 60.0} if name == "barge-in" else {})
    return msgspec.json.encode(page_of(outcome, name))


def call(name: str = "barge-in") -> Page:
    """Return the page of a scenario, which a test may change."""
    return msgspec.json.decode(_kept(name), type=Page)


def without_events() -> Page:
    """Return the page of a run in which nothing happened."""
    page = call()
    nothing = Events(t=[], source=[], target=[], kind=[], sent=[], arrived=[], line=[], fields=[])
    page.panels = [
        Panel(
            title="call 1",
            duration=0,
            lanes=[],
            kinds=[],
            events=nothing,
            spans=[],
            curves=[],
            brackets=[],
            waves={},
            sound=None,
        )
    ]
    return page


def two_calls() -> Page:
    """Return a page on which two calls stand above each other, with what differs."""
    page = call()
    page.panels.append(call("false-positive").panels[0])
    page.panels[0].title = "recorded on the third of May, in the morning, with a cold caller"
    told = [(1, 700_000, 720_000, None), (2, 900_000, None, 1), (3, None, 4_000_000, None)]
    page.differences = [
        Difference(number=n, above=a, below=b, sentence=f"number {n} differs", cause=c)
        for n, a, b, c in told
    ]
    return page


def hour() -> Page:
    """Return a page of an hour: one call again and again, with as many bytes of sound."""
    page = call("three-interruptions")
    panel = page.panels[0]
    long, events = panel.duration, panel.events
    times = range(3_600_000_000 // long + 1)
    every: dict[str, list[Any]] = {name: [] for name in Events.__struct_fields__}
    for k in times:
        for name, column in every.items():
            values = getattr(events, name)
            is_instant = name in ("t", "sent", "arrived")
            column += [value + k * long for value in values] if is_instant else values
    panel.events = Events(**every)
    panel.spans = [
        replace(it, start=it.start + k * long, end=it.end + k * long)
        for k in times
        for it in panel.spans
    ]
    panel.brackets = [
        replace(it, onset=it.onset + k * long) for k in times for it in panel.brackets
    ]
    panel.curves = [
        Curve(
            name=it.name,
            lane=it.lane,
            unit=it.unit,
            t=[t + k * long for k in times for t in it.t],
            value=it.value * len(times),
        )
        for it in panel.curves
    ]
    panel.duration = long * len(times)
    panel.waves = {name: repeated(it, len(times), long) for name, it in panel.waves.items()}
    assert panel.sound is not None
    panel.sound = replace(panel.sound, data=panel.sound.data.ljust(HOUR_OF_SOUND, "A"))
    return page


def repeated(wave: Wave, times: int, long: int) -> Wave:
    """Return an outline again and again, 15 ms a pair as an hour's is."""
    pairs = np.frombuffer(base64.b64decode(wave.peaks), np.int8).reshape(-1, 2)
    pairs = pairs[: -(-long // wave.bucket)][::3]
    peaks = base64.b64encode(np.tile(pairs, (times, 1)).tobytes()).decode()
    return replace(wave, bucket=3 * wave.bucket, peaks=peaks)


def hostile(page: Page, text: str) -> Page:
    """Return a page with a text in place of every other, wherever the page lets others speak."""
    plain = msgspec.to_builtins(page)

    def planted(value: Any, name: str = "") -> Any:
        if name in ("peaks", "data", "mime", "row", "told_by"):
            return value
        if name == "id":
            return value if value in ("caller", "agent", "bridge", "twilio") else text
        if name == "lane":
            return value if value == "twilio" else text
        if isinstance(value, dict):
            fields = name == "fields"
            return {
                (text if fields and key == "text" else key): planted(item, "" if fields else key)
                for key, item in value.items()
            }
        if isinstance(value, list):
            return [planted(item, name if name == "fields" else "") for item in value]
        return text if isinstance(value, str) else value

    return msgspec.convert(planted(plain), Page)
