"""The stream, against the protocol sheet and the official validator."""

from __future__ import annotations

import asyncio
import base64
import itertools
import random

import pytest
from twilio.request_validator import RequestValidator

from simkit.audio import mulaw, voice
from simkit.twilio import CallFailed
from tests.twilio.conftest import HOST, TWIML

NUMBER = "+15550100"


async def test_the_first_messages_are_as_captured(sim, server):
    call = await sim.twilio.call(to=NUMBER)
    await call.stays_silent(0.2)
    await call.hangs_up()
    connected, start, media = server.received[:3]
    assert connected == {"event": "connected", "protocol": "Call", "version": "1.0.0"}
    assert start["sequenceNumber"] == "1"
    assert start["start"]["mediaFormat"] == {
        "encoding": "audio/x-mulaw",
        "sampleRate": 8000,
        "channels": 1,
    }
    assert start["start"]["tracks"] == ["inbound"]
    assert start["start"]["customParameters"] == {"k": "v"}
    assert start["streamSid"] == start["start"]["streamSid"]
    for sid, prefix in (("accountSid", "AC"), ("streamSid", "MZ"), ("callSid", "CA")):
        assert start["start"][sid].startswith(prefix)
        assert len(start["start"][sid]) == 34
    assert media["media"]["track"] == "inbound"
    assert (media["sequenceNumber"], media["media"]["chunk"]) == ("2", "1")


async def test_frames_are_160_bytes_every_20_ms_and_numbered_without_gaps(sim, server):
    arrivals = []

    async def note(message):
        arrivals.append(sim.now_ns)

    server.on_message = note
    call = await sim.twilio.call(to=NUMBER)
    await call.says("hello there")
    await call.hangs_up()
    frames = server.of("media")
    assert {len(base64.b64decode(frame["media"]["payload"])) for frame in frames} == {160}
    numbers = range(1, len(frames) + 1)
    assert [frame["media"]["chunk"] for frame in frames] == [str(n) for n in numbers]
    assert [frame["sequenceNumber"] for frame in frames] == [str(n + 1) for n in numbers]
    assert [frame["media"]["timestamp"] for frame in frames] == [str(80 + 20 * n) for n in numbers]
    at = arrivals[2 : 2 + len(frames)]
    assert {later - earlier for earlier, later in itertools.pairwise(at)} == {20_000_000}
    assert server.of("stop")[0]["sequenceNumber"] == str(len(frames) + 2)


async def test_what_is_said_arrives_to_the_sample(sim, server):
    call = await sim.twilio.call(to=NUMBER)
    spoken = await call.says("one two three")
    await call.stays_silent(0.1)
    await call.hangs_up()
    sound = b"".join(base64.b64decode(f["media"]["payload"]) for f in server.of("media"))
    mouth, _ = call.sound()
    assert mulaw.decode(sound)[: len(mouth)].tolist() == mouth[: len(sound)].tolist()
    first = next(i for i, code in enumerate(sound) if code != mulaw.SILENCE)
    assert spoken.start == pytest.approx(call.ear.origin_ns / 1e9 + first / 8000, abs=0.001)


async def test_stop_is_last_and_the_socket_closes_after_it(sim, server):
    call = await sim.twilio.call(to=NUMBER)
    await call.hangs_up()
    assert server.received[-1]["event"] == "stop"
    assert set(server.received[-1]["stop"]) == {"accountSid", "callSid"}
    assert server.closed_with == 1000
    assert call.status == "completed"


@pytest.mark.parametrize(("code", "seen"), [(None, 1005), (1006, 1005), (1001, 1001)])
async def test_the_close_code_is_a_knob(sim, server, code, seen):
    sim.twilio.settings.close_code = code
    call = await sim.twilio.call(to=NUMBER)
    await call.hangs_up()
    await call.stays_silent(0.1)
    assert server.closed_with == seen


async def test_the_official_validator_accepts_both_signatures(sim, server):
    call = await sim.twilio.call(to=NUMBER)
    await call.hangs_up()
    validator = RequestValidator(sim.twilio.auth_token)
    webhook = server.form_headers[0]["x-twilio-signature"]
    assert validator.validate(f"https://{HOST}/voice/inbound", server.forms[0], webhook)
    upgrade = server.upgrade_headers["x-twilio-signature"]
    assert validator.validate(f"wss://{HOST}/media", {}, upgrade)
    assert not validator.validate(f"wss://{HOST}/other", {}, upgrade)


async def test_the_upgrade_has_the_headers_that_were_captured(sim, server):
    call = await sim.twilio.call(to=NUMBER)
    await call.hangs_up()
    headers = server.upgrade_headers
    assert headers["user-agent"] == "Twilio.TmeWs/1.0"
    assert headers["host"] == HOST
    for absent in ("origin", "sec-websocket-protocol", "sec-websocket-extensions"):
        assert absent not in headers


