"""Greeting: the caller hears the first message whole, in order, once."""

from __future__ import annotations

from simkit.scenarios.beginnings import greeting


async def test_the_greeting_is_heard_whole(sim, serve, snapshot):
    serve()
    call = await greeting(sim)
    assert call.barge_ins == []
    assert sim.timeline == snapshot


async def test_the_greeting_is_heard_whole_over_mulaw(sim, serve):
    serve(vapi_format="mulaw")
    await greeting(sim)
