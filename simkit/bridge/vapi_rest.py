"""Vapi's REST API as far as a call needs it: create, look, end. Bounded in time and size."""

from __future__ import annotations

import asyncio
import logging
import random
import re
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx
import msgspec

from ..wire import WireError, vapi
from .config import Config
from .reconnect import is_final
from .tap import CallTap, request, response
from .vapi_socket import USER_AGENT, VapiError, default_ssl_context

log = logging.getLogger("simkit.bridge")

_PAUSES = (1.0, 2.0, 4.0)
"""Seconds between the tries of one request, each up to 20 % shorter or longer."""
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
_HOST = re.compile(r"[a-z0-9._-]+", re.ASCII)
_URL = re.compile(r"[!-~]+", re.ASCII)
_MAX_URL = 2048
_MAX_SHOWN = 16 * 1024 * 1024
"""Bytes of a call with all that was said in it."""
_NO_GREETING = {"firstMessage": "", "firstMessageMode": "assistant-waits-for-user"}
"""Both: with the mode alone, a first message is said after the caller's first words."""


@dataclass(frozen=True)
class CreatedCall:
    """A call at Vapi, and where to join it; the address is a key by itself and not shown."""

    id: str
    url: str
    is_ahead: bool = False
    """It was created before there was a caller."""

    def __repr__(self) -> str:
        return f"<CreatedCall {self.id}>"


def http_client(config: Config) -> httpx.AsyncClient:
    """Make the client for Vapi's API; connections stay open between requests."""
    return httpx.AsyncClient(
        timeout=config.vapi_timeout,
        verify=default_ssl_context(),
        headers={"User-Agent": USER_AGENT, "Accept-Encoding": "identity"},
        limits=httpx.Limits(keepalive_expiry=2 * config.keepalive),
    )


