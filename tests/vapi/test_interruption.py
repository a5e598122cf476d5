"""The caller interrupts: what stops, in which order, and what of it was said."""

from __future__ import annotations

import itertools

import pytest

from simkit.vapi.assistant import INTERRUPT_ORDERS
from tests.vapi.test_turn_taking import ALL, caller_says, finals, said

LONG = "This is going to be a rather long speech about everything and nothing at all."


async def interrupted(sim, client, text="wait", pause=3.0, **settings):
    """Have the caller talk over the first message; returns when ``user-interrupted`` came."""
    sim.vapi.assistant(first_message=LONG, replies=["Yes."], **settings)
    await client.open()
    await client.speak(None, 1.0)
    client.began = sim.now - client.opened
    await caller_says(sim, client, text, pause=pause)
    return [at for at, _ in client.of("user-interrupted")]


def last_voiced(client, before):
    return max(at for at in client.voiced if at < before)


@pytest.mark.parametrize("order", INTERRUPT_ORDERS)
@pytest.mark.parametrize("gap", [0.0, 0.1])
async def test_the_order_of_message_audio_and_stop_is_a_knob(sim, client, order, gap):
    [told] = await interrupted(
        sim, client, interrupt_order=order, interrupt_gap=gap, audio_after_interrupt=1
    )
    [(stopped, _), *_] = client.of("speech-update", role="assistant", status="stopped")
    silent = last_voiced(client, told + 0.9)
    found = {"message": told, "audio": silent, "stopped": stopped}
    steps = order.split(", ")
    for earlier, later in itertools.pairwise(steps):
        assert found[later] - found[earlier] == pytest.approx(gap, abs=0.02)
    # In one instant, too, that is the order on the wire.
    assert sorted(steps, key=lambda step: _place(client, step)) == steps
    # Whatever the order: one stop, and the transcript of what was said comes after all of it.
    assert len(said(client)) == 2
    assert LONG.startswith(said(client)[0])
    [(transcript, _), *_] = client.of("transcript", role="assistant")
    assert transcript - max(found.values()) == pytest.approx(0.160, abs=0.021)


def _place(client, step):
    """Return which frame of the first reply was the last of this kind."""
    stops = {"message": {"type": "user-interrupted"}, "stopped": {"status": "stopped"}}
    if step in stops:
        wanted = stops[step].items() | ({"role": "assistant"} if step == "stopped" else {}).items()
        return next(
            number
            for number, frame in enumerate(client.frames)
            if isinstance(frame, dict) and wanted <= _flat(frame).items()
        )
    second = [
        number
        for number, frame in enumerate(client.frames)
        if isinstance(frame, dict)
        and (frame.get("role"), frame.get("status")) == ("assistant", "started")
    ][1]
    return max(
        number
        for number, frame in enumerate(client.frames[:second])
        if isinstance(frame, bytes) and frame.strip(b"\0")
    )


def _flat(frame):
    return {key: value for key, value in frame.items() if isinstance(value, str)}


async def test_a_reaction_time_can_be_set(sim, client):
    [told] = await interrupted(sim, client, interrupt_delay=0.075)
    assert told - client.began - 0.02 == pytest.approx(0.275, abs=0.021)


@pytest.mark.parametrize(("text", "count"), [("yeah", 0), ("uh-huh", 0), ("stop", 1), ("maybe", 0)])
async def test_phrases_decide_where_words_interrupt(sim, client, text, count):
    assert len(await interrupted(sim, client, text, num_words=2)) == count


@pytest.mark.parametrize("text", ["okay", "maybe"])
async def test_what_does_not_interrupt_gets_no_answer_that_would(sim, client, text):
    await interrupted(sim, client, text, num_words=2, pause=6.0)
    assert len(finals(client)) == 1
    assert said(client) == [LONG]
    await caller_says(sim, client, "okay", 2)
    assert said(client) == [LONG, "Yes."]


async def test_a_slow_interruption_does_not_cost_the_caller_the_answer(sim, client):
    [told] = await interrupted(sim, client, interrupt_delay=2.0, pause=6.0)
    assert told > finals(client)[0]
    assert said(client)[1:] == ["Yes."]


