"""What the person at the phone does: speaks from files and voices, makes noises, presses keys."""

from __future__ import annotations

import base64
import random
import shutil
from pathlib import Path

import numpy as np
import pytest

from simkit import Simulation
from simkit.audio import AudioFileError, files, mulaw, noise, voice
from simkit.audio.tones import key_tone
from simkit.twilio import Profile
from tests.twilio.conftest import HOST, Server

NUMBER = "+15550100"


def arrived(server) -> np.ndarray:
    """The caller's sound, as the server got it."""
    frames = [base64.b64decode(message["media"]["payload"]) for message in server.of("media")]
    return mulaw.decode(b"".join(frames))


def loud(server) -> np.ndarray:
    found = arrived(server)
    where = np.flatnonzero(np.abs(found.astype(int)) > 100)
    return found[where[0] : where[-1] + 1] if len(where) else found[:0]


async def test_the_caller_speaks_from_a_file(sim, server, tmp_path):
    said = voice.speak("hello there", random.Random(1))
    files.write(tmp_path / "hello.flac", said.samples)
    call = await sim.twilio.call(to=NUMBER)
    spoken = await call.says(tmp_path / "hello.flac")
    assert spoken.text == "[hello.flac]"
    assert spoken.end - spoken.start == pytest.approx(said.duration)
    await call.stays_silent(0.1)
    found, expected = arrived(server), mulaw.decode(mulaw.encode(said.samples))
    assert expected.tobytes() in found.tobytes()


async def test_a_wrong_file_is_named_and_nothing_is_said(sim, server, tmp_path):
    call = await sim.twilio.call(to=NUMBER)
    with pytest.raises(AudioFileError, match=r"none\.wav: there is no such file"):
        await call.says(tmp_path / "none.wav")
    with pytest.raises(ValueError, match=r"would speak that text: say Path\('none.wav'\)"):
        await call.says("none.wav")
    with pytest.raises(ValueError, match="seconds is for texts"):
        await call.says(Path("none.wav"), seconds=2)
    assert sim.timeline.of("speaks") == []


@pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="espeak-ng is not installed")
async def test_espeak_speaks_inside_a_simulation(sim, server):
    pytest.importorskip("scipy")
    sim.twilio.voice = "espeak"
    call = await sim.twilio.call(to=NUMBER)
    before = sim.now
    spoken = await call.says("Thursday works.")
    assert sim.now == pytest.approx(spoken.end)
    assert 0.4 < spoken.end - before < 3
    other = await sim.twilio.call(to=NUMBER, voice="synthetic")
    await other.says("Thursday works.")
    lengths = [event.fields["duration_ns"] for event in sim.timeline.of("speaks")]
    assert lengths[0] != lengths[1]


async def test_another_voice_or_profile_is_refused_at_once(sim, server):
    with pytest.raises(ValueError, match="no voice 'robot'"):
        sim.twilio.voice = "robot"
    with pytest.raises(ValueError, match="no voice 'robot'"):
        await sim.twilio.call(to=NUMBER, voice="robot")
    with pytest.raises(ValueError, match="no carrier profile 'moon'"):
        sim.twilio.profile = "moon"
    with pytest.raises(ValueError, match="no carrier profile 'moon'"):
        await sim.twilio.call(to=NUMBER, profile="moon")
    assert sim.twilio.calls == []
    assert sim.twilio.voice == "synthetic"


async def test_a_noise_arrives_and_is_no_speech(sim, server):
    call = await sim.twilio.call(to=NUMBER)
    made = await call.makes_noise("door_slam", level=-12)
    assert (made.name, made.level) == ("door_slam", -12)
    assert sim.now == pytest.approx(made.end)
    await call.stays_silent(0.1)
    assert noise.level_of(arrived(server)) == pytest.approx(-12, abs=0.2)
    [event] = sim.timeline.of("noise")
    assert event.fields == {"name": "door_slam", "level_dbfs": -12, "duration_ns": 180_000_000}
    assert sim.timeline.of("speaks") == []
    assert "caller   makes noise door_slam, -12 dBFS  0.180 s" in str(sim.timeline)


async def test_a_noise_may_go_on_while_the_caller_speaks(sim, server):
    call = await sim.twilio.call(to=NUMBER)
    before = sim.now
    await call.makes_noise("street", seconds=3, wait=False)
    assert sim.now == before
    await call.says("can you hear me", seconds=1)
    assert len(sim.timeline.of("noise", "speaks")) == 2


