"""The REST API of the account, on ``api.twilio.com``: calls, phone numbers, streams.

Answers only what a bridge asks of it: calls are made, shown, listed, redirected and ended; numbers
are shown, listed and pointed elsewhere. Everything else is a 404 as Twilio words it.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hmac
import re
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, ClassVar

from ..timeline import Clock, Timeline
from ..wire.failures import Failures
from ..wire.http import HttpRequest, HttpResponse
from . import resources
from .call import CallFlow, NotInProgress
from .legs import API_VERSION
from .numbers import PhoneNumber
from .outbound import (
    CreateCall,
    RestError,
    check_twiml,
    form_of,
    http_method,
    one,
    order_from_form,
    update_number,
    web_url,
    whole_number,
)

if TYPE_CHECKING:
    import random

    from .service import Twilio
    from .settings import TwilioSettings

HOST = "api.twilio.com"
Form = dict[str, list[str]]

Answer = Callable[..., Awaitable[HttpResponse]]

_ACCOUNT = re.compile(rf"/{API_VERSION}/Accounts/([^/]+?)(/.*)?\.json")
_NOT_IN_PROGRESS = "Call is not in-progress. Cannot redirect."
_SHOWN = ("To", "From", "Status", "Url", "Twiml", "VoiceUrl", "PhoneNumber", "Name")
"""Parameters that the timeline shows."""


class RestApi:
    """Answers the requests of one account.

    Attributes:
        delay: seconds that every answer takes.
        api_keys: keys (``SK...``) and their secrets that may be used instead of the auth token.
    """

    def __init__(
        self,
        account: Twilio,
        *,
        clock: Clock,
        timeline: Timeline,
        settings: TwilioSettings,
        draw: random.Random,
    ) -> None:
        self._account = account
        self._clock = clock
        self._timeline = timeline
        self._settings = settings
        self._draw = draw
        self._failures: Failures[tuple[int, int, str]] = Failures()
        self._running = 0
        self._next_turn_ns = 0
        self.delay = 0.0
        self.api_keys: dict[str, str] = {}

    def fails(
        self,
        status: int = 500,
        *,
        code: int = 20500,
        message: str = "Internal Server Error",
        times: int = 1,
        path: str = "",
    ) -> None:
        """Let the next requests fail, before anything is done.

        Args:
            status: of the answer, 400 to 599.
            code: Twilio's error code in the body.
            message: in the body.
            times: how many requests fail.
            path: only those whose path holds this text, ``/Calls`` for instance.

        Raises:
            ValueError: a status that is no error, or no request.
        """
        self._failures.order(status, (status, code, message), times=times, path=path)

    async def handle(self, request: HttpRequest) -> HttpResponse:
        """Answer a request."""
        sent_ns = self._clock.now_ns if request.sent_ns is None else request.sent_ns
        arrived_ns = self._clock.now_ns
        form = form_of(request)
        self._running += 1
        try:
            response = await self._refuse_or_answer(request, form)
        except RestError as error:
            problem = resources.problem_json(error.status, error.code, str(error))
            response = resources.answer(error.status, problem)
            outcome = {"status": error.status, "code": error.code}
        else:
            outcome = {"status": response.status}
        finally:
            self._running -= 1
        self._note(request, form, sent_ns, arrived_ns, outcome)
        took = (self._clock.now_ns - arrived_ns) / 1e9
        response.headers += [
            ("Twilio-Concurrent-Requests", str(self._running + 1)),
            ("Twilio-Request-Id", "RQ" + self._draw.randbytes(16).hex()),
            ("Twilio-Request-Duration", f"{took:.3f}"),
            ("X-Home-Region", "us1"),
            ("X-API-Domain", HOST),
        ]
        return response

    async def _refuse_or_answer(self, request: HttpRequest, form: Form) -> HttpResponse:
        if self._running > self._settings.rest_limit:
            raise RestError(429, 20429, "Too Many Requests")
        failure = self._failures.take(request.path)
        if failure is not None:
            raise RestError(*failure)
        if self.delay:
            await asyncio.sleep(self.delay)
        if not self._knows(request.headers.get("authorization", "")):
            raise RestError(401, 20003, "Authenticate")
        found = _ACCOUNT.fullmatch(request.path)
        if found is None or found[1] != self._account.account_sid:
            raise _missing(request)
        for (method, pattern), answer in self._routes.items():
            match = re.fullmatch(pattern, found[2] or "")
            if match is not None and method == request.method:
                return await answer(self, request, form, *match.groups())
        raise _missing(request)

    def _knows(self, authorization: str) -> bool:
        kind, _, encoded = authorization.partition(" ")
        try:
            user, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return False
        expected = self.api_keys.get(user)
        if user == self._account.account_sid:
            expected = self._account.auth_token
        return (
            kind.lower() == "basic"
            and expected is not None
            and hmac.compare_digest(secret.encode(), expected.encode())
        )

    def _note(
        self,
        request: HttpRequest,
        form: Form,
        sent_ns: int,
        arrived_ns: int,
        outcome: dict[str, int],
    ) -> None:
        path, number = self._path_for_people(request.path)
        shown: dict[str, object] = {name: form[name][0] for name in _SHOWN if name in form}
        self._timeline.record(
            "request",
            "bridge",
            "twilio",
            t_ns=sent_ns,
            call=number,
            sent_ns=sent_ns,
            arrived_ns=arrived_ns,
            method=request.method,
            path=path,
            shown=shown | outcome,
        )

    def _path_for_people(self, path: str) -> tuple[str, int | None]:
        """Return a path without account and ids, and the number of the call that it names."""
        found = _ACCOUNT.fullmatch(path)
        short = (found[2] or "/Account") if found else path
        number = None
        for flow in self._account.flows:
            if flow.leg.call_sid in short:
                number = flow.leg.number
                short = short.replace(flow.leg.call_sid, f"call {number}")
        return re.sub(r"\b([A-Z]{2})[0-9a-f]{32}\b", r"\1...", short), number

    # Numbers

    async def _list_numbers(self, request: HttpRequest, form: Form) -> HttpResponse:
        wanted = one(form, "PhoneNumber")
        found = [
            self._number_json(number)
            for number in self._account.numbers.values()
            if wanted in number.phone_number
        ]
        return self._page("incoming_phone_numbers", found, request, form)

    async def _show_number(self, request: HttpRequest, form: Form, sid: str) -> HttpResponse:
        return resources.answer(200, self._number_json(self._number(request, sid)))

    async def _update_number(self, request: HttpRequest, form: Form, sid: str) -> HttpResponse:
        number = self._number(request, sid)
        update_number(number, form, self._clock.now_ns)
        return resources.answer(200, self._number_json(number))

    def _number_json(self, number: PhoneNumber) -> dict[str, Any]:
        return resources.number_json(number, self._account.account_sid, self._date)

    def _number(self, request: HttpRequest, sid: str) -> PhoneNumber:
        for number in self._account.numbers.values():
            if number.sid == sid:
                return number
        raise _missing(request)

    # Calls

    async def _create_call(self, request: HttpRequest, form: Form) -> HttpResponse:
        wanted = CreateCall.from_form(form)
        # One account dials one call at a time, so to speak: the others wait for their turn.
        now_ns = self._clock.now_ns
        turn_ns = max(now_ns, self._next_turn_ns)
        self._next_turn_ns = turn_ns + round(self._settings.call_interval * 1e9)
        flow = self._account.create_call(**wanted.options(), queued_for=(turn_ns - now_ns) / 1e9)
        if wanted.misspelt:
            self._timeline.record(
                "warning",
                "twilio",
                call=flow.leg.number,
                code=21626,
                reason=f"StatusCallbackEvent: {wanted.misspelt!r} is unknown, so nobody is told",
            )
        return resources.answer(201, self._call_json(flow, now_ns))

    async def _list_calls(self, request: HttpRequest, form: Form) -> HttpResponse:
        at_ns = self._as_of()
        found = [self._call_json(flow, at_ns) for flow in reversed(self._account.flows)]
        for name in ("To", "From", "Status"):
            if one(form, name):
                found = [call for call in found if call[name.lower()] == one(form, name)]
        return self._page("calls", found, request, form)

    async def _show_call(self, request: HttpRequest, form: Form, sid: str) -> HttpResponse:
        return resources.answer(200, self._call_json(self._call(request, sid), self._as_of()))

    async def _update_call(self, request: HttpRequest, form: Form, sid: str) -> HttpResponse:
        flow = self._call(request, sid)
        status, url, twiml = (one(form, name) for name in ("Status", "Url", "Twiml"))
        if status not in ("", "completed", "canceled"):
            raise RestError(400, 20001, f"Status must be completed or canceled: {status}")
        if url:
            web_url(url, 21205, "Url")
        if twiml:
            check_twiml(twiml)
        method = http_method(form, "Method")
        if flow.over and (status or url or twiml):
            self._refuse_ended(request)
        elif status == "completed" or (status == "canceled" and flow.started_ns is None):
            flow.complete()
        elif url or twiml:
            try:
                if url:
                    flow.redirect(url, method)
                else:
                    flow.replace(twiml)
            except NotInProgress:
                raise RestError(400, 21220, _NOT_IN_PROGRESS) from None
        return resources.answer(200, self._call_json(flow, self._clock.now_ns))

    def _refuse_ended(self, request: HttpRequest) -> None:
        """A call that is over is asked for something: reports differ on what Twilio answers."""
        if self._settings.ended_call_answer == "21220":
            raise RestError(400, 21220, _NOT_IN_PROGRESS)
        if self._settings.ended_call_answer == "20404":
            raise _missing(request)

    def _call(self, request: HttpRequest, sid: str) -> CallFlow:
        for flow in self._account.flows:
            if flow.leg.call_sid == sid:
                return flow
        raise _missing(request)

    def _call_json(self, flow: CallFlow, at_ns: int) -> dict[str, Any]:
        leg = flow.leg
        own = self._account.numbers.get(leg.to if leg.direction == "inbound" else leg.from_)
        return resources.call_json(
            flow, at_ns, self._account.account_sid, own.sid if own is not None else None, self._date
        )

    def _as_of(self) -> int:
        """Return the instant whose state is shown: lists and calls are eventually consistent."""
        return self._clock.now_ns - round(self._settings.rest_lag * 1e9)

    # Streams

    async def _create_stream(self, request: HttpRequest, form: Form, sid: str) -> HttpResponse:
        flow = self._call(request, sid)
        try:
            stream = flow.start_stream(order_from_form(form))
        except NotInProgress:
            raise RestError(400, 21220, _NOT_IN_PROGRESS) from None
        except ValueError as error:
            raise RestError(400, 20001, str(error)) from None
        return self._stream_answer(200, flow, stream.sid, stream.name, "in-progress")

    async def _stop_stream(
        self, request: HttpRequest, form: Form, sid: str, name: str
    ) -> HttpResponse:
        flow = self._call(request, sid)
        if one(form, "Status") != "stopped":
            raise RestError(400, 20001, f"Status must be stopped: {one(form, 'Status')}")
        stream = flow.streams.running(name)
        if stream is None:
            raise _missing(request)
        await flow.stop_stream(name)
        return self._stream_answer(200, flow, stream.sid, stream.name, "stopped")

    def _stream_answer(
        self, status: int, flow: CallFlow, sid: str, name: str, state: str
    ) -> HttpResponse:
        account_sid, updated = self._account.account_sid, self._date(self._clock.now_ns)
        return resources.answer(
            status,
            resources.stream_json(sid, name, state, flow.leg.call_sid, account_sid, updated),
        )

    def _page(
        self, key: str, found: list[dict[str, Any]], request: HttpRequest, form: Form
    ) -> HttpResponse:
        size = whole_number(form, "PageSize", resources.DEFAULT_PAGE, 1, resources.MAX_PAGE)
        page = whole_number(form, "Page", 0, 0, len(found) // size)
        query = {name: values[-1] for name, values in form.items()}
        return resources.answer(
            200, resources.page_json(key, found, request.path, query, size, page)
        )

    def _date(self, at_ns: int | None) -> str | None:
        if at_ns is None:
            return None
        return resources.date((time.time_ns() - self._clock.now_ns + at_ns) // 1_000_000_000)

    _routes: ClassVar[dict[tuple[str, str], Answer]] = {
        ("GET", "/IncomingPhoneNumbers"): _list_numbers,
        ("GET", "/IncomingPhoneNumbers/([^/]+)"): _show_number,
        ("POST", "/IncomingPhoneNumbers/([^/]+)"): _update_number,
        ("GET", "/Calls"): _list_calls,
        ("POST", "/Calls"): _create_call,
        ("GET", "/Calls/([^/]+)"): _show_call,
        ("POST", "/Calls/([^/]+)"): _update_call,
        ("POST", "/Calls/([^/]+)/Streams"): _create_stream,
        ("POST", "/Calls/([^/]+)/Streams/([^/]+)"): _stop_stream,
    }


def _missing(request: HttpRequest) -> RestError:
    return RestError(404, 20404, f"The requested resource {request.path} was not found")
