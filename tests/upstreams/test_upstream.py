"""The seam: what simkit does for any service, with the smallest dialects."""

from __future__ import annotations

import asyncio
import random
import ssl

import numpy as np
import pytest
from websockets.asyncio.client import connect

from simkit.audio import mulaw, voice
from simkit.upstreams import Dialect, Upstream
from simkit.vapi import Reply
from simkit.wire.vapi import AudioFormat
from tests.upstreams.conftest import SILENCE

HOST = "voice.example.com"
URL = f"wss://{HOST}/talk"


class Plain(Dialect):
    """Sound as binary frames, and a word for everything that happens."""

    name = "plain"

    def speech_started(self, at_ms):
        return f"started {at_ms}"

    def speech_stopped(self, at_ms):
        return [f"stopped {at_ms}", "listening"]

    def transcript(self, text):
        return {"heard": text}

    def thinks(self, said):
        return f"thinks {said.number}"

    def begins(self, said):
        return f"begins {said.number}"

    def ends(self, said, reason):
        return f"ends {said.number} {reason}"

    def interrupted(self, said):
        return f"interrupted {said.number}"

    def text(self, data):
        self.session.note("command", said=data.decode())
        command, _, rest = data.decode().partition(" ")
        {
            "commit": self.session.end_turn,
            "forget": self.session.forget,
            "reply": self.session.reply,
            "stop": self.session.stop_reply,
            "say": lambda: self.session.say(rest, latency=0.1),
            "close": lambda: self.session.close(4000, rest),
            "8k": lambda: self.session.use(output=AudioFormat("pcm_s16le", "raw", 8000)),
        }[command]()


class Client:
    """Speaks mu-law in real time, and notes what it is told and when."""

    def __init__(self, sim) -> None:
        self.sim = sim
        self.told: list[tuple[float, str]] = []
        self.sound: list[tuple[float, bytes]] = []

    async def open(self, url: str = URL) -> None:
        self.socket = await connect(url, ssl=ssl.create_default_context())
        self.reader = asyncio.create_task(self.read())

    async def read(self) -> None:
        async for message in self.socket:
            notes = self.sound if isinstance(message, bytes) else self.told
            notes.append((self.sim.now, message))

    async def speak(self, samples, size: int = 160) -> None:
        sound = mulaw.encode(samples)
        for at in range(0, len(sound), size):
            await self.socket.send(sound[at : at + size])
            await asyncio.sleep(size / 8000)

    async def say(self, text: str, seconds: float = 1.0, silence: float = 1.0) -> None:
        speech = voice.speak(text, random.Random(text), seconds=seconds)
        self.sim._repertoire.add(speech)
        await self.speak(speech.samples)
        await self.silence(silence)

    async def silence(self, seconds: float) -> None:
        for _ in range(round(seconds * 50)):
            await self.socket.send(SILENCE * 160)
            await asyncio.sleep(0.02)

    @property
    def words(self) -> list[str]:
        return [word for _, word in self.told]

    def at(self, word: str) -> float:
        return next(at for at, told in self.told if told.startswith(word))


@pytest.fixture
def upstream(sim) -> Upstream:
    return sim.upstream(HOST, Plain)


@pytest.fixture
def client(sim) -> Client:
    return Client(sim)


async def test_a_turn_is_told_answered_and_remembered(sim, upstream, client):
    upstream.agent(first_message="Hello.", replies=["It is noon."], latency=0.3)
    await client.open()
    await asyncio.sleep(2)
    await client.say("what time is it?", silence=2.0)
    kinds = [word.split()[0] for word in client.words]
    assert kinds == [
        *("thinks", "begins", "ends"),
        *("started", "stopped", "listening", '{"heard":"what'),
        *("thinks", "begins", "ends"),
    ]
    assert client.at("begins 2") - client.at("stopped") == pytest.approx(0.3)
    assert upstream.sessions[0].history == [
        ("assistant", "Hello."),
        ("user", "what time is it?"),
        ("assistant", "It is noon."),
    ]
    assert sum(len(sound) for _, sound in client.sound) == sum(
        event.fields["duration_ns"] // 125_000 for event in sim.timeline.of("replies")
    )


async def test_a_reply_may_bring_its_own_latency(sim, upstream, client):
    upstream.agent(replies=[Reply("It is noon.", latency=1.5)])
    await client.open()
    await client.say("what time is it?", seconds=1.0, silence=3.0)
    opened = sim.timeline.of("open")[0].t_ns / 1e9
    # From the end of the words, as they arrive: up to a block of 20 ms later.
    assert client.at("begins") - opened == pytest.approx(1.0 + 1.5 + 0.02, abs=0.03)


async def test_a_script_may_be_a_function_of_what_was_heard(sim, upstream, client):
    upstream.agent(replies=lambda heard: "Yes, noon." if "noon" in heard else None)
    await client.open()
    await client.say("good morning")
    await client.say("is it noon?", silence=2.0)
    assert upstream.sessions[0].history == [
        ("user", "good morning"),
        ("user", "is it noon?"),
        ("assistant", "Yes, noon."),
    ]


