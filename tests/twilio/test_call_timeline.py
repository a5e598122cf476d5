"""How whole calls read, and that they are the same every time."""

from __future__ import annotations

from simkit import Simulation
from tests.twilio.program import BASE, CONNECT, NUMBER, Program


async def a_busy_call(sim, program):
    """A fallback, a gather, a stream beside, a stream both ways, an update and callbacks."""
    program.says("", status=500)
    program.says(
        '<Start><Stream url="/media" name="tap" track="both_tracks"/></Start>'
        '<Gather input="dtmf speech" action="/got"><Say>What is it about?</Say></Gather>',
        "/fallback",
    )
    program.says(CONNECT.replace("<Stream", f'<Stream statusCallback="{BASE}/stream"'), "/got")
    program.says("", "/stream", status=500)
    sim.twilio.number(
        NUMBER,
        voice_url=f"{BASE}/voice/inbound#rc=1&rp=5xx",
        fallback_url=f"{BASE}/fallback",
        status_callback=f"{BASE}/status",
    )
    call = await sim.twilio.call(to=NUMBER)
    await call.hears("about")
    await call.says("My appointment.")
    await call.stays_silent(7)
    await call.presses("5")
    sim.twilio.flows[0].replace(
        "<Response><Dial>+15550001</Dial><Say>All agents are busy.</Say></Response>"
    )
    await call.ends()
    await call.stays_silent(1)


async def two_calls_out(sim, program):
    program.says("<Say>Your taxi is here.</Say>", "/answered")
    anne = sim.twilio.person("+15550123", answers_after=3.0)
    sim.twilio.person("+15550124", busy=True)
    for to in ("+15550123", "+15550124"):
        sim.twilio.create_call(
            to=to,
            from_=NUMBER,
            url=f"{BASE}/answered",
            status_callback=f"{BASE}/status",
            events=("initiated", "ringing", "answered", "completed"),
        )
    call = await anne.answers()
    await call.hears("taxi is here")
    await call.ends()
    await call.stays_silent(1)


async def test_a_busy_call_reads_well(sim, program, snapshot):
    await a_busy_call(sim, program)
    assert sim.timeline == snapshot


async def test_calls_out_read_well(sim, program, snapshot):
    await two_calls_out(sim, program)
    assert sim.timeline == snapshot


def test_badly_delivered_callbacks_are_the_same_in_a_second_world():
    async def scenario(sim: Simulation) -> str:
        sim.twilio.settings.callback_duplicate = 0.5
        sim.twilio.settings.callback_delay = 0.4
        sim.twilio.settings.callback_swap = 0.3
        program = Program(sim)
        await sim.wait_for(sim.env.timeout(0))
        await a_busy_call(sim, program)
        await two_calls_out(sim, program)
        return str(sim.timeline)

    with Simulation(3, verify=True) as sim:
        assert sim.run(scenario)
