"""TwiML as text: whatever a program answers with, it is understood or refused, never a crash."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simkit import Simulation
from simkit.twilio import CallFailed
from simkit.twilio.twiml import _ATTRIBUTES, TwimlError, parse, stream_order, summary
from tests.twilio.program import BASE, HOST, NUMBER, Program

FULL = f"""<?xml version="1.0" encoding="UTF-8"?>
<Response>
  <!-- everything at once -->
  <Say loop="2" voice="alice">Hello &amp; welcome. <break strength="weak"/> Please wait.</Say>
  <Play>/hold.wav</Play><Play digits="w1"/>
  <Start><Stream url="wss://{HOST}/media" name="tap" track="both_tracks"
    statusCallback="{BASE}/status" statusCallbackMethod="GET"/></Start>
  <Gather input="dtmf speech" numDigits="1" timeout="1" speechTimeout="auto" finishOnKey="#"
    action="/after" method="POST" bargeIn="true"><Say>Press one.</Say><Pause length="1"/></Gather>
  <Connect action="/after" method="GET"><Stream url="/media" name="leg">
    <Parameter name="k" value="v"/></Stream></Connect>
  <Stop><Stream name="tap"/></Stop>
  <Dial>+15550001</Dial><Pause length="2"/>
  <Redirect method="GET">/after</Redirect><Reject reason="busy"/><Hangup/>
