"""Ids of calls: the same for the same test, others for another one."""

from __future__ import annotations

import pytest

from simkit import Simulation
from simkit.bridge import Config, create_app
from simkit.twilio import AUTH_TOKEN

CONFIG = Config(
    public_url="https://bridge.example.com", twilio_auth_token=AUTH_TOKEN, vapi_api_key="key"
)


def one_call(ids: str, app: object) -> tuple[str, str]:
    """Return the call's id and the timeline."""
    with Simulation(ids=ids) as sim:
        sim.host("bridge.example.com").serve(app)
        sim.vapi.assistant(first_message="Good morning.")

        async def caller() -> str:
            call = await sim.twilio.call(to="+15550100")
            await call.hears("Good morning.")
            await call.hangs_up()
            return call.sid

        return sim.run(caller()), str(sim.finish())


def test_other_ids_change_nothing_else():
    first, second, again = (one_call(ids, create_app(CONFIG)) for ids in ("a", "b", "a"))
    assert first == again
    assert first[0] != second[0]
    assert first[1] == second[1]


@pytest.mark.parametrize("number", range(4))
async def test_tests_that_share_an_application_are_no_replays_to_it(sim, number, shared):
    sim.host("bridge.example.com").serve(shared)
    call = await sim.twilio.call(to="+15550100")
    assert call.status == "in-progress"
    await call.hangs_up()


@pytest.fixture(scope="module")
def shared():
    return create_app(CONFIG)
