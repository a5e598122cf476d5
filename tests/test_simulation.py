"""The assembled world."""

from __future__ import annotations

import asyncio
import re
import time

import httpx
import pytest
from fastapi import FastAPI, Form, WebSocket

import simkit
from simkit import AppError, Simulation, seconds
from simkit.twilio import AUTH_TOKEN


def test_the_public_names_are_these():
    assert set(simkit.__all__) == {
        "AppError", "Assistant", "BargeIn", "Call", "CallFailed", "CallMeasures", "DeadlockError",
        "DivergenceError", "Event", "ForeignThreadError", "LivelockError", "NotHappened",
        "NotHeard", "OutsideWorldError", "Reply",
        "Simulation", "SimulationError", "TimeLimitError", "Timeline", "UnknownHostError",
        "new_event_loop", "seconds",
    }  # fmt: skip
    for name in simkit.__all__:
        assert getattr(simkit, name) is not None


def test_an_unknown_public_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="Simulator"):
        _ = simkit.Simulator


async def test_time_stands_in_the_world_as_in_the_test(sim):
    await asyncio.sleep(1.5)
    assert sim.now == 1.5
    assert sim.now_ns == 1_500_000_000
    assert time.monotonic() == 1.5


def test_a_world_goes_on_where_it_stopped():
    with Simulation() as sim:
        sim.run(asyncio.sleep(1))
        sim.run(asyncio.sleep(1))
        assert sim.now == 2


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"seed": "x"}, TypeError, "seed"),
        ({"time_limit": 0}, ValueError, "time_limit"),
        ({"time_limit": -1}, ValueError, "time_limit"),
    ],
)
def test_wrong_options_are_refused_by_name(options, error, text):
    with pytest.raises(error, match=text):
        Simulation(**options)


def test_the_time_limit_ends_a_run_and_says_who_waits():
    async def sleeper():
        while True:
            await asyncio.sleep(1)

    with Simulation(time_limit=10) as sim, pytest.raises(simkit.TimeLimitError, match="sleeper"):
        sim.run(sleeper())


async def test_a_simpy_event_can_be_waited_for(sim):
    def process():
        yield sim.env.timeout(seconds(2.5))
        return "done"

    assert await sim.wait_for(sim.env.process(process())) == "done"
    assert sim.now == 2.5
    timeout = sim.env.timeout(seconds(1))
    await asyncio.sleep(2)
    assert await sim.wait_for(timeout) is None


async def test_a_simpy_process_that_fails_raises_where_it_is_waited_for(sim):
    def process():
        yield sim.env.timeout(1)
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await sim.wait_for(sim.env.process(process()))


async def test_stubbed_http_runs_on_virtual_time(sim):
    async def slow(request):
        await asyncio.sleep(3)
        return httpx.Response(200, json={"name": "Ada"})

    sim.http.get("https://crm.example/caller").mock(side_effect=slow)
    async with httpx.AsyncClient() as client:
        before = sim.now
        answer = await client.get("https://crm.example/caller", timeout=10)
        assert answer.json() == {"name": "Ada"}
        assert sim.now == before + 3
        assert (await client.get("https://crm.example/other")).status_code == 501
        with pytest.raises(httpx.ConnectError, match="not part of this simulation"):
            await client.get("https://elsewhere.example/")
    assert [event.fields["name"] for event in sim.timeline.of("outside-world")] == [
        "elsewhere.example"
    ]


def minimal_bridge() -> FastAPI:
    """A bridge as people find it in tutorials: no Vapi, it sends the caller's audio back."""
    app = FastAPI()

    @app.post("/voice/inbound")
    def voice(CallSid: str = Form()):  # noqa: N803
        from fastapi import Response

        stream = '<Stream url="wss://bridge.example.com/media"/>'
        twiml = f"<Response><Connect>{stream}</Connect></Response>"
        return Response(twiml, media_type="text/xml")

    @app.websocket("/media")
    async def media(socket: WebSocket):
        await socket.accept()
        async for message in socket.iter_json():
            if message["event"] == "media":
                payload = {"payload": message["media"]["payload"]}
                await socket.send_json(
                    {"event": "media", "streamSid": message["streamSid"], "media": payload}
                )

    return app