async def test_a_background_lasts_until_another_takes_its_place(sim, server):
    call = await sim.twilio.call(to=NUMBER)
    call.background("street", level=-30)
    await call.stays_silent(12)
    call.background("hiss", level=-50)
    await call.stays_silent(1)
    call.background(None)
    await call.stays_silent(1)
    await call.hangs_up()
    found = arrived(server).astype(float)
    seconds = [np.sqrt((found[at : at + 8000] ** 2).mean()) for at in range(0, 104_000, 8000)]
    assert min(seconds[:11]) > 1.5 * seconds[12] > 0
    assert np.abs(found[-4000:]).max() == 0
    assert [event.fields["name"] for event in sim.timeline.of("background")] == [
        "street", "hiss", "nothing",
    ]  # fmt: skip
    assert "caller   is amid    street, -30 dBFS" in str(sim.timeline)


async def test_keys_make_no_sound_unless_they_are_to(sim, server):
    call = await sim.twilio.call(to=NUMBER)
    await call.presses("12")
    await call.stays_silent(0.2)
    assert len(loud(server)) == 0
    await call.presses("5", in_band=True)
    await call.stays_silent(0.2)
    expected = mulaw.decode(mulaw.encode(key_tone("5", 0.06)))
    assert expected[30:-30].tobytes() in arrived(server).tobytes()
    sim.twilio.settings.dtmf_tones = True
    await call.presses("55")
    await call.presses("5", in_band=False)
    await call.stays_silent(0.2)
    assert len(loud(server)) > 2 * 480


async def test_pauses_between_keys_are_half_a_second_and_a_second(sim, server):
    call = await sim.twilio.call(to=NUMBER)
    await call.presses("1w2W3")
    instants = [event.t_ns for event in sim.timeline.of("dtmf")]
    assert np.diff(instants).tolist() == [600_000_000, 1_100_000_000]
    assert [message["dtmf"]["digit"] for message in server.of("dtmf")] == ["1", "2", "3"]


async def test_a_key_is_held_as_long_as_it_is_asked_to_be(sim, server):
    call = await sim.twilio.call(to=NUMBER)
    before = sim.now
    await call.presses("12", hold=0.3, gap=0.2, in_band=True)
    assert sim.now - before == pytest.approx(1.0)
    await call.stays_silent(0.1)
    assert len(loud(server)) == pytest.approx(0.8 * 8000, abs=20)
    with pytest.raises(ValueError, match=r"presses: hold is 0\.02 to 60 seconds; found 0$"):
        await call.presses("1", hold=0)


@pytest.mark.parametrize("keys", ["12x4", "1 2", "a", "½"])
async def test_a_key_that_is_not_there_is_named_before_any_is_pressed(sim, server, keys):
    call = await sim.twilio.call(to=NUMBER)
    with pytest.raises(ValueError, match=r"cannot press '.' \(number \d of '.*'\): keys are 0 1 2"):
        await call.presses(keys)
    assert sim.timeline.of("dtmf") == []


async def test_what_the_caller_says_arrives_a_line_later(sim, server):
    said = voice.speak("hello", random.Random(1))
    plain = await sim.twilio.call(to=NUMBER)
    await plain.says(said)
    await plain.hangs_up(after=0.5)
    first = np.flatnonzero(arrived(server))[0]
    server.received.clear()
    late = await sim.twilio.call(to=NUMBER, profile=Profile(latency=0.1))
    await late.says(said)
    await late.hangs_up(after=0.5)
    assert np.flatnonzero(arrived(server))[0] - first == 800
    assert mulaw.decode(mulaw.encode(said.samples)).tobytes() in arrived(server).tobytes()


async def test_frames_stay_on_their_cadence_whatever_the_carrier_loses(sim, server):
    call = await sim.twilio.call(to=NUMBER, profile="jitter-400")
    call.line.turn(loss=0.2)
    await call.stays_silent(3)
    stamps = [int(message["media"]["timestamp"]) for message in server.of("media")]
    assert set(np.diff(stamps).tolist()) == {20}
    assert len(stamps) == pytest.approx(150, abs=3)
    assert sim.timeline.of("lost")


def test_the_same_seed_loses_the_same_packets():
    def run(seed: int) -> str:
        with Simulation(seed) as sim:
            server = Server()
            server.twiml = "<Response><Say>one two three four five six</Say></Response>"
            sim.host(HOST).serve(server.app())

            async def calls():
                await sim.twilio.call(to=NUMBER, profile="mobile-5%")
                await sim.twilio.calls[0].ends()

            sim.run(calls())
            return str(sim.finish())

    assert run(1) == run(1)
    assert len({run(seed) for seed in range(4)}) > 1
