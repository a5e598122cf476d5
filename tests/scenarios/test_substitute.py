"""Another service in Vapi's place: scenarios that need an agent run, the others say why not."""

from __future__ import annotations

import pytest

from simkit import Simulation
from simkit.network.serve import AppError
from simkit.scenarios import Job, NotApplicable, find, judge, simulate
from simkit.scenarios.substitute import Substitute
from simkit.vapi import HOST as VAPI
from tests.upstreams.realtime_bridge import app

APP = "tests.upstreams.realtime_bridge:app"
REALTIME = "openai-realtime"


def judged(name: str, **settings):
    return judge(Job(name, settings, app=APP, upstream=REALTIME))


@pytest.mark.parametrize(
    ("name", "settings"),
    [("greeting", {}), ("cold-start", {"late": 1.2}), ("barge-in", {"lead": 60.0})],
)
def test_a_bridge_to_another_service_passes(name, settings):
    verdict = judged(name, **settings)
    assert (verdict.result, verdict.failures) == ("passed", [])
    assert verdict.call_seconds > 5


def test_a_bridge_that_speaks_to_vapi_fails_there():
    verdict = judge(Job("greeting", upstream=REALTIME))
    assert verdict.result == "failed"
    assert "tried to reach" not in verdict.sentence  # Vapi is there, and says nothing


@pytest.mark.parametrize(
    ("name", "settings", "reason"),
    [
        ("false-positive", {}, "it is about Vapi's own ways"),
        ("barge-in", {"late_frames": 3}, "no vapi.assistant setting audio_after_interrupt"),
        ("agent-hangs-up", {}, "openai-realtime has no vapi.assistant setting max_duration"),
    ],
)
def test_what_only_vapi_does_is_not_applicable(name, settings, reason):
    verdict = judged(name, **settings)
    assert verdict.result == "not applicable"
    assert verdict.reason.endswith(reason)


def test_what_leads_to_vapi_leads_to_the_service():
    with Simulation() as sim:
        sim.host("bridge.example.com")
        world = Substitute(sim, REALTIME)
        link = world.link(VAPI, "bridge.example.com")
        assert link is sim.link("api.openai.com", "bridge.example.com")
        with pytest.raises(NotApplicable, match=r"openai-realtime has no vapi\.faults"):
            _ = world.vapi.faults
        assert world.vapi.calls == []


def test_what_the_caller_was_understood_to_say_is_known_of_every_service():
    with Simulation() as sim:
        sim.host("bridge.example.com").serve(app)
        world = Substitute(sim, REALTIME)
        sim.run(find("cold-start").function(world))
        [call] = world.vapi.calls
        [said] = [entry.message for entry in call.log]
        assert (said.role, said.transcript) == ("user", "book a table for two on Friday please")
        with pytest.raises(NotApplicable, match=r"has no vapi\.calls\[\]\.socket"):
            _ = call.socket


def test_a_dialect_of_ones_own_is_named_with_its_host():
    service = "api.openai.com=simkit.upstreams:OpenAIRealtime"
    assert simulate(find("greeting"), app=app, upstream=service).passed


def test_a_service_that_nobody_knows_is_told():
    with pytest.raises(AppError, match=r"upstream 'open': expected openai-realtime or host=modul"):
        simulate(find("greeting"), app=app, upstream="open")
