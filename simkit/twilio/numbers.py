"""Phone numbers of the account: what Twilio does when somebody calls one."""

from __future__ import annotations

import re
from dataclasses import dataclass

_ADDRESS = re.compile(r"\+[1-9][0-9]{1,14}|client:[^\s:@]+|sips?:[^\s@]+@[^\s@]+", re.IGNORECASE)
_WITHHELD = re.compile("anonymous|restricted|unavailable|unknown|private", re.IGNORECASE)


def check_number(what: str, found: object, *, may_be_withheld: bool = False) -> None:
    """Refuse what Twilio would call nobody by.

    Args:
        what: is checked, for the error.
        found: what it was set to.
        may_be_withheld: it is a caller's, who need not tell it.

    Raises:
        ValueError: no number, client or SIP address.
    """
    kinds = (_ADDRESS, _WITHHELD) if may_be_withheld else (_ADDRESS,)
    if isinstance(found, str) and any(kind.fullmatch(found) for kind in kinds):
        return
    withheld = ", or anonymous" if may_be_withheld else ""
    raise ValueError(
        f"{what}: expected a number in E.164 as +15550100, client:NAME or sip:USER@HOST{withheld}; "
        f"found {found!r}"
    )


def how_to_point(number: str) -> str:
    """Say how a number's voice webhook is told, in a test and to a command, for an error."""
    return (
        f"sim.twilio.number({number!r}, voice_url='https://.../voice/inbound') in a test; for "
        "--app in a function of sim, as in the conftest.py that `simkit init` writes: --app "
        "conftest:serve"
    )


@dataclass
class PhoneNumber:
    """A number and its webhooks; instants in virtual nanoseconds."""

    sid: str
    phone_number: str
    created_ns: int = 0
    updated_ns: int = 0
    friendly_name: str = ""
    voice_url: str | None = None
    voice_method: str = "POST"
    fallback_url: str | None = None
    """Asked when the voice webhook fails."""
    fallback_method: str = "POST"
    status_callback: str | None = None
    """Told of a call's end."""
    status_callback_method: str = "POST"


@dataclass(frozen=True)
class Place:
    """Where a number is at home, as webhooks tell it; what is unknown is empty."""

    city: str = ""
    state: str = ""
    zip: str = ""
    country: str = "US"
