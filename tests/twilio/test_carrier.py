"""The carrier leg: what becomes of each packet, and what the two ends make of it."""

from __future__ import annotations

import random
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simkit.audio import mulaw
from simkit.timeline import Timeline
from simkit.twilio import CarrierLeg, Line, Profile
from simkit.twilio.concealment import SILENT, Carried
from simkit.twilio.mouth import Mouth
from simkit.twilio.playout import PACKET_NS, Burst

SECOND = 1_000_000_000


class World:
    """A clock that is turned by hand, a timeline, and legs of both directions."""

    def __init__(self, profile: Profile | None = None, seed: int = 0) -> None:
        self.now_ns = 0
        self.timeline = Timeline()
        self.clock = SimpleNamespace(read_ns=lambda: self.now_ns)
        profile = Profile() if profile is None else profile
        self.line = Line(
            lambda end: CarrierLeg(
                end,
                profile,
                call=1,
                clock=self.clock,
                timeline=self.timeline,
                random_for=lambda name: random.Random(f"{seed} {name}"),
            )
        )
        for end in ("twilio", "caller"):
            self.line.towards(end).begin(0)

    def arrived(self, packets: int, towards: str = "twilio") -> list[bool]:
        leg = self.line.towards(towards)
        result = []
        for number in range(packets):
            self.now_ns = number * PACKET_NS
            result.append(leg.arrives(number))
        return result


def sound(packets: int, seed: int = 1) -> np.ndarray:
    codes = np.frombuffer(random.Random(seed).randbytes(160 * packets), dtype=np.uint8)
    return mulaw.decode(codes.tobytes())


def test_a_clear_line_carries_everything_and_says_nothing():
    world = World()
    assert all(world.arrived(500))
    assert len(world.timeline) == 0


def test_losses_fold_into_runs_in_the_timeline():
    world = World(Profile(loss=0.05))
    lost = world.arrived(3000).count(False)
    runs = world.timeline.of("lost")
    assert lost > 50
    assert sum(run.fields["packets"] for run in runs) == lost
    assert {run.fields["towards"] for run in runs} == {"twilio"}
    assert all(later.t_ns - earlier.fields["last_ns"] > SECOND for earlier, later in pairwise(runs))


def test_the_two_directions_lose_packets_of_their_own():
    world = World(Profile(loss=0.1))
    assert world.arrived(500, "twilio") != world.arrived(500, "caller")


def test_turning_one_knob_changes_no_other_draw():
    plain = World(Profile(loss=0.1)).arrived(1000)
    assert World(Profile(loss=0.1, jitter=0.05, spikes=0.3)).arrived(1000) == plain


def test_a_knob_holds_for_packets_sent_from_then_on():
    world = World()
    leg = world.line.towards("twilio")
    assert all(world.arrived(100))
    leg.loss = 1.0
    assert [leg.arrives(number) for number in (50, 99, 100, 101)] == [True, True, False, False]
    world.now_ns = 200 * PACKET_NS
    leg.loss = 0.0
    assert [leg.arrives(number) for number in (200, 201, 500)] == [False, True, True]


def test_a_packet_that_comes_later_than_the_buffer_is_deep_is_lost():
    world = World(Profile(buffer=0.1))
    world.line.towards("twilio").stall(0.5, start=1.0)
    arrived = world.arrived(100)
    # Sent at 1.0 it comes at 1.5, and may be 100 ms late; so may the one that is sent at 1.4.
    assert [number for number, came in enumerate(arrived) if not came] == list(range(50, 70))
    [run] = world.timeline.of("lost")
    assert (run.fields["packets"], run.fields["late"]) == (20, 20)


def test_a_buffer_as_deep_as_the_jitter_loses_nothing():
    assert all(World(Profile(jitter=(0.1, 0.4), spikes=(0.2, 0.8))).arrived(2000))


def test_a_shallow_buffer_loses_what_the_jitter_delays():
    arrived = World(Profile(jitter=(0.0, 0.1), buffer=0.05)).arrived(4000)
    # The buffer is rounded up to 60 ms of the 100.
    assert arrived.count(False) / 4000 == pytest.approx(0.4, abs=0.04)


def test_a_spike_holds_up_what_follows_it():
    arrived = World(Profile(spikes=(0.3, 0.3), spike_every=3.0, buffer=0.1)).arrived(6000)
    lost = [number for number, came in enumerate(arrived) if not came]
    runs = np.split(lost, np.flatnonzero(np.diff(lost) > 1) + 1)
    assert min(len(run) for run in runs) == 10
    assert 20 < len(runs) < 60


