"""Number set-up: on start, Twilio's number is told to ask this bridge about its calls."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import AsyncIterator
from typing import Any

import httpx

from .config import Config
from .vapi_socket import default_ssl_context

log = logging.getLogger("simkit.bridge")

_PAUSES = (1.0, 2.0, 4.0)
"""Seconds before each further try, up to a quarter more."""
_SECONDS = 10.0
"""For a request."""
_AGAIN = frozenset({429, 500, 502, 503, 504})


class NumberError(Exception):
    """The number could not be set; the message says why, and holds no secret."""


def wanted(config: Config) -> dict[str, str]:
    """Return what the number should say, by the name of its field."""
    found = {"voice_url": f"{config.public_url}/voice/inbound", "voice_method": "POST"}
    if config.status_callbacks:
        found["status_callback"] = f"{config.public_url}/voice/status"
        found["status_callback_method"] = "POST"
    return found


async def set_up_number(config: Config, client: httpx.AsyncClient) -> bool:
    """Set the number's webhooks; returns whether anything had to be changed.

    Raises:
        NumberError: there is no such number, it is not for us to set, or Twilio refuses.
    """
    numbers = f"/2010-04-01/Accounts/{config.twilio_account_sid}/IncomingPhoneNumbers"
    number = config.twilio_number
    found = await _ask(
        config, client, "GET", f"{numbers}.json", params={"PhoneNumber": number, "PageSize": "50"}
    )
    listed = found.get("incoming_phone_numbers")
    own = [
        each
        for each in (listed if isinstance(listed, list) else [])
        if isinstance(each, dict) and each.get("phone_number") == number
    ]
    if not own:
        raise NumberError(f"{number}: the account has no such number")
    entry = own[0]
    for field, what in (
        ("trunk_sid", "a SIP trunk takes its calls"),
        ("voice_application_sid", "a TwiML application takes its calls"),
    ):
        if entry.get(field):
            raise NumberError(
                f"{number}: {what} ({entry[field]}), so its VoiceUrl would not be asked; "
                "take that away in Twilio's console first"
            )
    changes = {field: value for field, value in wanted(config).items() if entry.get(field) != value}
    if not changes:
        return False
    form = {
        "".join(part.title() for part in field.split("_")): value
        for field, value in changes.items()
    }
    after = await _ask(config, client, "POST", f"{numbers}/{entry.get('sid')}.json", data=form)
    wrong = [field for field, value in changes.items() if after.get(field) != value]
    if wrong:
        raise NumberError(f"{number}: Twilio has left {wrong[0]} at {after.get(wrong[0])!r}")
    return True


async def _ask(
    config: Config, client: httpx.AsyncClient, method: str, path: str, **content: Any
) -> dict[str, Any]:
    """Make a request; again, after pauses, while Twilio is busy: each may be made twice.

    Raises:
        NumberError: it was refused, or not answered.
    """
    user = config.twilio_api_key or config.twilio_account_sid
    secret = config.twilio_api_secret or config.twilio_auth_token
    for pause in (*_PAUSES, None):
        try:
            response = await client.request(
                method,
                config.twilio_url + path,
                auth=(user, secret),
                headers={"Accept": "application/json"},
                **content,
            )
        except httpx.HTTPError as error:
            problem = f"Twilio's REST: {type(error).__name__}"
        else:
            if response.is_success:
                return _object(response)
            problem = _problem(response, config.twilio_number)
            if response.status_code not in _AGAIN:
                break
        if pause is not None:
            await asyncio.sleep(pause * random.uniform(1.0, 1.25))
    raise NumberError(f"{config.twilio_number}: {problem}")


def _problem(response: httpx.Response, number: str) -> str:
    body = _object(response)
    said = str(body.get("message", ""))[:200]
    code = body.get("code")
    status = f"HTTP {response.status_code}" + (f", code {code}" if code else "")
    if response.status_code == 401:
        hint = ": twilio_account_sid and the auth token, or the API key, do not belong together"
    elif response.status_code == 404:
        hint = ": there is no such account or number for these credentials"
    else:
        hint = f": {said}" if said else ""
    return f"Twilio refuses with {status}{hint}"


def _object(response: httpx.Response) -> dict[str, Any]:
    try:
        found = response.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


@contextlib.asynccontextmanager
async def setting_up(config: Config) -> AsyncIterator[None]:
    """Set the number beside what runs meanwhile; before it, where the number is required.

    Raises:
        NumberError: it could not be set, and is required.
    """
    if not config.twilio_number:
        yield
        return
    if config.number_required:
        await _tell(config, required=True)
        yield
        return
    task = asyncio.create_task(_tell(config, required=False), name="number set-up")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _tell(config: Config, *, required: bool) -> None:
    try:
        async with httpx.AsyncClient(timeout=_SECONDS, verify=default_ssl_context()) as client:
            changed = await set_up_number(config, client)
    except NumberError as error:
        if required:
            raise
        log.error("number not set up: %s", error)
    else:
        how = "now asks" if changed else "asks already"
        log.info("number %s %s %s", config.twilio_number, how, config.public_url)
