"""A world on real sockets: one call of simkit's own bridge, and everything that can be in the way.

What is asserted is order and content; how long anything takes is the machine's affair.
"""

from __future__ import annotations

import asyncio
import gc
import socket
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from simkit import CallFailed, Simulation, Timeline
from simkit.recording.replay import own_bridge
from simkit.timeline import CallMeasures
from simkit.twilio import AUTH_TOKEN
from simkit.vapi import HOST as VAPI_HOST
from simkit.wall import BridgeError, WallError, WallSimulation
from simkit.wire.http import HttpError, fetch
from simkit.world import BRIDGE_HOST, World
from tests.wall.programs import DIES, ENDS_AT_ONCE, NEVER_LISTENS, REFUSES
from tests.wall.test_child import is_there


async def greeting(sim: World) -> str:
    """The caller is greeted and leaves."""
    call = await sim.twilio.call(to="+15550100")
    await call.hears("Hello.")
    await asyncio.sleep(0.4)
    await call.hangs_up()
    return call.sid


def order_of_control(timeline: Timeline) -> list[tuple[str, str, str]]:
    """Which messages crossed, as the bridge saw them, without audio."""
    return [
        (event.source, event.target, event.kind)
        for event in timeline
        if event.target is not None and event.kind != "media"
    ]


@dataclass
class Run:
    sid: str
    timeline: Timeline
    measures: CallMeasures
    pid: int
    ports: list[int]


@pytest.fixture(scope="module")
def wall() -> Run:
    """Return a run in real time, if there is one, in which this machine kept its deadlines."""
    for _ in range(5):
        run = greeted()
        if run.measures.pacing_error_ms.max_ms < 20:
            break
    return run


def greeted() -> Run:
    with WallSimulation() as sim:
        child = sim.serve_app()
        sim.vapi.assistant(first_message="Hello.")
        sid = sim.run(greeting)
        sim.finish()
        ports = [place[1] for place in sim.loop.places.values()]
        return Run(sid, sim.timeline, sim.measures, child.pid, ports)


@pytest.fixture(scope="module")
def virtual() -> Run:
    with Simulation() as sim:
        sim.host(BRIDGE_HOST).serve(own_bridge())
        sim.vapi.assistant(first_message="Hello.")
        sid = sim.run(greeting)
        sim.finish()
        return Run(sid, sim.timeline, sim.measures, 0, [])


# Both worlds


def test_the_same_scenario_gives_the_same_order_of_control_events(wall, virtual):
    assert order_of_control(wall.timeline) == order_of_control(virtual.timeline)
    assert ("bridge", "vapi", "request") in order_of_control(wall.timeline)


def test_the_caller_hears_the_same(wall, virtual):
    for run in (wall, virtual):
        [heard] = run.timeline.of("hears")
        assert heard.fields["text"] == "Hello."
    assert wall.measures.flaws == virtual.measures.flaws


def test_what_the_fakes_draw_is_the_same_but_for_ids(wall, virtual):
    """A bridge that goes on running would take a second call with the same ids for a replay."""
    assert wall.sid != virtual.sid
    with WallSimulation() as one, WallSimulation() as other:
        draws = [
            [w._random_for(name).random() for name in ("caller", "vapi ids")] for w in (one, other)
        ]
    assert draws[0][0] == draws[1][0]
    assert draws[0][1] != draws[1][1]


def test_nothing_is_earlier_than_its_links_allow(wall, virtual):
    for kind in ("request", "start", "open", "replies", "stop"):
        real, ideal = (run.timeline.of(kind)[0].t_ns for run in (wall, virtual))
        assert real >= ideal


def test_a_message_takes_as_long_as_its_link(wall):
    [start], [ended] = wall.timeline.of("start"), wall.timeline.of("end-call")
    assert start.arrived_ns - start.sent_ns == pytest.approx(20_000_000, abs=1_000_000)
    assert ended.arrived_ns - ended.sent_ns >= 10_000_000


def test_the_run_tells_its_own_pacing_error_at_its_end(wall):
    *_, last = wall.timeline
    assert (last.kind, last.source) == ("pacing", "simkit")
    found = wall.measures.pacing_error_ms
    assert found.deadlines > 100
    assert 0 <= found.p50_ms <= found.p95_ms <= found.p99_ms <= found.max_ms
    assert "simkit   pacing  deadlines=" in str(wall.timeline)


def test_virtual_time_has_no_pacing_error(virtual):
    assert virtual.measures.pacing_error_ms is None


