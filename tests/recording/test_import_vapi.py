"""Vapi's account of a call: what the fake tells of a call becomes the recording of that call."""

from __future__ import annotations

import asyncio
import gzip
import json
from pathlib import Path

import httpx
import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simkit import Simulation
from simkit.recording import RecordingError, own_bridge, read, replay
from simkit.recording.imports import import_files, recognise
from simkit.recording.utterances import UNKNOWN, utterances
from simkit.vapi import API_KEY

QUESTION = "wait, can we do Thursday instead?"


@pytest.fixture(scope="module")
def call(tmp_path_factory) -> Path:
    """What Vapi keeps of a call with a barge-in, in files."""
    place = tmp_path_factory.mktemp("artifacts")
    with Simulation() as sim:
        sim.host("bridge.example.com").serve(own_bridge())
        sim.vapi.account.recording = "always"
        sim.vapi.assistant(
            first_message="Your appointment is scheduled for Tuesday at 3 PM",
            replies=["Thursday it is."],
        )

        async def a_call():
            phone = await sim.twilio.call(to="+15550100")
            await phone.hears("Your appointment")
            await phone.says(QUESTION)
            await phone.hears("Thursday it is.")
            await phone.hangs_up()

        sim.run(a_call())
        sim.finish()

        async def fetch():
            await asyncio.sleep(120)  # until everything is stored
            headers = {"Authorization": f"Bearer {API_KEY}"}
            async with httpx.AsyncClient(base_url="https://api.vapi.ai", headers=headers) as http:
                [listed] = (await http.get("/call")).json()
                url = f"/call/{listed['id']}"
                (place / "call.json").write_bytes((await http.get(url)).content)
                for path, name in (("call-logs", "log.gz"), ("stereo-recording", "call.wav")):
                    found = await http.get(f"{url}/{path}")
                    async with httpx.AsyncClient() as storage:
                        kept = await storage.get(found.headers["location"])
                    (place / name).write_bytes(kept.content)

        sim.run(fetch())
    return place


def told(path: Path) -> list[tuple[str, str]]:
    """Who said what, in order."""
    recording = read(path)
    spoken = [
        (said.t_ms, person, said.speech.text)
        for person in ("caller", "agent")
        for said in utterances(recording, person)
    ]
    return [(person, text) for _, person, text in sorted(spoken)]


def gap_ms(path: Path) -> float:
    """From the end of the caller's words to the agent's next."""
    recording = read(path)
    [caller] = utterances(recording, "caller")
    after = [
        said.t_ms for said in utterances(recording, "agent") if said.t_ms > caller.spoken_until_ms
    ]
    return min(after) - caller.spoken_until_ms


SOURCES = {
    "the call object": ["call.json"],
    "the call log": ["log.gz"],
    "the call object and the sound": ["call.json", "call.wav"],
    "the sound and the call log": ["call.wav", "log.gz"],
    "the sound alone": ["call.wav"],
}


@pytest.mark.parametrize("source", SOURCES)
def test_a_call_is_imported_from_what_vapi_keeps_of_it(tmp_path, call, source):
    files = [call / name for name in SOURCES[source]]
    import_files(files, tmp_path / "call")
    spoken = told(tmp_path / "call")
    assert [person for person, _ in spoken] == ["agent", "caller", "agent"]
    if "call.json" in SOURCES[source]:
        assert spoken[1] == ("caller", QUESTION)
        assert spoken[2] == ("agent", "Thursday it is.")
    if SOURCES[source] == ["call.wav"]:
        assert {text for _, text in spoken} == {UNKNOWN}
    assert 400 < gap_ms(tmp_path / "call") < 2500


@pytest.mark.parametrize("source", SOURCES)
def test_what_was_imported_replays_with_its_barge_in(tmp_path, call, source):
    import_files([call / name for name in SOURCES[source]], tmp_path / "call")
    again = replay(read(tmp_path / "call"))
    assert not again.failure
    assert len(again.barge_ins) == 1


