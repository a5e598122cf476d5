"""A bridge as a child process: started by its command, watched, and ended by its own id."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import threading
import weakref
from collections import deque
from collections.abc import Iterator, Mapping, Sequence

from .errors import BridgeError

_TERM_SECONDS = 3.0
"""That a bridge has to end by itself once it is asked to."""
_KEPT_LINES = 200
_PORT = re.compile(r"\$(?:PORT\b|\{PORT\})")


def free_port() -> int:
    """Return a loopback port that nobody listens on."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """Let Ctrl-C and SIGTERM wait: between a program's start and its registration they leave it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    kept = {}
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) not in (None, signal.SIG_IGN):
            kept[number] = signal.signal(number, lambda number, _: came.append(number))
    try:
        yield
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)
        for missed in came:
            signal.raise_signal(missed)


class Child:
    """A program in a process group of its own.

    Its output is kept, the latest lines of it.

    Args:
        command: the program and its arguments; a string is cut up as a shell would, ``$PORT`` in it
            is what the environment says, and there is no shell.
        environment: added to this process's own.
        verbose: its output goes to stderr as it comes.

    Raises:
        BridgeError: there is no such program.
    """

    def __init__(
        self,
        command: str | Sequence[str],
        environment: Mapping[str, str],
        *,
        verbose: bool = False,
    ) -> None:
        try:
            arguments = shlex.split(command) if isinstance(command, str) else list(command)
        except ValueError as error:  # a quotation without end
            raise BridgeError(f"command {command!r}: {error}") from None
        port = environment.get("PORT")
        if isinstance(command, str) and port is not None:
            arguments = [_PORT.sub(port, argument) for argument in arguments]
        if not arguments:
            raise BridgeError(f"command {command!r}: expected a program and its arguments")
        self.command = shlex.join(arguments)
        self.output: deque[str] = deque(maxlen=_KEPT_LINES)
        """Its latest lines on stdout and stderr."""
        with undisturbed():
            try:
                self._process = subprocess.Popen(  # noqa: S603 - what the user asked to be run
                    arguments,
                    env=os.environ | environment,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            except (OSError, ValueError) as error:
                reason = getattr(error, "strerror", None) or str(error)
                raise BridgeError(f"{arguments[0]}: cannot be started: {reason}") from None
            self._reader = threading.Thread(
                target=_read,
                args=(self._process, self.output, verbose),
                name="bridge output",
                daemon=True,
            )
            self._reader.start()
            self._finalizer = weakref.finalize(self, _end, self._process, self._reader)

    @property
    def pid(self) -> int:
        """Its process id, and that of its group."""
        return self._process.pid

    @property
    def code(self) -> int | None:
        """Its exit code, minus the signal that killed it; None while it runs."""
        return self._process.poll()

    def said(self) -> str:
        """Return its last line that says something, for an error."""
        self._reader.join(0.2)  # what it said last may be on its way
        line = next((text.strip() for text in reversed(self.output) if text.strip()), "")
        return f": {line}" if line else ", and said nothing"

    def end(self) -> None:
        """End it and what it started: asked first, killed when it does not obey in time.

        It happens by itself when nobody holds this object any more, or this process ends.
        """
        self._finalizer()


def _read(process: subprocess.Popen[bytes], output: deque[str], verbose: bool) -> None:
    assert process.stdout is not None
    with process.stdout:
        for data in process.stdout:
            text = data.decode("utf-8", "replace").rstrip()
            output.append(text)
            if verbose:
                print(text, file=sys.stderr, flush=True)


def _end(process: subprocess.Popen[bytes], reader: threading.Thread) -> None:
    if process.poll() is None:
        _signal(process, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_TERM_SECONDS)
    _signal(process, signal.SIGKILL)  # whoever is left of its group
    process.wait()
    reader.join(1.0)


def _signal(process: subprocess.Popen[bytes], number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)