def test_nothing_of_it_is_left(wall):
    assert wall.measures.leaks == 0
    assert not is_there(wall.pid)
    for port in wall.ports:
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port))


# The world


def test_a_bridge_is_told_where_everything_is():
    with WallSimulation(bridge="http://127.0.0.1:3000") as sim:
        found = sim.environment
        assert found["PUBLIC_URL"] == f"https://{BRIDGE_HOST}"
        assert found["TWILIO_AUTH_TOKEN"] == AUTH_TOKEN
        assert found["TWILIO_API_URL"] == sim.urls["twilio"]
        assert found["VAPI_URL"] == found["VAPI_BASE_URL"] == sim.urls[VAPI_HOST]
        assert found["PORT"] == "3000"
        assert len(set(sim.urls.values())) == 2


def test_ports_can_be_chosen_and_one_that_is_taken_is_told():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for option in ("twilio_port", "vapi_port"):
            with pytest.raises(WallError, match=f"port {port} for .*: Address already in use"):
                WallSimulation(**{option: port})
    with WallSimulation(vapi_port=port) as sim:
        assert sim.urls[VAPI_HOST] == f"http://127.0.0.1:{port}"
    with pytest.raises(WallError, match="port 70000 for twilio: "):
        WallSimulation(twilio_port=70000)


def test_what_makes_no_sense_is_refused():
    with pytest.raises(TypeError, match="seed: an integer, found 'x'"):
        WallSimulation("x")
    with pytest.raises(ValueError, match="time_limit: seconds, more than 0; found 0"):
        WallSimulation(time_limit=0)


def test_links_have_a_latency_in_each_direction_and_no_other_knob():
    with WallSimulation() as sim:
        assert sim.link("twilio", BRIDGE_HOST).latency == 0.02
        assert sim.link(BRIDGE_HOST, "api.vapi.ai").latency == 0.01
        sim.link("api.twilio.com", BRIDGE_HOST).towards(BRIDGE_HOST).latency = 0.05
        assert sim.link("twilio", BRIDGE_HOST).latency == (0.02, 0.05)
        with pytest.raises(AttributeError, match="no jitter in wall mode, only latency"):
            sim.link("twilio", BRIDGE_HOST).jitter = 0.01
        with pytest.raises(AttributeError, match="no stall in wall mode, only latency"):
            sim.link("twilio", BRIDGE_HOST).stall(1.0)
        with pytest.raises(ValueError, match="latency is in seconds, 0 or more; found -1"):
            sim.link("twilio", BRIDGE_HOST).latency = -1
        with pytest.raises(ValueError, match="'nobody' is not part of this world; there are: "):
            sim.link("nobody", BRIDGE_HOST)


def test_there_is_an_error_for_what_only_a_simulation_has():
    with WallSimulation() as sim, pytest.raises(AttributeError, match="no host in wall mode"):
        sim.host(BRIDGE_HOST)


def test_callers_can_come_by_chance_at_the_instants_of_a_simulation():
    came: dict[str, list[float]] = {}

    async def crowd(sim: Any) -> list[int]:
        seen = came[type(sim).__name__] = []

        async def caller(number: int) -> int:
            seen.append(sim.now)
            return number

        return await sim.arrivals(caller, count=3, per_minute=60_000)

    with WallSimulation(bridge="http://127.0.0.1:1") as sim:
        sim._is_up = True
        assert sim.run(crowd) == [1, 2, 3]
        with pytest.raises(ValueError, match="arrivals: count is 1 or more; found 0"):
            sim.run(sim.arrivals(crowd, count=0, per_minute=1))
    with Simulation() as virtual:
        assert virtual.run(crowd) == [1, 2, 3]
    real, ideal = came.values()
    assert [now >= due for now, due in zip(real, ideal, strict=True)] == [True] * 3


# Names


def test_the_clock_begins_when_the_bridge_answers_whatever_was_known_of_it_before():
    with WallSimulation() as sim:
        sim.serve(REFUSES)
        sim.knows(np.ones(800, np.int16), "hold on")
        restarts = []
        sim.loop.pacing.restart = lambda: restarts.append(gc.get_freeze_count() > 0)
        for _ in range(2):
            sim.run(lambda _: asyncio.sleep(0))
        assert restarts == [True]
        assert [(event.kind, event.t_ns) for event in sim.timeline] == [("clip", 0)]


def test_nothing_leaves_this_machine():
    async def abroad(sim: WallSimulation) -> None:
        with pytest.raises(HttpError, match=r"example\.org:443 is not part of this world"):
            await fetch("GET", "https://example.org/", headers=[])

    with WallSimulation() as sim:
        sim.serve(REFUSES)
        sim.run(abroad)
        [event] = sim.timeline.of("outside-world")
        assert event.fields["name"] == "example.org"