</Response>""".encode()

PIECES = re.findall(rb"<[^>]*>|\"[^\"]*\"|[^<\"]+", FULL)
ODD = [
    b"", b"&", b"<", b"]]>", b"\x00", b"\xff", b'"999999999999"', b'"-1"', b'"http://[::"',
    b"</Say>", b"<Say>", b'"wss://x:99999/"', b"<Response>", b"<Stream/>", b"<a:b/>",
    "\u2028é".encode(), b'<?xml version="1.0" encoding="utf-16"?>', b"<!DOCTYPE a>",
    b' x="1" x="2"',
]  # fmt: skip

VALUES = [
    "", "0", "1", "2", "-1", "1.5", "auto", "999999999999", "²", "true", "dtmf speech", "speech",
    "GET", "post", "PUT", "busy", "both_tracks", "outbound_track", "#", "*1", "w1ww#", "1x",
    "tap", "/media", "/after", "/hold.wav", "/nothing", "wss://program.example.com/media",
    "wss://x:99999/", "wss://[::", "ws://x", "http://[::", "https://:80/", "wss://x/y?z", "//",
    "https://program.example.com/status", "ftp://x", "a" * 500, "\u2028", "https://x.\u3002/",
    "https://" + "a" * 70 + "/", "https://a b/", "wss://x\\y/", "https://u:p@program.example.com/",
]  # fmt: skip
NAMES = [*_ATTRIBUTES, "Dial", "Break", "ConversationRelay", "say"]


@st.composite
def mutated(draw) -> bytes:
    """A document with pieces doubled, dropped, swapped, cut, or replaced by odd ones."""
    pieces = list(PIECES)
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, len(pieces) - 1))
        other = draw(st.integers(0, len(pieces) - 1))
        change = draw(st.sampled_from(["drop", "double", "swap", "odd", "cut", "text"]))
        if change == "drop" and len(pieces) > 1:
            del pieces[at]
        elif change == "double":
            pieces.insert(other, pieces[at])
        elif change == "swap":
            pieces[at], pieces[other % len(pieces)] = pieces[other % len(pieces)], pieces[at]
        elif change == "odd":
            pieces[at] = draw(st.sampled_from(ODD))
        elif change == "cut":
            pieces[at] = pieces[at][: draw(st.integers(0, 12))]
        else:
            pieces[at] = draw(st.text(max_size=8)).encode("utf-8", "surrogatepass")
    return b"".join(pieces)


@st.composite
def elements(draw, depth: int = 2) -> ElementTree.Element:
    """An element that is good XML, with what its schema knows, and what no schema does."""
    name = draw(st.sampled_from(NAMES))
    known = [*_ATTRIBUTES.get(name, "").split(), "xyz"]
    attributes = st.dictionaries(st.sampled_from(known), st.sampled_from(VALUES), max_size=4)
    element = ElementTree.Element(name, draw(attributes))
    element.text = draw(st.sampled_from([*VALUES, "Hello.", "Hello.", "Hello."]))
    if depth:
        element.extend(draw(st.lists(elements(depth - 1), max_size=2)))
    return element


@st.composite
def documents(draw) -> bytes:
    """A document of a few verbs that need not make sense."""
    root = ElementTree.Element("Response")
    root.extend(draw(st.lists(elements(), min_size=1, max_size=4)))
    return ElementTree.tostring(root)


def test_a_document_is_read_whole():
    document = parse(FULL)
    assert document.warnings == []
    names = " ".join(verb.name for verb in document.verbs)
    assert names == "Say Play Play Start Gather Connect Stop Dial Pause Redirect Reject Hangup"
    assert document.verbs[0].text == "Hello & welcome. Please wait."
    assert [child.name for child in document.verbs[4].children] == ["Say", "Pause"]
    order = stream_order(document.verbs[5].children[0], f"{BASE}/voice", [])
    assert (order.url, order.name, order.parameters) == (f"wss://{HOST}/media", "leg", {"k": "v"})
    assert order.fault is None


def test_any_encoding_that_says_its_name_is_read():
    text = '<?xml version="1.0" encoding="{}"?><Response><Say>Grüße</Say></Response>'
    for encoding in ("utf-8", "utf-16", "iso-8859-1"):
        document = text.format(encoding).encode(encoding)
        assert parse(document).verbs[0].text == "Grüße"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_entities_cannot_be_declared(encoding):
    bomb = '<!DOCTYPE r [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]><Response>&b;</Response>'
    with pytest.raises(TwimlError, match="document type"):
        parse(bomb.encode(encoding))


def test_a_document_nested_ten_thousand_deep_is_no_danger():
    deep = b"<Response>" + b"<Say>" * 10_000 + b"x" + b"</Say>" * 10_000 + b"</Response>"
    assert parse(deep).verbs[0].text == "x"
    nested = b"<Response>" + b"<Connect>" * 10_000 + b"</Connect>" * 10_000 + b"</Response>"
    assert "unknown element <Connect>" in parse(nested).warnings[0]


@settings(max_examples=40)
@given(st.one_of(mutated(), documents(), st.binary(max_size=60)))
def test_whatever_is_answered_is_read_or_refused(document):
    assert summary(document).startswith("TwiML")
    try:
        found = parse(document)
    except TwimlError as error:
        refused = error
    else:
        refused = None
    if refused is not None:
        assert refused.code in (12100, 12200)
        assert len(str(refused)) < 400
        return
    for verb in found.verbs:
        for child in verb.children:
            if child.name == "Stream":
                order = stream_order(child, f"{BASE}/voice", [])
                assert order.fault is None or order.fault.code in (31920, 31922, 31923)


@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(st.one_of(documents(), mutated()), st.floats(0, 12))
def test_whatever_is_answered_the_call_comes_to_an_end_and_nothing_crashes(document, after):
    with Simulation(0) as sim:
        program = Program(sim)
        program.says(document)
        program.says(b"<Response><Say>After.</Say></Response>", "/after")

        async def main() -> None:
            try:
                call = await sim.twilio.call(to=NUMBER)
            except CallFailed:
                return
            await call.stays_silent(after)
            await call.hangs_up()
            await call.stays_silent(3)

        sim.run(main())
        timeline = sim.finish()
        assert timeline.of("unhandled-error", "leaks") == []
        assert len(timeline.of("ended")) == 1
        assert str(timeline)
