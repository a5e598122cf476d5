"""What remains of a call: messages, measures, costs, recordings, the log."""

from __future__ import annotations

import asyncio
import gzip
import io
import json
import random

import httpx
import numpy as np
import pytest
import soundfile

from simkit.audio import voice
from tests.vapi.conftest import HEADERS, URL

FIRST = "Good morning."
KINDS = ("mono", "stereo", "customer", "assistant")


def spoken(sim, text, seed=1):
    speech = voice.speak(text, random.Random(seed))
    sim._repertoire.add(speech)
    return speech


async def get(path, *, headers=HEADERS, follow=False):
    async with httpx.AsyncClient(verify=False, follow_redirects=follow) as http:
        return await http.get(path if path.startswith("http") else URL + path, headers=headers)


async def hold_a_call(sim, client, **config):
    """Greeting, question, answer; then the client hangs up."""
    sim.vapi.assistant(first_message=FIRST, replies=["It is noon."])
    client.body = {"assistantOverrides": config} if config else {}
    await client.open()
    await client.speak(None, 2.0)
    await client.speak(spoken(sim, "what time is it"))
    await client.speak(None, 4.0)
    await client.socket.close()
    await asyncio.sleep(4)
    return (await get(f"/call/{client.call['id']}")).json()


async def test_messages_have_vapis_units(sim, client):
    model = {"messages": [{"role": "system", "content": "Be brief."}]}
    call = await hold_a_call(sim, client, model=model)
    messages = call["artifact"]["messages"]
    assert [(m["role"], m["message"]) for m in messages] == [
        ("system", "Be brief."),
        ("bot", FIRST),
        ("user", "what time is it"),
        ("bot", "It is noon."),
    ]
    start = messages[0]["time"]
    assert messages[0]["secondsFromStart"] == 0
    for message in messages[1:]:
        assert message["secondsFromStart"] == (message["time"] - start) / 1000
        assert message["duration"] == message["endTime"] - message["time"]
    bot = messages[1]
    assert bot["source"] == ""
    assert bot["secondsFromStart"] == pytest.approx(0.46, abs=0.001)
    assert call["messages"] == messages


async def test_what_a_bot_says_in_a_row_is_one_message(sim, client):
    sim.vapi.assistant(first_message=FIRST)
    await client.open()
    await client.speak(None, 2.0)
    sim.vapi.calls[0].socket.conversation.say("Are you there?")
    await client.speak(None, 3.0)
    await client.socket.close()
    await asyncio.sleep(4)
    artifact = (await get(f"/call/{client.call['id']}")).json()["artifact"]
    [bot] = artifact["messages"]
    assert bot["message"] == f"{FIRST} Are you there?"
    # The duration counts audio, not the pause between.
    assert bot["duration"] < bot["endTime"] - bot["time"]
    assert len(artifact["messagesOpenAIFormatted"]) == 2


async def test_a_user_begins_when_the_transcriber_noticed(sim, client):
    call = await hold_a_call(sim, client)
    [(started, _)] = client.of("speech-update", role="user", status="started")
    [user] = [m for m in call["artifact"]["messages"] if m["role"] == "user"]
    # The socket opened at Vapi one flight before the client knew, and the news flew as long.
    assert user["secondsFromStart"] == pytest.approx(started, abs=0.002)


async def test_the_transcript_and_the_open_form_say_the_same(sim, client):
    artifact = (await hold_a_call(sim, client))["artifact"]
    assert artifact["transcript"] == f"AI: {FIRST}\nUser: what time is it\nAI: It is noon.\n"
    assert [m["role"] for m in artifact["messagesOpenAIFormatted"]] == [
        "assistant",
        "user",
        "assistant",
    ]


async def test_turns_are_measured(sim, client):
    call = await hold_a_call(sim, client)
    metrics = call["artifact"]["performanceMetrics"]
    [turn] = metrics["turnLatencies"]
    parts = ("model", "voice", "transcriber", "endpointing")
    assert turn["turnLatency"] == sum(turn[f"{part}Latency"] for part in parts)
    assert (turn["modelLatency"], turn["voiceLatency"]) == (350, 320)
    _, user, bot = call["artifact"]["messages"]
    assert turn["turnLatency"] == pytest.approx(bot["time"] - user["endTime"], abs=1)
    assert metrics["turnLatencyAverage"] == turn["turnLatency"]


