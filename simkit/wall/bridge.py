"""The bridge under test: where it listens, and the process that it is if simkit started it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from signal import Signals
from typing import TypeVar

from ..twilio import ACCOUNT_SID, AUTH_TOKEN
from ..vapi import API_KEY
from ..wire.http import HttpError, fetch
from ..world import BRIDGE_HOST
from .address import BridgeAddress
from .child import Child
from .errors import BridgeError, WallError
from .waiting import Waiting

T = TypeVar("T")

_LOOK_SECONDS = 0.02
"""Between looks at whether it is there, or still there."""
_ANSWER_SECONDS = 5.0
_AFTERMATH_SECONDS = 0.2


class BridgeUnderTest:
    """A process on a loopback port, of which nothing else is known.

    Attributes:
        address: where it listens; None until somebody says so.
        child: the process, if it was started here.
        patience: seconds that it has until it answers; None: however long it takes.
    """

    def __init__(self) -> None:
        self.patience: float | None = 0.0
        self.address: BridgeAddress | None = None
        self.child: Child | None = None
        self._waiting: Waiting | None = None

    def start(
        self,
        command: str | Sequence[str],
        environment: Mapping[str, str],
        *,
        start_seconds: float,
        verbose: bool,
    ) -> Child:
        """Start it.

        Raises:
            BridgeError: there is one, there is no such program, or its port is taken.
        """
        assert self.address is not None
        if self.child is not None:
            raise BridgeError(f"there is a bridge already: {self.child.command}")
        with contextlib.suppress(OSError), _connected(self.address):
            raise BridgeError(f"port {self.address.port}, meant for the bridge, is taken")
        self.child = Child(command, environment, verbose=verbose)
        self._waiting = Waiting(self.child.pid)
        self.patience = start_seconds
        return self.child

    async def wait_until_up(self) -> None:
        """Wait until it answers HTTP, whatever it answers.

        Raises:
            BridgeError: it does not, or nobody said where it is.
        """
        if self.address is None:
            raise BridgeError("there is no bridge: say where it runs, or let serve() start it")
        began = time.monotonic()
        child = self.child
        while not await self._answers(self.address):
            if child is not None and child.code is not None:
                raise self.gone(None)
            if self.patience is not None and time.monotonic() - began >= self.patience:
                if child is None:
                    raise BridgeError(f"bridge {self.address}: nothing listens there; start it")
                raise BridgeError(
                    f"the bridge ({child.command}) does not listen on port {self.address.port} "
                    f"after {self.patience:g} s{child.said()}"
                )
            await asyncio.sleep(_LOOK_SECONDS)

    async def _answers(self, address: BridgeAddress) -> bool:
        """Tell whether anybody is there.

        Raises:
            BridgeError: somebody who does not speak HTTP.
        """
        try:
            await fetch(
                "GET",
                f"http://{BRIDGE_HOST}/",
                headers=[("Connection", "close")],
                total_seconds=_ANSWER_SECONDS,
            )
        except HttpError as error:
            if error.stage == "connect":
                return False
            what = (
                f"a request for / is not answered within {_ANSWER_SECONDS:g} s"
                if error.cause == "timeout"
                else "what listens there does not speak HTTP"
            )
            raise BridgeError(f"bridge {address}: {what}") from None
        return True

    async def during(self, coro: Awaitable[T], limit: float, now: Callable[[], float]) -> T:
        """Wait for ``coro`` while the process is there; returns its result.

        Args:
            limit: seconds of the world at which it is ended.
            now: tells them.

        Raises:
            BridgeError: the process ended meanwhile.
            WallError: the time limit is over.
        """
        work = asyncio.ensure_future(coro)
        gone = asyncio.get_running_loop().create_task(self._until_gone(), name="bridge")
        try:
            await asyncio.wait(
                (work, gone),
                timeout=max(0.0, limit - now()),
                return_when=asyncio.FIRST_COMPLETED,
            )
            if work.done() and work.exception() is not None:
                # It may have failed because the bridge ended, which shows a little later.
                await asyncio.wait((gone,), timeout=_AFTERMATH_SECONDS)
            elif work.done():
                return work.result()
            if gone.done():
                raise self.gone(now())
            if work.done():
                return work.result()
            raise WallError(f"the time limit of {limit:g} s is over")
        finally:
            for task in (work, gone):
                task.cancel()
            await asyncio.wait((work, gone))

    async def _until_gone(self) -> None:
        """Wait for the process's end; for ever, if it was not started here."""
        if self._waiting is not None:
            self._waiting.skip()
        while self.child is None or self.child.code is None:
            await asyncio.sleep(_LOOK_SECONDS)
            if self._waiting is not None:
                self._waiting.look()

    def waited(self) -> dict[str, float]:
        """Return how long it waited for a processor; see :meth:`Waiting.summary`."""
        return {} if self._waiting is None else self._waiting.summary()

    async def see_that_it_is_up(self, now: float) -> None:
        """Look whether it is still there.

        Raises:
            BridgeError: it is not.
        """
        if self.child is not None:
            if self.child.code is not None:
                raise self.gone(now)
        elif self.address is not None:
            try:
                line, _ = await asyncio.get_running_loop().create_connection(
                    asyncio.Protocol, BRIDGE_HOST, 80
                )
            except OSError as error:
                raise BridgeError(
                    f"bridge {self.address}: it is not there any more: {error.strerror}"
                ) from None
            line.close()

    def gone(self, now: float | None) -> BridgeError:
        """Return the error that says with what, and when, it ended; None: before it answered."""
        assert self.child is not None
        when = "before it answered" if now is None else f"at {now:.3f} s"
        code = self.child.code or 0
        how = f"ended with code {code}" if code >= 0 else f"was killed by {Signals(-code).name}"
        return BridgeError(f"the bridge {how} {when}{self.child.said()}")

    def release(self) -> Child:
        """Return the process, and forget it.

        Raises:
            BridgeError: there is none.
        """
        child, self.child = self.child, None
        if child is None:
            raise BridgeError("there is no bridge that was started here")
        self._look_away()
        return child

    def end(self) -> None:
        """End the process that was started."""
        self._look_away()
        if self.child is not None:
            self.child.end()

    def _look_away(self) -> None:
        if self._waiting is not None:
            self._waiting.close()


def environment(twilio_url: str, vapi_url: str, address: BridgeAddress | None) -> dict[str, str]:
    """Return what a bridge has to be told: its name, the fakes' addresses and accounts, its port.

    The variables are those that bridges commonly read.
    """
    found = {
        "PUBLIC_URL": f"https://{BRIDGE_HOST}",
        "TWILIO_ACCOUNT_SID": ACCOUNT_SID,
        "TWILIO_AUTH_TOKEN": AUTH_TOKEN,
        "TWILIO_API_URL": twilio_url,
        "VAPI_API_KEY": API_KEY,
        "VAPI_ASSISTANT_ID": "simkit-assistant",
        "VAPI_URL": vapi_url,
        "VAPI_BASE_URL": vapi_url,
    }
    if address is not None:
        found["PORT"] = str(address.port)
    return found


def uvicorn_command(app: str | None, address: BridgeAddress) -> list[str]:
    """Return what serves an ASGI application; None for simkit's own bridge."""
    which = [app] if app is not None else ["simkit.bridge:create_app", "--factory"]
    where = ["--host", address.host, "--port", str(address.port)]
    return [sys.executable, "-m", "uvicorn", *which, *where, "--no-access-log"]


def _connected(address: BridgeAddress) -> socket.socket:
    return socket.create_connection((address.host, address.port), 1.0)
