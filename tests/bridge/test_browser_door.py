"""The browser door, from the page's side: beside phone calls, and kept apart from them."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import numpy as np
import pytest
from websockets.exceptions import InvalidStatus

from simkit import checks
from simkit.audio import Speech, noise, resample
from simkit.vapi import Close
from tests.bridge.pages import DOOR, Page, spoken, understood
from tests.races.conftest import serve

__all__ = ["serve"]

NUMBER = "+15550100"


@pytest.fixture
async def opened(sim, serve):
    """Open pages; they are closed afterwards."""
    pages: list[Page] = []
    bridge = None

    async def open_one(path="", settings=None, **how) -> Page:
        nonlocal bridge
        if bridge is None:
            bridge = serve(**(DOOR | (settings or {})))
            await asyncio.sleep(0.1)
        page = await Page(sim).open(path=path, **how)
        page.bridge = bridge
        pages.append(page)
        return page

    yield open_one
    for page in pages:
        await page.close()
    assert bridge is None or not bridge.sessions


# A conversation


async def test_a_page_talks_with_the_agent(sim, opened):
    sim.vapi.assistant(first_message="Hello, page.", replies=["On Thursday then."])
    page = await opened()
    ready = await page.until("ready")
    assert ready == {"type": "ready", "sessionId": page.session}
    await page.speak(None, 2.5)
    await page.speak(spoken(sim, "could we do thursday instead"), 3.0)
    assert understood(sim) == ["could we do thursday instead"]
    assert page.heard() == ["Hello, page.", "On Thursday then."]
    assert page.of("partial")[-1][1]["text"].startswith("could we")
    assert not page.of("error") + page.of("interrupt")
    numbers = [told["sequence"] for _, told in page.of("audio")]
    assert numbers == list(range(1, len(numbers) + 1))
    assert {told["sampleRate"] for _, told in page.of("audio")} == {16000}


@pytest.mark.parametrize(
    ("rate", "settings"),
    [
        (8000, {}),
        (48000, {}),
        (16000, {"vapi_dialect": "seed"}),
        (16000, {"vapi_rate": 24000}),
        (44100, {"vapi_format": "mulaw"}),
    ],
)
async def test_any_rate_and_any_format_are_understood(sim, opened, rate, settings):
    sim.vapi.assistant(replies=["On Thursday then."])
    page = await opened(settings=settings)
    await page.speak(None, 0.5, rate=rate)
    await page.speak(spoken(sim, "could we do thursday instead"), 2.5, rate=rate)
    assert understood(sim) == ["could we do thursday instead"]
    assert page.sound.strip(b"\0")


async def test_what_is_said_before_vapi_is_there_is_understood(sim, opened):
    sim.vapi.faults.slow_open = 1.2
    sim.vapi.assistant(replies=["Yes."])
    page = await opened()
    await page.speak(spoken(sim, "could we do thursday instead"), 3.0)
    assert understood(sim) == ["could we do thursday instead"]


async def test_a_page_interrupts_by_its_voice(sim, opened):
    sim.vapi.assistant(
        first_message="Let me read you all of our terms and conditions from the beginning, " * 3,
        replies=["Sorry."],
        lead=10.0,
    )
    page = await opened()
    await page.speak(None, 3.0)
    began = sim.now
    await page.speak(spoken(sim, "wait a moment please"), 3.0)
    [(at, _)] = page.of("interrupt")
    assert 0.17 < at - began < 0.3  # a page sends a frame before its time is over here
    after = [told for when, told in page.of("audio") if when > at]
    cut = Page(sim)
    cut.told = [(0.0, told) for told in after]
    assert cut.heard() == ["Sorry."]


@pytest.mark.parametrize("kind", ["door_slam", "keyboard", "breathing"])
async def test_a_noise_does_not_interrupt(sim, opened, kind):
    sim.vapi.assistant(first_message="Let me read you all of our terms and conditions, " * 3)
    page = await opened()
    await page.speak(None, 2.0)
    samples = noise.make(kind, random.Random(1), seconds=2.0)
    await page.speak(Speech("", samples, ()), 1.0)
    assert page.heard()
    assert not page.of("interrupt")


# Beside phone calls


async def test_a_page_and_a_phone_do_not_hear_each_other(sim, opened):
    sim.vapi.assistant(first_message="Hello, page.", replies=["Page, it is noon."])
    page = await opened()
    await page.until("ready")
    sim.vapi.assistant(first_message="Hello, phone.", replies=["Phone, it is midnight."])
    call = await sim.twilio.call(to=NUMBER)
    await asyncio.sleep(2)
    talking = asyncio.create_task(page.speak(spoken(sim, "what is the time here"), 4.0))
    await call.says("tell me the time there please")
    await call.hears("it is midnight.")
    await talking
    assert page.heard() == ["Hello, page.", "Page, it is noon."]
    assert [each.text for each in call.heard.utterances] == [
        "Hello, phone.",
        "Phone, it is midnight.",
    ]
    assert sorted(understood(sim)) == ["tell me the time there please", "what is the time here"]
    await call.hangs_up()


async def test_two_pages_do_not_hear_each_other(sim, opened):
    sim.vapi.assistant(first_message="Hello, one.", replies=["One."])
    one = await opened()
    await one.until("ready")
    sim.vapi.assistant(first_message="Hello, two.", replies=["Two."])
    two = await opened()
    await two.until("ready")
    await asyncio.sleep(2)
    await asyncio.gather(
        one.speak(spoken(sim, "this is the first page", 1), 3.0),
        two.speak(spoken(sim, "and this is the second one", 2), 3.0),
    )
    assert one.heard() == ["Hello, one.", "One."]
    assert two.heard() == ["Hello, two.", "Two."]
    assert one.session != two.session


async def test_a_page_that_leaves_in_mid_sentence_harms_no_call(sim, opened):
    sim.vapi.assistant(first_message="Let me read you all of our terms and conditions, " * 2)
    page = await opened()
    call = await sim.twilio.call(to=NUMBER)
    await page.speak(None, 1.5)
    page.socket.transport.abort()
    await call.hears("terms and conditions,")
    assert len(page.bridge.sessions) == 1
    await call.hangs_up()


def test_nothing_of_a_page_is_left(sim, serve):
    bridge = serve(**DOOR)

    async def one_page():
        sim.vapi.assistant(first_message="Hello, page.")
        await asyncio.sleep(0.1)
        page = await Page(sim).open()
        await page.speak(None, 1.0)
        await page.close()

    sim.run(one_page())
    assert not bridge.sessions
    assert [check.name for check in checks.run(sim.finish()) if not check.passed] == []


# How audio comes


def frames_of(speech: Speech) -> list[Any]:
    samples = resample.at_rate(speech.samples, 16000)
    return [samples[at : at + 320] for at in range(0, len(samples), 320)]


async def test_audio_that_comes_unevenly_goes_on_evenly(sim, opened):
    sim.vapi.assistant(replies=["Yes."])
    page = await opened()
    await page.speak(None, 0.5)
    draw = random.Random(1)
    began = sim.now
    for number, frame in enumerate(frames_of(spoken(sim, "could we do thursday instead"))):
        late = draw.uniform(0.0, 0.15)
        await asyncio.sleep(max(0.0, began + number * 0.02 + late - sim.now))
        await page.send(frame)
    await page.speak(None, 3.0)
    assert understood(sim) == ["could we do thursday instead"]
    sent = [event for event in sim.timeline.of("media") if event.target == "vapi"]
    assert len({event.session for event in sent}) == 1


async def test_chunks_out_of_order_and_twice_are_put_right(sim, opened):
    sim.vapi.assistant(replies=["Yes."])
    page = await opened()
    await page.speak(None, 0.5)
    frames = frames_of(spoken(sim, "could we do thursday instead"))
    numbers = list(range(len(frames)))
    for at in range(3, len(numbers) - 1, 7):
        numbers[at : at + 2] = [numbers[at + 1], numbers[at], numbers[at]]
    for number in numbers:
        await page.send(frames[number], sequence=page.sequence + 1 + number)
        await asyncio.sleep(0.02)
    page.sequence += len(frames)
    await page.speak(None, 3.0)
    assert understood(sim) == ["could we do thursday instead"]


async def test_old_audio_that_comes_all_at_once_is_dropped_and_said(sim, opened, caplog):
    page = await opened()
    await page.speak(None, 0.5)
    for _ in range(2):
        await page.send(np.zeros(60_000, np.int16))
    await asyncio.sleep(1)
    assert "audio of the page was dropped: stale" in caplog.text
    assert page.bridge.metrics.value("dropped", reason="browser-stale") > 200


async def test_audio_that_says_that_it_is_old_is_dropped(sim, opened):
    sim.vapi.assistant(replies=["Yes."])
    page = await opened()
    frames = frames_of(spoken(sim, "could we do thursday instead"))
    await page.speak(None, 0.02, timestamp=10_000)
    await asyncio.sleep(3)
    for number, frame in enumerate(frames):
        await page.send(frame, timestamp=10_100 + 20 * number)
    await page.speak(None, 3.0)
    # They are late by 2.92 s, and each by 20 ms less than the one before: the last are current.
    assert understood(sim) == ["instead"]
    assert page.bridge.metrics.value("dropped", reason="browser-stale") == 46


# Loss of Vapi


async def test_a_lost_vapi_is_joined_again_and_what_is_said_meanwhile_is_understood(sim, opened):
    sim.vapi.assistant(replies=["Yes."])
    sim.vapi.faults.close = Close(1011, at=2.0)
    page = await opened()
    await page.speak(None, 2.2)
    sim.vapi.faults.close = None
    await page.speak(spoken(sim, "could we do thursday instead"), 4.0)
    assert understood(sim) == ["could we do thursday instead"]
    assert page.heard() == ["Yes."]
    assert len(page.of("ready")) == 1
    assert not page.of("error")
    assert page.bridge.metrics.value("reconnects", outcome="new call") == 1


@pytest.mark.parametrize("status", [401, 503])
async def test_a_page_is_told_that_vapi_is_gone_for_good(sim, opened, status):
    page = await opened()
    await page.until("ready")
    sim.vapi.faults.failed_open = 500
    sim.vapi.faults.failed_create = status
    sim.vapi.calls[0].socket.drop()
    told = await page.until("error")
    assert told["code"] == "VAPI_GONE"
    assert str(status) in told["error"]
    await asyncio.sleep(0.5)
    assert page.closed is not None
    assert page.closed[0] == 1011


async def test_a_call_that_vapi_ends_is_over_after_its_last_word(sim, opened):
    sim.vapi.assistant(first_message="Goodbye now, page.", lead=5.0)
    page = await opened()
    await page.until("audio", 40)
    began = sim.now
    sim.vapi.calls[0].socket.conversation.end("assistant-ended-call")
    await asyncio.sleep(4)
    assert page.heard() == ["Goodbye now, page."]
    assert page.closed is not None
    assert page.closed[0] == 1000
    assert page.closed[1] - began > 0.9


# The end


async def test_an_idle_page_is_told_and_let_go(sim, opened):
    page = await opened(settings={"browser_idle": 5.0})
    await page.until("ready")
    told = await page.until("error")
    assert told == {"type": "error", "error": "no audio for 5 s", "code": "IDLE"}
    await asyncio.sleep(1)
    assert page.closed is not None
    assert page.closed[0] == 1000


async def test_a_page_that_talks_is_not_idle(sim, opened):
    page = await opened(settings={"browser_idle": 2.0})
    await page.speak(None, 5.0)
    assert page.closed is None


async def test_a_server_that_ends_takes_no_more_pages_and_says_goodbye_to_those_it_has(sim, opened):
    page = await opened()
    await page.speak(None, 0.5)
    page.bridge.drain()
    with pytest.raises(InvalidStatus, match=r"503|403"):
        await opened()
    await page.speak(None, 1.0)
    assert page.closed is None
    assert not page.bridge.is_drained()
    page.bridge.end_calls()
    await asyncio.sleep(1.5)
    assert page.closed is not None
    assert page.closed[0] == 1001
    assert page.bridge.is_drained()
