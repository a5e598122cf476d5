"""The fake Twilio: phone, call, TwiML, media stream, play-out and ear.

It speaks plain asyncio, so that it runs in a simulation and, the same code, on real sockets. What
it does follows Twilio's documentation and captured traffic; what is unknown is a knob in
:class:`TwilioSettings`.
"""

from .call import CallFailed, CallFlow, NotInProgress
from .callee import Person
from .carrier import CarrierLeg, GilbertElliott, Line
from .ear import Ear, HeardUtterance
from .forged_stream import StreamForgery
from .forging import Forgery
from .listening import Heard, NotHappened, NotHeard
from .noises import Noise
from .phone import Call, Spoken
from .playout import PlayOut
from .profiles import PROFILES, Profile
from .service import ACCOUNT_SID, AUTH_TOKEN, Twilio
from .settings import TwilioSettings

__all__ = [
    "ACCOUNT_SID",
    "AUTH_TOKEN",
    "PROFILES",
    "Call",
    "CallFailed",
    "CallFlow",
    "CarrierLeg",
    "Ear",
    "Forgery",
    "GilbertElliott",
    "Heard",
    "HeardUtterance",
    "Line",
    "Noise",
    "NotHappened",
    "NotHeard",
    "NotInProgress",
    "Person",
    "PlayOut",
    "Profile",
    "Spoken",
    "StreamForgery",
    "Twilio",
    "TwilioSettings",
]
