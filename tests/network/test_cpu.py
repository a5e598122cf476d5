"""Virtual time that programs take, host by host."""

from __future__ import annotations

import asyncio
import math

import pytest

from simkit import Simulation
from simkit.kernel import Choices


async def steps(count):
    for _ in range(count):
        await asyncio.sleep(0)
    return asyncio.get_running_loop().time()


async def test_without_a_charge_computing_takes_no_time(sim):
    assert await sim.host("office").spawn(steps(1000)) == 0.0


async def test_each_callback_of_a_host_takes_its_time(sim):
    office = sim.host("office")
    sim.cpu(office, per_callback=0.0005)
    # Nine steps are over when the tenth begins.
    assert await office.spawn(steps(9)) == pytest.approx(0.0045, abs=1e-12)


async def test_other_hosts_take_none_but_wait_meanwhile(sim):
    sim.cpu("home", per_callback=0.0)
    office, centre = sim.host("office"), sim.host("centre")
    sim.cpu("office", per_callback=0.25)
    assert await centre.spawn(steps(10)) == 0.0
    await office.spawn(steps(1))
    assert sim.now == 0.5
    late = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_later(0.1, lambda: late.set_result(sim.now))
    await office.spawn(steps(0))
    assert await late == 0.75


async def test_what_is_written_leaves_when_the_writer_got_so_far(sim):
    office, centre = sim.host("office"), sim.host("centre")
    sim.link(office, centre).latency = 1.0
    came: list[tuple[bytes, float]] = []

    class Noting(asyncio.Protocol):
        def data_received(self, data):
            came.append((data, sim.now))

    async def serve():
        return await asyncio.get_running_loop().create_server(Noting, "centre", 80)

    async def send():
        _, writer = await asyncio.open_connection("centre", 80)
        sim.cpu(office, per_write=0.25)
        began = sim.now
        for data in (b"1", b"2", b"3"):
            writer.write(data)
        assert sim.now == began + 0.75
        writer.close()
        await writer.wait_closed()
        await asyncio.sleep(2)
        return began

    server = await centre.spawn(serve())
    began = await office.spawn(send())
    server.close()
    assert came == [(b"1", began + 1.25), (b"2", began + 1.5), (b"3", began + 1.75)]


async def test_work_of_threads_takes_what_is_set_for_its_host(sim):
    office, centre = sim.host("office"), sim.host("centre")
    sim.cpu(office, per_work=0.03)

    async def work():
        began = sim.now
        await asyncio.to_thread(int)
        return round(sim.now - began, 9)

    assert await office.spawn(work()) == 0.03
    assert await centre.spawn(work()) == 0.0


async def test_a_charge_can_be_taken_back(sim):
    office = sim.host("office")
    sim.cpu(office, per_callback=0.25, per_work=0.25)
    sim.cpu(office)
    assert await office.spawn(steps(10)) == 0.0


async def test_a_loop_in_a_thread_takes_its_time_alone(sim):
    async def work():
        return await asyncio.to_thread(lambda: asyncio.run(steps(3)))

    centre = sim.host("centre")
    sim.cpu(centre, per_callback=0.25)
    began = sim.now
    task = centre.spawn(work())
    ticks = []
    while not task.done():
        await asyncio.sleep(0.1)
        ticks.append(sim.now)
    inside = task.result()
    # Its three steps, of which each takes a quarter of a second.
    assert inside - began == 1.0
    # While it computes the first loop goes on; nothing but its own steps there stalls that.
    assert len([tick for tick in ticks if 0.3 < tick < inside]) >= 5


def test_choices_are_added_to_it():
    class Slow(Choices):
        def duration_ns(self, point, name):
            return 1_000_000 if point == "callback" else 0

    with Simulation() as sim:
        sim.cpu(sim.host("office"), per_callback=0.002)
        sim.loop.choices = Slow()
        task = sim.host("office").spawn(steps(1))
        sim.run(task)
        assert task.result() >= 0.003


def test_the_same_charge_gives_the_same_run():
    async def scenario(sim):
        sim.cpu(sim.host("office"), per_callback=0.0005, per_work=0.001)
        await asyncio.gather(*(sim.host("office").spawn(steps(5)) for _ in range(3)))
        return sim.now

    with Simulation(verify=True) as sim:
        assert sim.run(scenario) > 0


@pytest.mark.parametrize("value", [-0.001, math.nan, math.inf, "fast", None, True])
@pytest.mark.parametrize("name", ["per_callback", "per_work"])
def test_a_wrong_figure_is_refused_by_name(sim, name, value):
    with pytest.raises(ValueError, match=f"cpu of home.*{name}.*in seconds, 0 or more"):
        sim.cpu("home", **{name: value})


def test_a_host_that_is_not_there_is_refused(sim):
    with pytest.raises(ValueError, match="no host 'nowhere' in this simulation"):
        sim.cpu("nowhere", per_callback=0.001)
