"""What a program asks the REST API for, checked as Twilio checks it: calls, streams, numbers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from ..wire.http import HttpRequest
from .numbers import PhoneNumber
from .problems import StreamUrlError, checked_url
from .twiml import MAX_PARAMETER, TRACKS, StreamOrder

MAX_TWIML = 4000
"""Characters of a document that is given in the request itself."""
MAX_TIMEOUT = 600
EVENTS = ("initiated", "ringing", "answered", "completed")

_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_SEND_DIGITS = re.compile(r"[0-9A-D*#wW]{0,32}")


class RestError(Exception):
    """A request is refused; carries the status and Twilio's code."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


@dataclass(frozen=True)
class CreateCall:
    """What ``POST /Calls.json`` asks for.

    Attributes:
        url: asked for TwiML when the call is answered, by ``method``; or
        twiml: the document itself.
        events: which changes ``status_callback`` is told of; none when one was misspelt.
        timeout: seconds that it rings at most.
        time_limit: seconds that it lasts at most; None for Twilio's four hours.
        send_digits: keys pressed once it is answered.
    """

    to: str
    from_: str
    url: str | None = None
    method: str = "POST"
    twiml: str | None = None
    fallback_url: str | None = None
    fallback_method: str = "POST"
    status_callback: str | None = None
    status_callback_method: str = "POST"
    events: tuple[str, ...] = ("completed",)
    timeout: float = 60.0
    time_limit: float | None = None
    send_digits: str = ""
    misspelt: str = ""
    """An event that is unknown; with one, Twilio makes the call and tells nobody of its course."""

    def options(self) -> dict[str, Any]:
        """Return the keywords of :meth:`Twilio.create_call`."""
        return {name: value for name, value in vars(self).items() if name != "misspelt"}

    @classmethod
    def from_form(cls, form: dict[str, list[str]]) -> CreateCall:
        """Read it from a request's parameters.

        Raises:
            RestError: 400, with the code for what is missing or wrong.
        """
        to, from_ = one(form, "To"), one(form, "From")
        if not to:
            raise RestError(400, 21201, "No 'To' number is specified")
        if not from_:
            raise RestError(400, 21213, "No 'From' number is specified")
        if not _E164.fullmatch(to):
            raise RestError(400, 21211, f"The 'To' number {to} is not a valid phone number.")
        if not _E164.fullmatch(from_):
            raise RestError(400, 21212, f"The 'From' number {from_} is not a valid phone number.")
        url, twiml = one(form, "Url"), one(form, "Twiml")
        if one(form, "ApplicationSid") and not (url or twiml):
            raise RestError(400, 21218, "Invalid ApplicationSid")
        if not url and not twiml:
            raise RestError(400, 21205, "Url parameter is required.")
        return cls(
            to=to,
            from_=from_,
            url=None if twiml else web_url(url, 21205, "Url"),
            method=http_method(form, "Method"),
            twiml=check_twiml(twiml) if twiml else None,
            fallback_url=optional_url(form, "FallbackUrl"),
            fallback_method=http_method(form, "FallbackMethod"),
            status_callback=optional_url(form, "StatusCallback", 21609),
            status_callback_method=http_method(form, "StatusCallbackMethod"),
            events=_events(form),
            misspelt=_misspelt(form),
            timeout=_seconds(form, "Timeout", MAX_TIMEOUT) or 60.0,
            time_limit=_seconds(form, "TimeLimit", 86_400),
            send_digits=_digits(form),
        )


def order_from_form(form: dict[str, list[str]]) -> StreamOrder:
    """Read what ``POST /Streams.json`` asks for.

    Raises:
        RestError: 400, with the code for what is wrong.
    """
    url, track = one(form, "Url"), one(form, "Track") or "inbound_track"
    try:
        checked_url(url)
    except StreamUrlError as error:
        raise RestError(400, error.code, str(error)) from None
    if track not in TRACKS:
        raise RestError(400, 20001, f"Track must be one of {', '.join(TRACKS)}: {track}")
    parameters = {}
    for key in form:
        found = re.fullmatch(r"Parameter([1-9][0-9]?)\.Name", key)
        if found is not None:
            name, value = one(form, key), one(form, f"Parameter{found[1]}.Value")
            if not name or len(name) + len(value) >= MAX_PARAMETER:
                most = MAX_PARAMETER
                raise RestError(400, 20001, f"{key}: a name, and under {most} characters with it")
            parameters[name] = value
    return StreamOrder(
        url,
        parameters,
        one(form, "Name") or None,
        TRACKS[track],
        optional_url(form, "StatusCallback", 21609),
        http_method(form, "StatusCallbackMethod"),
    )


