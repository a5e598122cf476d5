"""Lost streams: Twilio's socket is reset, dropped without ``stop``, or falls silent."""

from __future__ import annotations

import asyncio

import pytest

from simkit import checks
from simkit.scenarios.conversations import idle
from simkit.scenarios.endings import next_call
from tests.races.conftest import BRIDGE

NUMBER = "+15550100"
LONG = "Let me read you the terms and conditions from the very beginning, " * 4


@pytest.mark.parametrize("towards", ["bridge", "twilio"])
@pytest.mark.simkit(waives={"protocol-conformance": "31903 is the reset itself"})
def test_a_reset_mid_reply_ends_the_call_and_the_next_one_is_clean(sim, serve, towards):
    bridge = serve()
    sim.vapi.assistant(first_message=LONG, lead=60.0, silence_frames=False)

    async def callers():
        call = await sim.twilio.call(to=NUMBER)
        await call.hears("terms and conditions")
        link = sim.link("twilio", BRIDGE)
        link.towards(BRIDGE if towards == "bridge" else "twilio").reset_after(0)
        await asyncio.sleep(0.2)
        if towards == "twilio":
            await call.says("wait", seconds=0.3)  # the clear is what the reset waits for
        await asyncio.sleep(1.0)
        assert not bridge.sessions
        assert len(sim.timeline.of("end-call")) == 1
        await next_call(sim)

    sim.run(callers())


@pytest.mark.simkit(waives={"protocol-conformance": "31930 is the silence itself"})
@pytest.mark.parametrize(
    ("settings", "after"),
    [({"stream_timeout": 30.0}, 30), ({}, 40)],
    ids=["since nothing comes", "by a ping, within two times 20 s"],
)
def test_a_stream_that_falls_silent_is_noticed_and_torn_down(sim, serve, caplog, settings, after):
    """The socket is half-open: nobody is told, and nothing comes any more."""
    bridge = serve(**settings)
    sim.vapi.assistant(first_message="Good morning.")

    async def caller():
        call = await sim.twilio.call(to=NUMBER)
        await call.hears("Good morning.")
        sim.link("twilio", BRIDGE).half_open()
        lost = sim.now
        while bridge.sessions:
            await asyncio.sleep(1.0)
        return sim.now - lost

    assert after - 2 < sim.run(caller()) < after + 4
    assert ("nothing came from Twilio for 30 s" in caplog.text) == bool(settings)
    assert len(sim.timeline.of("end-call")) == 1


def test_silence_over_many_limits_drops_nothing(sim, serve):
    """Five minutes with the defaults, at a seventh of the scale: only dead streams are ended."""
    bridge = serve(stream_timeout=6.5, keepalive=4.0)
    sim.run(idle(sim, silence=43.0))
    assert not bridge.sessions
    assert [check.name for check in checks.run(sim.finish()) if not check.passed] == []
