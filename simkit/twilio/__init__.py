"""The fake Twilio: phone, call, TwiML, media stream, play-out and ear.

It speaks plain asyncio, so that it runs in a simulation and, the same code, on real sockets. What
it does follows Twilio's documentation and captured traffic; what is unknown is a knob in
:class:`TwilioSettings`.
"""

from .call import CallFailed, CallFlow, NotInProgress
from .callee import Person
from .ear import Ear, HeardUtterance
from .phone import Call, Heard, NotHeard, Spoken
from .playout import PlayOut
from .service import ACCOUNT_SID, AUTH_TOKEN, Twilio
from .settings import TwilioSettings

__all__ = [
    "ACCOUNT_SID",
    "AUTH_TOKEN",
    "Call",
    "CallFailed",
    "CallFlow",
    "Ear",
    "Heard",
    "HeardUtterance",
    "NotHeard",
    "NotInProgress",
    "Person",
    "PlayOut",
    "Spoken",
    "Twilio",
    "TwilioSettings",
]
