"""Who may come in by the browser door, and what is done with what is no good."""

from __future__ import annotations

import asyncio
import base64
import json
import struct

import httpx
import pytest
from websockets.exceptions import InvalidStatus

from simkit.bridge import ConfigError, ticket
from tests.bridge.pages import DOOR, ORIGIN, SECRET, spoken, understood
from tests.bridge.test_browser_door import NUMBER, opened
from tests.races.conftest import BRIDGE, serve

__all__ = ["opened", "serve"]


# Who may come in


@pytest.mark.parametrize(
    ("path", "how"),
    [
        ("?", {}),
        ("?ticket=", {}),
        ("?ticket=x.y.z", {}),
        ("?ticket=" + "a" * 32 + ".1.b", {}),
        ("?ticket=" + ticket("another secret, as long"), {}),
        ("?ticket=" + ticket(SECRET, now=1), {}),
        ("", {"origin": "https://evil.example.com"}),
        ("", {"origin": f"{ORIGIN}.evil.example.com"}),
        ("", {"origin": "null"}),
    ],
)
async def test_a_page_without_ticket_or_from_elsewhere_is_refused(sim, opened, path, how):
    with pytest.raises(InvalidStatus, match="403"):
        await opened(path, **how)


async def test_a_ticket_is_good_for_one_socket_and_for_a_while(sim, opened):
    path = f"?ticket={ticket(SECRET)}"
    page = await opened(path, settings={"browser_ticket_seconds": 2.0})
    await page.until("ready")
    assert path.startswith(f"?ticket={page.session}.")
    with pytest.raises(InvalidStatus, match="403"):
        await opened(path)
    late = f"?ticket={ticket(SECRET)}"
    await asyncio.sleep(2.1)
    with pytest.raises(InvalidStatus, match="403"):
        await opened(late)
    await opened(f"?ticket={ticket(SECRET)}", origin=None)


async def test_tickets_are_handed_out_to_who_knows_the_secret(sim, opened):
    await opened()
    url = f"https://{BRIDGE}/ws/ticket"
    async with httpx.AsyncClient(verify=False) as http:
        for headers, status in (
            ({}, 401),
            ({"Authorization": "Bearer wrong"}, 403),
            ({"Authorization": SECRET}, 401),
        ):
            assert (await http.post(url, headers=headers)).status_code == status
        response = await http.post(url, headers={"Authorization": f"Bearer {SECRET}"})
    assert response.headers["cache-control"] == "no-store"
    page = await opened(f"?ticket={response.json()['ticket']}")
    await page.until("ready")


async def test_without_tickets_a_known_origin_is_needed(sim, opened):
    page = await opened("?", settings={"browser_tickets": False, "browser_secret": ""})
    await page.until("ready")
    await opened("?", origin=f"https://{BRIDGE}")
    for origin in ("https://evil.example.com", None):
        with pytest.raises(InvalidStatus, match="403"):
            await opened("?", origin=origin)


async def test_there_is_no_door_unless_it_is_asked_for(sim, opened):
    for path in ("", "/ticket"):
        with pytest.raises(InvalidStatus, match="403"):
            await opened(path, settings={"browser_door": False})


async def test_so_many_pages_at_a_time(sim, opened):
    await opened(settings={"browser_sessions": 2})
    await opened()
    with pytest.raises(InvalidStatus, match=r"503|403"):
        await opened()


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"browser_secret": "short"}, "browser_secret of 16 characters"),
        ({"browser_origins": ("*",)}, r"browser_origins: expected https://host, found '\*'"),
        ({"browser_origins": ("https://a/b",)}, "browser_origins: expected"),
    ],
)
def test_a_door_that_is_open_to_everybody_is_refused(serve, settings, problem):
    with pytest.raises(ConfigError, match=problem):
        serve(**(DOOR | settings))


# What is no good

WAV = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0" + struct.pack("<HHIIHH", 1, 1, 16000, 32000, 2, 16)


def audio(data: bytes, **fields) -> str:
    sound = base64.b64encode(data).decode()
    return json.dumps({"type": "audio", "audio": sound} | fields)


