"""The REST API, on ``api.vapi.ai``: calls, their artifacts and recordings.

Calls are created, shown, listed, renamed and deleted; recordings and logs are redirects to signed
URLs. Everything else is a 404 as Vapi words it.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlsplit

from ..timeline import Clock, Timeline
from ..wire.failures import Failures
from ..wire.http import HttpRequest, HttpResponse
from .account import AccountSettings
from .artifact import Artifact
from .calls import VapiCall
from .create import MAX_NAME, Order, RefusedError, json_object, order_from
from .resources import Dates, answer, call_json, problem
from .storage import Storage, path_of

API_KEY = "simkit-vapi-api-key"
"""A private key that the fake accepts; any other Bearer token does as well, unless told."""

PAGE = 100
"""Calls that a list holds unless ``limit`` says otherwise."""

_INVALID_KEY = (
    "Invalid Key. Hot tip, you may be using the private key instead of the public key, or vice "
    "versa."
)
_RECORDINGS = {f"{kind}-recording": kind for kind in ("mono", "stereo", "customer", "assistant")}
_ELSEWHERE = ("video-recording", "pcap")
"""Parts of an artifact that these calls never have."""
_COMPARISONS: dict[str, Callable[[str, str], bool]] = {
    "Gt": lambda found, given: found > given,
    "Lt": lambda found, given: found < given,
    "Ge": lambda found, given: found >= given,
    "Le": lambda found, given: found <= given,
}

Handle = Callable[..., Awaitable[HttpResponse]]


@dataclass
class _Note:
    """What the timeline is told of a request."""

    sent_ns: int
    arrived_ns: int
    session: int | None = None
    shown: dict[str, Any] = field(default_factory=dict)
    is_told: bool = False


class RestApi:
    """Answers the requests of one account.

    Args:
        create: makes a call as ordered, and tells the limits of the account.
        calls: every call there is.
        key: returns the only key accepted; None accepts any.

    Attributes:
        delay: seconds that every answer takes.
        create_delay: seconds that ``POST /call`` takes, beside that.
    """

    def __init__(
        self,
        create: Callable[[Order], tuple[VapiCall, dict[str, Any]]],
        calls: list[VapiCall],
        key: Callable[[], str | None],
        settings: AccountSettings,
        *,
        clock: Clock,
        timeline: Timeline,
        dates: Dates,
        storage: Storage,
    ) -> None:
        self._make = create
        self._calls = calls
        self._key = key
        self._settings = settings
        self._clock = clock
        self._timeline = timeline
        self._dates = dates
        self._storage = storage
        self._failures: Failures[tuple[int, str | list[str]]] = Failures()
        self._deleted: set[str] = set()
        self.delay = 0.0
        self.create_delay = 0.0

    def fails(
        self,
        status: int = 500,
        *,
        message: str | list[str] = "Internal server error",
        times: int = 1,
        path: str = "",
    ) -> None:
        """Let the next requests fail, before anything is done.

        Args:
            status: of the answer, 400 to 599.
            message: in the body; a text or a list of them.
            times: how many requests fail.
            path: only those whose path holds this text, ``/call/`` for instance.

        Raises:
            ValueError: a status that is no error, or no request.
        """
        self._failures.order(status, (status, message), times=times, path=path)

    async def handle(self, request: HttpRequest) -> HttpResponse:
        """Answer a request."""
        sent_ns = self._clock.now_ns if request.sent_ns is None else request.sent_ns
        note = _Note(sent_ns, self._clock.now_ns)
        response = await self._refuse_or_answer(request, note)
        if not note.is_told:
            self._tell(request, note, {"status": response.status} | note.shown)
        return response

    async def _refuse_or_answer(self, request: HttpRequest, note: _Note) -> HttpResponse:
        refusal = self._refuse(request)
        if refusal is not None:
            return refusal
        failure = self._failures.take(request.path)
        if failure is not None:
            return problem(*failure)
        if self.delay:
            await asyncio.sleep(self.delay)
        for (method, pattern), handle in self._routes.items():
            match = re.fullmatch(pattern, request.path)
            if match is None or method != request.method:
                continue
            try:
                if not match.groups():
                    return await handle(self, request, note)
                call = self._find(match[1])
                if call is None:
                    return problem(404, f"Couldn't find call with id {match[1]}")
                note.session = call.session
                return await handle(self, request, note, call, *match.groups()[1:])
            except RefusedError as refused:
                if request.path == "/call":
                    note.shown["error"] = str(refused)
                return problem(400, refused.message)
        return problem(404, f"Cannot {request.method} {request.path}")

    def _refuse(self, request: HttpRequest) -> HttpResponse | None:
        if "user-agent" not in request.headers:
            return HttpResponse(403, [("Content-Type", "text/plain")], b"error code: 1010")
        kind, _, key = request.headers.get("authorization", "").partition(" ")
        if kind != "Bearer" or not key or self._key() not in (None, key):
            return problem(401, _INVALID_KEY)
        return None

    def _find(self, identity: str) -> VapiCall | None:
        for call in self._calls:
            if call.id == identity and call.id not in self._deleted:
                return call
        return None

    def _tell(self, request: HttpRequest, note: _Note, shown: dict[str, Any]) -> None:
        note.is_told = True
        path = request.path
        for call in self._calls:
            path = path.replace(call.id, str(call.session))
        self._timeline.record(
            "request",
            "bridge",
            "vapi",
            t_ns=note.sent_ns,
            session=note.session,
            sent_ns=note.sent_ns,
            arrived_ns=note.arrived_ns,
            method=request.method,
            path=path,
            shown=shown,
        )

    # Calls

    async def _create(self, request: HttpRequest, note: _Note) -> HttpResponse:
        order = order_from(request.body)
        call, limits = self._make(order)
        note.session = call.session
        self._tell(request, note, {"format": f"{call.audio.format}/{call.audio.sample_rate}"})
        if self.create_delay:
            # The call is there already, and the timeline tells of it as it begins.
            await asyncio.sleep(self.create_delay)
        return answer(201, call_json(call, self._dates, monitor=False, limits=limits))

    async def _list(self, request: HttpRequest, note: _Note) -> HttpResponse:
        query = dict(parse_qsl(urlsplit(request.target).query))
        limit = query.pop("limit", str(PAGE))
        # The client sends a float.
        whole = limit.removesuffix(".0")
        if not (whole.isascii() and whole.isdigit()) or not 0 <= int(whole[:9]) <= 1000:
            raise RefusedError(["limit must be a number from 0 to 1000"])
        found = [
            self._whole(call) for call in reversed(self._calls) if call.id not in self._deleted
        ]
        for name, given in query.items():
            if name in ("id", "assistantId", "phoneNumberId"):
                found = [call for call in found if call.get(name) == given]
            elif name[-2:] in _COMPARISONS and name[:-2] in ("createdAt", "updatedAt"):
                date = _date(name, given)
                compare = _COMPARISONS[name[-2:]]
                found = [call for call in found if compare(call[name[:-2]], date)]
            else:
                raise RefusedError([f"property {name} should not exist"])
        return answer(200, found[: int(whole)])

    async def _show(self, request: HttpRequest, note: _Note, call: VapiCall) -> HttpResponse:
        return answer(200, self._whole(call))

    async def _rename(self, request: HttpRequest, note: _Note, call: VapiCall) -> HttpResponse:
        found = json_object(request.body)
        wrong = [f"property {key} should not exist" for key in found if key != "name"]
        name = found.get("name")
        if not isinstance(name, str | None):
            wrong.append("name must be a string")
        elif len(name or "") > MAX_NAME:
            wrong.append(f"name must be shorter than or equal to {MAX_NAME} characters")
        if wrong:
            raise RefusedError(wrong)
        call.name = name
        return answer(200, self._whole(call))

    async def _delete(self, request: HttpRequest, note: _Note, call: VapiCall) -> HttpResponse:
        shown = self._whole(call)
        self._deleted.add(call.id)
        for path in [path for path in self._storage.files if call.id in path]:
            del self._storage.files[path]
        return answer(200, shown)

    def _whole(self, call: VapiCall) -> dict[str, Any]:
        """Return a call with what is known of it by now."""
        found = call_json(call, self._dates, monitor=True)
        if self._is_past(call, self._settings.artifact_delay):
            found |= Artifact(call, self._dates).call_json(self._storage.urls_of(call))
            found["artifact"] |= self._presigned(call)
        return found

    def _is_past(self, call: VapiCall, delay: float) -> bool:
        """Tell whether a call ended so long ago."""
        ended_ns = call.ended_ns
        return ended_ns is not None and self._clock.now_ns >= ended_ns + round(delay * 1e9)

    # Files

    def _presigned(self, call: VapiCall) -> dict[str, str]:
        found = {}
        lifetime = self._settings.url_lifetime
        for kind in self._storage.urls_of(call):
            if path_of(call, kind) in self._storage.files:
                name = f"presigned{kind.capitalize()}Url"
                found[name] = self._sign(call, kind)
        expires_ns = self._clock.now_ns + round(lifetime * 1e9)
        return found | ({"presignedUrlsExpiresAt": self._dates.iso(expires_ns)} if found else {})

    def _sign(self, call: VapiCall, kind: str) -> str:
        lifetime = self._settings.url_lifetime
        return self._storage.signed(path_of(call, kind), self._clock.now_ns, lifetime)

    async def _file(
        self, request: HttpRequest, note: _Note, call: VapiCall, name: str
    ) -> HttpResponse:
        settings = self._settings
        kind = "log" if name == "call-logs" else _RECORDINGS.get(name)
        if kind is None:
            return problem(404, f"This call has no {name}")
        delay = settings.log_delay if kind == "log" else settings.artifact_delay
        is_there = path_of(call, kind) in self._storage.files
        if not is_there or not self._is_past(call, delay):
            return problem(404, f"The {name} of this call is not available")
        return HttpResponse(302, [("Location", self._sign(call, kind))])

    _routes: ClassVar[dict[tuple[str, str], Handle]] = {
        ("POST", "/call"): _create,
        ("GET", "/call"): _list,
        ("GET", "/call/([^/]+)"): _show,
        ("PATCH", "/call/([^/]+)"): _rename,
        ("DELETE", "/call/([^/]+)"): _delete,
        (
            "GET",
            "/call/([^/]+)/(" + "|".join((*_RECORDINGS, *_ELSEWHERE, "call-logs")) + ")",
        ): _file,
    }


def _date(name: str, given: str) -> str:
    """Return a date as Vapi writes them, to be compared as text.

    Raises:
        RefusedError: it is no ISO 8601 date in UTC.
    """
    found = re.fullmatch(
        r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(?:Z|\+00:00)", given, re.ASCII
    )
    if found is None:
        raise RefusedError([f"{name} must be a valid ISO 8601 date string"])
    return f"{found[1]}.{(found[2] or '')[:3]:0<3}Z"