_NUMBER_URLS = {
    "VoiceUrl": "voice_url",
    "VoiceFallbackUrl": "fallback_url",
    "StatusCallback": "status_callback",
}
_NUMBER_METHODS = {
    "VoiceMethod": "voice_method",
    "VoiceFallbackMethod": "fallback_method",
    "StatusCallbackMethod": "status_callback_method",
}


def update_number(number: PhoneNumber, form: dict[str, list[str]], now_ns: int) -> None:
    """Do what ``POST /IncomingPhoneNumbers/{sid}.json`` asks for: all of it, or nothing.

    An empty URL takes it away. An application or a trunk takes the calls instead of ``VoiceUrl``.

    Raises:
        RestError: 400, with the code for what is wrong.
    """
    changes: dict[str, Any] = {}
    for name, attribute in _NUMBER_URLS.items():
        if name in form:
            changes[attribute] = optional_url(form, name, 21502)
    for name, attribute in _NUMBER_METHODS.items():
        if name in form:
            changes[attribute] = http_method(form, name)
    if "FriendlyName" in form:
        changes["friendly_name"] = one(form, "FriendlyName")
    if one(form, "VoiceApplicationSid") or one(form, "TrunkSid"):
        changes["voice_url"] = None
    for attribute, value in changes.items():
        setattr(number, attribute, value)
    number.updated_ns = now_ns


def form_of(request: HttpRequest) -> dict[str, list[str]]:
    """Return a request's parameters, each with all its values."""
    text = urlsplit(request.target).query
    if request.method == "POST":
        text = request.body.decode("utf-8", "replace")
    form: dict[str, list[str]] = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        form.setdefault(name, []).append(value)
    return form


def whole_number(form: dict[str, list[str]], name: str, default: int, least: int, most: int) -> int:
    """Return a whole number, brought into its range; ``default`` when there is none.

    Raises:
        RestError: it is none.
    """
    text = one(form, name)
    if not text:
        return default
    if not text.isdecimal():
        raise RestError(400, 20001, f"{name} must be a number: {text}")
    return max(least, min(most, int(text)))


def one(form: dict[str, list[str]], name: str) -> str:
    """Return a parameter's last value, empty when it is not there."""
    return form[name][-1] if form.get(name) else ""


def web_url(url: str, code: int, name: str) -> str:
    """Return an absolute http or https URL.

    Raises:
        RestError: it is none.
    """
    try:
        parts = urlsplit(url)
        right = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        right = False
    if not right:
        raise RestError(400, code, f"{name} is not a valid URL: {url}")
    return url


def optional_url(form: dict[str, list[str]], name: str, code: int = 21205) -> str | None:
    """Return a URL, or None when there is none.

    Raises:
        RestError: it is not one.
    """
    url = one(form, name)
    return web_url(url, code, name) if url else None


def http_method(form: dict[str, list[str]], name: str) -> str:
    """Return ``GET`` or ``POST``, which is the default.

    Raises:
        RestError: another one.
    """
    method = one(form, name).upper() or "POST"
    if method not in ("GET", "POST"):
        raise RestError(400, 20001, f"{name} must be GET or POST: {method}")
    return method


def check_twiml(document: str) -> str:
    """Return a document that is short enough.

    Raises:
        RestError: over :data:`MAX_TWIML` characters.
    """
    if len(document) > MAX_TWIML:
        found = len(document)
        raise RestError(400, 21240, f"Twiml must not exceed {MAX_TWIML} characters: {found}")
    return document


def _events(form: dict[str, list[str]]) -> tuple[str, ...]:
    wanted = form.get("StatusCallbackEvent", [])
    if not wanted:
        return ("completed",)
    return () if _misspelt(form) else tuple(event for event in EVENTS if event in wanted)


def _misspelt(form: dict[str, list[str]]) -> str:
    unknown = [event for event in form.get("StatusCallbackEvent", []) if event not in EVENTS]
    return unknown[0] if unknown else ""


def _seconds(form: dict[str, list[str]], name: str, most: int) -> float | None:
    text = one(form, name)
    if not text:
        return None
    if not text.isdecimal() or not 1 <= int(text) <= most:
        raise RestError(400, 20001, f"{name} must be 1 to {most} seconds: {text}")
    return float(text)


def _digits(form: dict[str, list[str]]) -> str:
    digits = one(form, "SendDigits")
    if not _SEND_DIGITS.fullmatch(digits):
        raise RestError(400, 20001, f"SendDigits: up to 32 of 0-9, A-D, *, # and w: {digits}")
    return digits