@pytest.mark.parametrize(("speed", "takes"), [(1.0, 1.8), (4.0, 0.45), (float("inf"), 0.0)])
async def test_speech_is_sent_in_chunks_at_its_speed(sim, upstream, client, speed, takes):
    speech = voice.speak("this takes two seconds", random.Random(1), seconds=2.0)
    upstream.agent(first_message=speech, speed=speed, latency=0.0)
    await client.open()
    await asyncio.sleep(3)
    times = [at for at, _ in client.sound]
    # The last of ten chunks leaves nine steps after the first.
    assert len(times) == -(-len(speech.samples) // 1600)
    assert times[-1] - times[0] == pytest.approx(takes, abs=0.002)
    heard = mulaw.decode(b"".join(sound for _, sound in client.sound))
    assert heard.tolist() == mulaw.decode(mulaw.encode(speech.samples)).tolist()


async def test_who_speaks_while_it_would_still_play_interrupts(sim, upstream, client):
    upstream.agent(first_message="This was sent at once and plays on.", speed=100.0)
    await client.open()
    await asyncio.sleep(1)
    assert "ends 1 completed" in client.words
    await client.say("stop")
    assert "interrupted 1" in client.words


async def test_who_speaks_after_it_has_played_interrupts_nothing(sim, upstream, client):
    upstream.agent(first_message="Short.", speed=100.0)
    await client.open()
    await asyncio.sleep(3)
    await client.say("stop")
    assert "interrupted 1" not in client.words


async def test_an_agent_that_does_not_give_way_speaks_on(sim, upstream, client):
    upstream.agent(first_message="This goes on and on.", speed=1.0, gives_way=False)
    await client.open()
    await asyncio.sleep(0.8)
    await client.say("stop")
    assert "ends 1 completed" in client.words
    assert "interrupted 1" not in client.words


async def test_a_reply_that_gave_way_before_it_began_was_never_said(sim, upstream, client):
    upstream.agent(first_message="Hello.", latency=5.0)
    await client.open()
    await client.say("hello?")
    assert "ends 1 interrupted" in client.words
    assert "interrupted 1" not in client.words
    assert upstream.sessions[0].history == [("user", "hello?")]
    assert sim.timeline.of("replies") == []


async def test_a_click_is_no_turn_and_leaves_nothing_in_the_next(sim, upstream, client):
    await client.open()
    await client.speak(loud_noise(0.06))
    await client.silence(1.0)
    assert client.words == []
    await client.say("good morning")
    assert client.words[-1] == '{"heard":"good morning"}'


async def test_noise_makes_a_turn_without_words_and_is_answered(sim, upstream, client):
    upstream.agent(replies=["Pardon?"])
    await client.open()
    await client.speak(loud_noise(1.0))
    await client.silence(2.0)
    assert [word.split()[0] for word in client.words] == [
        *("started", "stopped", "listening", "thinks", "begins", "ends")
    ]
    assert sim.timeline.of("transcript") == []


def loud_noise(seconds: float):
    draw = np.random.default_rng(1)
    return (draw.normal(0, 3000, round(seconds * 8000))).astype(np.int16)


@pytest.mark.parametrize("size", [1, 160, 333, 1600])
async def test_frames_may_be_of_any_size(sim, upstream, client, size):
    await client.open()
    speech = voice.speak("good morning", random.Random(3), seconds=0.4)
    sim._repertoire.add(speech)
    await client.speak(speech.samples, size)
    await client.silence(1.0)
    assert client.words[-1] == '{"heard":"good morning"}'


async def test_the_client_may_end_a_turn_ask_stop_and_make_it_speak(sim, upstream, client):
    upstream.agent(replies=["One.", "Two goes on for quite a while."], listens_for_turns=False)
    await client.open()
    await client.say("good morning")
    assert client.words == []
    await client.socket.send("commit")
    await asyncio.sleep(1.5)
    assert client.words == ['{"heard":"good morning"}', "thinks 1", "begins 1", "ends 1 completed"]
    await client.socket.send("reply")
    await asyncio.sleep(0.6)
    await client.socket.send("stop")
    await client.socket.send("stop")  # there is nothing to stop any more
    await asyncio.sleep(0.5)
    assert client.words[4:] == ["thinks 2", "begins 2", "ends 2 cancelled"]
    await client.socket.send("say Something else, then, for as long as you like.")
    await client.socket.send("say No.")
    await asyncio.sleep(2)
    assert client.words[7:] == [
        *("thinks 3", "ends 3 replaced", "thinks 4", "begins 4", "ends 4 completed")
    ]


async def test_what_is_forgotten_was_never_said(sim, upstream, client):
    upstream.agent(listens_for_turns=False)
    await client.open()
    await client.say("good morning")
    await client.socket.send("forget")
    await client.say("good evening")
    await client.socket.send("commit")
    await asyncio.sleep(0.1)
    assert client.words == ['{"heard":"good evening"}']


async def test_formats_may_change_in_a_session(sim, upstream, client):
    upstream.agent(first_message="Hello.", replies=["Hello."], speed=float("inf"))
    await client.open()
    await asyncio.sleep(1)
    (_, first), *_ = client.sound
    await client.socket.send("8k")
    await client.socket.send("reply")
    await asyncio.sleep(1)
    assert (len(first), len(client.sound[-1][1]) % 2) == (1600, 0)
    assert len(client.sound[len(client.sound) // 2][1]) == 3200


async def test_either_side_may_close(sim, upstream, client):
    await client.open()
    await client.socket.send("close enough said")
    await client.socket.wait_closed()
    assert (client.socket.close_code, client.socket.close_reason) == (4000, "enough said")
    await client.open()
    await client.socket.close()
    await asyncio.sleep(0.1)
    assert [event.session for event in sim.timeline.of("close")] == [1, 2]


async def test_a_reply_stops_where_the_client_goes(sim, upstream, client):
    upstream.agent(first_message="This goes on and on and on.", speed=1.0)
    await client.open()
    await asyncio.sleep(1)
    await client.socket.close()
    await asyncio.sleep(5)
    (ended,) = sim.timeline.of("replied")
    assert ended.fields["interrupted"]
    assert ended.fields["audio_ns"] <= 1_000_000_000
