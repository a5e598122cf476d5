"""Upstreams: the assistant's side of a bridge, for services other than Vapi.

An upstream author writes a :class:`Dialect`, what is said on one socket of that service. simkit
gives the rest: a host with a WebSocket server, hearing with voice activity and words that count
only if their audio arrived, turns, paced speech, and events of the names that measures and checks
read. Like the fake Vapi it speaks plain asyncio. ``OpenAIRealtime`` is a dialect ready to use.
"""

from .agent import Agent
from .dialect import Dialect, Said
from .openai_realtime import OpenAIRealtime
from .service import Upstream
from .session import Session

__all__ = ["Agent", "Dialect", "OpenAIRealtime", "Said", "Session", "Upstream"]
