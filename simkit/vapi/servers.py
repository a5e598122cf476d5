"""Servers: where an assistant's events go, and how they are tried again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

TIMEOUT = 20.0
"""Seconds for a server's answer, unless it says otherwise."""


@dataclass(frozen=True)
class Backoff:
    """``backoffPlan``: which failed deliveries are tried again, and when."""

    kind: str = "fixed"
    retries: int = 0
    base: float = 0.0
    excluded: frozenset[int] = frozenset()

    def delay(self, attempt: int) -> float:
        """Return the seconds before attempt number ``attempt`` + 1, counted from 1."""
        return self.base * 2 ** (attempt - 1) if self.kind == "exponential" else self.base


@dataclass(frozen=True)
class Server:
    """A server object of the API."""

    url: str
    timeout: float = TIMEOUT
    secret: str | None = None
    credential_id: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    backoff: Backoff = Backoff()

    @classmethod
    def of(cls, found: dict[str, Any]) -> Server | None:
        """Return what a checked object says; None without a URL."""
        url = found.get("url")
        if not url:
            return None
        plan = found.get("backoffPlan") or {}
        return cls(
            url,
            timeout=found.get("timeoutSeconds", TIMEOUT),
            secret=found.get("secret"),
            credential_id=found.get("credentialId"),
            headers=tuple((found.get("headers") or {}).items()),
            backoff=Backoff(
                plan.get("type", "fixed"),
                plan.get("maxRetries", 0),
                plan.get("baseDelaySeconds", 0),
                frozenset(plan.get("excludedStatusCodes") or ()),
            ),
        )


def problems_of(found: object, name: str) -> list[str]:
    """Return what is wrong with a server object, in the words of the API; empty when nothing is.

    Args:
        found: what stands there.
        name: where it stands, ``assistant.server`` for instance.

    >>> problems_of({"url": "ftp://x"}, "assistant.server")
    ['assistant.server.url must be a valid URL']
    """
    if not isinstance(found, dict):
        return [f"{name} must be an object"]
    known = {
        "url",
        "timeoutSeconds",
        "secret",
        "credentialId",
        "headers",
        "backoffPlan",
        "staticIpAddressesEnabled",
        "encryptedPaths",
    }
    wrong = [f"{name}.property {key} should not exist" for key in found if key not in known]
    url = found.get("url")
    if url is not None and not _is_web_url(url):
        wrong.append(f"{name}.url must be a valid URL")
    wrong += _number(found, f"{name}.timeoutSeconds", 1, 300)
    for key in ("secret", "credentialId"):
        if not isinstance(found.get(key), str | None):
            wrong.append(f"{name}.{key} must be a string")
    headers = found.get("headers")
    if headers is not None and not (
        isinstance(headers, dict) and all(_is_header(*pair) for pair in headers.items())
    ):
        wrong.append(f"{name}.headers must be an object of header names and texts")
    secret = found.get("secret")
    if isinstance(secret, str) and not _is_header("x-vapi-secret", secret):
        wrong.append(f"{name}.secret must be printable ASCII")
    plan = found.get("backoffPlan")
    if plan is not None:
        wrong += _plan_problems(plan, f"{name}.backoffPlan")
    return wrong


def _plan_problems(plan: object, name: str) -> list[str]:
    if not isinstance(plan, dict):
        return [f"{name} must be an object"]
    wrong = []
    if plan.get("type", "fixed") not in ("fixed", "exponential"):
        wrong.append(f"{name}.type must be one of the following values: fixed, exponential")
    wrong += _number(plan, f"{name}.maxRetries", 0, 10, whole=True)
    wrong += _number(plan, f"{name}.baseDelaySeconds", 0, 10)
    codes = plan.get("excludedStatusCodes")
    if codes is not None and not (
        isinstance(codes, list)
        and all(isinstance(code, int) and not isinstance(code, bool) for code in codes)
    ):
        wrong.append(f"{name}.excludedStatusCodes must be an array of numbers")
    return wrong


def _number(
    found: dict[str, Any], name: str, low: int, high: int, *, whole: bool = False
) -> list[str]:
    value = found.get(name.rpartition(".")[2], low)
    kinds = int if whole else (int, float)
    if isinstance(value, bool) or not isinstance(value, kinds):
        return [f"{name} must be {'an integer' if whole else 'a number'}"]
    if value < low:
        return [f"{name} must not be less than {low}"]
    return [f"{name} must not be greater than {high}"] if not value <= high else []


def _is_web_url(url: object) -> bool:
    if not isinstance(url, str) or not url.isascii() or not url.isprintable() or " " in url:
        return False
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https", "wss") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _is_header(name: object, value: object) -> bool:
    return (
        isinstance(name, str)
        and name.isascii()
        and name.replace("-", "").replace("_", "").isalnum()
        and isinstance(value, str)
        and value.isascii()
        and (value.isprintable() and value == value.strip())
    )
