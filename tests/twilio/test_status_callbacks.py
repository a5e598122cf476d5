"""Status callbacks: of a call's end, of its streams, and how badly they may be delivered."""

from __future__ import annotations

import re
from email.utils import parsedate_to_datetime

import pytest

from simkit import Simulation
from simkit.twilio import CallFailed
from tests.twilio.program import BASE, CONNECT, HOST, NUMBER, Program

STREAM_STATUS = f'statusCallback="{BASE}/status"'


@pytest.fixture
def voice(sim, program):
    def voice(**options):
        sim.twilio.number(
            NUMBER, voice_url=f"{BASE}/voice/inbound", status_callback=f"{BASE}/status", **options
        )

    return voice


# Of the call


async def test_only_the_end_of_an_inbound_call_is_told(sim, program, voice):
    program.says(CONNECT)
    voice()
    call = await sim.twilio.call(to=NUMBER)
    await call.stays_silent(61.4)
    await call.hangs_up()
    await call.stays_silent(1)
    (asked,) = program.of("/status")
    assert asked.params["CallStatus"] == "completed"
    assert asked.params["CallSid"] == call.sid
    assert (asked.params["CallDuration"], asked.params["Duration"]) == ("62", "2")
    assert asked.params["SequenceNumber"] == "0"
    assert asked.params["CallbackSource"] == "call-progress-events"
    assert asked.params["Direction"] == "inbound"
    assert re.fullmatch(
        r"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d \+0000", asked.params["Timestamp"]
    )
    assert parsedate_to_datetime(asked.params["Timestamp"]).year >= 2020
    assert program.is_signed(asked)
    assert program.codes() == []


async def test_a_callback_by_get_has_its_fields_in_the_query(sim, program, voice):
    program.says("<Say>Bye.</Say>")
    voice(status_callback_method="GET")
    call = await sim.twilio.call(to=NUMBER)
    await call.ends()
    await call.stays_silent(1)
    (asked,) = program.of("/status")
    assert (asked.method, asked.params["CallStatus"]) == ("GET", "completed")
    assert program.is_signed(asked)


@pytest.mark.parametrize(
    ("twiml", "status", "sip"),
    [
        ('<Reject reason="busy"/>', "busy", "486"),
        ("<Reject/>", "no-answer", "487"),
        ("", "completed", "200"),
        ("<Hangup/>", "completed", "200"),
    ],
)
async def test_a_call_that_was_not_connected_is_told_too(sim, program, voice, twiml, status, sip):
    program.says(twiml)
    voice()
    with pytest.raises(CallFailed):
        await sim.twilio.call(to=NUMBER)
    await sim.twilio.calls[0].stays_silent(1)
    (asked,) = program.of("/status")
    assert (asked.params["CallStatus"], asked.params["SipResponseCode"]) == (status, sip)
    assert (asked.params["CallDuration"], asked.params["Duration"]) == ("0", "0")


@pytest.mark.parametrize("status", [400, 404, 500])
async def test_a_callback_that_is_refused_is_a_warning(sim, program, voice, status):
    program.says("<Say>Bye.</Say>")
    program.says("", "/status", status=status)
    voice()
    call = await sim.twilio.call(to=NUMBER)
    await call.ends()
    await call.stays_silent(1)
    (warning,) = sim.timeline.of("warning")
    assert warning.fields["code"] == 15003
    assert len(program.of("/status")) == 1


async def test_twiml_in_answer_to_a_callback_is_ignored(sim, program, voice):
    program.says("<Say>Bye.</Say>")
    program.says("<Say>Never.</Say>", "/status")
    voice()
    call = await sim.twilio.call(to=NUMBER)
    await call.ends()
    await call.stays_silent(2)
    assert str(call.heard) == "Bye."
    assert program.codes() == []


async def test_a_callback_to_nobody_is_a_warning_and_harms_nothing(sim, program):
    program.says("<Say>Bye.</Say>")
    sim.twilio.number(
        NUMBER,
        voice_url=f"{BASE}/voice/inbound",
        status_callback="https://nobody.example.com/status",
    )
    call = await sim.twilio.call(to=NUMBER)
    await call.ends()
    await call.stays_silent(1)
    assert program.codes("warning") == [11210]
    assert sim.timeline.of("unhandled-error") == []


# Of streams


async def test_a_stream_that_starts_and_stops_is_told_of(sim, program):
    program.says(f'<Connect><Stream url="/media" name="leg" {STREAM_STATUS}/></Connect>')
    call = await sim.twilio.call(to=NUMBER)
    await call.stays_silent(1)
    await call.hangs_up()
    await call.stays_silent(1)
    first, second = program.of("/status")
    assert program.statuses("StreamEvent") == ["stream-started", "stream-stopped"]
    sid = program.received[1]["streamSid"]
    assert set(first.params) == {
        "AccountSid", "CallSid", "StreamSid", "StreamName", "StreamEvent", "Timestamp",
    }  # fmt: skip
    assert (first.params["StreamSid"], first.params["StreamName"]) == (sid, "leg")
    assert first.params["CallSid"] == call.sid
    for asked in (first, second):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z", asked.params["Timestamp"])
        assert program.is_signed(asked)
    assert first.params["Timestamp"] < second.params["Timestamp"]