async def test_words_interrupt_with_the_partial_that_has_enough_of_them(sim, client):
    text = "could you perhaps tell me something else"
    [told] = await interrupted(sim, client, text, num_words=3)
    at = [
        (when, len(message["transcript"].split()))
        for when, message in client.of("transcript", transcriptType="partial")
    ]
    assert told == next(when for when, words in at if words >= 3)


@pytest.mark.parametrize("backoff", [0.0, 1.0, 3.0])
async def test_nothing_is_said_before_the_backoff_is_over(sim, client, backoff):
    [told] = await interrupted(sim, client, backoff_seconds=backoff, pause=5.0)
    again = next(at for at in client.voiced if at > told + 0.1)
    usual = finals(client)[0] + 0.350 + 0.320 + 0.150
    assert again == pytest.approx(max(told + backoff, usual), abs=0.025)


async def test_the_history_keeps_what_was_spoken_and_nothing_else(sim, client):
    [told] = await interrupted(sim, client, lead=60.0)
    history = sim.vapi.calls[0].socket.conversation.history
    assert [entry.role for entry in history] == ["assistant", "user", "assistant"]
    cut = history[0]
    assert LONG.startswith(cut.text)
    # A minute was sent ahead, but the caller can have heard 1.1 s of it when the word came.
    assert len(cut.text.split()) < 7
    assert cut.end_ns / 1e9 - client.opened == pytest.approx(told, abs=0.03)
    assert history[1].text == "wait"
    assert history[1].start_ns / 1e9 - client.opened - 0.02 == pytest.approx(client.began, abs=0.03)
    [*_, (_, update)] = client.of("conversation-update")
    assert [entry["content"] for entry in update["conversation"]] == [cut.text, "wait", "Yes."]


@pytest.mark.parametrize("pause_ms", range(480, 1800, 260))
async def test_exactly_the_words_whose_audio_left_are_in_the_history(sim, client, pause_ms):
    sim.vapi.assistant(first_message=LONG)
    await client.open()
    await client.speak(None, pause_ms / 1000)
    await caller_says(sim, client, "wait")
    # From the announced beginning of the audio to the interruption.
    [(started, _), *_] = client.of("speech-update", role="assistant", status="started")
    before = client.frames[: client.frames.index({"type": "user-interrupted"})]
    frames = sum(isinstance(frame, bytes) for frame in before)
    frames -= sum(at <= started + 0.149 for at, _ in client.sound)
    speech = sim._repertoire[0]
    assert speech.text == LONG
    expected = [word.text for word in speech.words if word.end <= frames * 160]
    assert " ".join(said(client)) == " ".join(expected)


async def test_the_turn_id_goes_with_the_interruption_when_the_model_is_shown(sim, client):
    sim.vapi.assistant(replies=[LONG, "Yes."], client_messages=ALL)
    await client.open()
    await caller_says(sim, client, "hello", pause=2.0)
    await caller_says(sim, client, "wait", 2)
    [(_, output), *_] = client.of("model-output")
    [(_, message)] = client.of("user-interrupted")
    assert message["turnId"] == output["turnId"]


async def test_what_the_answer_will_cut_off_is_interrupted_however_short_the_voice_was(sim, client):
    [told] = await interrupted(sim, client, voice_seconds=2.0)
    assert told == finals(client)[0]
    assert said(client) == [said(client)[0], "Yes."]
    assert LONG.startswith(said(client)[0])


async def test_no_answer_is_announced_before_it_is_told_of_the_interruption(sim, client):
    [told] = await interrupted(
        sim, client, interrupt_delay=2.0, interrupt_gap=0.5, backoff_seconds=0.0, pause=4.0
    )
    [_, (answered, _)] = client.of("speech-update", role="assistant", status="started")
    assert told == answered
    [first, *_] = [
        message["type"] if message["type"] != "speech-update" else message["status"]
        for at, message in client.told
        if at == told
    ]
    assert first != "started"


async def test_nobody_is_told_of_a_voice_after_what_it_said(sim, client):
    sim.vapi.assistant(speech_started_after=2.0, final_after=0.1, first_message=None)
    await client.open()
    await caller_says(sim, client, "wait")
    kinds = [
        (message["type"], message.get("status") or message.get("transcriptType"))
        for _, message in client.told
        if message.get("role") == "user"
    ]
    assert kinds == [
        ("speech-update", "started"),
        ("transcript", "final"),
        ("speech-update", "stopped"),
    ]
