"""Runs ``simkit`` and ``pytest`` for the documents without loading their libraries each time.

Most of what a short command costs is importing. A process that has imported everything waits at a
Unix socket; for each command it makes a copy of itself, which gets the command's own arguments,
folder, environment and open files. :class:`Warm` starts it and makes the two commands that ask it.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

COMMANDS = ("simkit", "pytest")
_ASK = """
import json, os, signal, socket, sys
with socket.socket(socket.AF_UNIX) as server:
    server.connect(sys.argv[1])
    asked = [sys.argv[2:], os.getcwd(), dict(os.environ)]
    socket.send_fds(server, [json.dumps(asked).encode() + b"\\n"], [0, 1, 2])
    other = int(server.recv(16))
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, frame: os.kill(other, number))
    answer = server.recv(16)
    sys.exit(int(answer) if answer else "the command ended without a word")
"""


class Warm:
    """The waiting process; ``folder`` holds the commands, to stand first in ``PATH``."""

    def __init__(self) -> None:
        self._made = tempfile.TemporaryDirectory()
        self.folder = Path(self._made.name)
        place = self.folder / "socket"
        (self.folder / "ask.py").write_text(_ASK)
        for name in COMMANDS:
            path = self.folder / name
            path.write_text(
                f'#!/bin/sh\nexec {sys.executable} -I -S {self.folder}/ask.py {place} {name} "$@"\n'
            )
            path.chmod(0o755)
        self._process = subprocess.Popen(
            [sys.executable, __file__, str(place)],
            stdin=subprocess.PIPE,
            env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"},
        )
        while not place.exists():
            if self._process.poll() is not None:
                raise RuntimeError(f"{__file__} ended with {self._process.returncode}")
            time.sleep(0.01)

    def close(self) -> None:
        """End the process."""
        self._process.communicate()
        self._made.cleanup()


def _serve(place: str) -> None:
    """Answer until whoever started this is gone."""
    import fastapi  # noqa: F401
    import httpx  # noqa: F401
    import pytest  # noqa: F401
    import uvicorn  # noqa: F401
    import websockets.asyncio.client  # noqa: F401

    import simkit.cli
    import simkit.scenarios
    import simkit.simulation  # noqa: F401

    with socket.socket(socket.AF_UNIX) as server:
        server.bind(place + "~")
        server.listen()
        os.rename(place + "~", place)
        while True:
            ready, _, _ = select.select([server, sys.stdin], [], [])
            with contextlib.suppress(ChildProcessError):
                while os.waitpid(-1, os.WNOHANG) != (0, 0):
                    pass
            if sys.stdin in ready:
                return
            client, _ = server.accept()
            if os.fork() == 0:
                server.close()
                _answer(client)
            client.close()


def _answer(client: socket.socket) -> None:
    """Be the command."""
    code = 1
    try:
        text, files, _, _ = socket.recv_fds(client, 1 << 20, 3)
        while not text.endswith(b"\n"):
            text += client.recv(1 << 20)
        for number, file in enumerate(files):
            os.dup2(file, number)
            os.close(file)
        arguments, folder, environment = json.loads(text)
        client.send(str(os.getpid()).encode())
        os.environ.clear()
        os.environ.update(environment)
        os.chdir(folder)
        sys.argv = arguments
        sys.path[0] = str(Path(sys.executable).parent)  # as a script's own folder
        code = _code_of(_main(arguments[0]))
    finally:
        with contextlib.suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        client.send(str(code).encode())
        os._exit(code)


def _main(name: str) -> Callable[[], object]:
    if name == "pytest":
        import pytest

        return pytest.main
    from simkit.cli import main

    return main


def _code_of(run: Callable[[], object]) -> int:
    """Return the exit code that a script has which ends by ``sys.exit(run())``."""
    try:
        ended = run()
    except SystemExit as end:
        ended = end.code
    except BaseException:
        sys.excepthook(*sys.exc_info())
        return 1
    if ended is None or isinstance(ended, int):
        return int(ended or 0)
    print(ended, file=sys.stderr)
    return 1


if __name__ == "__main__":
    _serve(sys.argv[1])