async def test_a_stream_without_a_name_is_called_by_its_sid_and_may_ask_by_get(sim, program):
    program.says(
        f'<Connect><Stream url="/media" {STREAM_STATUS} statusCallbackMethod="GET"/></Connect>'
    )
    call = await sim.twilio.call(to=NUMBER)
    await call.hangs_up()
    await call.stays_silent(1)
    asked = program.of("/status")[0]
    assert asked.method == "GET"
    assert asked.params["StreamName"] == asked.params["StreamSid"]


async def test_a_stream_that_the_server_closes_has_stopped(sim, program):
    program.says(f'<Connect><Stream url="/media" {STREAM_STATUS}/></Connect>')
    call = await sim.twilio.call(to=NUMBER)
    await call.stays_silent(0.5)
    await program.sockets[0].close()
    await call.ends()
    await call.stays_silent(1)
    assert program.statuses("StreamEvent") == ["stream-started", "stream-stopped"]
    assert program.codes() == [31921]


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("/nothing", "Stream - Websocket - Handshake Error"),
        ("ws://x/y", "Stream - URL Schema Not Supported"),
        ("wss://nobody.example.com/", "Stream - Websocket - Connection Refused"),
    ],
)
async def test_a_stream_that_cannot_be_connected_is_an_error(sim, program, url, error):
    program.says(f'<Connect><Stream url="{url}" {STREAM_STATUS}/></Connect>')
    with pytest.raises(CallFailed, match="did not accept the stream"):
        await sim.twilio.call(to=NUMBER)
    await sim.twilio.calls[0].stays_silent(1)
    assert program.statuses("StreamEvent") == ["stream-error"]
    assert program.statuses("StreamError") == [error]


@pytest.mark.parametrize("knob", [False, True])
async def test_whether_an_error_is_a_stop_too_is_a_knob(sim, program, knob):
    sim.twilio.settings.stopped_after_error = knob
    program.says(f'<Connect><Stream url="/media" {STREAM_STATUS}/></Connect>')
    call = await sim.twilio.call(to=NUMBER)
    await call.stays_silent(0.5)
    sim.link("twilio", HOST).towards("twilio").reset_after(0)
    await program.sockets[0].send_text("{}")
    await call.ends()
    sim.link("twilio", HOST).towards("twilio").reset_after(None)
    await call.stays_silent(1)
    after = ["stream-stopped"] if knob else []
    assert program.statuses("StreamEvent") == ["stream-started", "stream-error", *after]
    assert program.of("/status")[1].params["StreamError"] == (
        "Stream - Websocket - Connection Broken Pipe"
    )


async def test_a_callback_url_that_is_relative_is_warned_of(sim, program):
    program.says('<Connect><Stream url="/media" statusCallback="/status"/></Connect>')
    call = await sim.twilio.call(to=NUMBER)
    await call.hangs_up()
    assert program.codes("warning") == [12200]


# Delivered badly


def told(seed, **knobs):
    """How the callbacks of one call come: instants and sequence numbers."""
    with Simulation(seed) as sim:
        program = Program(sim)
        program.says("<Pause length='1'/>", "/answered")

        async def main():
            for name, value in knobs.items():
                setattr(sim.twilio.settings, name, value)
            flow = sim.twilio.create_call(
                to="+15550123",
                from_=NUMBER,
                url=f"{BASE}/answered",
                status_callback=f"{BASE}/status",
                events=("initiated", "ringing", "answered", "completed"),
            )
            await flow.ended.wait()
            await sim.twilio.calls[0].stays_silent(10)

        sim.run(main())
        return [(asked.at, asked.params["SequenceNumber"]) for asked in program.of("/status")]


def test_by_default_callbacks_come_once_in_order_and_at_once():
    calm = told(1)
    assert [number for _, number in calm] == ["0", "1", "2", "3"]
    assert [at for at, _ in calm] == pytest.approx([0.06, 0.56, 2.56, 3.64], abs=0.001)


def test_callbacks_may_come_twice():
    assert [number for _, number in told(1, callback_duplicate=1.0)] == list("00112233")


def test_callbacks_may_be_late():
    calm, late = told(1), told(1, callback_delay=5.0)
    came = {number: at for at, number in late}
    assert sorted(came) == ["0", "1", "2", "3"]
    assert all(0 <= came[number] - at <= 5 for at, number in calm)
    orders = {tuple(number for _, number in told(seed, callback_delay=5.0)) for seed in range(4)}
    assert len(orders) > 1


def test_callbacks_may_change_places():
    swapped = [number for _, number in told(1, callback_swap=0.5)]
    assert sorted(swapped) == ["0", "1", "2", "3"]
    orders = {tuple(number for _, number in told(seed, callback_swap=0.5)) for seed in range(4)}
    assert any(order != ("0", "1", "2", "3") for order in orders)


def test_the_same_seed_delivers_them_the_same_way():
    knobs = {"callback_duplicate": 0.5, "callback_delay": 2.0, "callback_swap": 0.3}
    assert told(7, **knobs) == told(7, **knobs)