@pytest.mark.parametrize("shift_ms", [-1400, 0, 800])
@pytest.mark.parametrize("left", ["caller", "agent"])
def test_channels_and_clock_of_the_sound_are_found_out(tmp_path, call, left, shift_ms):
    sound, rate = soundfile.read(call / "call.wav", dtype="int16")
    step = abs(shift_ms) * rate // 1000
    silence = np.zeros((step, 2), np.int16)
    sound = np.concatenate([silence, sound]) if shift_ms > 0 else sound[step:]
    soundfile.write(tmp_path / "b.wav", sound if left == "caller" else sound[:, ::-1], rate)
    import_files([call / "call.json", call / "call.wav"], tmp_path / "as-it-was")
    report = import_files([call / "call.json", tmp_path / "b.wav"], tmp_path / "call")
    assert f"left is the {left}" in report.notes[0].replace(
        "right is the caller", "left is the agent"
    )
    before, after = read(tmp_path / "as-it-was"), read(tmp_path / "call")
    [one], [other] = utterances(before, "caller"), utterances(after, "caller")
    assert other.t_ms - one.t_ms == pytest.approx(shift_ms, abs=21)
    assert told(tmp_path / "call")[1] == ("caller", QUESTION)


def test_a_report_at_the_end_of_a_call_is_an_account_too(tmp_path, call):
    account = json.loads((call / "call.json").read_text())
    report = {"message": {"type": "end-of-call-report", "call": {"id": account["id"]}, **account}}
    (tmp_path / "report.json").write_text(json.dumps(report))
    assert recognise(tmp_path / "report.json") == "vapi-call"
    import_files([tmp_path / "report.json"], tmp_path / "call")
    assert told(tmp_path / "call")[1] == ("caller", QUESTION)


def test_an_interruption_in_the_call_log_is_one_on_the_transport(tmp_path, call):
    import_files([call / "log.gz"], tmp_path / "call")
    recording = read(tmp_path / "call")
    assert len(recording.messages("vapi", "in", "user-interrupted")) == 1
    finals = recording.messages("vapi", "in", "transcript")
    assert finals[-1].message["transcriptType"] == "final"


def test_rows_that_are_none_are_told(tmp_path, call):
    rows = gzip.decompress((call / "log.gz").read_bytes()).splitlines()
    (tmp_path / "a.log").write_bytes(b"\n".join([rows[0], b"hello", b'{"time": 1}', *rows[1:]]))
    report = import_files([tmp_path / "a.log"], tmp_path / "call")
    assert [number for number, _ in report.faults] == [2, 3]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"artifact": {"messages": []}}', "startedAt: found nothing"),
        ('{"messages": [{"role": "user"}], "startedAt": "2026-11-21T10:00:00Z"}', "nobody says"),
        (
            '{"messages": [], "startedAt": "2026-11-21T10:00Z", "endedAt": "2026-11-20T10:00Z"}',
            "endedAt: found -86400 s after startedAt",
        ),
    ],
)
def test_an_account_of_no_use_is_refused_and_nothing_written(tmp_path, text, expected):
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(RecordingError, match=expected):
        import_files([tmp_path / "a.json"], tmp_path / "call", kind="vapi-call")
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


def test_damaged_and_swollen_gzip_is_told(tmp_path, call, monkeypatch):
    (tmp_path / "cut.gz").write_bytes((call / "log.gz").read_bytes()[:-20])
    with pytest.raises(RecordingError, match=r"cut\.gz: "):
        import_files([tmp_path / "cut.gz"], tmp_path / "call")
    monkeypatch.setattr("simkit.recording.vapi_call.MAX_BYTES", 100_000)
    (tmp_path / "bomb.gz").write_bytes(gzip.compress(b" " * 1_000_000))
    with pytest.raises(RecordingError, match=r"bomb\.gz: over 100,000 bytes"):
        import_files([tmp_path / "bomb.gz"], tmp_path / "call")


def test_files_that_do_not_go_together_are_told(tmp_path, call):
    with pytest.raises(RecordingError, match="2 files of the kinds vapi-call, vapi-log; expected"):
        import_files([call / "call.json", call / "log.gz"], tmp_path / "call")


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_a_damaged_account_is_imported_or_refused_and_nothing_else(tmp_path_factory, call, data):
    tmp_path = tmp_path_factory.mktemp("damaged")
    account = json.loads((call / "call.json").read_text())
    text = json.dumps({"startedAt": account["startedAt"], "messages": account["messages"]})
    at = data.draw(st.integers(0, len(text) - 1))
    junk = data.draw(st.sampled_from(["", "{", "1e99", "-", '"', "[]", "null", "\ud800"]))
    text = text[:at] + junk + text[at + data.draw(st.integers(0, 9)) :]
    (tmp_path / "a.json").write_bytes(text.encode("utf-8", "surrogatepass"))
    try:
        import_files([tmp_path / "a.json"], tmp_path / "call", kind="vapi-call")
    except RecordingError:
        assert [path.name for path in tmp_path.iterdir()] == ["a.json"]
    else:
        read(tmp_path / "call")
