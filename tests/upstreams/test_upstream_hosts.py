"""Upstreams as hosts: upgrades, other requests, settings, and the world around them."""

from __future__ import annotations

import asyncio
import random

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from simkit import Simulation, checks
from simkit.audio import Repertoire, mulaw, voice
from simkit.bridge import Bridge, Config
from simkit.timeline import Clock, Timeline
from simkit.twilio import AUTH_TOKEN
from simkit.upstreams import Agent, Dialect, Upstream
from simkit.vapi import Reply
from simkit.wire.http import HttpResponse
from tests.upstreams.conftest import SILENCE
from tests.upstreams.test_upstream import HOST, URL, Client, Plain, client, upstream

__all__ = ["client", "upstream"]


async def test_a_dialect_refuses_and_the_timeline_tells(sim, client):
    class Strict(Plain):
        def refuse(self, request):
            return (403, "not you") if request.path != "/talk?me" else None

    sim.upstream(HOST, Strict)
    with pytest.raises(InvalidStatus) as caught:
        await client.open()
    assert (caught.value.response.status_code, caught.value.response.body) == (403, b"not you")
    (warning,) = sim.timeline.of("warning")
    assert warning.fields["reason"] == "upgrade of /talk refused: 403 not you"
    await client.open(f"{URL}?me")
    assert sim.timeline.of("open")[0].session == 1


async def test_an_upgrade_may_take_its_time(sim, upstream, client):
    upstream.open_delay = 2.5
    before = sim.now
    await client.open()
    assert sim.now - before == pytest.approx(2.5 + 0.04, abs=0.001)


async def test_other_requests_go_to_a_handler_or_are_404(sim):
    async def handle(request):
        return HttpResponse(200, [], request.path.encode())

    sim.upstream(HOST, Plain)
    sim.upstream("other.example.com", Plain, http=handle)
    async with httpx.AsyncClient(verify=False) as http:
        assert (await http.get(f"https://{HOST}/x")).status_code == 404
        assert (await http.get("https://other.example.com/x")).text == "/x"


async def test_text_is_refused_by_a_dialect_that_knows_none(sim, client):
    sim.upstream(HOST, Dialect)
    await client.open()
    await client.socket.send("hello")
    await asyncio.sleep(0.1)
    (warning,) = sim.timeline.of("warning")
    assert warning.fields["reason"] == "text message of 5 bytes, expected none"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"speed": 0}, "agent speed: a number from 0.1 to inf; found 0"),
        ({"latency": "1"}, "agent latency: a number from 0 to 3600; found '1'"),
        ({"answers": 1}, "agent answers: True or False; found 1"),
        ({"replies": "Hello."}, "agent replies: a list of texts, .* found 'Hello.'"),
        ({"replies": ["Hello.", " "]}, "agent replies: a list of texts, .* found"),
        ({"replies": [Reply("")]}, "agent replies: a list of texts, .* found"),
        ({"first_message": ""}, "agent first_message: a text with words in it, .* found ''"),
    ],
)
def test_a_setting_outside_its_range_is_refused_by_name(sim, settings, message):
    upstream = sim.upstream(HOST, Plain)
    with pytest.raises(ValueError, match=message):
        upstream.agent(**settings)
    assert upstream.agent().answers


def test_a_function_that_returns_what_cannot_be_said_is_named():
    agent = Agent(replies=lambda heard: "")
    with pytest.raises(ValueError, match="found '' for 'good morning'"):
        agent.reply_to("good morning", 0)


async def test_a_format_that_changes_while_a_reply_is_sent_is_for_the_next(sim, upstream, client):
    upstream.agent(first_message="This goes on and on.", speed=1.0)
    await client.open()
    await asyncio.sleep(1)
    await client.socket.send("8k")
    await asyncio.sleep(3)
    (reply,) = sim.timeline.of("replies")
    (media,) = {event.fields["frames"] for event in sim.timeline.of("media")}
    assert media == 1  # one run for each chunk, 200 ms apart
    sent = sum(event.fields["audio_ns"] for event in sim.timeline.of("media"))
    assert sent == reply.fields["duration_ns"]


