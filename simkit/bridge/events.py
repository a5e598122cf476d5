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

    rejoined: bool = False
    """It is the call that was lost, not a new one."""


class VapiGone(Struct, frozen=True):
    """Vapi's socket is closed or never opened."""

    reason: str
    code: int | None = None
    """A close code, or the HTTP status of a refusal; None when nobody answered."""
    chance: float = 0.0
    """A draw from [0, 1), for the pause before another try."""


class PolledCall(Struct, frozen=True):
    """What Vapi's REST says of the call after its socket was given up."""

    status: str
    """``ended`` and the like; empty when nobody answered."""
    messages: tuple[str, ...] = ()
    """What was said so far, the agent's and the caller's, as Vapi wrote it down."""
    reason: str = ""
    """Why it ended, in Vapi's words."""


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


class CallerStopped(Struct, frozen=True):
    """Vapi hears the caller's voice no more; it may say so after the agent has begun."""


class CallerSaid(Struct, frozen=True):
    """Vapi has transcribed the caller."""

    text: str
    final: bool


class Interrupted(Struct, frozen=True):
    """Vapi says that the caller interrupted the agent."""


class CallEnded(Struct, frozen=True):
    """Vapi has ended the call."""

    reason: str


class Delayed(Struct, frozen=True):
    """Vapi says that the agent's answer is late (``hang``); nothing has ended."""


class UnknownMessage(Struct, frozen=True):
    """Vapi sent a message of a type that nobody here knows."""

    kind: str


class Malformed(Struct, frozen=True):
    """A message that contradicts its protocol."""

    text: str


class SlowReader(Struct, frozen=True):
    """What is sent to one side is not taken."""

    leg: str
    """``twilio`` or ``vapi``."""
    chunks: int
    """How many messages wait, about."""
    refused: bool
    """The queue is full and audio is refused; else only a warning."""


class FallbackQueued(Struct, frozen=True):
    """The fallback line was handed on, and plays for so long."""

    duration_ns: int


class TimerDue(Struct, frozen=True):
    """A timer that the core asked for is due."""

    name: str


VapiEvent = (
    AgentStarted
    | AgentStopped
    | CallerStarted
    | CallerStopped
    | CallerSaid
    | Interrupted
    | CallEnded
    | Delayed
    | UnknownMessage
)
CoreEvent = (
    twilio.FromTwilio
    | TwilioGone
    | VapiReady
    | VapiGone
    | PolledCall
    | AgentAudio
    | VapiEvent
    | Malformed
    | SlowReader
    | FallbackQueued
    | TimerDue
)

# Actions


class OpenVapi(Struct, frozen=True):
    """Create the call at Vapi, or join it again, and connect."""

    call_sid: str
    attempt: int = 0
    """0 at the start of a call, then how many times the socket was lost."""
    greets: bool = True
    """Nothing of the agent was heard yet: if this makes a new call, its agent greets."""


class PollVapi(Struct, frozen=True):
    """Ask Vapi's REST what has become of the call; the answer is :class:`PolledCall`."""


class SendCallerAudio(Struct, frozen=True):
    """Send audio to Vapi, in the declared format."""

    data: bytes


class CancelReply(Struct, frozen=True):
    """Tell Vapi that the caller interrupted, where its dialect has words for it."""


class TellVapi(Struct, frozen=True):
    """Tell the agent something in words, to be answered, where the dialect can."""

    text: str


class EndVapi(Struct, frozen=True):
    """Tell Vapi that the call is over and close its socket at once."""


class SayFallback(Struct, frozen=True):
    """Play the fallback line to the caller, and after it a mark."""

    stream_sid: str
    mark: str


class CloseTwilio(Struct, frozen=True):
    """Close Twilio's socket, once what was sent before has left."""


class SetTimer(Struct, frozen=True):
    """Send :class:`TimerDue` at an instant; replaces a timer of the same name."""

    name: str
    at_ns: int


class Note(Struct, frozen=True):
    """Something for the log."""

    text: str
    is_warning: bool = False


class Count(Struct, frozen=True):
    """Something for the metrics: a counter goes up."""

    name: str
    amount: float = 1
    label: str = ""
    """The reason or the outcome, where a counter tells them apart."""


Action = (
    twilio.ToTwilio
    | OpenVapi
    | PollVapi
    | SendCallerAudio
    | CancelReply
    | TellVapi
    | EndVapi
    | SayFallback
    | CloseTwilio
    | SetTimer
    | Note
    | Count
)