def test_both_directions_are_turned_at_once_and_read_as_one():
    line = World().line
    line.loss = 0.03
    assert line.loss == 0.03
    line.towards("caller").loss = 0.05
    assert line.loss == (0.03, 0.05)
    line.turn(loss=0.9, burst=20.0)
    assert (line.loss, line.burst) == (0.9, 20.0)


@pytest.mark.parametrize(
    ("turn", "error", "told"),
    [
        (
            lambda line: setattr(line, "loss", 2),
            ValueError,
            "call 1 carrier > twilio: loss is a share from 0 to 1; found 2",
        ),
        (
            lambda line: setattr(line.towards("caller"), "latency", -1),
            ValueError,
            "call 1 carrier > caller: latency is seconds from 0 to 60; found -1",
        ),
        (
            lambda line: setattr(line, "los", 0.1),
            AttributeError,
            "no carrier knob 'los'; there are: latency, jitter",
        ),
        (lambda line: line.turn(los=0.1), AttributeError, "no carrier knob 'los'"),
        (lambda line: line.los, AttributeError, "no carrier knob 'los'"),
        (lambda line: line.towards("bridge"), ValueError, "twilio and caller; found 'bridge'"),
        (lambda line: line.stall(0), ValueError, "stall: seconds, more than 0, .*; found 0"),
        (lambda line: line.stall(1, start=-1), ValueError, "start is not in the past"),
    ],
)
def test_a_wrong_turn_is_refused_where_it_is_made(turn, error, told):
    line = World().line
    with pytest.raises(error, match=told):
        turn(line)
    assert line.loss == 0.0


def test_a_turned_knob_is_seen_in_the_timeline():
    world = World()
    world.line.towards("caller").turn(loss=0.02, burst=4)
    assert "carrier  towards caller  0.000 s late  loss=0.02  burst=4" in str(world.timeline)


# The mouth: what the caller says, as Twilio receives it


def received(world: World, said: np.ndarray, packets: int) -> bytes:
    mouth = Mouth(world.line.towards("twilio"))
    mouth.begin(0)
    mouth.place(said, 0)
    frames = []
    for number in range(1, packets + 1):
        world.now_ns = number * PACKET_NS
        frames.append(mouth.frame_before(world.now_ns))
    assert {len(frame) for frame in frames} == {160}
    return b"".join(frames)


@settings(max_examples=20)
@given(
    seed=st.integers(0, 1000),
    latency=st.sampled_from([0.0, 0.02, 0.05, 0.3]),
    jitter=st.sampled_from([0.0, 0.04, (0.1, 0.4)]),
    spikes=st.sampled_from([0.0, (0.1, 0.4)]),
)
def test_without_loss_the_mouths_samples_arrive_bit_exact(seed, latency, jitter, spikes):
    profile = Profile(latency=latency, jitter=jitter, spikes=spikes)
    said = sound(50, seed)
    late = profile.delay_packets
    found = received(World(profile, seed), said, 60 + late)
    assert found[: 160 * late] == SILENT * late
    # mu-law has two zeros; one of them is written.
    assert mulaw.decode(found[160 * late :])[: len(said)].tolist() == said.tolist()
    assert found[160 * (late + 50) :] == SILENT * 10


def test_what_is_lost_becomes_silence_and_the_rest_stays_where_it_was():
    world = World(Profile(loss=0.2, latency=0.04))
    said = sound(200)
    found = mulaw.decode(received(world, said, 202))[320:].reshape(200, 160)
    arrived = world.arrived(200)
    assert 10 < arrived.count(False) < 90
    for number, came in enumerate(arrived):
        expected = said[number * 160 : (number + 1) * 160] if came else np.zeros(160)
        assert found[number].tolist() == expected.tolist()


def test_a_repeated_packet_stands_in_for_60_ms_and_softens():
    world = World(Profile(conceal="repeat"))
    world.line.towards("twilio").stall(0.1, start=0.1)
    said = sound(20)
    found = mulaw.decode(received(world, said, 20)).reshape(20, 160).astype(int)
    loud = np.abs(found).max(axis=1)
    assert found[5].tolist() == found[4].tolist()
    assert loud[6] == pytest.approx(loud[4] / 2, rel=0.05)
    assert loud[7] == pytest.approx(loud[4] / 4, rel=0.05)
    assert loud[8] == 0
    assert found[10].tolist() == said[1600:1760].tolist()


# The ear: what leaves play-out, as the caller hears it


