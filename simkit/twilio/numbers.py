"""Phone numbers of the account: what Twilio does when somebody calls one."""

from __future__ import annotations

from dataclasses import dataclass


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