async def test_an_interrupted_message_is_cut_to_what_was_spoken(sim, client):
    sim.vapi.assistant(first_message="This is going to be a rather long speech.")
    await client.open()
    await client.speak(None, 1.0)
    await client.speak(spoken(sim, "wait"))
    await client.speak(None, 2.0)
    await client.socket.close()
    await asyncio.sleep(4)
    artifact = (await get(f"/call/{client.call['id']}")).json()["artifact"]
    bot = next(m for m in artifact["messages"] if m["role"] == "bot")
    assert "This is going".startswith(bot["message"][:13])
    assert not bot["message"].endswith("speech.")
    assert artifact["performanceMetrics"]["numAssistantInterrupted"] == 1


async def test_an_artifact_takes_its_time(sim, client):
    await client.open()
    await client.socket.close()
    await asyncio.sleep(1)
    call = (await get(f"/call/{client.call['id']}")).json()
    assert (call["status"], call["endedReason"]) == ("ended", "customer-ended-call")
    assert "artifact" not in call
    await asyncio.sleep(2)
    assert "artifact" in (await get(f"/call/{client.call['id']}")).json()


# Recordings


def read(response):
    assert response.headers["content-type"] == "audio/wav"
    return soundfile.read(io.BytesIO(response.content), dtype="int16")


async def test_recordings_hold_what_was_sent_and_received(sim, client):
    sim.vapi.account.recording = "always"
    await hold_a_call(sim, client)
    files = {
        kind: read(await get(f"/call/{client.call['id']}/{kind}-recording", follow=True))
        for kind in KINDS
    }
    assert {rate for _, rate in files.values()} == {16000}
    customer, assistant = files["customer"][0], files["assistant"][0]
    sent = np.frombuffer(b"".join(frame for _, frame in client.sound), np.int16)
    voiced = np.flatnonzero(sent)
    exact = sent[voiced[0] : voiced[-1] + 1]
    at = np.flatnonzero(assistant)[0]
    assert np.array_equal(assistant[at : at + len(exact)], exact)
    # What the client said began two seconds and a flight after the socket opened.
    assert np.flatnonzero(customer)[0] / 16000 == pytest.approx(2.02, abs=0.03)
    stereo = files["stereo"][0]
    assert np.array_equal(stereo[:, 0], customer)
    assert np.array_equal(stereo[:, 1], assistant)
    both = customer.astype(int) + assistant
    assert np.array_equal(files["mono"][0], np.clip(both, -32768, 32767))


async def test_mulaw_is_recorded_as_what_it_means(sim, client):
    sim.vapi.account.recording = "always"
    sim.vapi.account.stereo_order = "assistant left"
    sim.vapi.assistant(first_message=FIRST)
    await client.open(audioFormat={"format": "mulaw", "container": "raw", "sampleRate": 8000})
    await asyncio.sleep(2)
    await client.socket.send(b"\x00" * 160)
    await asyncio.sleep(0.5)
    await client.socket.close()
    await asyncio.sleep(4)
    path = f"/call/{client.call['id']}/stereo-recording"
    sound, rate = read(await get(path, follow=True))
    assert rate == 8000
    loud = np.flatnonzero(sound[:, 1])
    assert len(loud) == 160
    # Two seconds in which nothing came are two seconds of silence.
    assert loud[0] / 8000 == pytest.approx(2.02, abs=0.005)
    assert sound[loud[0], 1] == -32124
    assert np.any(sound[:, 0])


@pytest.mark.parametrize(
    ("knob", "plan", "is_there"),
    [
        ("when asked", None, False),
        ("when asked", True, True),
        ("when asked", False, False),
        ("always", None, True),
        ("always", False, False),
        ("never", True, False),
    ],
)
async def test_calls_are_recorded_as_told(sim, client, knob, plan, is_there):
    sim.vapi.account.recording = knob
    if plan is not None:
        client.body = {"assistantOverrides": {"artifactPlan": {"recordingEnabled": plan}}}
    await client.open()
    await client.socket.close()
    await asyncio.sleep(4)
    response = await get(f"/call/{client.call['id']}/mono-recording")
    assert response.status_code == (302 if is_there else 404)
    call = (await get(f"/call/{client.call['id']}")).json()
    assert ("recordingUrl" in call) == is_there