def heard(world: World, bursts: list[tuple[int, bytes]], step_ns: int = 7_000_000) -> list[Burst]:
    """Let bursts leave, and look now and then, as an ear does."""
    playout = SimpleNamespace(bursts=[Burst(start, bytearray(data)) for start, data in bursts])
    carried = Carried(playout, world.line.towards("caller"), world.clock)
    last = max(burst.end_ns for burst in playout.bursts)
    for now_ns in range(0, last + SECOND, step_ns):
        world.now_ns = now_ns
        assert len(carried.bursts) <= len(bursts)
    return carried.bursts


def test_a_clear_line_is_the_play_out_itself():
    world = World()
    playout = SimpleNamespace(bursts=[Burst(0, bytearray(160))])
    assert Carried(playout, world.line.towards("caller"), world.clock).bursts is playout.bursts


@settings(max_examples=20)
@given(
    sizes=st.lists(st.integers(1, 1000), min_size=1, max_size=5),
    latency=st.sampled_from([0.0, 0.03, 0.2]),
    step_ms=st.sampled_from([3, 20, 77]),
)
def test_without_loss_the_caller_hears_every_byte_a_fixed_time_later(sizes, latency, step_ms):
    data = [random.Random(size).randbytes(size) for size in sizes]
    bursts, start = [], 0
    for piece in data:
        bursts.append((start, piece))
        start += (len(piece) // 160 + 3) * PACKET_NS
    profile = Profile(latency=latency, buffer=0.02)
    found = heard(World(profile), bursts, step_ms * 1_000_000)
    late_ns = profile.delay_packets * PACKET_NS
    assert [(burst.start_ns - late_ns, bytes(burst.data)) for burst in found] == bursts


def test_what_the_caller_does_not_hear_is_silence_of_its_length():
    world = World(Profile(loss=0.3))
    said = random.Random(1).randbytes(160 * 100 + 60)
    [burst] = heard(world, [(0, said)])
    arrived = world.arrived(101, "caller")
    assert len(burst.data) == len(said)
    for number, came in enumerate(arrived):
        packet = said[160 * number : 160 * (number + 1)]
        expected = packet if came else SILENT[: len(packet)]
        assert bytes(burst.data[160 * number : 160 * (number + 1)]) == expected


def test_what_was_cleared_before_it_left_is_never_heard():
    world = World(Profile(latency=0.1))
    burst = Burst(0, bytearray(160 * 50))
    carried = Carried(SimpleNamespace(bursts=[burst]), world.line.towards("caller"), world.clock)
    world.now_ns = 9 * PACKET_NS
    assert len(carried.bursts[0].data) == 160 * 10
    del burst.data[160 * 10 :]
    world.now_ns = SECOND
    assert len(carried.bursts[0].data) == 160 * 10


def test_how_often_somebody_looks_changes_nothing():
    said = [(0, random.Random(2).randbytes(160 * 200))]
    seldom = heard(World(Profile(loss=0.2, conceal="repeat")), said, SECOND)
    often = heard(World(Profile(loss=0.2, conceal="repeat")), said, 5_000_000)
    assert bytes(seldom[0].data) == bytes(often[0].data)


def test_turning_the_concealment_changes_nothing_that_was_sent_before():
    def run(looks: bool) -> bytes:
        world = World(Profile(loss=0.3))
        burst = Burst(0, bytearray(random.Random(2).randbytes(160 * 100)))
        leg = world.line.towards("caller")
        carried = Carried(SimpleNamespace(bursts=[burst]), leg, world.clock)
        world.now_ns = 50 * PACKET_NS
        if looks:
            assert carried.bursts
        leg.conceal = "repeat"
        world.now_ns = 2 * SECOND
        return bytes(carried.bursts[0].data)

    assert run(looks=True) == run(looks=False)
    assert SILENT in run(looks=True)[: 160 * 50]


def test_a_background_is_under_everything_until_it_ends():
    world = World()
    mouth = Mouth(world.line.towards("twilio"))
    mouth.begin(0)
    loop = np.full(1000, 1000, dtype=np.int16)
    start_ns, end = mouth.surround(loop, 3 * PACKET_NS)
    assert start_ns == 3 * PACKET_NS
    end(10 * PACKET_NS)
    frames = [mouth.frame_before(number * PACKET_NS) for number in range(1, 13)]
    assert frames[:3] == [SILENT] * 3
    assert frames[10:] == [SILENT] * 2
    for frame in frames[3:10]:
        assert mulaw.decode(frame).tolist() == pytest.approx([1000] * 160, rel=0.03)
    assert mulaw.encode(mouth.samples(160 * 12)) == b"".join(frames)
