"""A bridge of a user's own, from Twilio to OpenAI's Realtime API, and two wrong ones."""

from __future__ import annotations

import asyncio

import pytest

from simkit import Simulation, checks
from simkit.upstreams import OpenAIRealtime
from tests.upstreams.conftest import HOST
from tests.upstreams.realtime_bridge import Call, make_app

NUMBER = "+15550100"
GREETING = (
    "Good morning, this is the practice of Doctor Miller, your appointment is on Tuesday at "
    "three, shall I keep it for you?"
)
HEARD = "Good morning, this is the practice of Doctor Miller,"
ASKED = "wait, can we do Thursday instead?"
REPLY = "Thursday it is."


class NeverClears(Call):
    """Leaves what Twilio has queued."""

    async def clear(self) -> None:
        pass


class TellsWhatItSent(Call):
    """Takes what it has sent for what was heard."""

    def heard(self) -> int:
        return self.sent


class CountsFromThePreviousReply(Call):
    """Keeps the first reply's beginning for all, as a published sample once did."""

    async def play(self, item: str, delta: str) -> None:
        began = self.began
        await super().play(item, delta)
        self.began = began or self.began

    def heard(self) -> int:
        return self.now - self.began


class World(Simulation):
    """A bridge and the service that it calls."""

    def __init__(self, seed: int = 0, call_type: type[Call] = Call, *, speed: float = 4.0) -> None:
        super().__init__(seed)
        self.openai = self.upstream(HOST, OpenAIRealtime)
        self.openai.agent(first_message=GREETING, replies=[REPLY, GREETING], speed=speed)
        self.host("bridge.example.com").serve(make_app(call_type))


async def interrupted(sim: Simulation):
    call = await sim.twilio.call(to=NUMBER)
    await call.hears("Doctor Miller")
    await call.says(ASKED)
    await call.hears(REPLY)
    await call.hangs_up()
    return call


def failed(sim: Simulation) -> list[str]:
    return [check.name for check in checks.run(sim.finish()) if not check.passed]


def test_a_call_with_an_interruption(snapshot):
    with World() as sim:
        call = sim.run(interrupted(sim))
        (session,) = sim.openai.sessions
        assert sim.timeline == snapshot
        (barge_in,) = call.barge_ins
        assert None not in barge_in.parts
        assert sum(barge_in.parts) == barge_in.time_to_stop_ms
        assert barge_in.time_to_stop_ms < 200
        assert (barge_in.detected_by, barge_in.reply) == ("speech-update", 1)
        assert barge_in.stale_after_clear_ms == 0
        # The way to Twilio and a frame or two: the bridge cannot know better.
        assert 0 <= sim.measures.ledger_error_ms <= 80
        assert session.history == [("assistant", HEARD), ("user", ASKED), ("assistant", REPLY)]
        assert failed(sim) == []


def test_a_response_that_is_interrupted_while_it_is_made():
    with World(speed=1.2) as sim:
        call = sim.run(interrupted(sim))
        (stopped,) = [event for event in sim.timeline.of("replied") if event.fields["interrupted"]]
        assert stopped.fields["reply"] == 1
        assert call.barge_ins[0].time_to_stop_ms < 200
        assert 0 <= sim.measures.ledger_error_ms <= 80
        assert failed(sim) == []


def test_a_bridge_that_never_clears_is_found():
    with World(call_type=NeverClears) as sim:
        call = sim.run(interrupted(sim))
        assert call.barge_ins[0].time_to_stop_ms > 2000
        assert failed(sim) == ["stops-when-interrupted"]


def test_a_bridge_that_tells_what_it_sent_is_found():
    with World(call_type=TellsWhatItSent) as sim:
        sim.run(interrupted(sim))
        assert sim.measures.ledger_error_ms > 1000
        assert sim.openai.sessions[0].history[0] == ("assistant", GREETING)


def test_a_bridge_that_counts_from_the_previous_reply_is_found():
    async def twice(sim):
        call = await sim.twilio.call(to=NUMBER)
        await call.hears("Doctor Miller")
        await call.says(ASKED)
        await call.hears(REPLY)
        await call.says("and what was that again?")
        await call.hears("Good morning")
        await call.says("thanks")
        await asyncio.sleep(2)
        await call.hangs_up()

    with World(call_type=CountsFromThePreviousReply) as sim:
        sim.run(twice(sim))
        (warning,) = sim.timeline.of("warning")
        assert "Audio content of " in warning.fields["reason"]
        assert "is already shorter than " in warning.fields["reason"]
        assert failed(sim) == ["protocol-conformance"]


@pytest.mark.parametrize("delay", [0.3, 1.5])
def test_words_that_are_said_while_the_socket_opens_are_understood(delay):
    with World() as sim:
        sim.openai.open_delay = delay

        async def eager():
            call = await sim.twilio.call(to=NUMBER)
            await call.says("hello, is anybody there?")
            # The greeting was being made, and gave way before it began.
            await call.hears(REPLY)
            await call.hangs_up()

        sim.run(eager())
        # This bridge reads the phone only once the socket is open, so that nothing is lost.
        (transcript,) = sim.timeline.of("transcript")
        assert transcript.fields["text"] == "hello, is anybody there?"
        assert failed(sim) == []


def test_the_same_seed_gives_the_same_bytes():
    def story(seed: int) -> str:
        with World(seed) as sim:
            sim.run(interrupted(sim))
            return str(sim.finish())

    assert story(3) == story(3)


def test_two_calls_at_once_are_told_apart():
    async def both(sim):
        first = asyncio.create_task(interrupted(sim))
        await asyncio.sleep(0.7)
        await asyncio.gather(first, interrupted(sim))

    with World() as sim:
        sim.run(both(sim))
        assert {event.session for event in sim.timeline.of("open")} == {1, 2}
        assert "openai 2" in str(sim.timeline)
        assert "vapi" not in str(sim.timeline)
        assert sim.measures.interruptions == 2
        assert failed(sim) == []
