"""What ends a run in real time for a reason outside of it."""

from __future__ import annotations


class WallError(Exception):
    """A run on real sockets cannot begin or go on; the message is one line and says why."""


class BridgeError(WallError):
    """The bridge under test is not there, or not any more."""


class PortError(WallError):
    """A fake cannot listen where it was to; tells which fake, on which port, and why."""

    def __init__(self, name: str, port: int, reason: str) -> None:
        super().__init__(f"port {port} for {name}: {reason}")
        self.name = name
        self.port = port
        self.reason = reason
