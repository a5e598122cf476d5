"""The real bridge: Twilio to Vapi and back. Deployable by itself.

The :class:`CallCore` decides everything about a call and does no I/O; sessions and the server
around it move bytes and decide nothing. It imports audio and wire, nothing else of simkit, and
contains no line that knows whether it is simulated.
"""

from .browser import ticket
from .config import Config, ConfigError
from .core import CallCore
from .server import Bridge, create_app
from .tools import ToolError

__all__ = ["Bridge", "CallCore", "Config", "ConfigError", "ToolError", "create_app", "ticket"]