NO_GOOD = [
    ("no json", "PROCESSING_ERROR", "message from the page: "),
    (b"binary", "PROCESSING_ERROR", "message from the page: a binary frame"),
    ('{"type":"video"}', "PROCESSING_ERROR", "Invalid value 'video'"),
    ('{"type":"audio"}', "PROCESSING_ERROR", "missing required field `audio`"),
    ('{"type":"audio","audio":7}', "PROCESSING_ERROR", "Expected `str`, got `int`"),
    ("[" * 50_000, "PROCESSING_ERROR", "message from the page: "),
    ('{"type":"audio","audio":"A"}', "INVALID_AUDIO", "audio: "),
    (audio(b"abc"), "INVALID_AUDIO", "Invalid PCM audio: odd byte count"),
    (audio(b"ab", sampleRate=96000), "FORMAT", "sampleRate: expected 8000 to 48000"),
    (audio(b"ab", sampleRate=0), "FORMAT", "sampleRate: expected 8000 to 48000"),
    (audio(WAV), "INVALID_AUDIO", "WAV: it has no samples"),
    (audio(WAV + b"data\2\0\0\0ab", sampleRate=8000), "INVALID_AUDIO", "sampleRate is 8000"),
    (audio(WAV.replace(b"\1\0\1\0", b"\1\0\2\0")), "INVALID_AUDIO", "2 channels"),
]


async def test_what_is_no_good_is_told_and_the_session_goes_on(sim, opened):
    sim.vapi.assistant(replies=["Yes."])
    page = await opened()
    await page.until("ready")
    for number, (message, code, problem) in enumerate(NO_GOOD):
        await page.socket.send(message)
        told = await page.until("error", number + 1)
        assert told["code"] == code
        assert problem in told["error"]
    await page.speak(None, 0.3)
    await page.speak(spoken(sim, "could we do thursday instead"), 3.0)
    assert understood(sim) == ["could we do thursday instead"]


async def test_the_header_of_a_wav_file_is_taken_off(sim, opened):
    page = await opened()
    await page.socket.send(audio(WAV + b"data\4\0\0\0abcd"))
    await page.speak(None, 0.5)
    assert not page.of("error")


async def test_a_page_that_sends_only_rubbish_is_shut_out(sim, opened):
    page = await opened()
    for _ in range(60):
        await page.socket.send("rubbish")
    await asyncio.sleep(0.5)
    assert page.closed is not None
    assert page.closed[0] == 1008
    assert len(page.of("error")) == 51


async def test_a_message_that_is_too_large_ends_the_session(sim, opened):
    page = await opened(settings={"browser_message_limit_bytes": 10_000})
    await page.socket.send(audio(bytes(10_000)))
    await asyncio.sleep(0.5)
    assert page.closed is not None
    assert page.closed[0] == 1009
    assert page.bridge.metrics.value("refused", reason="message too large") == 1


# Raw audio by HTTP


async def post(data, query="", kind="application/octet-stream"):
    async with httpx.AsyncClient(verify=False) as http:
        url = f"https://{BRIDGE}/webhook/audio{query}"
        return await http.post(url, content=data, headers={"Content-Type": kind})


async def test_raw_audio_is_checked_and_fed_to_the_session_it_names(sim, opened):
    sim.vapi.assistant(replies=["Yes."])
    page = await opened()
    await page.until("ready")
    response = await post(bytes(640))
    assert (response.status_code, response.json()) == (200, {"received": 640, "sampleRate": 16000})
    response = await post(b"abc")
    assert response.status_code == 400
    assert response.json() == {"error": "Invalid PCM audio: odd byte count"}
    speech = spoken(sim, "could we do thursday instead")
    query = f"?session={page.session}&rate=8000"
    response = await post(speech.samples.astype("<i2").tobytes(), query)
    assert response.json()["sampleRate"] == 8000
    await asyncio.sleep(4)
    assert understood(sim) == ["could we do thursday instead"]


@pytest.mark.parametrize(
    ("data", "query", "kind", "status"),
    [
        (b"ab", "?session=another", "application/octet-stream", 404),
        (b"ab", "?session=", "application/octet-stream", 404),
        (b"ab", "?rate=1", "application/octet-stream", 400),
        (b"ab", "?rate=x", "application/octet-stream", 400),
        (b"ab", "", "audio/wav", 415),
        (bytes(5000), "", "application/octet-stream", 413),
    ],
)
async def test_other_bodies_are_refused(sim, opened, data, query, kind, status):
    await opened(settings={"browser_message_limit_bytes": 4096})
    assert (await post(data, query, kind)).status_code == status


async def test_a_phone_call_cannot_be_fed(sim, opened):
    await opened()
    call = await sim.twilio.call(to=NUMBER)
    await asyncio.sleep(0.5)
    assert (await post(b"ab", f"?session={call.sid}")).status_code == 404
    await call.hangs_up()
