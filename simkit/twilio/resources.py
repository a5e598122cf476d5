"""REST resources as JSON: calls, phone numbers, streams, lists and errors.

Fields and their types are those of Twilio's OpenAPI description: everything is a string or null
but for what is said here. Dates are RFC 2822.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import msgspec

from ..wire.http import HttpResponse
from .legs import API_VERSION
from .numbers import PhoneNumber

if TYPE_CHECKING:
    from .call import CallFlow

Dates = Callable[[int | None], str | None]
"""Gives the date of an instant in virtual nanoseconds, as RFC 2822 has it."""

DEFAULT_PAGE = 50
MAX_PAGE = 1000

_SUBRESOURCES = (
    "notifications",
    "recordings",
    "payments",
    "events",
    "siprec",
    "streams",
    "transcriptions",
    "user_defined_message_subscriptions",
    "user_defined_messages",
)


@dataclass(frozen=True)
class Snapshot:
    """What is known of a call at an instant of the past; instants in virtual nanoseconds."""

    status: str
    updated_ns: int
    started_ns: int | None
    ended_ns: int | None

    @classmethod
    def of(cls, flow: CallFlow, at_ns: int) -> Snapshot:
        """Look at a call as it was at ``at_ns``."""
        ended_ns = flow.ended_ns if flow.ended_ns is not None and flow.ended_ns <= at_ns else None
        started_ns = flow.started_ns
        if started_ns is not None and started_ns > at_ns:
            started_ns = None
        status = flow.status
        if started_ns is not None and ended_ns is None:
            status = "in-progress"
        elif (ended_ns is None and flow.ended_ns is not None) or started_ns != flow.started_ns:
            status = "ringing"
        known = (flow.created_ns, started_ns, ended_ns)
        # A call's progress has a step that its resource does not know.
        status = "queued" if status == "initiated" else status
        return cls(status, max(ns for ns in known if ns is not None), started_ns, ended_ns)


def call_json(
    flow: CallFlow, at_ns: int, account_sid: str, number_sid: str | None, calendar: Dates
) -> dict[str, Any]:
    """Return a Call resource; of one that is not over, duration and end are null.

    Args:
        flow: the call.
        at_ns: as of which instant it is shown.
        account_sid: whose it is.
        number_sid: the account's own number in it.
        calendar: dates of instants.
    """
    leg, then = flow.leg, Snapshot.of(flow, at_ns)
    uri = f"/{API_VERSION}/Accounts/{account_sid}/Calls/{leg.call_sid}"
    return {
        "account_sid": account_sid,
        "answered_by": None,
        "api_version": API_VERSION,
        "caller_name": leg.caller_name,
        "date_created": calendar(flow.created_ns),
        "date_updated": calendar(then.updated_ns),
        "direction": leg.direction,
        "duration": str(flow.seconds) if then.ended_ns is not None else None,
        "end_time": calendar(then.ended_ns),
        "forwarded_from": leg.forwarded_from,
        "from": leg.from_,
        "from_formatted": formatted(leg.from_),
        "group_sid": None,
        "parent_call_sid": None,
        "phone_number_sid": number_sid,
        "price": None,
        "price_unit": "USD",
        "queue_time": str(round(leg.queued_for * 1000)),
        "sid": leg.call_sid,
        "start_time": calendar(then.started_ns),
        "status": then.status,
        "subresource_uris": {name: f"{uri}/{_camel(name)}.json" for name in _SUBRESOURCES},
        "to": leg.to,
        "to_formatted": formatted(leg.to),
        "trunk_sid": None,
        "uri": f"{uri}.json",
    }


def number_json(number: PhoneNumber, account_sid: str, calendar: Dates) -> dict[str, Any]:
    """Return an IncomingPhoneNumber resource."""
    return {
        "account_sid": account_sid,
        "address_requirements": "none",
        "address_sid": None,
        "api_version": API_VERSION,
        "beta": False,
        "bundle_sid": None,
        "capabilities": {"fax": False, "mms": True, "sms": True, "voice": True},
        "date_created": calendar(number.created_ns),
        "date_updated": calendar(number.updated_ns),
        "emergency_address_sid": None,
        "emergency_address_status": "unregistered",
        "emergency_status": "Inactive",
        "friendly_name": number.friendly_name or formatted(number.phone_number),
        "identity_sid": None,
        "origin": "twilio",
        "phone_number": number.phone_number,
        "sid": number.sid,
        "sms_application_sid": "",
        "sms_fallback_method": "POST",
        "sms_fallback_url": "",
        "sms_method": "POST",
        "sms_url": "",
        "status": "in-use",
        "status_callback": number.status_callback or "",
        "status_callback_method": number.status_callback_method,
        "trunk_sid": None,
        "type": "local",
        "uri": f"/{API_VERSION}/Accounts/{account_sid}/IncomingPhoneNumbers/{number.sid}.json",
        "voice_application_sid": "",
        "voice_caller_id_lookup": False,
        "voice_fallback_method": number.fallback_method,
        "voice_fallback_url": number.fallback_url or "",
        "voice_method": number.voice_method,
        "voice_receive_mode": "voice",
        "voice_url": number.voice_url or "",
    }


def stream_json(
    sid: str, name: str, status: str, call_sid: str, account_sid: str, updated: str | None
) -> dict[str, Any]:
    """Return a Stream resource; ``status`` is ``in-progress`` or ``stopped``."""
    return {
        "sid": sid,
        "account_sid": account_sid,
        "call_sid": call_sid,
        "name": name,
        "status": status,
        "date_updated": updated,
        "uri": f"/{API_VERSION}/Accounts/{account_sid}/Calls/{call_sid}/Streams/{sid}.json",
    }


def page_json(
    key: str, found: list[dict[str, Any]], path: str, query: dict[str, str], size: int, page: int
) -> dict[str, Any]:
    """Return one page of a list, in its envelope.

    Args:
        key: what the list is called.
        found: everything that was found, in order.
        path: of the request.
        query: of the request; paging is taken out of it and put in anew.
        size: entries on a page.
        page: which one, from 0.
    """
    first = page * size
    shown = found[first : first + size]
    kept = {name: value for name, value in query.items() if not name.startswith("Page")}

    def uri(number: int) -> str:
        paging = {"PageSize": str(size), "Page": str(number)}
        if number:
            paging["PageToken"] = f"PA{found[number * size - 1]['sid']}"
        return f"{path}?{urlencode(kept | paging)}"

    return {
        key: shown,
        "page": page,
        "page_size": size,
        "start": first,
        "end": max(first, first + len(shown) - 1),
        "first_page_uri": uri(0),
        "next_page_uri": uri(page + 1) if first + size < len(found) else None,
        "previous_page_uri": uri(page - 1) if page else None,
        "uri": uri(page),
    }


def problem_json(status: int, code: int, message: str) -> dict[str, Any]:
    """Return an error's body."""
    return {
        "code": code,
        "message": message,
        "more_info": f"https://www.twilio.com/docs/errors/{code}",
        "status": status,
    }


def answer(status: int, body: dict[str, Any]) -> HttpResponse:
    """Answer with JSON."""
    headers = [("Content-Type", "application/json;charset=utf-8")]
    return HttpResponse(status, headers, msgspec.json.encode(body))


def date(seconds: int) -> str:
    """Return an instant as RFC 2822 has it: ``Tue, 31 Aug 2010 20:36:28 +0000``."""
    return format_datetime(datetime.datetime.fromtimestamp(seconds, datetime.UTC))


def formatted(number: str) -> str:
    """Return a number of the USA as people write it there, any other as it is."""
    if len(number) == 12 and number.startswith("+1") and number[1:].isdecimal():
        return f"({number[2:5]}) {number[5:8]}-{number[8:]}"
    return number


def _camel(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))