async def test_the_webhook_has_the_fields_and_headers_that_were_captured(sim, server):
    call = await sim.twilio.call(to=NUMBER, from_="+15557777")
    await call.hangs_up()
    form = server.forms[0]
    assert form["CallStatus"] == "ringing"
    assert (form["From"], form["To"], form["Caller"]) == ("+15557777", NUMBER, "+15557777")
    assert form["CallSid"] == call.sid
    assert form["FromCity"] == ""
    assert len(form) == 27
    headers = server.form_headers[0]
    assert headers["user-agent"] == "TwilioProxy/1.1"
    assert headers["i-twilio-idempotency-token"]


async def test_keys_are_told_with_the_counter_that_everything_shares(sim, server):
    call = await sim.twilio.call(to=NUMBER)
    await call.presses("5#")
    await call.hangs_up()
    first, second = server.of("dtmf")
    assert first["dtmf"] == {"track": "inbound_track", "digit": "5"}
    assert second["dtmf"]["digit"] == "#"
    numbers = [int(message["sequenceNumber"]) for message in server.received[1:]]
    assert numbers == list(range(1, len(numbers) + 1))


async def test_marks_return_when_the_audio_before_them_has_played(sim, server):
    returned = {}

    async def note(message):
        if message["event"] == "mark":
            returned.setdefault(message["mark"]["name"], []).append(sim.now)

    server.on_message = note
    call = await sim.twilio.call(to=NUMBER)
    await call.stays_silent(0.1)
    await server.send(event="mark", mark={"name": "empty"})
    sent = sim.now
    sound = base64.b64encode(b"\x10" * 8000).decode()
    await server.send(event="media", media={"payload": sound})
    for name in ("same", "same", "last"):
        await server.send(event="mark", mark={"name": name})
    await call.stays_silent(1.5)
    await call.hangs_up()
    assert returned["empty"] == [pytest.approx(sent + 0.04)]
    assert len(returned["same"]) == 2
    # 20 ms there, the play-out buffer of 40 ms up to the next packet, a second, 20 ms back.
    assert sent + 1.08 <= returned["last"][0] <= sent + 1.1 + 1e-6


async def test_clear_returns_every_pending_mark_in_order_and_silences(sim, server):
    call = await sim.twilio.call(to=NUMBER)
    await call.stays_silent(0.1)
    speech = voice.speak("lorem ipsum", random.Random(1), seconds=5.0)
    sound = base64.b64encode(mulaw.encode(speech.samples)).decode()
    await server.send(event="media", media={"payload": sound})
    for name in ("a", "b", "c"):
        await server.send(event="mark", mark={"name": name})
    await call.stays_silent(0.5)
    await server.send(event="clear")
    await call.stays_silent(0.5)
    await call.hangs_up()
    assert [message["mark"]["name"] for message in server.of("mark")] == ["a", "b", "c"]
    heard = call.heard.samples
    loud = [i for i, sample in enumerate(heard.tolist()) if abs(sample) > 500]
    assert 3000 < loud[-1] - loud[0] < 4000


async def test_invalid_messages_are_warned_of_once_and_the_stream_goes_on(sim, server):
    call = await sim.twilio.call(to=NUMBER)
    await call.stays_silent(0.1)
    await server.send(event="media", media={"payload": "not base64!"})
    await server.send(event="nonsense")
    await server.send(event="mark", mark={})
    await server.socket.send_text("{")
    await server.socket.send_text('{"event":"clear","streamSid":"MZ0"}')
    await server.socket.send_bytes(b"\x00\x01")
    await call.stays_silent(0.2)
    before = len(server.of("media"))
    await call.stays_silent(0.2)
    assert len(server.of("media")) == before + 10
    await call.hangs_up()
    assert [event.fields["code"] for event in sim.timeline.of("warning")] == [31951, 31950]


async def test_audio_beyond_ten_minutes_is_discarded(sim, server):
    call = await sim.twilio.call(to=NUMBER)
    await call.stays_silent(0.1)
    minute = base64.b64encode(b"\x10" * 480_000).decode()
    for _ in range(11):
        await server.send(event="media", media={"payload": minute})
    await call.stays_silent(0.5)
    assert [event.fields["code"] for event in sim.timeline.of("warning")] == [31931]
    assert call._flow.stream.playout.queued <= 4_800_000
    await call.hangs_up()


