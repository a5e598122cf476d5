"""Another service in Vapi's place: scenarios that need an agent run, the others say why not."""

from __future__ import annotations

import asyncio
import contextlib

import pytest
from fastapi import WebSocketDisconnect

from simkit import Simulation
from simkit.network.serve import AppError
from simkit.scenarios import Job, NotApplicable, find, judge, simulate
from simkit.scenarios.substitute import Substitute
from simkit.vapi import HOST as VAPI
from tests.upstreams.realtime_bridge import TWIML, Call, app, make_app


class Shy(Call):
    """Asks for no greeting: the agent speaks when it is spoken to."""

    async def to_model(self, **event):
        if event["type"] != "response.create":
            await super().to_model(**event)


shy = make_app(Shy)


def announced(sim):
    """A bridge whose caller hears an announcement of Twilio's before it has its stream."""
    sim.host("bridge.example.com").serve(shy)
    say = "<Say>One moment, we put you through.</Say><Pause/><Connect>"
    twiml = TWIML.replace("<Connect>", say)
    sim.http.post("https://bin.example.com/").respond(text=twiml, content_type="text/xml")
    sim.twilio.default_voice_url = "https://bin.example.com/"


def breaks(sim):
    """A bridge that raises as soon as it has a stream."""

    class Broken(Call):
        async def from_phone(self):
            raise TypeError("got an unexpected keyword argument")

    sim.host("bridge.example.com").serve(make_app(Broken))


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


@pytest.mark.parametrize("app", ["shy", "announced"])
@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("greeting", {}),
        ("barge-in", {"at": 0.334, "lead": 60.0}),
        ("stop-mid-tts", {}),
        ("rapid-interrupts", {}),
        ("hangup-everywhere", {"when": "first-audio"}),
        ("malformed", {"side": "twilio", "how": "unknown-event"}),
        ("backpressure", {"reader": "twilio", "stall": 11.0}),
    ],
)
def test_callers_say_hello_to_an_agent_that_does_not_greet_them(app, name, settings):
    place = f"tests.scenarios.test_substitute:{app}"
    verdict = judge(Job(name, settings, app=place, upstream=REALTIME))
    assert (verdict.result, verdict.failures) == ("passed", [])


def test_of_a_call_that_broke_off_the_cause_is_told_too():
    place = "tests.scenarios.test_substitute:breaks"
    verdict = judge(Job("greeting", app=place, upstream=REALTIME))
    assert verdict.sentence.startswith("the caller did not hear ")
    assert "; unhandled at " in verdict.sentence
    assert "TypeError (got an unexpected keyword argument)" in verdict.sentence
    assert verdict.sentence.splitlines()[0].endswith("in breaks.<locals>.Broken.from_phone")


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


@pytest.mark.filterwarnings("ignore::simkit.network.openings.LeftOpenWarning")
def test_the_service_in_vapis_place_is_called_by_its_name():
    def forgets(sim):
        class Forgets(Call):
            async def from_phone(self):
                with contextlib.suppress(WebSocketDisconnect):
                    await super().from_phone()
                await asyncio.sleep(30)

        sim.host("bridge.example.com").serve(make_app(Forgets))

    outcome = simulate(find("stop-missing"), app=forgets, upstream=REALTIME)
    assert "OpenAI's socket was still open" in outcome.failure
