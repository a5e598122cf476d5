"""What a world sees of a program besides its messages: what it logs, keeps and plays."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
from random import Random

import httpx
import numpy as np
import pytest
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from websockets.asyncio.client import connect

from simkit.audio import AudioFileError, Speech, mulaw, voice
from simkit.audio.speech import timed_by_letters
from simkit.bridge.fallback import TEXT, bundled_clip
from simkit.recording import own_bridge

LOG = logging.getLogger("some.bridge")
TWIML = '<Response><Connect><Stream url="wss://bridge.example.com/media"/></Connect></Response>'
MULAW = {"format": "mulaw", "container": "raw", "sampleRate": 8000}


async def twiml(request):
    return Response(TWIML, media_type="text/xml")


def logged(sim):
    return [event.fields["message"] for event in sim.timeline.of("log")]


@pytest.mark.parametrize(
    ("text", "is_told"),
    [
        ("caller audio: 20 frames dropped", True),
        ("Discarding media, the queue is full", True),
        ("connection dropped", False),
        ("audio comes late", False),
    ],
)
def test_what_is_logged_of_dropped_audio_is_on_the_timeline(sim, text, is_told):
    async def says():
        LOG.warning("call %d: " + text, 7)

    sim.run(says())
    assert logged(sim) == ([f"call 7: {text}"] if is_told else [])
    assert str(sim.timeline) == ""


def test_only_what_the_level_lets_through_was_said(sim):
    async def says():
        LOG.debug("dropping audio")
        LOG.warning("dropping audio: %d", "seven")  # logging itself complains

    logging.raiseExceptions, before = False, logging.raiseExceptions
    try:
        sim.run(says())
    finally:
        logging.raiseExceptions = before
    assert logged(sim) == []


def test_nothing_is_left_of_it_in_logging(sim):
    before = logging.getLogRecordFactory()
    sim.run(asyncio.sleep(1))
    assert logging.getLogRecordFactory() is before


class Queued:
    """A bridge that puts what the caller says into a queue without a bound."""

    def __init__(self):
        self.app = Starlette(
            routes=[
                Route("/voice/inbound", twiml, methods=["POST"]),
                WebSocketRoute("/media", self.media),
            ]
        )

    async def media(self, twilio):
        await twilio.accept()
        queue = asyncio.Queue()
        async with httpx.AsyncClient() as http:
            body = {"transport": {"provider": "vapi.websocket", "audioFormat": MULAW}}
            call = await http.post(
                "https://api.vapi.ai/call", headers={"Authorization": "Bearer key"}, json=body
            )
        async with connect(call.json()["transport"]["websocketCallUrl"]) as vapi:
            pump = asyncio.create_task(self.pump(queue, vapi))
            ignore = asyncio.create_task(self.ignore(vapi))
            async for text in twilio.iter_text():
                message = json.loads(text)
                if message["event"] == "media":
                    queue.put_nowait(base64.b64decode(message["media"]["payload"]))
            for task in (pump, ignore):
                task.cancel()
            await asyncio.gather(pump, ignore, return_exceptions=True)

    async def pump(self, queue, vapi):
        while True:
            await vapi.send(await queue.get())

    async def ignore(self, vapi):
        async for _ in vapi:
            pass


def stalls(sim, seconds: float, patience: float):
    """Vapi does not read for so long, and then does; the caller says something meanwhile."""

    async def caller():
        call = await sim.twilio.call(to="+15550100")
        await call.stays_silent(1.0)
        transport = sim.vapi.calls[-1].socket.transport
        transport.pause_reading()
        await call.stays_silent(seconds / 2)
        await call.says("is anybody there?")
        await call.stays_silent(seconds / 2)
        transport.resume_reading()
        await call.stays_silent(patience)
        await call.hangs_up()

    sim.host("bridge.example.com").serve(Queued().app)
    sim.link("bridge.example.com", "api.vapi.ai").towards("api.vapi.ai").window = 4096
    sim.vapi.assistant()
    sim.run(caller())
    return {result.name: result.sentence for result in sim.checks.broken()}


def test_a_queue_without_a_bound_behind_a_slow_reader_is_found_out(sim):
    broken = stalls(sim, 40.0, 5.0)
    assert "was kept for" in broken["bounded-buffers"]
    [slow] = sim.timeline.of("slow-reader")
    assert slow.fields["peer"] == "api.vapi.ai:443"
    assert slow.fields["last_ns"] is not None


def test_so_it_is_when_the_reader_never_comes_back(sim):
    sim.checks.waive("clean-teardown", reason="it waits for the reader")
    broken = stalls(sim, 60.0, 0.0)
    assert "bounded-buffers" in broken


def test_a_short_stall_is_no_matter(sim):
    assert "bounded-buffers" not in stalls(sim, 10.0, 5.0)


def test_a_clip_of_the_bridges_own_is_heard_by_its_words(sim):
    sim.knows(mulaw.decode(bundled_clip()), TEXT)
    [clip] = sim.timeline.of("clip")
    assert clip.fields["text"] == TEXT
    assert sim.measures.clips_ms == 0.0
    assert str(sim.timeline) == ""


def test_speech_of_the_bridges_own_is_known_by_its_own_words(sim):
    line = voice.speak("One moment, please.", Random(1))
    sim.knows(line)
    [clip] = sim.timeline.of("clip")
    assert clip.fields["text"] == "One moment, please."
    assert sim.repertoire[clip.fields["utterance"]] is line


@pytest.mark.parametrize("pause", [0.15, 1.0, 2.5])
def test_words_with_a_pause_between_them_are_complete_and_intact(sim, pause):
    text = "Let me see. It is on Tuesday."
    first, last = (voice.speak(part, Random(1)).samples for part in (text[:11], text[12:]))
    samples = np.concatenate((first, np.zeros(round(8000 * pause), np.int16), last))
    speech = Speech(text, samples, timed_by_letters(text, samples))

    async def talk():
        call = await sim.twilio.call(to="+15550100")
        await call.hears("on Tuesday.")
        await call.says(speech)
        await call.stays_silent(2)
        await call.hangs_up()

    sim.host("bridge.example.com").serve(own_bridge())
    sim.vapi.assistant(first_message=speech)
    sim.run(talk())
    sim.finish()
    assert sim.checks.broken() == []


def test_a_clip_that_is_none_is_refused(sim, tmp_path):
    with pytest.raises(ValueError, match=r"int16 samples.*found float64 of shape \(3,\)"):
        sim.knows(np.zeros(3))
    with pytest.raises(ValueError, match=r"found int16 of shape \(0,\)"):
        sim.knows(np.zeros(0, np.int16))
    with pytest.raises(AudioFileError, match=r"none\.wav"):
        sim.knows(tmp_path / "none.wav")