async def test_when_the_server_closes_the_next_verb_runs(sim, server):
    server.twiml = TWIML.replace("{after}", "<Say>All agents are busy.</Say>")
    call = await sim.twilio.call(to=NUMBER)
    await call.stays_silent(0.2)
    await server.socket.close(1000)
    await call.hears("agents are busy")
    await call.ends()
    assert call.status == "completed"
    assert server.of("stop") == []
    assert [event.fields["code"] for event in sim.timeline.of("error")] == [31921]


async def test_when_nothing_follows_the_call_ends_with_the_stream(sim, server):
    call = await sim.twilio.call(to=NUMBER)
    await call.stays_silent(0.2)
    await server.socket.close(1000)
    await call.ends(timeout=1)


async def test_a_call_that_does_not_end_in_time_is_told_with_the_time(sim, server):
    call = await sim.twilio.call(to=NUMBER)
    with pytest.raises(TimeoutError, match=r"^call 1 was not over within 2 s \(now \d\.\d{3} s\)$"):
        await call.ends(timeout=2)


async def test_connect_action_is_asked_for_after_the_stream(sim, server):
    server.twiml = server.twiml.replace("<Connect>", '<Connect action="/after">')
    call = await sim.twilio.call(to=NUMBER)
    await call.stays_silent(0.2)
    await server.socket.close(1000)
    await call.ends(timeout=1)
    assert [event.fields["path"] for event in sim.timeline.of("request")] == [
        "/voice/inbound",
        "/after",
    ]


@pytest.mark.parametrize(
    ("twiml", "code"),
    [
        ("not xml", 12100),
        ('<!DOCTYPE x [<!ENTITY a "b">]><Response/>', 12100),
        ("<Answer/>", 12200),
        ('<Response><Connect><Stream url="ws://x/y"/></Connect></Response>', 31922),
        ('<Response><Connect><Stream url="wss://x/y?a=b"/></Connect></Response>', 31920),
    ],
)
async def test_twiml_that_twilio_rejects_is_rejected(sim, server, twiml, code):
    server.twiml = twiml
    with pytest.raises(CallFailed):
        await sim.twilio.call(to=NUMBER)
    assert [event.fields["code"] for event in sim.timeline.of("error")] == [code]


async def test_a_relative_stream_url_is_resolved(sim, server):
    server.twiml = '<Response><Connect><Stream url="/media"/></Connect></Response>'
    call = await sim.twilio.call(to=NUMBER)
    await call.hangs_up()


async def test_a_refused_upgrade_ends_the_stream_with_31920(sim, server):
    server.twiml = server.twiml.replace("/media", "/nothing-here")
    with pytest.raises(CallFailed, match="upgrade refused with HTTP 403"):
        await sim.twilio.call(to=NUMBER)
    assert [event.fields["code"] for event in sim.timeline.of("error")] == [31920]


async def test_a_number_that_points_nowhere_is_explained(sim):
    with pytest.raises(ValueError, match=r"sim\.host"):
        await sim.twilio.call(to=NUMBER)


async def test_a_redirect_to_itself_comes_to_an_end(sim, server):
    server.twiml = "<Response><Redirect>/voice/inbound</Redirect></Response>"
    with pytest.raises(CallFailed):
        await sim.twilio.call(to=NUMBER)
    assert len(server.forms) == 100


async def test_an_empty_say_is_skipped(sim, server):
    server.twiml = "<Response><Say></Say><Say>Hello.</Say></Response>"
    call = await sim.twilio.call(to=NUMBER)
    await call.hears("Hello.")


@pytest.mark.parametrize(
    "target", ["ftp://bridge.example.com/", "https://host:port/", "http://[::"]
)
async def test_a_redirect_to_no_url_fails_the_call_with_11100(sim, server, target):
    server.twiml = f"<Response><Redirect>{target}</Redirect></Response>"
    with pytest.raises(CallFailed):
        await sim.twilio.call(to=NUMBER)
    assert [event.fields["code"] for event in sim.timeline.of("error")] == [11100]


@pytest.mark.parametrize("url", ["bridge.example.com/voice", "ftp://host/voice", "https:///voice"])
async def test_a_number_cannot_point_at_what_is_no_url(sim, url):
    with pytest.raises(ValueError, match="expected an http"):
        sim.twilio.number(NUMBER, voice_url=url)


@pytest.mark.parametrize("seconds", [0.13, 0.15])
async def test_the_last_frame_of_a_disordered_stream_is_sent_before_the_stop(sim, server, seconds):
    sim.twilio.disorder(swap=1.0)
    call = await sim.twilio.call(to=NUMBER)
    await asyncio.sleep(seconds)
    await call.hangs_up()
    await asyncio.sleep(0.5)
    chunks = [int(frame["media"]["chunk"]) for frame in server.of("media")]
    assert sorted(chunks) == list(range(1, len(chunks) + 1))
    assert int(server.of("stop")[0]["sequenceNumber"]) == len(chunks) + 2