class VapiRest:
    """The requests of one account.

    Args:
        config: address, key, limits.
        client: made by :func:`http_client`; not closed here.
    """

    def __init__(self, config: Config, client: httpx.AsyncClient) -> None:
        self._config = config
        self._client = client
        self._behind: set[asyncio.Task[Any]] = set()
        self._unsent: set[asyncio.Task[Any] | None] = set()  # whose next request has not left

    # Creating

    async def create(
        self, call_sid: str, *, greets: bool = True, tap: CallTap | None = None
    ) -> CreatedCall:
        """Create a call; 429, 5xx and a connection that fails are tried again within the time.

        Whoever gives up waiting leaves nothing behind: what was not asked for yet is not, and a
        call that is created all the same is ended.

        Args:
            call_sid: of the phone call, for the metadata; empty when there is none yet.
            greets: False when the caller was greeted before, by a call that this one replaces.
            tap: gets the request and the answer.

        Raises:
            VapiError: Vapi refused, or did not answer in time.
        """
        creation = asyncio.get_running_loop().create_task(
            self._create(call_sid, greets, tap), name=f"create {call_sid}"
        )
        self._behind.add(creation)
        try:
            call = await asyncio.shield(creation)
        except asyncio.CancelledError:
            if creation in self._unsent:
                creation.cancel()
            else:
                creation.add_done_callback(self._end_unwanted)
            raise
        finally:
            creation.add_done_callback(self._behind.discard)
            creation.add_done_callback(self._unsent.discard)
        return call

    async def _create(self, call_sid: str, greets: bool, tap: CallTap | None) -> CreatedCall:
        config = self._config
        body = vapi.CreateCall(
            transport=vapi.Transport(
                audio_format=vapi.AudioFormat(config.vapi_format, "raw", config.vapi_rate)
            ),
            assistant_id=config.vapi_assistant_id or "default",
            assistant_overrides=msgspec.UNSET if greets else dict(_NO_GREETING),
            metadata={"twilioCallSid": call_sid} if call_sid else msgspec.UNSET,
        )
        content = await self._create_by(vapi.encode(body), tap)
        try:
            call = vapi.decode_call(content)
        except WireError as error:
            # What was found may hold the address, which is a key.
            raise VapiError(str(error).partition("; found ")[0]) from None
        if call.is_blocked:
            raise VapiError("POST /call: the account may hold no more calls at once", 429)
        check_id(call.id)
        check_url(config, call.socket_url, "wss")
        return CreatedCall(call.id, call.socket_url)

    async def _create_by(self, body: bytes, tap: CallTap | None) -> bytes:
        """Return the answer to ``POST /call``.

        Raises:
            VapiError: the last failure.
        """
        expected = (200, 201)
        if tap is None:
            return (await self._until_it_works("POST", "/call", body, expected))[1]
        tap.take("vapi", "out", request("POST", "/call", body))
        try:
            status, content = await self._until_it_works("POST", "/call", body, expected)
        except VapiError as error:
            tap.take("vapi", "in", response("/call", error.code, error=str(error)))
            raise
        tap.take("vapi", "in", response("/call", status, content))
        return content

    async def _until_it_works(
        self, method: str, path: str, body: bytes, expected: tuple[int, ...]
    ) -> tuple[int, bytes]:
        """Repeat a request that failed for now, as long as ``vapi_timeout`` allows.

        An answer that does not come is not waited for twice: it may have been a call.

        Raises:
            VapiError: the last failure.
        """
        deadline = time.monotonic() + self._config.vapi_timeout
        for pause in (*_PAUSES, None):
            left = max(0.001, deadline - time.monotonic())
            try:
                status, content = await self._ask(method, path, body, timeout=left)
            except _NotConnectedError as error:
                failure = VapiError(str(error))
            else:
                if status in expected:
                    return status, content
                failure = VapiError(f"{method} {path}: HTTP {status}", status)
            if pause is None or is_final(failure.code):
                break
            pause *= random.uniform(0.8, 1.2)
            if time.monotonic() + pause >= deadline:
                break
            self._unsent.add(asyncio.current_task())
            await asyncio.sleep(pause)
        raise failure

    # One request

    async def _ask(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        *,
        timeout: float,  # noqa: ASYNC109
        url: str = "",
        limit: int = 0,
    ) -> tuple[int, bytes]:
        """Return status and body of an answer.

        Args:
            url: another address than the API's, which gets no key.
            limit: bytes of the largest answer taken; ``vapi_max_message`` if that is more.

        Raises:
            VapiError: no answer in time, or one that is too large.
        """
        headers = {"Content-Type": "application/json"} if body else {}
        if not url:
            headers["Authorization"] = f"Bearer {self._config.vapi_api_key}"
        limit = max(limit, self._config.vapi_max_message)
        content = b""
        self._unsent.discard(asyncio.current_task())
        try:
            async with (
                asyncio.timeout(timeout),
                self._client.stream(
                    method,
                    url or self._config.vapi_url + path,
                    content=body or None,
                    headers=headers,
                    timeout=timeout,
                    extensions={"trace": self._follow},
                ) as response,
            ):
                if response.headers.get("content-encoding", "identity") != "identity":
                    raise VapiError(f"{method} {path}: the answer is compressed, unasked")
                async for part in response.aiter_bytes():
                    content += part
                    if len(content) > limit:
                        raise VapiError(f"{method} {path}: the answer is larger than {limit} bytes")
                return response.status_code, content
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise _NotConnectedError(f"{method} {path}: {type(error).__name__}") from None
        except (httpx.HTTPError, TimeoutError) as error:
            raise VapiError(f"{method} {path}: {type(error).__name__}") from None

    async def _follow(self, event: str, info: Any) -> None:
        """Follow a request, as httpx' "trace": before it is written it cannot have any effect."""
        if event == "connection.connect_tcp.started":
            self._unsent.add(asyncio.current_task())
        elif event.endswith("send_request_headers.started"):
            self._unsent.discard(asyncio.current_task())

    async def show(self, call_id: str) -> dict[str, Any]:
        """Return what Vapi knows of a call.

        Raises:
            VapiError: it is refused, does not come in time, or is no object.
        """
        check_id(call_id)
        path = f"/call/{call_id}"
        timeout = self._config.vapi_timeout
        status, content = await self._ask("GET", path, timeout=timeout, limit=_MAX_SHOWN)
        if status != 200:
            raise VapiError(f"GET {path}: HTTP {status}", status)
        try:
            found = msgspec.json.decode(content, type=dict[str, Any])
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            raise VapiError(f"GET {path}: the answer is no JSON object") from None
        return found

    async def touch(self) -> None:
        """Keep one connection to the API open, by a request that asks for nothing.

        Raises:
            VapiError: the API cannot be reached.
        """
        url = self._config.vapi_url + "/"
        await self._ask("HEAD", "/", timeout=self._config.vapi_timeout, url=url)

    # Ending

    def end(self, call: CreatedCall, *, was_joined: bool) -> None:
        """End a call that nobody will speak in again; at leisure, and at most once.

        A call that was joined ends by its control URL, unless it has ended by itself; a call that
        never was is deleted, which loses nothing.
        """
        self._behind_the_scenes(
            self._end_joined(call) if was_joined else self._delete(call), f"end {call.id}"
        )

    def _end_unwanted(self, creation: asyncio.Task[CreatedCall]) -> None:
        if not creation.cancelled() and creation.exception() is None:
            self.end(creation.result(), was_joined=False)

    async def _delete(self, call: CreatedCall) -> None:
        timeout = self._config.vapi_timeout
        status, _ = await self._ask("DELETE", f"/call/{call.id}", timeout=timeout)
        if status >= 400 and status != 404:
            raise VapiError(f"DELETE /call/{call.id}: HTTP {status}", status)

    async def _end_joined(self, call: CreatedCall) -> None:
        found = await self.show(call.id)
        if found.get("status") == "ended":
            return
        monitor = found.get("monitor")
        url = monitor.get("controlUrl") if isinstance(monitor, dict) else None
        if not isinstance(url, str):
            raise VapiError(f"call {call.id} goes on, and has no control URL")
        check_url(self._config, url, "https")
        body = vapi.encode(vapi.EndCall())
        timeout = self._config.vapi_timeout
        status, _ = await self._ask("POST", "/control", body, timeout=timeout, url=url)
        if status >= 400:
            raise VapiError(f"POST /control: HTTP {status}", status)

    def _behind_the_scenes(self, work: Any, name: str) -> None:
        task = asyncio.get_running_loop().create_task(_logged(work), name=name)
        self._behind.add(task)
        task.add_done_callback(self._behind.discard)

    async def close(self, seconds: float = 1.0) -> None:
        """Let what is still to be ended be ended, for so long."""
        deadline = time.monotonic() + seconds
        while self._behind:
            left = max(0.0, deadline - time.monotonic())
            _, late = await asyncio.wait(self._behind, timeout=left)
            if late:
                for task in late:
                    task.cancel()
                await asyncio.gather(*late, return_exceptions=True)
                return
            await asyncio.sleep(0)


