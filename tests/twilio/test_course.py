"""The course of a stream: returns of marks wait for their marks, and are missed where none came."""

from __future__ import annotations

import pytest

from simkit import Simulation
from simkit.twilio.course import Course, End, Frame, Step, likeness


def returned(name: str, after_ns: int = 0) -> Step:
    return Step(after_ns, {"event": "mark", "mark": {"name": name}})


def course(*steps: Step) -> Course:
    names = [step.mark for step in steps if step.mark is not None]
    return Course(iter(steps), names, lambda: None)


def test_a_return_waits_for_its_mark():
    given = course(returned("a"))
    assert given.due(returned("a")) is None
    assert given.held("b") is None
    assert given.sent("a")
    assert given.held("a") == "a"
    assert given.held("a") is None


def test_a_mark_that_was_sent_comes_back_in_its_turn():
    given = course(returned("a"))
    assert given.sent("a")
    assert given.due(returned("a")) == "a"
    assert given.due(returned("a")) is None


def test_only_so_many_returns_are_given_as_there_were():
    given = course(returned("a"))
    assert given.sent("a")
    assert not given.sent("a")
    assert not given.sent("b")


def test_marks_with_ids_in_their_names_come_back_one_for_the_other():
    then = ["1d0c8f0e-8a53-4f0c-9a3e-2b7a0e8f4d11", "7b1d5c3a-90fe-4d2b-8c6a-5e4f3a2b1c0d"]
    now = ["f0e1d2c3-b4a5-4968-8776-5544332211ff", "00112233-4455-4677-8899-aabbccddeeff"]
    given = course(returned(then[0]), returned(then[1]))
    assert given.sent(now[0])
    assert given.due(returned(then[0])) == now[0]
    assert given.due(returned(then[1])) is None
    assert given.sent(now[1])
    assert given.held(now[1]) == now[1]
    assert not given.sent(now[0])


@pytest.mark.parametrize(
    ("name", "other", "alike"),
    [
        ("reply-1", "reply-2", False),
        ("end of 1704123456789", "end of 1704123999999", True),
        ("chunk:4f3a2b1c0d9e", "chunk:aaaaaaaaaaaa", True),
        ("agent-1", "agent-1", True),
        ("#", "", False),
    ],
)
def test_ids_in_names_do_not_count(name, other, alike):
    assert (likeness(name) == likeness(other)) is alike


def test_what_nobody_asked_for_is_told_in_order():
    given = course(returned("b", 2), returned("a", 3))
    given.due(returned("a", 1))
    given.sent("a")
    assert given.held("a") == "a"
    given.sent("b")
    assert [step.mark for step in given.unanswered(closed_by_server=False)] == ["a"]


@pytest.mark.parametrize("closed", [True, False])
def test_the_answer_to_a_close_is_missed_where_nobody_closed(closed):
    given = course(Step(5, End(1000, answers=True)), Step(6, End(1006)))
    found = list(given.unanswered(closed_by_server=closed))
    assert len(found) == (0 if closed else 1)


@pytest.mark.parametrize("mark", [None, 7, {}, {"name": None}])
def test_a_mark_without_a_name_is_one(mark):
    assert isinstance(Step(0, {"event": "mark", "mark": mark}).mark, str)


def test_a_course_is_for_one_stream():
    heard = []

    async def app(scope, receive, send):
        if scope["type"] != "websocket":
            if scope["type"] == "http":
                twiml = b'<Response><Connect><Stream url="wss://bridge.example.com/"/></Connect></Response>'
                start = {"type": "http.response.start", "status": 200}
                await send(start | {"headers": [(b"content-type", b"text/xml")]})
                await send({"type": "http.response.body", "body": twiml})
            return
        await receive()
        await send({"type": "websocket.accept"})
        texts: list[str] = []
        heard.append(texts)
        while (message := await receive())["type"] != "websocket.disconnect":
            texts.append(message["text"])

    steps = [
        Step(0, {"event": "start"}),
        Step(7_000_000, Frame(bytes(160), 40, 5000), 90),
        Step(8_000_000, {"event": "dtmf", "dtmf": {"digit": "5"}, "streamSid": "then"}, 91),
        Step(8_000_000, {"event": "start"}),
        Step(9_000_000, {"event": "news", "of": 1}),
    ]
    with Simulation() as sim:
        sim.host("bridge.example.com").serve(app)
        sim.twilio.plays(course(*steps))

        async def calls():
            for _ in range(2):
                phone = await sim.twilio.call(to="+15550100")
                await phone.stays_silent(0.5)
                await phone.hangs_up()

        sim.run(calls())
        sim.finish()
        sid = sim.twilio.flows[0].streams.all[0].sid
    first, second = heard
    assert len(first) == 6
    assert (
        '"sequenceNumber":"90","media":{"track":"inbound","chunk":"40","timestamp":"5000"'
        in (first[2])
    )
    assert '"sequenceNumber":"91"' in first[3]
    assert f'"streamSid":"{sid}"' in first[3]
    assert '"event":"news","of":1' in first[4]
    assert '"sequenceNumber":"93"' in first[5]
    assert len(second) > 20
