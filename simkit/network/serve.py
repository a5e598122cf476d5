"""Serving a program on a host: an ASGI application, aiohttp's, or one with its own ``main``."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import inspect
import logging
import sys
import traceback
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

import uvicorn

from ..kernel import is_library

if TYPE_CHECKING:
    from .hosts import Host


_USUAL = ("app", "application", "create_app", "make_app", "main")
"""Names that applications, and what makes them, often have."""
_TICKS, _TICK_NS = 10, 100_000_000
"""How often uvicorn looks around: so many times a second, so far apart."""


class AppError(Exception):
    """The program under test cannot be loaded or did not start; says why."""


class NotLoadedError(AppError):
    """There is no such application, or its module cannot be imported."""


class AppServer:
    """One program on one host; starts as soon as the loop runs.

    Raises:
        AppError: there is no such application.
    """

    def __init__(self, host: Host, app: Any, port: int) -> None:
        self.host = host
        self.port = port
        self.name = app if isinstance(app, str) else getattr(app, "__name__", type(app).__name__)
        self._app = load(app) if isinstance(app, str) else app
        if not isinstance(port, int) or not 0 < port < 65_536:
            raise AppError(f"app {app!r}: port: a whole number from 1 to 65535; found {port!r}")
        wrong = _no_application(self._app)
        if wrong:
            raise AppError(f"app {app!r}: {wrong}")
        self._uvicorn: _Server | None = None
        self.failures: list[str] = []
        """What the application raised while it was served, the last one last."""
        self.started = asyncio.Event()
        self.task = host.spawn(self._run(), name=f"{host.name} {self.name}")
        self.task.add_done_callback(lambda _: self.started.set())

    async def _run(self) -> None:
        try:
            app = self._app() if is_factory(self._app) else self._app
            if inspect.iscoroutine(app):
                # A main of its own: it serves by itself and says nothing when it does.
                if self.port != 443:
                    self.host.behind_443 = self.port
                asyncio.get_running_loop().call_soon(self.started.set)
                app = await app
                if not is_aiohttp(app):  # what a factory of aiohttp's may be, too
                    return
            if is_aiohttp(app):
                await self._serve_aiohttp(app)
                return
        except (Exception, SystemExit) as error:
            raise AppError(f"{self.name} failed to start: {_named(error)}") from error
        config = uvicorn.Config(
            app,
            host="",  # every address of a simulated machine
            port=self.port,
            loop="none",
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=1,
            **getattr(getattr(app, "state", None), "uvicorn", {}),
        )
        self._uvicorn = _Server(config, self.started)
        with _listening_for_failures(self.failures):
            try:
                await self._uvicorn.serve()
            except SystemExit:
                reason = self.failures[-1] if self.failures else "uvicorn gave no reason"
                raise AppError(f"{self.name} failed to start: {reason}") from None

    async def _serve_aiohttp(self, app: Any) -> None:
        from aiohttp import web

        _forget_loop(app)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        try:
            await runner.setup()
            await web.TCPSite(runner, port=self.port).start()
            self.started.set()
            await asyncio.Event().wait()
        finally:
            await runner.cleanup()

    async def wait_started(self) -> None:
        """Wait until the program serves.

        Raises:
            AppError: it did not start.
        """
        await self.started.wait()
        if self.task.done() and not self.task.cancelled():
            error = self.task.exception()
            if error is not None:
                raise error

    async def shut_down(self) -> None:
        """End the program as a deployment would, within a few virtual seconds."""
        if self._uvicorn is not None:
            self._uvicorn.stop()
            await asyncio.wait((self.task,), timeout=5)
        if not self.task.done():
            self.task.cancel()
        # One that waits for its clients to go away may wait for ever.
        await asyncio.wait((self.task,), timeout=1)
        if self.task.done() and not self.task.cancelled():
            self.task.exception()


class _Server(uvicorn.Server):
    """uvicorn without signal handlers, that tells when it has started."""

    def __init__(self, config: uvicorn.Config, started: asyncio.Event) -> None:
        super().__init__(config)
        self._has_started = started
        self._has_stopped = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the process's signals alone."""
        yield

    async def startup(self, sockets: Any = None) -> None:
        """Start, then tell."""
        await super().startup(sockets)
        self._has_started.set()

    def stop(self) -> None:
        """Let it end, when it looks for that next."""
        self.should_exit = True
        self._has_stopped.set()

    async def main_loop(self) -> None:
        """Look every second, for the date; an end is seen as soon as uvicorn's own loop sees it.

        That looks ten times a second, which would be the most of what happens in a quiet call.
        """
        if self.config.limit_max_requests is not None:
            await super().main_loop()
            return
        loop = asyncio.get_running_loop()
        began, ticks = loop.time(), 0
        while not await self.on_tick(ticks):
            ticks += _TICKS
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1):
                    await self._has_stopped.wait()
                    since_ns = round((loop.time() - began) * 1e9)
                    await asyncio.sleep(-since_ns % _TICK_NS / 1e9)