# A bridge that is not there, or not any more


def test_a_bridge_that_does_not_run_is_told():
    expected = r"bridge http://127\.0\.0\.1:1: nothing listens there"
    with (
        WallSimulation(bridge="http://127.0.0.1:1") as sim,
        pytest.raises(BridgeError, match=expected),
    ):
        sim.run(greeting)


def test_a_world_without_a_bridge_is_told():
    with WallSimulation() as sim, pytest.raises(BridgeError, match="there is no bridge: "):
        sim.run(greeting)


def test_what_listens_and_speaks_no_http_is_told():
    async def grunts(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example.com ESMTP\r\n")
        writer.close()

    with socket.create_server(("127.0.0.1", 0)) as sock:
        port = sock.getsockname()[1]
        with WallSimulation(bridge=f"http://127.0.0.1:{port}") as sim:
            server = sim.loop.run_until_complete(asyncio.start_server(grunts, sock=sock.dup()))
            with pytest.raises(BridgeError, match="what listens there does not speak HTTP"):
                sim.run(greeting)
            server.close()


def test_a_port_that_is_taken_is_no_place_for_a_bridge():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        sim = WallSimulation(bridge=f"http://127.0.0.1:{port}")
        with sim, pytest.raises(BridgeError, match=f"port {port}, meant for the bridge, is taken"):
            sim.serve(REFUSES)


def test_a_bridge_that_ends_before_it_answers_is_told():
    with WallSimulation() as sim:
        sim.serve(ENDS_AT_ONCE)
        with pytest.raises(BridgeError) as caught:
            sim.run(greeting)
    assert str(caught.value) == "the bridge ended with code 1 before it answered: no licence"


def test_a_bridge_that_never_listens_is_told_and_ended():
    with WallSimulation() as sim:
        child = sim.serve(NEVER_LISTENS, start_seconds=0.2)
        with pytest.raises(BridgeError, match=r"does not listen on port \d+ after 0.2 s: thinking"):
            sim.run(greeting)
    assert not is_there(child.pid)


def test_a_bridge_that_dies_in_a_call_is_told_with_its_last_line():
    with WallSimulation() as sim:
        sim.serve(DIES)
        with pytest.raises(BridgeError) as caught:
            sim.run(greeting)
    text = str(caught.value)
    assert text.startswith("the bridge ended with code 7 at 0.")
    assert text.endswith(" s: no database")


def test_a_bridge_that_dies_where_nobody_minds_is_told_when_the_world_comes_to_rest():
    with WallSimulation() as sim:
        child = sim.serve(REFUSES)
        sim.run(asyncio.sleep(0))
        child.end()
        with pytest.raises(BridgeError, match=r"the bridge was killed by SIGTERM at .*: listening"):
            sim.finish()


def test_a_bridge_that_was_started_elsewhere_and_is_gone_is_told():
    with WallSimulation() as first, WallSimulation() as sim:
        child = first.serve(REFUSES)
        sim._point_at(first._bridge.address)
        first.run(asyncio.sleep(0))
        sim.run(asyncio.sleep(0))
        child.end()
        with pytest.raises(BridgeError, match="it is not there any more: "):
            sim.finish()


def test_a_bridge_that_refuses_a_call_is_a_result_and_no_error_of_the_run():
    with WallSimulation() as sim:
        sim.serve(REFUSES)
        sim.twilio.settings.application_error = "No."
        with pytest.raises(CallFailed, match="was answered with HTTP 500"):
            sim.run(greeting)


def test_a_second_bridge_is_refused():
    with WallSimulation() as sim:
        sim.serve(REFUSES)
        with pytest.raises(BridgeError, match="there is a bridge already: "):
            sim.serve(REFUSES)


def test_a_run_that_takes_too_long_is_ended():
    with WallSimulation(time_limit=0.05) as sim:
        sim.serve(REFUSES)
        with pytest.raises(WallError, match=r"the time limit of 0.05 s is over"):
            sim.run(asyncio.sleep(60))


def test_a_run_that_is_interrupted_leaves_nothing_behind():
    async def interrupted() -> None:
        raise KeyboardInterrupt

    sim = WallSimulation()
    child = sim.serve(REFUSES)
    with pytest.raises(KeyboardInterrupt), sim:
        sim.run(interrupted())
    assert not is_there(child.pid)
