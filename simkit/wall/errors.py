"""What ends a run in real time for a reason outside of it."""

from __future__ import annotations


class WallError(Exception):
    """A run on real sockets cannot begin or go on; the message is one line and says why."""


class BridgeError(WallError):
    """The bridge under test is not there, or not any more."""
