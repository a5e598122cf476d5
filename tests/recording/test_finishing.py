"""Finishing: what another way makes is stored once, and every byte comes back."""

from __future__ import annotations

import json
import os
import random
import shutil
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simkit.audio import mulaw
from simkit.audio.transcode import mulaw_to_pcm, pcm_to_mulaw
from simkit.recording import Header, MediaFormat, RecordingError, finishing, read, transcoders
from simkit.recording.cutting import cut
from simkit.recording.merging import merge
from simkit.recording.recorder import Recorder, recover
from simkit.recording.scrub import scrub

MULAW = MediaFormat("mulaw", 8000)
HEADER = Header(source="a test")
WAYS = [("twilio", "in"), ("vapi", "out"), ("vapi", "in"), ("twilio", "out")]
Said = dict[tuple[str, str], list[bytes]]


def speech(seconds: float, seed: int) -> bytes:
    """mu-law that is loud for a second and silent for the next, with both zeros."""
    draw = np.random.default_rng(seed)
    samples = draw.integers(-4000, 4000, int(seconds * 8000), np.int16)
    samples[np.arange(len(samples)) // 8000 % 2 == 1] = 0
    return mulaw.encode(samples)


def cut_up(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


def call(rate: int = 16000, seconds: float = 4.0) -> tuple[Said, MediaFormat]:
    """The frames of a bridge that passes on all that it hears; mu-law where the rate is 0."""
    form = MediaFormat("pcm_s16le", rate) if rate else MULAW
    caller, agent = speech(seconds, 1), speech(seconds, 2)
    if not rate:
        to_vapi, from_vapi, to_twilio = caller, agent, agent
    else:
        to_vapi = mulaw_to_pcm(rate).convert(caller)
        from_vapi = mulaw_to_pcm(rate).convert(agent)
        to_twilio = pcm_to_mulaw(rate).convert(from_vapi)
    size = form.rate // 50 * form.width
    return {
        ("twilio", "in"): cut_up(caller, 160),
        ("vapi", "out"): cut_up(to_vapi, size),
        ("vapi", "in"): cut_up(from_vapi, size),
        ("twilio", "out"): cut_up(to_twilio, 160),
    }, form


def begin(path: Path, said: Said, form: MediaFormat) -> Recorder:
    taken = Recorder(path, HEADER)
    taken.message(0, "twilio", "in", {"event": "start"})
    for number in range(max(map(len, said.values()))):
        for way in WAYS:
            if number < len(said.get(way, ())):
                frame, kind = said[way][number], MULAW if way[0] == "twilio" else form
                taken.frame(number * 20_000_000, *way, frame, kind)
    return taken


def recorded(path: Path, said: Said, form: MediaFormat) -> Path:
    begin(path, said, form).finish(4_000_000_000)
    return path


def found(path: Path) -> Said:
    recording = read(path)
    return {way: [data for _, data in recording.frames(*way)] for way in WAYS}


def names(path: Path) -> set[str]:
    return {file.name for file in path.iterdir()} - {"call.jsonl"}


STORED_ONCE = {"caller.flac", "from-vapi.flac", "to-vapi.json", "agent.json"}


@pytest.mark.parametrize("rate", [0, 8000, 11025, 16000, 24000, 48000])
def test_what_our_bridge_makes_is_stored_once_and_comes_back(tmp_path, rate):
    said, form = call(rate)
    recorded(tmp_path / "call", said, form)
    assert names(tmp_path / "call") == STORED_ONCE
    assert found(tmp_path / "call") == said


def test_what_a_bridge_of_others_makes_is_stored_once_too(tmp_path):
    said, form = call(24000)
    frames = [mulaw.decode(data).astype(np.float64) for data in said["twilio", "in"]]
    lines = [np.interp(np.arange(480) / 3, np.arange(160), frame) for frame in frames]
    said["vapi", "out"] = [line.astype("<i2").tobytes() for line in lines]
    heard = [np.frombuffer(data, "<i2").reshape(-1, 3) for data in said["vapi", "in"]]
    said["twilio", "out"] = [mulaw.encode(one.mean(axis=1).astype(np.int16)) for one in heard]
    path = recorded(tmp_path / "call", said, form)
    assert names(path) == STORED_ONCE
    assert found(path) == said
    by = [json.loads((path / name).read_text())["by"] for name in ("to-vapi.json", "agent.json")]
    assert by == ["line-20ms-1", "mean-1"]


def test_what_a_bridge_leaves_out_and_puts_in_comes_back(tmp_path):
    said, form = call(seconds=12.0)
    clip = cut_up(speech(1.0, 3), 160)
    agent = said["twilio", "out"]
    # Cut off in the middle of a frame, silence and a clip of its own, and the end is missing.
    said["twilio", "out"] = [*agent[:130], agent[130][:50], b"\xff" * 40, *clip, *agent[210:-7]]
    said["vapi", "out"] = [bytes(640), *said["vapi", "out"][20:300], *said["vapi", "out"][301:]]
    path = recorded(tmp_path / "call", said, form)
    assert names(path) == STORED_ONCE | {"agent.flac", "to-vapi.flac"}
    assert found(path) == said
    how = json.loads((path / "agent.json").read_text())
    assert 2 <= len(how["parts"]) <= 6
    assert sum(size for _, size, _ in how["parts"]) > 0.85 * how["size"]
    assert (path / "agent.flac").stat().st_size < 12_000


def test_what_nobody_knows_is_stored_as_it_is(tmp_path):
    said, form = call()
    said["twilio", "out"] = cut_up(speech(4.0, 9), 160)
    said["vapi", "out"] = [random.Random(1).randbytes(640) for _ in range(200)]
    path = recorded(tmp_path / "call", said, form)
    assert names(path) == {"caller.flac", "agent.flac", "to-vapi.flac", "from-vapi.flac"}
    assert found(path) == said


def test_every_code_of_mulaw_comes_back(tmp_path):
    said = {("twilio", "in"): [bytes(range(256)), b"\x7f" * 160, b"\xff\x7f" * 80]}
    path = recorded(tmp_path / "call", said, MULAW)
    assert names(path) == {"caller.flac"}
    assert found(path)["twilio", "in"] == said["twilio", "in"]


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    edits=st.lists(st.tuples(st.integers(0, 40_000), st.integers(0, 9_000), st.binary(max_size=9))),
    tail=st.integers(0, 3),
)
def test_whatever_a_bridge_does_to_the_sound_it_comes_back(tmp_path, edits, tail):
    said, form = call()
    for way in (("vapi", "out"), ("twilio", "out")):
        data = b"".join(said[way])
        for at, away, new in edits:
            data = data[:at] + new + data[at + away :]
        said[way] = cut_up(data[: len(data) - tail], 640)
    path = tmp_path / "call"
    shutil.rmtree(path, ignore_errors=True)
    recorded(path, said, form)
    assert found(path) == said


# Crashes and damage


class Killed(BaseException):
    """The process is no more."""


def test_a_crash_at_any_step_of_finishing_loses_nothing(tmp_path, monkeypatch):
    said, form = call(seconds=3.0)
    said["twilio", "out"][20:70] = cut_up(speech(1.0, 3), 160)
    really = {"replace": Path.replace, "unlink": os.unlink}
    was_killed, last = True, 0
    while was_killed:
        was_killed, last, steps = False, last + 1, 0

        def counted(*args, act, last=last):
            nonlocal steps, was_killed
            steps += 1
            if steps == last:
                was_killed = True
                raise Killed
            return act(*args)

        path = tmp_path / str(last)
        taken = begin(path, said, form)
        with monkeypatch.context() as patch:
            patch.setattr(Path, "replace", lambda *a: counted(*a, act=really["replace"]))
            patch.setattr(os, "unlink", lambda *a: counted(*a, act=really["unlink"]))
            try:
                taken.finish(3_000_000_000)
            except Killed:
                assert found(path) == said
        recover(path)
        assert found(path) == said
        assert names(path) == STORED_ONCE | {"agent.flac"}
    assert last > 8


def test_another_transcoder_than_then_is_an_error(tmp_path, monkeypatch):
    path = recorded(tmp_path / "call", *call())
    really = transcoders.known

    def other(*formats):
        return {
            name: lambda data, make=make: make(data)[:-2] + b"\0\0"
            for name, make in really(*formats).items()
        }

    monkeypatch.setattr(transcoders, "known", other)
    expected = r"\.json: sha256: what simkit-1 makes of [a-z-]+\.flac is not what was captured"
    with pytest.raises(RecordingError, match=expected):
        read(path)


def test_what_does_not_read_as_it_was_is_stored(tmp_path, monkeypatch):
    monkeypatch.setattr(finishing, "digest", lambda tape: "0" * 64)
    said, form = call()
    path = recorded(tmp_path / "call", said, form)
    assert names(path) == {"caller.flac", "agent.flac", "to-vapi.flac", "from-vapi.flac"}
    assert found(path) == said


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"from": "../caller.flac"}, "Expected `str` matching regex"),
        ({"from": "to-vapi.flac"}, "to-vapi.flac: No such file"),
        ({"from": "nobody.flac"}, "nobody.flac: No such file"),
        ({"format": {"encoding": "mulaw", "rate": 9000}}, "found 1 channel"),
        ({"by": "magic"}, "Invalid enum value 'magic'"),
        ({"by": "mean-1"}, "by: mean-1 makes no pcm_s16le at 16000 Hz of mulaw at 8000 Hz"),
        ({"size": 10**15}, "Expected `int` <= "),
        ({"size": 10**12}, "to-vapi.flac: expected a plain file"),
        ({"size": 100}, "size: found 100, expected 128000 at least"),
        ({"parts": []}, "Expected `array` of length >= 1"),
        ({"parts": [[0, 127998, 0], [127998, 2, 0]]}, "parts[1]: found 2 bytes at 127998, 0 in"),
        ({"parts": [[1, 10, 0]]}, "parts[0]: found 10 bytes at 1, 0 in the other way; expected wh"),
        ({"parts": [[0, 10**12, 0]], "size": 10**12}, "parts: found bytes up to 1000000000000 of "),
        ({"sha256": "0" * 64}, "sha256: what simkit-1 makes of caller.flac is not what was"),
        ({"more": 1}, "unknown field `more`"),
    ],
)
def test_what_is_wrong_with_a_derivation_is_told(tmp_path, change, expected):
    path = recorded(tmp_path / "call", *call())
    how = path / "to-vapi.json"
    how.write_bytes(msgspec.json.encode(json.loads(how.read_text()) | change))
    with pytest.raises(RecordingError) as error:
        read(path)
    assert str(error.value).startswith(f"{path}/call.jsonl:")
    assert expected in str(error.value)
    assert "to-vapi.json: " in str(error.value)


