"""Pairing: which call at Vapi is whose, and what is said where it is a guess."""

from __future__ import annotations

import asyncio

import pytest

from simkit.recording import MediaFormat, Recording, read
from simkit.recording.capture import VAPI_FORMAT, Capture
from simkit.recording.pairing import Pairing, PhoneCall, VapiCall, format_of

OPENED = '{"event": "opened"}'


@pytest.fixture
def capture(tmp_path):
    capture = Capture(tmp_path / "calls", name=lambda sid: sid)
    yield capture
    capture.close()


@pytest.fixture
def pairing():
    return Pairing()


def phone(capture: Capture, pairing: Pairing, sid: str) -> PhoneCall:
    begun = PhoneCall(capture.begin())
    begun.capture.take("twilio", "in", f'{{"event": "start", "start": {{"callSid": "{sid}"}}}}')
    begun.capture.name(sid)
    pairing.phone_named(begun, sid)
    return begun


def began(pairing: Pairing, request: str = "{}") -> VapiCall:
    call = VapiCall(request)
    call.take("out", '{"event": "request"}')
    pairing.vapi_began(call)
    call.opened()
    return call


def recording(capture: Capture, *phones: PhoneCall) -> Recording:
    for begun in phones:
        begun.capture.end()
    capture.close()
    return read(capture.folder / phones[0].sid)


def notes(found: Recording) -> list[str]:
    return [event.message["text"] for event in found.events if event.message["event"] == "note"]


def test_the_sid_in_the_request_tells(capture, pairing):
    phones = [phone(capture, pairing, sid) for sid in ("CA1", "CA2", "CA3")]
    calls = [began(pairing, f'{{"metadata": {{"callSid": "{sid}"}}}}') for sid in ("CA2", "CA3")]
    assert [call.phone for call in calls] == phones[1:]
    assert notes(recording(capture, *phones[1:])) == []


def test_without_it_the_only_call_that_has_none_is_taken_and_the_recording_says_so(
    capture, pairing
):
    first = phone(capture, pairing, "CA1")
    one = began(pairing)
    second = phone(capture, pairing, "CA2")
    other = began(pairing)
    assert (one.phone, other.phone) == (first, second)
    found = recording(capture, first, second)
    [note] = notes(found)
    assert "guessed" in note
    told = [event.message["event"] for event in found.events]
    assert told == ["start", "note", "request", "opened", "ended"]


def test_two_calls_at_once_without_a_sid_are_nobodys(capture, pairing):
    first, second = phone(capture, pairing, "CA1"), phone(capture, pairing, "CA2")
    call = began(pairing)
    assert call.phone is None
    pairing.phone_over(second)
    assert first.calls == []


def test_a_call_that_began_before_the_stream_waits_for_it(capture, pairing):
    call = began(pairing)
    begun = phone(capture, pairing, "CA1")
    assert call.phone is begun
    [note] = notes(recording(capture, begun))
    assert note.startswith("Vapi's side began before the stream did")


def test_a_second_call_at_vapi_after_a_loss_is_the_same_phone_calls(capture, pairing):
    begun = phone(capture, pairing, "CA1")
    first = began(pairing)
    first.closed("disconnected", 1011)
    assert began(pairing).phone is begun


def test_what_came_to_nothing_is_in_nobodys_way(capture, pairing):
    refused = began(pairing)
    pairing.vapi_over(refused)
    begun = phone(capture, pairing, "CA1")
    assert began(pairing).phone is begun
    assert refused.phone is None


def test_a_recording_waits_for_vapis_last_words_but_not_for_ever(capture, pairing):
    async def wait() -> None:
        begun = phone(capture, pairing, "CA1")
        call = began(pairing)
        await begun.falls_quiet(0.01)
        call.closed("closed", 1000)
        await begun.falls_quiet(3600)

    asyncio.run(wait())


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        ({"transport": {"audioFormat": {"format": "mulaw", "sampleRate": 8000}}}, ("mulaw", 8000)),
        ({"transport": {"audioFormat": {"sampleRate": 24000}}}, ("pcm_s16le", 24000)),
        ({"transport": {"audioFormat": {"format": "opus"}}}, VAPI_FORMAT),
        ({"transport": {"audioFormat": {"sampleRate": "fast"}}}, VAPI_FORMAT),
        ({"transport": {"audioFormat": 7}}, VAPI_FORMAT),
        ("nothing", VAPI_FORMAT),
    ],
)
def test_the_format_is_what_the_request_asks_for(request_, expected):
    expected = expected if isinstance(expected, MediaFormat) else MediaFormat(*expected)
    assert format_of(request_) == expected