@pytest.fixture
def echo(sim):
    sim.host("bridge.example.com").serve(minimal_bridge())


async def test_a_bridge_with_def_endpoints_runs_as_it_is(sim, echo):
    call = await sim.twilio.call(to="+15550100")
    await call.says("hello echo")
    await call.hears("hello echo")
    await call.hangs_up()


async def test_an_app_that_fails_to_start_says_why(sim):
    app = FastAPI()

    @app.get("/")
    async def root():
        return {}

    async def lifespan(scope, receive, send):
        raise RuntimeError("no database")

    sim.host("bridge.example.com").serve(lifespan)


def test_an_app_that_cannot_be_loaded_is_refused_at_once(sim):
    with pytest.raises(AppError, match="no module 'nowhere'"):
        sim.host("bridge.example.com").serve("nowhere:app")


async def test_a_stall_of_the_loop_is_in_the_timeline(sim):
    time.sleep(0.5)
    assert sim.now == 0.5
    assert sim.timeline.of("stall")[0].fields["duration_ns"] == 500_000_000


async def test_the_stereo_file_has_both_sides_on_one_clock(sim, tmp_path):
    import soundfile

    from simkit.bridge import Config, create_app

    config = Config(
        public_url="https://bridge.example.com", twilio_auth_token=AUTH_TOKEN, vapi_api_key="k"
    )
    sim.host("bridge.example.com").serve(create_app(config))
    sim.vapi.assistant(first_message="Good morning.")
    call = await sim.twilio.call(to="+15550100")
    await call.hears("Good morning.")
    await call.says("hello")
    await call.hangs_up()
    sim.write_audio(tmp_path / "call.wav")
    sound, rate = soundfile.read(tmp_path / "call.wav")
    assert rate == 8000
    assert sound.shape[1] == 2
    left, right = (abs(sound[:, side]).argmax() for side in (0, 1))
    assert right < left
    with pytest.raises(ValueError, match="call 2"):
        sim.write_audio(tmp_path / "other.wav", call=2)


def test_proxies_of_the_machine_are_hidden_while_running(monkeypatch):
    import os

    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")

    async def look():
        return os.environ.get("HTTPS_PROXY")

    with Simulation() as sim:
        assert sim.run(look()) is None
    assert os.environ["HTTPS_PROXY"] == "http://proxy.example:3128"


def test_a_task_of_the_simulations_own_can_be_run():
    with simkit.Simulation() as sim:
        task = sim.host("office").spawn(asyncio.sleep(2, "done"))
        assert sim.run(task) == "done"
        assert sim.now == 2


@pytest.mark.parametrize("holds_out", [True, False])
def test_a_world_that_could_not_go_on_can_be_closed(holds_out):
    async def polls():
        while True:
            try:
                await asyncio.sleep(0)
            except asyncio.CancelledError:
                if not holds_out:
                    raise

    with Simulation() as sim:
        sim.host("bridge.example.com").spawn(polls())
        with pytest.raises(simkit.LivelockError):
            sim.run(asyncio.sleep(1))


def test_a_world_whose_time_is_over_can_be_closed():
    async def comes_late(scope, receive, send):
        await asyncio.sleep(100)

    with Simulation(time_limit=5) as sim:
        sim.host("bridge.example.com").serve(comes_late)
        with pytest.raises(simkit.TimeLimitError):
            sim.run(asyncio.sleep(10))


@pytest.mark.parametrize(
    ("service", "name", "meant"),
    [
        ("vapi", "open_dely", "'open_delay'? There are: account, api_key, assistants, "),
        ("vapi", "concurency_limit", "'concurrency_limit'? There are: "),
        ("twilio", "default_voice_ur", "'default_voice_url'? There are: "),
    ],
)
def test_a_misspelt_knob_of_a_service_is_refused_with_the_one_that_is_meant(
    sim, service, name, meant
):
    with pytest.raises(
        AttributeError, match=re.escape(f"no {service}.{name}; did you mean {meant}")
    ):
        setattr(getattr(sim, service), name, 1)


def test_what_cannot_be_run_is_told(sim):
    with pytest.raises(TypeError, match=r"run: a coroutine, or an async function .* found 3"):
        sim.run(3)
