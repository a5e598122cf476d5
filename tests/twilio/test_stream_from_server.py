"""What the server sends on a stream, and how: pings, odd payloads, a clear, a field too many."""

from __future__ import annotations

import asyncio
import base64
import re

import pytest

from tests.twilio.streams import HOST, Far, tone
from tests.twilio.test_stream_messages import SILENT, stopped

# What the server sends, and how


async def test_pings_are_answered_unless_the_knob_says_no(sim, line):
    _, far = await line.opened()
    far.ping()
    await asyncio.sleep(0.1)
    sim.twilio.settings.answers_pings = False
    _, silent = await line.opened()
    silent.ping()
    silent.send(event="mark", mark={"name": "after"})
    await asyncio.sleep(0.1)
    assert (far.pongs, silent.pongs) == (1, 0)
    assert len(silent.of("mark")) == 1
    assert line.codes() == []


async def test_twilio_may_ping_too(sim, line):
    sim.twilio.settings.ping_interval = 2
    pings = []

    class Noting(Far):
        def data_received(self, data: bytes) -> None:
            if data[:1] == b"\x89":
                pings.append(sim.now)
            super().data_received(data)

    line.make_end = Noting
    stream, far = await line.opened()
    opened = sim.timeline.of("start")[0].arrived_ns / 1e9
    await asyncio.sleep(7)
    assert [round(at - opened, 3) for at in pings] == [2.0, 4.0, 6.0]
    await stopped(stream)
    await asyncio.sleep(5)
    assert len(pings) == 3
    assert far.closed_with == 1000


async def test_odd_payloads_join_or_are_filled_up(sim, line):
    heard = {}
    for knob in ("join", "pad"):
        sim.twilio.settings.odd_sizes = knob
        stream, far = await line.opened()
        for _ in range(4):
            far.send(event="media", media={"payload": base64.b64encode(tone(0.0125)).decode()})
        await asyncio.sleep(0.3)
        heard[knob] = bytes(stream.playout.bursts[0].data)
        await stopped(stream)
    assert heard["join"] == tone(0.0125) * 4
    assert heard["pad"] == (tone(0.0125) + SILENT[:60]) * 4


# Marks and clear, on the wire


@pytest.mark.parametrize("one_way", [0.0, 0.08, 0.15])
async def test_echoes_cross_a_clear_and_all_look_alike(sim, line, one_way):
    sim.link("twilio", HOST).latency = one_way
    _, far = await line.opened()
    echoes = []
    far.on_message = lambda message: (
        echoes.append((round(sim.now - began, 3), message["mark"]["name"]))
        if message["event"] == "mark"
        else None
    )
    sound = base64.b64encode(tone(0.1)).decode()
    began = sim.now
    for name in ("a", "b", "c", "d"):
        far.send(event="media", media={"payload": sound})
        far.send(event="mark", mark={"name": name})
    # Sent when "a" has played, and perhaps before its echo has come.
    await asyncio.sleep(0.26)
    far.send(event="clear")
    far.send(event="mark", mark={"name": "new"})
    await asyncio.sleep(1.0)
    assert [name for _, name in echoes] == ["a", "b", "c", "d", "new"]
    at = {name: when for when, name in echoes}
    flushed = round(0.26 + 2 * one_way, 3)
    assert at["c"] == at["d"] == flushed
    if one_way:
        # Both were heard before the clear arrived, and both come back after it was sent.
        assert 0.26 < at["a"] < at["b"] < flushed
    else:
        assert at["a"] < at["b"] < 0.26
    # The packet that was leaving had to finish.
    assert flushed <= at["new"] <= flushed + 0.02 + 1e-9


# Extra fields


EXTRA = {"event": "media", "sequenceNumber": "1", "media": {"payload": "", "track": "outbound"}}


async def test_a_field_too_many_is_noted_once_and_the_message_goes_on(sim, line):
    stream, far = await line.opened()
    sound = base64.b64encode(tone(0.02)).decode()
    for _ in range(3):
        far.send(**{**EXTRA, "media": {"payload": sound, "track": "outbound", "chunk": 7}})
    far.send(event="mark", mark={"name": "m", "why": 1})
    await asyncio.sleep(0.2)
    assert len(stream.playout.bursts[0].data) == 480
    assert len(far.of("mark")) == 1
    assert line.codes() == []
    [note] = sim.timeline.of("note")
    assert re.search(r"unknown field .*(track|sequenceNumber)", note.fields["about"])


@pytest.mark.parametrize(
    "message",
    [
        EXTRA,
        {"event": "clear", "media": {}},
        {"event": "mark", "mark": {"name": "m", "n": 1}},
        {"event": "mark", "mark": {"name": "m"}, "sequenceNumber": "4"},
    ],
)
async def test_a_field_too_many_is_invalid_when_the_knob_says_so(sim, line, message):
    sim.twilio.settings.strict_fields = True
    stream, far = await line.opened()
    far.send(**message)
    far.send(event="mark", mark={"name": "as documented"})
    await asyncio.sleep(0.1)
    assert line.codes() == [31951]
    assert [mark["mark"]["name"] for mark in far.of("mark")] == ["as documented"]
    assert stream.playout.bursts == []
