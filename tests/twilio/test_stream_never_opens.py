"""Streams that never open: each cause has its documented code, and the call goes on."""

from __future__ import annotations

import asyncio
import ssl

import pytest
import trustme

from simkit.twilio.problems import StreamUrlError, checked_url
from tests.twilio.streams import HOST, URL, Far
from tests.twilio.test_stream_problems import NUMBER, TWIML, reason


async def test_31901_when_the_connection_is_not_answered(sim, line):
    sim.link("twilio", HOST).towards(HOST).unanswered = True
    await line.connected(line.stream())
    assert sim.now == 5.0
    assert (line.codes(), line.ended) == ([31901], ["never opened"])
    assert reason(sim) == "no answer to the connection within 5 s"


async def test_31901_when_the_upgrade_is_not_answered(sim, line):
    class Silent(Far):
        def data_received(self, data: bytes) -> None:
            pass

    line.make_end = Silent
    sim.twilio.settings.handshake_timeout = 2.5
    await line.listen()
    stream = line.stream()
    await line.connected(stream)
    assert sim.now == 2.5
    assert (line.codes(), line.ended) == ([31901], ["never opened"])
    assert reason(sim) == "no answer to the upgrade request within 2.5 s"
    await asyncio.sleep(0.1)
    assert stream.gone.is_set()


@pytest.mark.parametrize("how", ["nobody listens", "refuse", "unreachable"])
async def test_31902_when_the_connection_is_refused(sim, line, how):
    if how != "nobody listens":
        await line.listen()
        setattr(sim.link("twilio", HOST).towards(HOST), how, True)
    stream = line.stream()
    await line.connected(stream)
    assert (line.codes(), line.ended) == ([31902], ["never opened"])
    assert stream.problem == (31902, reason(sim))


async def test_31902_when_the_host_is_unknown(sim, line):
    line.host.dns_failure = "NXDOMAIN"
    await line.connected(line.stream())
    assert (line.codes(), line.ended) == ([31902], ["never opened"])


@pytest.mark.parametrize("trusted", [True, False])
async def test_31910_when_the_certificate_is_not_trusted(sim, line, trusted):
    authority, stranger = trustme.CA(), trustme.CA()
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert(HOST).configure_cert(server)
    (authority if trusted else stranger).configure_trust(client)
    ends: list[Far] = []

    def accept() -> Far:
        ends.append(Far())
        return ends[-1]

    async def serve() -> None:
        loop = asyncio.get_running_loop()
        await loop.create_server(accept, "0.0.0.0", 443, ssl=server)

    await line.host.spawn(serve())
    stream = line.stream()
    await sim.twilio_host.spawn(stream.connect(client))
    assert line.codes() == ([] if trusted else [31910])
    assert line.ended == ([] if trusted else ["never opened"])
    if not trusted:
        assert "certificate verify failed" in reason(sim)
    stream.drop()
    await asyncio.sleep(0.2)
    for end in ends:
        end.drop()


async def test_31920_names_the_status_that_the_upgrade_was_answered_with(sim, line):
    await line.listen()
    for status in (200, 301, 403, 404, 500, 503):

        def refusing(status: int = status) -> Far:
            far = Far()
            far.refusal = status
            return far

        line.make_end = refusing
        await line.connected(line.stream())
        assert sim.timeline.of("error")[-1].fields == {
            "code": 31920,
            "reason": f"upgrade refused with HTTP {status}",
        }
    assert line.ended == ["never opened"] * 6


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b"", "closed before the upgrade was answered"),
        (b"220 mail.example.com ESMTP\r\n\r\n", "not understood"),
        (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n", "not understood"),
        (b"HTTP/1.1 10", "not understood"),
    ],
)
async def test_31920_when_the_answer_is_none(sim, line, answer, why):
    class Odd(Far):
        def data_received(self, data: bytes) -> None:
            self.transport.write(answer)
            self.transport.close()

    line.make_end = Odd
    await line.listen()
    await line.connected(line.stream())
    assert (line.codes(), line.ended) == ([31920], ["never opened"])
    assert why in reason(sim)


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("wss://host/media?token=1", 31920),
        ("wss://host/media?", 31920),
        ("ws://host/media", 31922),
        ("https://host/media", 31922),
        ("host/media", 31922),
        ("", 31922),
        ("wss://", 31923),
        ("wss:///media", 31923),
        ("wss://[::/media", 31923),
        ("wss://host:port/media", 31923),
        ("wss://host:99999/media", 31923),
        ("wss://user@host/media", 31923),
        ("wss://ho st/media", 31923),
        ("wss://host/me\ndia", 31923),
        (f"wss://{'é' * 300}/media", 31923),
    ],
)
def test_a_url_that_twilio_does_not_connect_to_has_its_code(url, code):
    with pytest.raises(StreamUrlError) as caught:
        checked_url(url)
    assert caught.value.code == code
    assert str(caught.value).startswith("<Stream url>: ")
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    "url",
    [
        "wss://host/media",
        "wss://host",
        "wss://user:secret@host:8443/media",
        "wss://[::1]:8080/",
        "wss://münchen.example/straße",
    ],
)
def test_any_other_url_is_taken_without_its_fragment(url):
    assert checked_url(url + "#rt=1000") == checked_url(url) == url


@pytest.mark.parametrize(
    ("url", "code"), [("ws://h/", 31922), ("wss://h:x/", 31923), ("wss://h/?a", 31920)]
)
async def test_a_call_with_such_a_url_goes_on_after_its_code(sim, server, url, code):
    server.twiml = TWIML.format(url=url)
    call = await sim.twilio.call(to=NUMBER)
    await call.hears("Good bye.")
    assert [event.fields["code"] for event in sim.timeline.of("error")] == [code]


async def test_after_a_stream_that_never_opened_the_next_verb_runs(sim, server):
    server.twiml = TWIML.format(url="wss://server.example.com:81/media")
    call = await sim.twilio.call(to=NUMBER)
    await call.hears("Good bye.")
    await call.ends()
    assert [event.fields["code"] for event in sim.timeline.of("error")] == [31902]


async def test_a_say_before_the_stream_does_not_lift_the_handshake_timeout(sim, server):
    class Silent(asyncio.Protocol):
        pass

    async def serve() -> None:
        loop = asyncio.get_running_loop()
        await loop.create_server(Silent, "0.0.0.0", 444)

    await sim.host(HOST).spawn(serve())
    twiml = TWIML.format(url=f"wss://{HOST}:444/media")
    server.twiml = twiml.replace("<Connect>", "<Say>Welcome.</Say><Connect>")
    call = await sim.twilio.call(to=NUMBER)
    await call.hears("Welcome.")
    await call.hears("Good bye.")
    assert [event.fields["code"] for event in sim.timeline.of("error")] == [31901]


@pytest.mark.parametrize("after", [0.01, 0.03, 0.05, 0.07])
async def test_a_caller_may_hang_up_while_the_stream_opens(sim, server, after):
    server.twiml = TWIML.format(url=URL).replace("<Connect>", "<Pause length='1'/><Connect>")
    call = sim.twilio.rings(to=NUMBER)
    await sim.twilio.flows[-1].answered.wait()
    await asyncio.sleep(1 + after)
    await call.hangs_up()
    assert call.status == "completed"
    assert sim.timeline.of("error", "warning") == []
