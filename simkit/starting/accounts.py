"""What an application is to find in its environment: simulated accounts, and its own address."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..twilio import ACCOUNT_SID, AUTH_TOKEN
from ..vapi import API_KEY
from ..world import BRIDGE_HOST
from .survey import Variable

_KNOWN: list[tuple[str, str, str]] = [
    # What the name matches; the value; how a test writes it, where that is another thing.
    (r"TWILIO.*(AUTH|TOKEN)|(AUTH_TOKEN)", AUTH_TOKEN, "AUTH_TOKEN"),
    (r"(TWILIO_)?ACCOUNT_SID|TWILIO_SID", ACCOUNT_SID, "ACCOUNT_SID"),
    (r"TWILIO.*(SECRET|KEY|SID)", "simulated", ""),
    (r"(?!.*(SECRET|WEBHOOK|PUBLIC)).*VAPI.*(KEY|TOKEN)", API_KEY, "API_KEY"),
    (r"OPENAI_API_KEY", "simulated-key", ""),
    (r".*ASSISTANT(_ID)?", "an-assistant", ""),
    (r"(?=.*(WS|WSS|STREAM|SOCKET|MEDIA))(?!.*(VAPI|OPENAI)).*UR[LI]", f"wss://{BRIDGE_HOST}", ""),
    (
        r"(?!.*(VAPI|OPENAI|DATABASE|DB|REDIS|MONGO|POSTGRES|SENTRY|AMQP|TWILIO_API)).*"
        r"(PUBLIC|BASE|SERVER|WEBHOOK|APP|NGROK|EXTERNAL|SERVICE|CALLBACK|SITE|BRIDGE|HOST)"
        r".*UR[LI]|URL",
        f"https://{BRIDGE_HOST}",
        "",
    ),
    (r".*(DOMAIN|HOSTNAME|(PUBLIC|SERVER|EXTERNAL|NGROK|BRIDGE|APP)_HOST)", BRIDGE_HOST, ""),
    (r".*(PHONE|NUMBER|CALLER_ID)(_NUMBER|_FROM)?", "+15550100", ""),
]
_IMPORTS = {"AUTH_TOKEN": "simkit.twilio", "ACCOUNT_SID": "simkit.twilio", "API_KEY": "simkit.vapi"}


@dataclass(frozen=True)
class Value:
    """What one variable is set to."""

    name: str
    text: str
    written: str
    """As Python."""
    imported: str = ""
    """Module that it takes from."""
    is_guess: bool = False
    """Nobody knows what it means; something had to be there."""


def values(variables: list[Variable]) -> list[Value]:
    """Return what variables are set to; not those that have a default and concern no account."""
    found = []
    for variable in variables:
        value = _value(variable)
        if value is not None:
            found.append(value)
    return found


def _value(variable: Variable) -> Value | None:
    name = variable.name
    for pattern, text, written in _KNOWN:
        if re.fullmatch(pattern, name.upper()) and not variable.is_number:
            imported = _IMPORTS.get(written, "")
            return Value(name, text, written if imported else f'"{text}"', imported)
    if not variable.is_needed:
        return None
    text = "1" if variable.is_number else "simulated"
    return Value(name, text, f'"{text}"', is_guess=True)
