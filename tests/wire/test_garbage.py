"""Garbage is garbage: the wire's own decoders refuse it, or see what is wrong."""

from __future__ import annotations

from typing import get_args

import pytest

from simkit.wire import WireError, garbage, twilio, vapi
from simkit.wire.garbage import Garbage

SID = "MZ" + "1" * 32
WELL_FORMED = ("huge", "wrong-stream")


@pytest.mark.parametrize("how", get_args(Garbage))
def test_on_a_stream(how):
    data = garbage.for_twilio(how, SID)
    if how not in WELL_FORMED:
        with pytest.raises((WireError, UnicodeDecodeError)):
            twilio.decode(data.decode() if isinstance(data, bytes) else data)
        return
    message = twilio.decode(data)
    assert isinstance(message, twilio.Media)
    assert (message.stream_sid != SID) is (how == "wrong-stream")
    assert (len(data) > 100_000) is (how == "huge")


@pytest.mark.parametrize("how", [how for how in get_args(Garbage) if how != "binary"])
def test_on_a_socket_of_vapis(how):
    data = garbage.for_vapi(how)
    assert isinstance(data, str)
    known = {"wrong-stream": vapi.StatusUpdate, "unknown-event": vapi.Unknown}
    known["bad-base64"] = vapi.Unknown  # audio comes so in another dialect only
    if how in known:
        assert type(vapi.decode(data)) is known[how]
        return
    with pytest.raises(WireError):
        vapi.decode(data)
