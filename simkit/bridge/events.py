"""What the core is told, and what it asks for.

Events from Twilio are the wire's own messages; those from Vapi are put into one form here,
whichever dialect they came in. Actions to Twilio are the wire's own messages too.
"""

from __future__ import annotations

from msgspec import Struct

from ..wire import twilio

# Events


class TwilioGone(Struct, frozen=True):
    """Twilio's socket is closed, with or without a ``stop`` before."""


class VapiReady(Struct, frozen=True):
    """Vapi's socket is open."""


class VapiGone(Struct, frozen=True):
    """Vapi's socket is closed or never opened."""

    reason: str


class AgentAudio(Struct, frozen=True):
    """Audio of the agent in the declared format; numbered in the seed dialect only."""

    data: bytes
    number: int | None = None


class AgentStarted(Struct, frozen=True):
    """Vapi says that the agent begins to speak."""


class AgentStopped(Struct, frozen=True):
    """Vapi says that the agent has stopped."""


class CallerStarted(Struct, frozen=True):
    """Vapi hears the caller's voice."""


class CallerSaid(Struct, frozen=True):
    """Vapi has transcribed the caller."""

    text: str
    final: bool


class Interrupted(Struct, frozen=True):
    """Vapi says that the caller interrupted the agent."""


class CallEnded(Struct, frozen=True):
    """Vapi has ended the call."""

    reason: str


class TimerDue(Struct, frozen=True):
    """A timer that the core asked for is due."""

    name: str


VapiEvent = AgentStarted | AgentStopped | CallerStarted | CallerSaid | Interrupted | CallEnded
CoreEvent = (
    twilio.FromTwilio | TwilioGone | VapiReady | VapiGone | AgentAudio | VapiEvent | TimerDue
)

# Actions


class OpenVapi(Struct, frozen=True):
    """Create the call at Vapi and connect."""

    call_sid: str


class SendCallerAudio(Struct, frozen=True):
    """Send audio to Vapi, in the declared format."""

    data: bytes


class EndVapi(Struct, frozen=True):
    """Tell Vapi that the call is over and close its socket at once."""


class CloseTwilio(Struct, frozen=True):
    """Close Twilio's socket."""


class SetTimer(Struct, frozen=True):
    """Send :class:`TimerDue` at an instant; replaces a timer of the same name."""

    name: str
    at_ns: int


class Note(Struct, frozen=True):
    """Something for the log."""

    text: str
    is_warning: bool = False


Action = twilio.ToTwilio | OpenVapi | SendCallerAudio | EndVapi | CloseTwilio | SetTimer | Note
