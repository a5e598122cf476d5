"""Damage: a recording is hostile until it was read, and what is wrong is told to the field."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from simkit.recording import RecordingError, read
from tests.recording.drafts import CLEAR, HEADER, Draft, says

RECORDINGS = Path(__file__).parents[2] / "recordings"


@pytest.fixture
def draft(tmp_path) -> Draft:
    return Draft(tmp_path / "call")


# Damage


def test_a_missing_folder_is_told(tmp_path):
    with pytest.raises(RecordingError, match=f"{re.escape(str(tmp_path))}/no: there is no such"):
        read(tmp_path / "no")


def test_a_file_in_place_of_the_folder_is_told(draft):
    with pytest.raises(RecordingError, match="a recording is a folder, and this is a file"):
        read(draft.sound)


def test_a_folder_without_events_is_told(draft):
    with pytest.raises(RecordingError, match=r"there is no call\.jsonl in it"):
        read(draft.path)


def test_a_name_that_no_file_system_takes_is_told():
    with pytest.raises(RecordingError):
        read("x" * 5000)


EVENT_START = b'{"t_ms": 1, "leg": "vapi", "direction": "in", "message": {"a": '


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([b""], "call.jsonl:1: empty, expected the header"),
        ([b'{"format": "simkit-rec'], "call.jsonl:1: expected one JSON object, found '{\"format"),
        ([b"\n"], "call.jsonl:1: expected one JSON object, found ''"),
        ([b"\xff\xfe\n"], "call.jsonl:1: expected one JSON object"),
        ([HEADER, EVENT_START + b'"\xff"}}\n'], "call.jsonl:2: expected one JSON object"),
        ([b"[" * 100_000 + b"\n"], "call.jsonl:1: the object: Expected `object`, got `array`"),
        ([HEADER, EVENT_START + b"[" * 100_000 + b"\n"], "call.jsonl:2: expected one JSON object"),
        ([HEADER, CLEAR, b"\n", CLEAR], "call.jsonl:3: expected one JSON object, found ''"),
        ([HEADER, b"\x1b[2J\n"], "call.jsonl:2: expected one JSON object, found '?[2J'"),
        ([HEADER, b" " * 1_048_577], "call.jsonl:2: a line of over 1,048,576 bytes"),
        (
            [HEADER | {"extra": 1}],
            "call.jsonl:1: the object: Object contains unknown field `ex",
        ),
        ([HEADER | {"version": 3}], "call.jsonl:1: version: Invalid enum value 3"),
        ([HEADER | {"format": "x"}], "call.jsonl:1: format: Invalid enum value 'x'"),
        (
            [HEADER | {"duration_ms": "1"}],
            "call.jsonl:1: duration_ms: Expected `float | null`, got `str`",
        ),
        ([HEADER | {"duration_ms": 0}], "call.jsonl:1: duration_ms: Expected `float` > 0"),
        ([HEADER | {"duration_ms": 14_400_001}], "call.jsonl:1: duration_ms: Expected `float` <= "),
        ([HEADER | {"links_ms": {"moon": 1}}], "call.jsonl:1: links_ms: Invalid enum value 'moon'"),
        ([{"format": "simkit-recording"}], "call.jsonl:1: the object: Object missing required"),
        ([HEADER, CLEAR | {"x": 1}], "call.jsonl:2: the object: Object contains unknown field `x`"),
        ([HEADER, CLEAR | {"t_ms": "1"}], "call.jsonl:2: t_ms: Expected `float`, got `str`"),
        ([HEADER, CLEAR | {"t_ms": -1}], "call.jsonl:2: t_ms: Expected `float` >= 0"),
        ([HEADER, CLEAR | {"leg": "moon"}], "call.jsonl:2: leg: Invalid enum value 'moon'"),
        (
            [HEADER, CLEAR | {"message": []}],
            "call.jsonl:2: message: Expected `object`, got `arr",
        ),
        (
            [HEADER, CLEAR, CLEAR | {"t_ms": 1000.5}],
            "call.jsonl:3: t_ms: found 1000.5, expected at most the header's duration_ms, 1000",
        ),
        (
            [HEADER, {"t_ms": 1.0, "leg": "vapi", "message": {}}],
            "call.jsonl:2: direction: expected 'in' or 'out', found nothing",
        ),
        (
            [HEADER, {"t_ms": 1.0, "leg": "agent", "message": {"event": "sings"}}],
            "call.jsonl:2: message.event: expected 'speaks' on leg 'agent', found 'sings'",
        ),
    ],
)
def test_damage_is_told_with_line_and_field(draft, lines, expected):
    assert draft.refusal(*lines).startswith(expected)


@pytest.mark.parametrize(
    ("line", "found"),
    [(CLEAR | {"t_ms": -17}, "-17"), (says(file="../up.flac"), "../up.flac")],
)
def test_what_was_found_is_told_too(draft, line, found):
    assert found in draft.refusal(HEADER, line)


def test_two_instants_that_differ_are_told_apart(draft):
    header = HEADER | {"duration_ms": 46999.99}
    text = draft.refusal(header, CLEAR | {"t_ms": 47000})
    assert "46999.99" in text


def test_unusual_numbers_are_not_numbers(draft):
    for number in (b"NaN", b"Infinity", b"1e999", b"-0.1"):
        line = b'{"t_ms": %s, "leg": "vapi", "direction": "in", "message": {}}\n' % number
        assert draft.refusal(HEADER, line).startswith("call.jsonl:2: ")


# Sound


@pytest.mark.parametrize(
    "name",
    ["../caller.flac", "/etc/passwd", "a/b.flac", "..flac", "caller.wav", "Caller.flac", ""],
)
def test_sound_lies_beside_the_events_or_nowhere(draft, name):
    text = draft.refusal(HEADER, says(file=name))
    assert text.startswith("call.jsonl:2: message.sound.file: Expected `str` matching regex")


def test_a_file_name_ends_with_its_ending(draft):
    draft.sound.rename(draft.path / "caller.flac\n")
    assert "Expected `str` matching regex" in draft.refusal(HEADER, says(file="caller.flac\n"))


def test_a_missing_sound_is_told(draft):
    assert draft.refusal(HEADER, says(file="no.flac")) == (
        "call.jsonl:2: message.sound.file: there is no no.flac beside it"
    )


def test_a_linked_sound_is_none(draft, tmp_path):
    draft.sound.rename(tmp_path / "elsewhere.flac")
    draft.sound.symlink_to(tmp_path / "elsewhere.flac")
    assert draft.refusal(HEADER, says()).endswith("there is no caller.flac beside it")


@pytest.mark.parametrize(
    ("shape", "rate", "found"),
    [((8000,), 16000, "1 channel(s) at 16000 Hz"), ((8000, 2), 8000, "2 channel(s) at 8000 Hz")],
)
def test_sound_of_another_kind_is_told(draft, shape, rate, found):
    soundfile.write(draft.sound, np.zeros(shape, np.int16), rate)
    text = draft.refusal(HEADER, says())
    assert text.startswith("call.jsonl:2: message.sound.file: caller.flac: found " + found)
    assert text.endswith("expected 1 channel at 8000 Hz")


def test_a_sound_that_is_no_sound_is_told(draft):
    draft.sound.write_bytes(b"not a sound")
    assert "caller.flac: not a readable sound file" in draft.refusal(HEADER, says())


@pytest.mark.parametrize(
    ("sound", "expected"),
    [
        (
            {"start": 7500, "samples": 501},
            "message.sound: samples 7500 to 8001 of caller.flac, which has 8000",
        ),
        ({"start": 8001, "samples": 1}, "message.sound: samples 8001 to 8002 of caller.flac, wh"),
        ({"samples": 0}, "message.sound.samples: Expected `int` >= 1"),
        ({"start": -1}, "message.sound.start: Expected `int` >= 0"),
        ({"start": 1.5}, "message.sound.start: Expected `int`, got `float`"),
        ({"rate": 1}, "message.sound: Object contains unknown field `rate`"),
        (
            {"words": [["a", 0, 10], ["b", 990, 1001]]},
            "message.words[1]: 'b' from sample 990 to 1001, expected within the 1000 of the sound",
        ),
        ({"words": [["a", 10, 10]]}, "message.words[0]: 'a' from sample 10 to 10, expected"),
        ({"words": [["a", 1]]}, "message.words[0]: Expected `array` of length 3, got 2"),
    ],
)
def test_what_lies_outside_the_sound_is_told(draft, sound, expected):
    text = draft.refusal(HEADER, says(**sound))
    assert text.removeprefix("call.jsonl:2: ").replace("[...]", "[0]").startswith(expected)


# Anything at all

LINES = (RECORDINGS / "pricing-question" / "call.jsonl").read_bytes()


@pytest.fixture(scope="module")
def mutant(tmp_path_factory):
    place = tmp_path_factory.mktemp("mutant") / "call"
    shutil.copytree(RECORDINGS / "pricing-question", place)
    return place


def read_or_refuse(folder: Path) -> None:
    try:
        recording = read(folder)
    except RecordingError as error:
        if str(folder) not in str(error):
            raise
    else:
        for leg in ("caller", "agent"):
            for _, said in recording.speech(leg):
                assert len(recording.sound(said.sound)) == said.sound.samples


@settings(max_examples=150, deadline=None)
@given(
    flips=st.lists(st.tuples(st.integers(0, len(LINES) - 1), st.integers(1, 255)), max_size=4),
    dropped=st.sets(st.integers(0, LINES.count(b"\n")), max_size=3),
    size=st.integers(0, len(LINES)) | st.just(len(LINES)),
)
def test_a_damaged_event_file_is_read_or_refused_and_nothing_else(mutant, flips, dropped, size):
    data = bytearray(LINES)
    for position, mask in flips:
        data[position] ^= mask
    kept = [x for n, x in enumerate(bytes(data).splitlines(keepends=True)) if n not in dropped]
    (mutant / "call.jsonl").write_bytes(b"".join(kept)[:size])
    read_or_refuse(mutant)


@settings(max_examples=60, deadline=None)
@given(
    flips=st.lists(st.tuples(st.integers(0, 4000), st.integers(1, 255)), max_size=4),
    size=st.integers(0, 8000),
)
def test_a_damaged_sound_file_is_read_or_refused_and_nothing_else(mutant, flips, size):
    (mutant / "call.jsonl").write_bytes(LINES)
    data = bytearray((RECORDINGS / "pricing-question" / "agent.flac").read_bytes())
    for position, mask in flips:
        data[position] ^= mask
    (mutant / "agent.flac").write_bytes(data[: size or None])
    read_or_refuse(mutant)
