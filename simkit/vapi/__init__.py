"""The fake Vapi: calls, transport socket and the assistant as a pipeline with time in it.

The assistant hears only what arrives, takes as long as a real one, and can be interrupted. It
speaks plain asyncio, like the fake Twilio. The seed dialect lives in a file of its own.
"""

from .assistant import Assistant, Reply
from .history import Said
from .plans import ACKNOWLEDGEMENTS, INTERRUPTIONS, EndpointingRule
from .service import API_KEY, HOST, Vapi, VapiCall

__all__ = [
    "ACKNOWLEDGEMENTS",
    "API_KEY",
    "HOST",
    "INTERRUPTIONS",
    "Assistant",
    "EndpointingRule",
    "Reply",
    "Said",
    "Vapi",
    "VapiCall",
]
