"""Numbers: whom Twilio can call, and whom it would call nobody by."""

from __future__ import annotations

import re

import pytest

from simkit.twilio.numbers import check_number

EXPECTED = "expected a number in E.164 as +15550100, client:NAME or sip:USER@HOST"


@pytest.mark.parametrize(
    "number",
    [
        "+15550100",
        "+442079460000",
        "+266696687",
        "+123456789012345",
        "client:alice",
        "sip:alice@example.com;transport=tls",
        "SIPS:+15550100@example.com:5061",
    ],
)
def test_what_twilio_can_call_is_taken(number):
    check_number("to", number)


@pytest.mark.parametrize(
    "number",
    ["", "hello", "15550100", "+0155501", "+1", "+1 555 0100", "+1234567890123456", "+15550100\n",
     "client:", "sip:alice", "sip:@example.com", "anonymous", None, 15550100, "+१२३४५"],
)  # fmt: skip
def test_anything_else_is_refused_and_shown(number):
    with pytest.raises(ValueError) as raised:  # noqa: PT011 - the whole text is below
        check_number("to", number)
    assert str(raised.value) == f"to: {EXPECTED}; found {number!r}"


def test_a_caller_need_not_tell_theirs():
    check_number("from_", "Anonymous", may_be_withheld=True)
    with pytest.raises(ValueError, match=re.escape(f"from_: {EXPECTED}, or anonymous; found ''")):
        check_number("from_", "", may_be_withheld=True)


async def test_everything_that_takes_a_number_says_which_is_none(sim):
    sim.twilio.default_voice_url = "https://bridge.example.com/voice"
    twilio = sim.twilio
    wrong = [
        ("to", lambda: twilio.rings("hello")),
        ("from_", lambda: twilio.rings("+15550100", "")),
        ("number", lambda: twilio.number("hello", voice_url="https://a.example/")),
        ("number", lambda: twilio.person("hello")),
        ("number", lambda: twilio.geography("hello", city="Rome")),
    ]
    for what, use in wrong:
        with pytest.raises(ValueError, match=rf"^{what}: expected a number in E\.164"):
            use()
    with pytest.raises(ValueError, match=r"^to: expected a number in E\.164"):
        await twilio.call(to="hello")
    with pytest.raises(ValueError, match=r"^to: expected a number in E\.164"):
        await twilio.forges("unsigned", to="hello")
    assert (twilio.calls, twilio.numbers, twilio.people) == ([], {}, {})
