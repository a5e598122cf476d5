"""Nobody knows in which order Vapi stops: whichever it is, the caller hears the agent stop."""

from __future__ import annotations

import pytest

from simkit import checks
from simkit.vapi.assistant import INTERRUPT_ORDERS

OFFER = (
    "Your appointment is scheduled for Tuesday at 3 PM with Doctor Smith at the downtown office."
)


@pytest.mark.parametrize("order", INTERRUPT_ORDERS)
def test_the_agent_stops_in_whichever_order_vapi_says_so(sim, serve, order):
    serve()

    async def caller():
        sim.vapi.assistant(
            first_message=OFFER,
            replies=["Thursday it is."],
            interrupt_order=order,
            interrupt_gap=0.1,
        )
        call = await sim.twilio.call(to="+15550100")
        await call.hears("Tuesday at 3 PM")
        await call.says("wait, can we do Thursday instead?")
        await call.hears("Thursday it is.")
        await call.hangs_up()
        return call

    call = sim.run(caller())
    [barge_in] = call.barge_ins
    # 290 ms when the message comes first; two steps of 100 ms, and a frame, when it comes last.
    late = 100 * order.split(", ").index("message")
    assert barge_in.time_to_stop_ms <= 290 + late
    assert barge_in.stale_after_clear_ms == 0
    assert [result for result in checks.run(sim.timeline) if not result.passed] == []
