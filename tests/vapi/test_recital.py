"""Recitals: Vapi's sockets say what is given, one after the other."""

from __future__ import annotations

import asyncio
import contextlib
import random

import httpx
import pytest
import websockets

from simkit import Simulation
from simkit.audio import voice
from simkit.vapi.recital import Closing, Recital, Text


def recital(*lines, **options) -> Recital:
    return Recital(lambda _: iter(lines), **options)


async def connected(client: httpx.AsyncClient):
    transport = {"provider": "vapi.websocket"}
    body = {"assistantId": "any", "transport": transport}
    answer = await client.post(
        "https://api.vapi.ai/call", json=body, headers={"Authorization": "Bearer any"}
    )
    return await websockets.connect(answer.json()["transport"]["websocketCallUrl"])


def told(
    sim: Simulation, *, says: str | None = None, after: float = 0, closes: bool = False
) -> list[tuple[int, object]]:
    """What a client gets in 2 s, and when since the opening in ms; the close code at last.

    It learns of the close a round trip after it.
    """
    found: list[tuple[int, object]] = []

    async def client():
        async with httpx.AsyncClient() as http:
            socket = await connected(http)
            opened_ns = sim.now_ns
            if says is not None:
                await asyncio.sleep(after)
                await socket.send(says)
            if closes:
                closing = asyncio.create_task(socket.close())
            try:
                while True:
                    message = await socket.recv()
                    found.append(((sim.now_ns - opened_ns) // 1_000_000, message))
            except websockets.ConnectionClosed as closed:
                code = closed.rcvd.code if closed.rcvd else 1006
                found.append(((sim.now_ns - opened_ns) // 1_000_000, code))
                if closes:
                    await closing

    async def limited():
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(client(), 2)

    sim.run(sim.host("bridge.example.com").spawn(limited()))
    return found


def test_each_socket_has_its_recital_and_later_ones_are_silent():
    with Simulation() as sim:
        sim.vapi.plays(
            recital((5_000_000, b"\1\2"), (9_000_000, Closing(1000))),
            recital((7_000_000, Text(b'{"type": "hang"}')), (8_000_000, Closing(1011))),
        )
        assert told(sim) == [(5, b"\1\2"), (29, 1000)]
        assert told(sim) == [(7, '{"type": "hang"}'), (28, 1011)]
        assert told(sim) == []


@pytest.mark.parametrize(
    "text", ['{"type": "unheard-of", "x": 1}', '{"message": {"type": "hang"}}', "[]", "nonsense"]
)
def test_texts_are_sent_as_they_are(text):
    with Simulation() as sim:
        sim.vapi.plays(recital((0, Text(text.encode()))))
        assert told(sim) == [(0, text)]
        assert str(sim.timeline)


def test_a_socket_does_not_open_before_its_time():
    with Simulation() as sim:
        sim.vapi.plays(recital(opens_ns=lambda: 700_000_000))
        told(sim)
        [opened] = sim.timeline.of("open")
        assert opened.sent_ns == 700_000_000


def test_an_end_that_is_not_given_is_granted():
    with Simulation() as sim:
        sim.vapi.plays(recital())
        [(_, ended), (_, code)] = told(sim, says='{"type": "end-call"}')
        assert ('"ended"' in str(ended), code) == (True, 1000)


def test_an_answer_comes_in_its_turn_once_it_was_asked_for():
    hello = Text(b'{"type": "hang"}', frozenset({"say", "closed"}))
    with Simulation() as sim:
        given = recital((500_000_000, hello), answers=frozenset({"say"}))
        sim.vapi.plays(given)
        assert told(sim, says='{"type": "say", "content": "hello"}') == [(500, '{"type": "hang"}')]
        assert given.reciting is not None
        assert list(given.reciting.unanswered()) == []


def test_an_answer_that_is_due_when_it_is_asked_for_comes_before_the_close():
    ended = Text(b'{"type": "status-update", "status": "ended"}', frozenset({"end-call"}))
    with Simulation() as sim:
        given = recital(*[(50_000_000, ended)] * 2, (51_000_000, ended), answers=ended.waits_for)
        sim.vapi.plays(given)
        assert told(sim, says='{"type": "end-call"}', after=0.030, closes=True) == [
            (50, ended.data.decode()),
            (50, ended.data.decode()),
            (50, 1000),
        ]


def test_what_is_said_is_told_to_those_who_measure():
    hello = voice.speak("hello there", random.Random(1))
    interrupted = Text(b'{"type": "user-interrupted"}')
    with Simulation() as sim:
        sim.vapi.plays(
            recital(
                (100_000_000, hello),
                (105_000_000, bytes(640)),
                (200_000_000, interrupted),
                (300_000_000, hello),
            )
        )
        told(sim)
        timeline = sim.timeline
        first, _ = timeline.of("replies")
        assert first.fields["text"] == "hello there"
        assert first.arrived_ns - timeline.of("open")[0].arrived_ns == 105_000_000
        cut, whole = timeline.of("replied")
        assert (cut.fields["interrupted"], cut.fields["audio_ns"]) == (True, 20_000_000)
        assert (whole.fields["interrupted"], whole.fields["audio_ns"]) == (False, 0)