def test_an_unknown_setting_is_refused_by_name():
    with pytest.raises(TypeError, match="num_words"):
        Agent(num_words=2)
    with pytest.raises(AttributeError, match="no agent setting 'num_words'; there are: first_"):
        Agent().num_words = 2


@pytest.mark.parametrize("name", ["api.vapi.ai", "twilio", HOST, HOST.upper()])
def test_a_host_is_simulated_once(sim, name):
    sim.upstream(HOST, Plain)
    with pytest.raises(ValueError, match="is simulated already"):
        sim.upstream(name, Plain)


def test_an_upstream_is_not_taken_for_the_bridge(sim):
    sim.upstream(HOST, Plain)
    sim.host(HOST)
    assert sim.twilio.default_voice_url is None


async def test_sessions_are_numbered_with_vapi_s(sim, upstream, client):
    config = Config(
        public_url="https://bridge.example.com", twilio_auth_token=AUTH_TOKEN, vapi_api_key="key"
    )
    sim.host("bridge.example.com").serve(Bridge(config).app())
    sim.vapi.assistant(first_message="Hello.")
    await client.open()
    call = await sim.twilio.call(to="+15550100")
    await call.hears("Hello.")
    await call.hangs_up()
    await client.open()
    numbers = {event.source: event.session for event in sim.timeline.of("open")}
    assert [session.number for session in upstream.sessions] == [1, 3]
    assert numbers == {"plain": 3, "vapi": 2}


def test_two_runs_of_one_seed_do_the_same():
    async def scenario(sim):
        upstream = sim.upstream(HOST, Plain)
        upstream.agent(first_message="Hello there.", replies=["It is noon."])
        client = Client(sim)
        await client.open()
        await asyncio.sleep(1)
        await client.say("what time is it?", silence=2.0)
        return str(sim.timeline)

    with Simulation(seed=5, verify=True) as sim:
        assert "It is noon." in sim.run(scenario)


def test_checks_name_the_service(sim):
    timeline = Timeline(lambda: 9_000_000_000)
    timeline.record("open", "plain", "bridge", session=1)
    timeline.record(
        "speaks",
        "caller",
        t_ns=0,
        call=1,
        utterance=0,
        text="hello",
        duration_ns=1_000_000_000,
    )
    failed = [check.sentence for check in checks.run(timeline) if not check.passed]
    assert any("never reached Plain" in sentence for sentence in failed)


def test_the_same_dialect_runs_on_a_real_loop_and_real_sockets():
    async def main() -> tuple[list[str], int]:
        loop = asyncio.get_running_loop()
        clock = Clock(loop)
        timeline, repertoire = Timeline(clock.read_ns), Repertoire()
        numbers = iter(range(1, 9))
        upstream = Upstream(
            Plain,
            next_number=lambda: next(numbers),
            clock=clock,
            timeline=timeline,
            repertoire=repertoire,
            random_for=random.Random,
        )
        upstream.agent(replies=["It is noon."], latency=0.0, speed=float("inf"))
        server = await loop.create_server(upstream.connection, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        speech = voice.speak("what time is it?", random.Random(1), seconds=0.8)
        repertoire.add(speech)
        told, sound = [], 0
        async with connect(f"ws://127.0.0.1:{port}/talk") as client:
            await client.send(mulaw.encode(speech.samples) + SILENCE * 8000)
            async for message in client:
                if isinstance(message, bytes):
                    sound += len(message)
                else:
                    told.append(message.split()[0])
                if told[-1] == "ends":
                    break
        server.close()
        return told, sound

    told, sound = asyncio.run(main())
    assert told[:4] == ["started", "stopped", "listening", '{"heard":"what']
    assert told[4:] == ["thinks", "begins", "ends"]
    assert sound > 4000
