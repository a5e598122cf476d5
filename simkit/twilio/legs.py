"""Legs: who calls whom, and what every request of a call says of it."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Literal

from .numbers import Place
from .webhooks import Ask

API_VERSION = "2010-04-01"

Direction = Literal["inbound", "outbound-api"]


@dataclass(frozen=True)
class Literally:
    """A document that was given, not asked for."""

    document: bytes
    base_url: str = ""


Step = Ask | Literally
"""Where a call's next instructions come from."""


@dataclass
class Reports:
    """Who is told of a call's course."""

    url: str | None = None
    method: str = "POST"
    events: tuple[str, ...] = ("completed",)
    """Of ``initiated``, ``ringing``, ``answered`` and ``completed``."""


@dataclass
class Leg:
    """What a call is made of, besides its course."""

    number: int
    call_sid: str
    account_sid: str
    from_: str
    to: str
    first: Step
    """Where its first instructions come from."""
    direction: Direction = "inbound"
    fallback: Ask | None = None
    reports: Reports = field(default_factory=Reports)
    from_place: Place = field(default_factory=Place)
    to_place: Place = field(default_factory=Place)
    stir_verstat: str | None = "TN-Validation-Passed-A"
    """How the caller's number was attested, inbound; None: not told."""
    caller_name: str | None = None
    forwarded_from: str | None = None
    call_token: str | None = None
    """Told with the first webhook of an inbound call."""
    timeout: float = 60.0
    """Seconds that an outbound call rings."""
    time_limit: float | None = None
    """Seconds that a call lasts at most."""
    send_digits: str = ""
    """Keys pressed once an outbound call is answered."""
    queued_for: float = 0.0
    """Seconds that an outbound call waits for its turn to be dialled."""

    def params(self, status: str) -> dict[str, str]:
        """Return the fields of a request; unknown places are empty strings."""
        params = {
            "AccountSid": self.account_sid,
            "ApiVersion": API_VERSION,
            "CallSid": self.call_sid,
            "CallStatus": status,
            "Direction": self.direction,
        }
        if self.direction == "inbound" and self.stir_verstat is not None:
            params["StirVerstat"] = self.stir_verstat
        for name, number, place in (
            ("Called", self.to, self.to_place),
            ("Caller", self.from_, self.from_place),
            ("From", self.from_, self.from_place),
            ("To", self.to, self.to_place),
        ):
            params[name] = number
            params[f"{name}City"] = place.city
            params[f"{name}State"] = place.state
            params[f"{name}Zip"] = place.zip
            params[f"{name}Country"] = place.country
        if self.caller_name is not None:
            params["CallerName"] = self.caller_name
        if self.forwarded_from is not None:
            params["ForwardedFrom"] = self.forwarded_from
        return params


def new_call_token(draw: random.Random) -> str:
    """Return what a program hands back to Twilio to prove whose call it forwards."""
    parts = [draw.randbytes(size).hex() for size in (12, 24, 16)]
    return f'{{"parentCallInfoToken":"{".".join(parts)}","identityHeaderTokens":[]}}'
