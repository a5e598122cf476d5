"""The schema: the committed file is that of today's types, and agrees with the reader."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from simkit.recording import Header, MediaFormat, read
from simkit.recording.recorder import Recorder
from simkit.recording.schema import schema
from tests.recording.drafts import CLEAR, HEADER, says

ROOT = Path(__file__).parents[2]
LINE = jsonschema.Draft202012Validator(schema())
MEDIA = {"t_ms": 0, "leg": "twilio", "direction": "in", "media": {"file": "a.flac", "start": 0}}


def test_the_committed_schema_is_that_of_the_types():
    assert (
        json.loads((ROOT / "docs" / "reference" / "recording.schema.json").read_text()) == schema()
    )


@pytest.mark.parametrize("name", ["three-interruptions", "pricing-question"])
def test_the_lines_of_the_projects_recordings_fit(name):
    for line in (ROOT / "recordings" / name / "call.jsonl").read_text().splitlines():
        LINE.validate(json.loads(line))


def test_what_the_recorder_writes_fits(tmp_path):
    taken = Recorder(tmp_path / "call", Header(source="a test"))
    for number in range(60):
        taken.frame(number * 20_000_000, "twilio", "in", b"\xff" * 160, MediaFormat("mulaw", 8000))
    taken.message(1_200_000_000, "vapi", "in", {"type": "hang"})
    taken.finish(1_200_000_000)
    assert len(read(tmp_path / "call").events) == 4
    for line in (tmp_path / "call" / "call.jsonl").read_text().splitlines():
        LINE.validate(json.loads(line))


def test_what_finishing_writes_fits(tmp_path):
    taken = Recorder(tmp_path / "call", Header(source="a test"))
    for way in (("twilio", "in"), ("vapi", "out")):
        taken.frame(0, *way, b"\x05\x80" * 80, MediaFormat("mulaw", 8000))
    taken.finish(20_000_000)
    how = json.loads((tmp_path / "call" / "to-vapi.json").read_text())
    derived = jsonschema.Draft202012Validator({**schema(), "oneOf": [{"$ref": "#/$defs/Derived"}]})
    derived.validate(how)
    assert not derived.is_valid(how | {"parts": []})


@pytest.mark.parametrize(
    "line",
    [
        {},
        HEADER | {"version": 3},
        HEADER | {"surprise": 1},
        CLEAR | {"leg": "moon"},
        CLEAR | {"t_ms": -1},
        {key: value for key, value in CLEAR.items() if key != "direction"},
        says() | {"message": {"event": "sings"}},
        says(file="../caller.flac"),
        says(file="caller.flac\n"),
        {"t_ms": 1, "leg": "call", "message": {"event": "begun"}},
        MEDIA,
        {**MEDIA, "media": MEDIA["media"] | {"sizes": []}},
        {**MEDIA, "media": MEDIA["media"] | {"sizes": -1}},
    ],
)
def test_what_the_reader_refuses_by_its_type_does_not_fit(line):
    assert not LINE.is_valid(line)