async def test_storage_wants_no_authorization(sim, client):
    sim.vapi.account.recording = "always"
    await hold_a_call(sim, client)
    url = (await get(f"/call/{client.call['id']}/mono-recording")).headers["location"]
    assert url.startswith("https://storage.vapi.ai/")
    refused = await get(url, headers={"Authorization": "Bearer key"})
    assert refused.status_code == 400
    assert "Only one auth mechanism allowed" in refused.text
    assert (await get(url, headers={})).status_code == 200


async def test_a_signed_url_runs_out_and_cannot_be_forged(sim, client):
    await hold_a_call(sim, client)
    await asyncio.sleep(60)
    url = (await get(f"/call/{client.call['id']}/call-logs")).headers["location"]
    for forged in (url[:-1] + "g", url.replace("X-Amz-Expires=3600", "X-Amz-Expires=9999")):
        assert "SignatureDoesNotMatch" in (await get(forged, headers={})).text
    bare = url.partition("?")[0]
    assert (await get(bare, headers={})).status_code == 403
    assert (await get(url, headers={})).status_code == 200
    await asyncio.sleep(3601)
    late = await get(url, headers={})
    assert (late.status_code, "expired" in late.text) == (403, True)


async def test_a_recording_of_a_deleted_call_is_gone(sim, client):
    sim.vapi.account.recording = "always"
    await hold_a_call(sim, client)
    url = (await get(f"/call/{client.call['id']}/mono-recording")).headers["location"]
    async with httpx.AsyncClient(verify=False) as http:
        await http.delete(f"{URL}/call/{client.call['id']}", headers=HEADERS)
    assert (await get(url, headers={})).status_code == 404


@pytest.mark.parametrize("name", ["video-recording", "pcap"])
async def test_what_such_a_call_never_has_is_a_404(sim, client, name):
    await hold_a_call(sim, client)
    assert (await get(f"/call/{client.call['id']}/{name}")).status_code == 404


# The log


async def rows_of(client):
    response = await get(f"/call/{client.call['id']}/call-logs", follow=True)
    assert response.headers["content-type"] == "application/gzip"
    return [json.loads(line) for line in gzip.decompress(response.content).splitlines()]


async def test_the_log_is_there_after_a_minute(sim, client):
    await hold_a_call(sim, client)
    path = f"/call/{client.call['id']}/call-logs"
    assert (await get(path)).status_code == 404
    await asyncio.sleep(60)
    rows = await rows_of(client)
    assert [row["time"] for row in rows] == sorted(row["time"] for row in rows)
    events = [row["attributes"].get("event") for row in rows]
    for event in (
        "call.started",
        "call.inProgress",
        "pipeline.botSpeechStarted",
        "pipeline.userSpeechStarted",
        "assistant.transcriber.partialTranscript",
        "assistant.transcriber.finalTranscript",
        "pipeline.endpointingTriggered",
        "assistant.model.firstTokenReceived",
        "assistant.voice.firstAudioReceived",
        "call.ended",
    ):
        assert event in events
    assert events[-1] == "call.ended"
    [final] = [row for row in rows if "finalTranscript" in row["body"]]
    assert final["attributes"]["transcript"] == "what time is it"
    [token] = [row for row in rows if row["body"] == "LLM first token received"]
    assert token["attributes"]["latency"] == 350
    assert [r["attributes"]["text"] for r in rows if r["body"] == "Voice input"] == [
        FIRST,
        "It is noon.",
    ]


async def test_a_log_may_be_without_texts(sim, client):
    sim.vapi.account.log_payloads = False
    await hold_a_call(sim, client)
    await asyncio.sleep(60)
    assert {row["body"] for row in await rows_of(client)}.isdisjoint(
        {"Voice input", "Model output"}
    )


async def test_a_barge_in_stands_in_the_log(sim, client):
    sim.vapi.account.log_delay = 0.0
    sim.vapi.assistant(first_message="This is going to be a rather long speech.")
    await client.open()
    await client.speak(None, 1.0)
    await client.speak(spoken(sim, "wait"))
    await client.speak(None, 2.0)
    await client.socket.close()
    await asyncio.sleep(1)
    cleared = [row for row in await rows_of(client) if row["body"] == "pipeline.cleared"]
    assert [row["attributes"]["wasInterruption"] for row in cleared] == [True]