class _NotConnectedError(VapiError):
    """The request did not leave; it may be repeated."""


async def _logged(work: Any) -> None:
    try:
        await work
    except VapiError as error:
        log.warning("a call may be left at Vapi: %s", error)


def check_id(identity: str) -> None:
    """Refuse an id that could lead elsewhere as part of a path.

    Raises:
        VapiError: it could.
    """
    if not _ID.fullmatch(identity):
        raise VapiError("answer to POST /call: id: expected letters, digits and dashes")


def check_url(config: Config, url: str, scheme: str) -> None:
    """Refuse an address that is none of Vapi's: keys and calls go nowhere else.

    Allowed are the host of ``vapi_url`` and ``vapi_socket_hosts``; without TLS only where
    ``vapi_url`` has none.

    Raises:
        VapiError: it is elsewhere; names the host only.
    """
    api = urlsplit(config.vapi_url)
    schemes = {scheme} if api.scheme == "https" else {scheme, scheme[:-1]}
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise VapiError("an address from Vapi is no URL") from None
    if not _URL.fullmatch(url) or len(url) > _MAX_URL:
        raise VapiError("an address from Vapi is no URL")
    if parts.scheme not in schemes:
        raise VapiError(f"an address from Vapi: expected {scheme}, found {parts.scheme[:20]!r}")
    if parts.fragment or "#" in url:
        raise VapiError("an address from Vapi: found a fragment, expected none")
    if parts.username is not None or port == 0 or not is_vapi_host(config, host):
        raise VapiError(
            f"an address from Vapi leads to {host[:80]!r}, which is neither the host of vapi_url "
            "nor in vapi_socket_hosts"
        )


def is_vapi_host(config: Config, host: str) -> bool:
    """Tell whether a host is Vapi's, by the configuration."""
    if host == urlsplit(config.vapi_url).hostname:
        return True
    return _HOST.fullmatch(host) is not None and any(
        host.endswith(allowed[1:]) if allowed.startswith("*.") else host == allowed
        for allowed in config.vapi_socket_hosts
    )