@contextlib.contextmanager
def _listening_for_failures(reasons: list[str]) -> Iterator[None]:
    """Collect what uvicorn only logs: why an application's start-up failed."""

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            text = record.getMessage().strip()
            if record.exc_info and record.exc_info[1] is not None:
                reasons.append(_named(record.exc_info[1]) + _place(record.exc_info[1]))
            elif isinstance(record.msg, Exception):
                reasons.append(_named(record.msg))
            elif text and not text.startswith("Application startup failed"):
                # A traceback ends with what was raised; a plain message is the reason itself.
                reasons.append(text.splitlines()[-1])

    collector = Collector(logging.ERROR)
    logger = logging.getLogger("uvicorn.error")
    logger.addHandler(collector)
    try:
        yield
    finally:
        logger.removeHandler(collector)


def parts_of(spec: str) -> tuple[str, str]:
    """Return the module and the attribute of ``package.module:attribute``.

    Raises:
        NotLoadedError: it is not of that form.
    """
    module_name, _, attribute = spec.partition(":")
    path = PurePath(module_name)
    if not module_name or not attribute or path.suffix == ".py" or "/" in module_name:
        example = f"{path.stem or 'my_app'}:{attribute or 'app'}"
        raise NotLoadedError(
            f"app {spec!r}: expected 'package.module:attribute', as in {example!r}"
        )
    return module_name, attribute


def load(spec: str) -> Any:
    """Import ``package.module:attribute``; the working directory is looked at first.

    Raises:
        NotLoadedError: no such module or attribute, or the module raised.
    """
    module_name, attribute = parts_of(spec)
    if "" not in sys.path:
        sys.path.insert(0, "")
    try:
        found: Any = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is not None and module_name.startswith(error.name):
            raise NotLoadedError(
                f"app {spec!r}: there is no module {error.name!r}, neither in this folder nor "
                "installed: go to the folder that holds it"
            ) from None
        raise NotLoadedError(
            f"app {spec!r}: importing it failed: {_named(error)}{_place(error)}; install it where "
            "simkit is installed"
        ) from error
    except (Exception, SystemExit) as error:
        raise NotLoadedError(
            f"app {spec!r}: importing it failed: {_named(error)}{_place(error)}"
        ) from error
    for name in attribute.split("."):
        try:
            found = getattr(found, name)
        except AttributeError:
            raise NotLoadedError(
                f"app {spec!r}: module {module_name!r} has no {attribute!r}{_instead(name, found)}"
            ) from None
    if not callable(found):
        raise NotLoadedError(
            f"app {spec!r}: expected an ASGI application, found {type(found).__name__}"
        )
    return found


def _place(error: BaseException) -> str:
    """Return in which file and line of the program it was raised, or else of a library."""
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith("<frozen ") and frame.filename != __file__
    ]
    if isinstance(error, SyntaxError) or not frames:  # which says it itself
        return ""
    own = [frame for frame in frames if not is_library(frame.filename)]
    place = (own or frames)[-1]
    return f" ({PurePath(place.filename).name}, line {place.lineno})"


def _instead(name: str, module: Any) -> str:
    """Return what may have been meant by a name that is not there."""
    made = [key for key in _USUAL if callable(getattr(module, key, None))]
    meant = get_close_matches(name, vars(module), 1) or made[:1]
    return f"; did you mean {meant[0]!r}?" if meant else ""


def is_aiohttp(app: Any) -> bool:
    """Tell an application of aiohttp's, which is no ASGI."""
    aiohttp = sys.modules.get("aiohttp.web")
    return aiohttp is not None and isinstance(app, aiohttp.Application)


def _forget_loop(app: Any) -> None:
    """Free an application of aiohttp's from the first loop that it ran on: simulations have each
    their own.
    """
    # There is no public way: AppRunner.setup() asks whether the application, and each in it, is of
    # its loop, and raises; cleanup() and freeze() leave that as it is, `loop` cannot be set, and as
    # part of a new application it is refused for being frozen.
    app._loop = None
    for inner in app._subapps:
        _forget_loop(inner)


def _no_application(app: Any) -> str:
    """Return why something cannot be served; empty when it can be tried."""
    if not callable(app):
        return "expected an ASGI application, or where it is, as in 'my_app:app'"
    try:
        required = [
            parameter.name
            for parameter in inspect.signature(app).parameters.values()
            if parameter.default is parameter.empty
            and parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
        ]
    except (TypeError, ValueError):
        return ""
    if required == ["environ", "start_response"]:
        return (
            "expected an ASGI application, found one of WSGI (Flask, Django): run its server as a "
            "process, with --wall --exec"
        )
    if len(required) in (0, 3) or required == ["scope"]:
        return ""
    return (
        "expected an ASGI application (scope, receive, send) or a function without parameters that "
        f"makes one, found one of ({', '.join(required)})"
    )


def is_factory(app: Any) -> bool:
    """Tell a function without parameters, which makes an application, from an application."""
    try:
        parameters = inspect.signature(app).parameters.values()
    except (TypeError, ValueError):
        return False
    return not any(
        parameter.default is parameter.empty
        and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
        for parameter in parameters
    )


def _named(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"