@pytest.mark.parametrize("kind", ["folder", "link", "large", "empty"])
def test_a_derivation_is_a_plain_small_file(tmp_path, kind):
    path = recorded(tmp_path / "call", *call())
    how = path / "to-vapi.json"
    text = how.read_bytes()
    how.unlink()
    if kind == "folder":
        how.mkdir()
    elif kind == "link":
        (tmp_path / "elsewhere").write_bytes(text)
        how.symlink_to(tmp_path / "elsewhere")
    else:
        how.write_bytes(text + b" " * 2**23 if kind == "large" else b"")
    with pytest.raises(RecordingError, match=r"to-vapi\.json: "):
        read(path)


# The new form in the tools


def test_a_part_of_a_call_is_stored_once_too(tmp_path):
    said, form = call()
    path = recorded(tmp_path / "call", said, form)
    cut(path, tmp_path / "one", to_s=1.5)
    cut(path, tmp_path / "two", from_s=1.5)
    assert names(tmp_path / "one") >= STORED_ONCE
    assert found(tmp_path / "two") == {way: frames[75:] for way, frames in said.items()}
    merge(tmp_path / "one", tmp_path / "two", tmp_path / "whole")
    assert found(tmp_path / "whole") == said


def test_a_scrubbed_call_is_stored_once_too_but_for_other_voices(tmp_path):
    said, form = call()
    said["twilio", "out"] = said["twilio", "out"][3:]
    path = recorded(tmp_path / "call", said, form)
    scrub(path, tmp_path / "new")
    assert names(tmp_path / "new") == names(path)
    assert found(tmp_path / "new") == said
    scrub(path, tmp_path / "voices", voices=True)
    after = found(tmp_path / "voices")
    for way, frames in said.items():
        assert list(map(len, after[way])) == list(map(len, frames))
        assert after[way] != frames
