"""The storage host: files behind signed URLs, on ``storage.vapi.ai``.

It speaks as S3 does: whoever sends ``Authorization`` along with a signed URL gets a 400, which is
what clients meet that keep the header when they follow a redirect.
"""

from __future__ import annotations

import hashlib
import hmac
import random
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode, urlsplit

from ..wire.http import HttpRequest, HttpResponse
from .account import AccountSettings
from .call_log import call_log
from .calls import VapiCall
from .origins import Origins
from .resources import KINDS, ORG_ID, Dates

_ALGORITHM = "AWS4-HMAC-SHA256"


@dataclass(frozen=True)
class File:
    """A file that is there once somebody asks for it."""

    media_type: str
    content: Callable[[], bytes]
    is_public: bool = False
    """It can be had without a signature, too: recordings can, logs no longer."""


def path_of(call: VapiCall, kind: str) -> str:
    """Return where a call's recording of some kind, or its ``log``, is stored."""
    name = f"{call.id}-log.jsonl.gz" if kind == "log" else f"{call.id}-{kind}.wav"
    return f"/{ORG_ID}/{name}"


def is_recorded(call: VapiCall, account: AccountSettings) -> bool:
    """Tell whether a call is to be recorded."""
    asked = call.setting("artifactPlan", "recordingEnabled")
    return asked is not False and (
        account.recording == "always" or (account.recording == "when asked" and asked is True)
    )


class Storage:
    """Keeps files by path, and hands them to who has a signed URL.

    Args:
        dates: writes instants.
        draw: makes the secret that URLs are signed with, once there is one to sign.
        origins: where it is reached.
    """

    def __init__(self, dates: Dates, draw: random.Random, origins: Origins) -> None:
        self._origin = origins.storage
        self._dates = dates
        self._draw = draw
        self._secret = b""
        self.files: dict[str, File] = {}
        """What there is, by path."""

    def urls_of(self, call: VapiCall) -> dict[str, str]:
        """Return where a call's files are, by kind, without signatures; the log is one of them."""
        kinds = ("log",) if call.tapes is None else (*KINDS, "log")
        return {kind: f"{self._origin}{path_of(call, kind)}" for kind in kinds}

    def keep(self, call: VapiCall, account: AccountSettings) -> None:
        """Put what remains of a call where clients get it."""
        self.files[path_of(call, "log")] = File(
            "application/gzip",
            lambda: call_log(call, self._dates, payloads=account.log_payloads),
        )
        tapes = call.tapes
        if tapes is None:
            return
        for kind in KINDS:
            self.files[path_of(call, kind)] = File(
                "audio/wav",
                lambda kind=kind: tapes.recording(  # type: ignore[misc]
                    kind, customer_first=account.stereo_order == "customer left"
                ),
                is_public=True,
            )

    def signed(self, path: str, now_ns: int, lifetime: float) -> str:
        """Return a URL for a path that is good for ``lifetime`` seconds."""
        date = self._dates.iso(now_ns)[:19].replace("-", "").replace(":", "") + "Z"
        query = {
            "X-Amz-Algorithm": _ALGORITHM,
            "X-Amz-Credential": f"simkit/{date[:8]}/auto/s3/aws4_request",
            "X-Amz-Date": date,
            "X-Amz-Expires": str(int(lifetime)),
            "X-Amz-SignedHeaders": "host",
        }
        query["X-Amz-Signature"] = self._sign(path, query)
        return f"{self._origin}{path}?{urlencode(query)}"

    def handle(self, request: HttpRequest, now_ns: int) -> HttpResponse:
        """Answer a request."""
        if "authorization" in request.headers:
            return _refusal(
                400,
                "InvalidArgument",
                "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, "
                "Signature query string parameter or the Authorization header should be specified",
            )
        if request.method not in ("GET", "HEAD"):
            return _refusal(405, "MethodNotAllowed", "The method is not allowed on this resource.")
        found = self.files.get(request.path)
        query = dict(parse_qsl(urlsplit(request.target).query))
        if found is not None and found.is_public and not query:
            return HttpResponse(200, [("Content-Type", found.media_type)], found.content())
        given = query.pop("X-Amz-Signature", "")
        right = self._sign(request.path, query)
        if not hmac.compare_digest(given.encode("utf-8", "replace"), right.encode()):
            return _refusal(403, "SignatureDoesNotMatch", "The signature does not match.")
        date = self._dates.iso(now_ns - int(query["X-Amz-Expires"]) * 1_000_000_000)
        if query["X-Amz-Date"] < date[:19].replace("-", "").replace(":", "") + "Z":
            return _refusal(403, "AccessDenied", "Request has expired")
        if found is None:
            return _refusal(404, "NoSuchKey", "The specified key does not exist.")
        return HttpResponse(200, [("Content-Type", found.media_type)], found.content())

    def _sign(self, path: str, query: dict[str, str]) -> str:
        text = path + "?" + urlencode(sorted(query.items()))
        self._secret = self._secret or self._draw.randbytes(32)
        return hmac.new(self._secret, text.encode("utf-8", "replace"), hashlib.sha256).hexdigest()


def _refusal(status: int, code: str, message: str) -> HttpResponse:
    body = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
    )
    return HttpResponse(status, [("Content-Type", "application/xml")], body.encode())
