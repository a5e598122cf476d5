"""Scrubbing: nothing personal is left, what belongs together still does, the call still replays."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simkit.audio import files
from simkit.recording import Header, MediaFormat, RecordedEvent, RecordingError, read, replay, write
from simkit.recording.recorder import Recorder
from simkit.recording.scrub import NOTE, Scrubbed, Scrubber, findings, scrub
from simkit.recording.utterances import utterances

RECORDINGS = Path(__file__).parents[2] / "recordings"
PCM = MediaFormat("pcm_s16le", 8000)
SID = "CA5f8e1b2c3d4a5f8e1b2c3d4a5f8e1b2c"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("call +49 30 1234567 or +14155550123", "call +15550101 or +15550102"),
        ("+14155550123, +14155550123", "+15550101, +15550101"),
        ("(415) 555-2671 and 415.555.2671", "+15550101 and +15550102"),
        (f"{SID} {SID}", f"CA{1:032x} CA{1:032x}"),
        ("MZ" + "a" * 32 + " " + SID, f"MZ{1:032x} CA{2:032x}"),
        ("id 7420f27a-30fd-4f49-a995-5549ae7cc00d", "id 00000000-0000-4000-8000-000000000001"),
        ("mail ada@lovelace.co.uk now", "mail person1@example.com now"),
        ("Bearer abcdefghijkl", "[secret]"),
        ("key sk-proj-abcdef123456789", "key [secret]"),
        ("https://a.example/b?X-Amz-Signature=aa&b=c", "https://a.example/b?[secret]"),
        ("wss://api.vapi.ai/1/transport", "wss://api.vapi.ai/1/transport"),
        ("at 10:00 on 2026-11-21, 3 of 12", "at 10:00 on 2026-11-21, 3 of 12"),
        ("1704123456789", "1704123456789"),
        ("0.123456789 and -12345678", "0.123456789 and -12345678"),
    ],
)
def test_patterns_are_replaced_the_same_everywhere(text, expected):
    assert Scrubber().text(text) == expected
    assert Scrubber().text(expected) == expected


def test_names_are_replaced_in_any_case_the_longest_first():
    scrubber = Scrubber(names=["Ada", "Ada Lovelace", ""])
    said = scrubber.text("ADA LOVELACE and ada, not Adam")
    assert said == "[name 1] and [name 2], not Adam"


def test_what_a_field_is_called_makes_a_secret():
    message = {"customParameters": {"token": "abc", "AuthToken": "x", "plan": "gold"}, "key": "k"}
    assert Scrubber().value(message) == {
        "customParameters": {"token": "[secret]", "AuthToken": "[secret]", "plan": "gold"},
        "key": "[secret]",
    }


def test_the_protocols_own_words_stay():
    message = {"type": "transcript", "role": "user", "transcriptType": "final", "transcript": "Ada"}
    scrubbed = Scrubber(names=["user", "final", "ada"], text=True).value(message)
    assert scrubbed == message | {"transcript": "word"}


@settings(max_examples=100)
@given(st.text(alphabet=st.sampled_from("+0123456789 -().CAabcdef@=?sk_Bearer\n"), max_size=60))
def test_scrubbing_twice_is_scrubbing_once(text):
    once = Scrubber(names=["ab"]).text(text)
    assert Scrubber(names=["ab"]).text(once) == once


# Recordings


@pytest.fixture
def recorded(tmp_path) -> Path:
    """A captured call with something of every kind."""
    taken = Recorder(
        tmp_path / "call", Header(source=f"captured call {SID}", from_="+491701234567")
    )
    start = {"callSid": SID, "customParameters": {"from": "+491701234567", "token": "abc"}}
    taken.message(0, "twilio", "in", {"event": "start", "start": start})
    said = {"type": "transcript", "role": "user", "transcriptType": "final"}
    taken.message(10**9, "vapi", "in", said | {"transcript": "I am Ada, ada@example.org"})
    for number in range(100):
        loud = (np.sin(np.arange(160) / 3) * 8000).astype(np.int16)
        frame = loud if 20 <= number < 60 else np.zeros(160, np.int16)
        taken.frame(
            number * 20_000_000, "vapi", "in", frame.tobytes(), MediaFormat("pcm_s16le", 8000)
        )
    taken.finish(2 * 10**9)
    return tmp_path / "call"


def test_nothing_is_left_and_what_belongs_together_still_does(tmp_path, recorded):
    result = scrub(recorded, tmp_path / "new", names=["Ada"])
    text = (tmp_path / "new" / "call.jsonl").read_text()
    for personal in (SID, "+49170", "abc", "ada@", "Ada"):
        assert personal not in text
    assert dict(result.counts) == {
        "SID": 2,
        "phone number": 2,
        "secret field": 1,
        "e-mail address": 1,
        "name": 1,
    }
    recording = read(tmp_path / "new")
    start = recording.messages("twilio", "in", "start")[0].message["start"]
    assert recording.header.from_ == start["customParameters"]["from"] == "+15550101"
    assert recording.header.source == f"captured call {start['callSid']}"


def test_the_sound_stays_as_it_was(tmp_path, recorded):
    scrub(recorded, tmp_path / "new")
    for name in ("from-vapi.flac",):
        assert (tmp_path / "new" / name).read_bytes() == (recorded / name).read_bytes()


def test_scrubbing_what_was_scrubbed_changes_nothing(tmp_path, recorded):
    options = {"names": ["Ada"], "text": True, "voices": True}
    assert scrub(recorded, tmp_path / "once", **options) != Scrubbed()
    assert scrub(tmp_path / "once", tmp_path / "twice", **options) == Scrubbed()
    for path in (tmp_path / "once").iterdir():
        assert (tmp_path / "twice" / path.name).read_bytes() == path.read_bytes()


def test_another_voice_speaks_where_somebody_spoke(tmp_path, recorded):
    assert scrub(recorded, tmp_path / "new", voices=True).voices == 1
    before, after = (
        files.read(folder / "from-vapi.flac") for folder in (recorded, tmp_path / "new")
    )
    assert len(before) == len(after)
    assert not np.any(after[: 17 * 160])
    assert not np.any(after[63 * 160 :])
    assert abs(np.corrcoef(before[3200:9600], after[3200:9600])[0, 1]) < 0.3
    [old], [new] = (utterances(read(folder), "agent") for folder in (recorded, tmp_path / "new"))
    assert new.t_ms == pytest.approx(old.t_ms, abs=45)
    assert new.speech.duration == pytest.approx(old.speech.duration, abs=0.1)
    assert NOTE in read(tmp_path / "new").header.notes


def test_a_scrubbed_call_replays_as_the_call_did(tmp_path):
    source = RECORDINGS / "three-interruptions"
    scrub(source, tmp_path / "new", text=True, voices=True)
    said = json.loads((tmp_path / "new" / "call.jsonl").read_text().splitlines()[1])
    assert set(said["message"]["text"].split()) == {"word"}
    before, after = replay(read(source)), replay(read(tmp_path / "new"))
    assert after.passed
    assert len(after.barge_ins) == len(before.barge_ins)


def test_what_looks_personal_is_found_without_changing_anything(recorded):
    found = findings(read(recorded))
    assert found["phone number"] == 2
    assert "name" not in found


def test_an_existing_output_is_not_touched(tmp_path, recorded):
    (tmp_path / "new").mkdir()
    with pytest.raises(RecordingError, match="new: exists already"):
        scrub(recorded, tmp_path / "new")


def test_an_unfinished_recording_is_scrubbed_but_for_its_voices(tmp_path):
    taken = Recorder(tmp_path / "call", Header(source="+491701234567"))
    for number in range(60):
        taken.frame(number * 20_000_000, "twilio", "in", b"\x00" * 160, MediaFormat("mulaw", 8000))
    taken.abandon()
    scrub(tmp_path / "call", tmp_path / "new")
    assert len(list(read(tmp_path / "new").frames("twilio", "in"))) >= 50
    with pytest.raises(RecordingError, match="is not finished; its voices cannot be replaced"):
        scrub(tmp_path / "call", tmp_path / "other", voices=True)


def test_words_of_people_are_scrubbed_one_by_one(tmp_path):
    message = {
        "event": "speaks",
        "text": "Ada here",
        "sound": {"file": "caller.flac", "start": 0, "samples": 8000},
        "words": [["Ada", 0, 3000], ["here", 3000, 8000]],
    }
    event = RecordedEvent(t_ms=0.0, leg="caller", message=message)
    sounds = {"caller.flac": np.zeros(8000, np.int16)}
    write(tmp_path / "call", Header(source="", duration_ms=1000.0), [event], sounds)
    scrub(tmp_path / "call", tmp_path / "new", names=["ada"])
    [(_, said)] = read(tmp_path / "new").speech("caller")
    assert said.text == "[name 1] here"
    assert [word for word, _, _ in said.words] == ["[name 1]", "here"]
