"""A session carries out what its core decides, and nothing of it is left whatever happens."""

from __future__ import annotations

import asyncio

import pytest

from simkit.bridge import Bridge, CallCore, Config
from simkit.bridge.events import Action, AgentAudio, TimerDue
from simkit.twilio import AUTH_TOKEN

BRIDGE = "bridge.example.com"
NUMBER = "+15550100"
LONG = "Let me read you the terms and conditions from the very beginning, " * 4


def serve(sim, make_core=CallCore, **settings) -> Bridge:
    config = Config(
        public_url=f"https://{BRIDGE}",
        twilio_auth_token=AUTH_TOKEN,
        vapi_api_key="key",
        **settings,
    )
    bridge = Bridge(config, make_core)
    sim.host(BRIDGE).serve(bridge.app())
    return bridge


class FailsOnAudio(CallCore):
    """Fails in the first call, when the agent speaks."""

    def _on_agent_audio(self, event: AgentAudio, now_ns: int) -> list[Action]:
        if self._call_sid.endswith("e24"):
            raise ZeroDivisionError("of the core")
        return super()._on_agent_audio(event, now_ns)


class FailsOnTimer(CallCore):
    """Fails where nobody awaits it."""

    def _on_timer(self, event: TimerDue, now_ns: int) -> list[Action]:
        raise ZeroDivisionError("of a timer")


class FailsAtTheEnd(CallCore):
    """Fails when the call is over anyway."""

    def _on_stop(self, event: object, now_ns: int) -> list[Action]:
        raise ZeroDivisionError("of the end")


@pytest.mark.simkit(
    ids="",  # the first call's ends in e24
    waives={"liveness": "it is the bridge that fails, and hangs up"},
)
@pytest.mark.parametrize("core", [FailsOnAudio, FailsOnTimer, FailsAtTheEnd])
def test_an_error_in_the_core_ends_its_call_with_a_clear_log(sim, caplog, core):
    bridge = serve(sim, core)
    sim.vapi.assistant(first_message=LONG)

    async def caller():
        call = await sim.twilio.call(to=NUMBER)
        if core is FailsAtTheEnd:
            await call.stays_silent(2)
            await call.hangs_up()
        await call.ends(timeout=5)
        assert not bridge.sessions

    sim.run(caller())
    [logged] = [record for record in caplog.records if record.exc_info]
    assert "the call ends" in logged.getMessage()
    assert "ZeroDivisionError" in caplog.text
    assert bridge.metrics.value("calls", outcome="error") == 1
    sim.finish()
    assert sim.checks.broken() == []


@pytest.mark.simkit(ids="")
def test_other_calls_go_on(sim):
    bridge = serve(sim, FailsOnAudio)
    sim.vapi.assistant(first_message="Good morning.")

    async def callers():
        first = await sim.twilio.call(to=NUMBER)
        assert first.sid.endswith("e24")
        second = await sim.twilio.call(to=NUMBER)
        await second.hears("Good morning.")
        await first.ends()
        await second.hangs_up()

    sim.run(callers())
    assert not bridge.sessions


@pytest.mark.simkit(waives={"liveness": "the bridge is told to give the call up"})
def test_a_cancelled_session_leaves_nothing_behind(sim):
    bridge = serve(sim)
    sim.vapi.assistant(first_message=LONG)

    async def caller():
        await sim.twilio.call(to=NUMBER)
        await asyncio.sleep(2)
        for task in bridge.end_calls():
            await asyncio.wait([task])
        assert not bridge.sessions
        await asyncio.sleep(1)

    sim.run(caller())
    assert len(sim.timeline.of("end-call")) == 1
    sim.finish()
    assert sim.checks.broken() == []


def test_a_twilio_that_reads_slowly_is_told_of_and_fills_a_bounded_queue(sim, caplog):
    bridge = serve(sim, queue_limit_bytes=65_536)
    sim.vapi.assistant(first_message=LONG)
    link = sim.link("twilio", BRIDGE).towards("twilio")

    async def caller():
        call = await sim.twilio.call(to=NUMBER)
        await call.hears("terms and conditions")
        link.window = 2000
        link.silent = True
        most = 0
        for _ in range(115):
            await asyncio.sleep(0.1)
            [session] = bridge.sessions
            most = max(most, session.buffered)
        assert 60_000 < most <= 65_536 + 1000
        link.silent = False
        await call.hangs_up()
        await asyncio.sleep(2)

    sim.run(caller())
    assert "twilio reads slowly" in caplog.text
    assert "over 65536 bytes, newer audio is dropped" in caplog.text
    assert bridge.metrics.value("dropped", reason="twilio reads slowly") > 100
    assert not bridge.sessions


def test_an_interruption_drops_what_still_waits_for_twilio(sim):
    """The clear need not wait behind audio that it would clear."""
    serve(sim)
    sim.vapi.assistant(first_message=LONG, lead=60.0, silence_frames=False, replies=["Yes?"])
    link = sim.link("twilio", BRIDGE).towards("twilio")

    async def caller():
        link.window = 20_000
        link.bandwidth = 160_000  # slower than 64 kbit/s of sound in base64 and JSON need
        call = await sim.twilio.call(to=NUMBER)
        await call.hears("terms and conditions")
        await call.says("wait, stop")
        await call.hears("Yes?", timeout=8)
        await call.hangs_up()
        return call

    call = sim.run(caller())
    [barge_in] = call.barge_ins
    assert barge_in.stale_after_clear_ms == 0
    [cleared] = sim.timeline.of("clear")
    assert cleared.arrived_ns - cleared.sent_ns < 1_500_000_000


@pytest.mark.parametrize("leg", ["slowly", "not at all"])
def test_a_vapi_that_does_not_read_fills_a_bounded_queue(sim, caplog, leg):
    bridge = serve(sim, queue_limit_bytes=65_536, keepalive=3600.0)
    link = sim.link(BRIDGE, "api.vapi.ai").towards("api.vapi.ai")

    async def caller():
        call = await sim.twilio.call(to=NUMBER)
        await call.stays_silent(1)
        link.window = 2000
        if leg == "slowly":
            link.bandwidth = 100_000
        else:
            link.silent = True
        most = 0
        for _ in range(60):
            await asyncio.sleep(0.1)
            [session] = bridge.sessions
            most = max(most, session.buffered)
        assert 60_000 < most < 90_000
        link.silent, link.bandwidth = False, None
        await call.hangs_up()
        await asyncio.sleep(2)

    sim.run(caller())
    assert "vapi reads slowly" in caplog.text
    assert bridge.metrics.value("dropped", reason="vapi reads slowly") > 50
    assert not bridge.sessions
