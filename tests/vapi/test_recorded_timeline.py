"""The one recorded call: what the fake sends, in which order and when, beside the recording.

Section 2.8 of the protocol sheet; seconds since the socket opened, at the client.
"""

from __future__ import annotations

import asyncio
import random

import pytest

from simkit.audio import voice
from simkit.vapi import Reply
from simkit.vapi.assistant import CLIENT_MESSAGES

FIRST_ONSET, FIRST_END = 0.601, 1.121
SECOND_ONSET, SECOND_END = 13.165, 15.505
SECOND_TEXT = "could you tell me when the office is open on friday"
GREETING = " ".join(["Thanks for calling the office, this is the assistant speaking."] * 3)

RECORDED = [
    (0.139, "status-update in-progress"),
    (0.980, "speech-update started user 0"),
    (1.514, "transcript partial user"),
    (1.604, "conversation-update"),
    (1.604, "transcript final user"),
    (1.660, "speech-update started assistant 0"),
    (1.813, "audio"),
    (1.823, "speech-update stopped user 0"),
    (10.593, "speech-update stopped assistant 0"),
    (10.754, "transcript final assistant"),
    (10.754, "conversation-update"),
    (13.502, "speech-update started user 1"),
    (13.839, "transcript partial user"),
    (14.558, "transcript partial user"),
    (15.050, "transcript partial user"),
    (16.248, "conversation-update"),
    (16.249, "transcript final user"),
    (16.269, "speech-update stopped user 1"),
    (17.554, "model-output"),
    (17.555, "voice-input"),
    (21.249, "hang"),
    (29.699, "model-output"),
    (29.700, "voice-input"),
]
"""The partial transcripts of the assistant apart; the sheet does not date the last voice-input and
the last conversation-update of the greeting."""
ASSISTANT_PARTIALS = (17, 2.109, 10.526)


async def ack(heard):
    """What the model of the recorded call did: two outputs, neither of them ever spoken."""
    await asyncio.sleep(1.305)
    yield Reply("One moment.", spoken=False, output="One moment. <flush /> ")
    await asyncio.sleep(29.699 - 17.554)
    yield Reply("We are open until five.", spoken=False)


def shown(message) -> str:
    words = [message["type"]]
    words += [message[key] for key in ("status", "transcriptType", "role") if key in message]
    if message["type"] == "speech-update":
        words.append(str(message["turn"]))
    return " ".join(words)


async def until(client, when):
    """Send silence in real time until ``when``, to the millisecond."""
    left = round(when - (client.sim.now - client.opened), 6)
    await client.speak(None, int(left / 0.02) * 0.02)
    await asyncio.sleep(round(when - (client.sim.now - client.opened), 6))


async def hold(sim, client, partials=(), first=None, second=None):
    """Hold the recorded call; returns what was told, and when the assistant's partials came."""
    sim.vapi_host.access_latency = 0.0  # the recording's clock is Vapi's, seen from its client
    draw = random.Random(7)
    greeting = voice.speak(GREETING, draw, seconds=10.593 - 0.067 - 1.813)
    hello = voice.speak("Hello.", draw, seconds=FIRST_END - FIRST_ONSET)
    question = voice.speak(SECOND_TEXT, draw, seconds=SECOND_END - SECOND_ONSET)
    question = voice.Speech(question.text, question.samples, question.words, partials)
    assistant = sim.vapi.assistant(
        first_message=greeting,
        first_message_mode="assistant-waits-for-user",
        replies=ack,
        system_prompt="You are the assistant of an office.",
        assistant_id="7f0a",
        assistant_name="Office",
        assistant_partials=True,
        client_messages=[*CLIENT_MESSAGES, "model-output", "voice-input"],
        **(first or {}),
    )
    await client.open()
    # A frame arrives when its 20 ms are over.
    await until(client, FIRST_ONSET + 0.02)
    sim._repertoire.add(hello)
    await client.speak(hello)
    await until(client, 12.0)
    for name, value in (second or {}).items():
        setattr(assistant, name, value)
    await until(client, SECOND_ONSET + 0.02)
    sim._repertoire.add(question)
    await client.speak(question)
    await until(client, 32.0)
    told = [(at, shown(message)) for at, message in client.told]
    told.append((client.voiced[0], "audio"))
    own = [at for at, words in told if words == "transcript partial assistant"]
    return sorted(
        (entry for entry in told if "partial assistant" not in entry[1]), key=lambda entry: entry[0]
    ), own


def table(told):
    """Both timelines side by side, for people."""
    rows = [f"{'recorded':>8}  {'here':>8}  {'ms':>5}"]
    for (then, what), (now, _) in zip(RECORDED, told, strict=True):
        rows.append(f"{then:8.3f}  {now:8.3f}  {round((now - then) * 1000):+5}  {what}")
    return "\n".join(rows)


async def test_the_recorded_call_is_reproduced_to_a_frame_or_two(sim, client):
    """With what this one call had of its own set: when each transcript came after the voice."""
    told, own = await hold(
        sim,
        client,
        ((SECOND_TEXT[:9], 0.674), (SECOND_TEXT[:22], 1.393), (SECOND_TEXT[:31], 1.885)),
        {"first_partial_after": 0.913, "final_after": 0.483, "stopped_after": 0.702},
        {"final_after": 0.744, "stopped_after": 0.764},
    )
    print(table(told))
    assert [what for _, what in told] == [what for _, what in RECORDED]
    for (now, what), (then, _) in zip(told, RECORDED, strict=True):
        assert now == pytest.approx(then, abs=0.03), what
    count, first, last = ASSISTANT_PARTIALS
    assert abs(len(own) - count) <= 2
    assert own[0] == pytest.approx(first, abs=0.03)
    assert own[-1] == pytest.approx(last, abs=0.48)


async def test_the_defaults_come_close_to_the_recorded_call(sim, client):
    """The two turns of the recording differ among themselves by up to 260 ms."""
    told, _ = await hold(sim, client)
    print(table_by_kind(told))
    for what, nth, tolerance in (
        ("status-update in-progress", 0, 0.005),
        ("speech-update started user 0", 0, 0.03),
        ("transcript final user", 0, 0.15),
        ("speech-update started assistant 0", 0, 0.15),
        ("audio", 0, 0.15),
        ("speech-update stopped user 0", 0, 0.05),
        ("speech-update stopped assistant 0", 0, 0.15),
        ("transcript final assistant", 0, 0.15),
        ("speech-update started user 1", 0, 0.03),
        ("transcript partial user", 1, 0.03),
        ("transcript final user", 1, 0.15),
        ("speech-update stopped user 1", 0, 0.05),
        ("hang", 0, 0.15),
    ):
        then, now = (
            [at for at, entry in timeline if entry == what][nth] for timeline in (RECORDED, told)
        )
        assert now == pytest.approx(then, abs=tolerance), what


def table_by_kind(told):
    """What the defaults make of it, each beside the recorded one of its kind and number."""
    rows, seen = [], {}
    for now, what in told:
        seen[what] = seen.get(what, 0) + 1
        then = [at for at, entry in RECORDED if entry == what][seen[what] - 1 : seen[what]]
        rows.append(f"{then[0] if then else '':8}  {now:8.3f}  {what}")
    return "\n".join(rows)
