"""Looking at a timeline while Vapi still hears the caller changes nothing in the end."""

from __future__ import annotations

import pytest

WORDS = "can we do Thursday instead of Tuesday?"


async def one_call(sim, *, looks: int):
    sim.vapi.assistant(replies=["Thursday it is."])
    call = await sim.twilio.call(to="+15550100")
    await call.stays_silent(0.5)
    spoken = await call.says(WORDS, wait=False)
    for _ in range(looks):
        await call.stays_silent(0.13)
        assert sim.timeline.of("speaks")
    await call.stays_silent(spoken.end - sim.now)
    await call.hears("Thursday it is.")
    await call.hangs_up()


def received(sim):
    return [
        (event.t_ns, event.fields["offset_ns"], event.fields["duration_ns"])
        for event in sim.timeline.of("receives")
    ]


@pytest.mark.parametrize("looks", [0, 1, 9])
async def test_what_vapi_received_does_not_depend_on_looking(sim, serve, looks):
    serve()
    await one_call(sim, looks=looks)
    [(t_ns, offset_ns, duration_ns)] = received(sim)
    [spoken] = sim.timeline.of("speaks")
    assert abs(offset_ns) <= 1_000_000
    assert spoken.fields["duration_ns"] - duration_ns <= 1_000_000
    # 20 ms a frame, 20 and 10 ms of network, 1.5 ms in the codec, and the next tick.
    assert t_ns - spoken.t_ns - offset_ns == pytest.approx(51.5e6, abs=0.5e6)
