"""The fake Vapi: calls, transport socket and the assistant as a pipeline with time in it.

The assistant hears only what arrives, takes as long as a real one, and can be interrupted. REST,
webhooks, control URL and the storage of recordings are Vapi's other sides. It speaks plain asyncio,
like the fake Twilio. The seed dialect lives in a file of its own.
"""

from .account import AccountSettings
from .asking import AssistantAnswer, ToolResult
from .assistant import Assistant, Reply
from .calls import VapiCall
from .faults import Close, Fault, Faults, Only
from .history import Said
from .origins import CONTROL_HOST, HOST, STORAGE_HOST, Origins
from .plans import ACKNOWLEDGEMENTS, INTERRUPTIONS, EndpointingRule
from .rest import API_KEY
from .service import Vapi
from .settings import VapiSettings
from .webhooks import WEBHOOK_SECRET, VapiForgery

__all__ = [
    "ACKNOWLEDGEMENTS",
    "API_KEY",
    "CONTROL_HOST",
    "HOST",
    "INTERRUPTIONS",
    "STORAGE_HOST",
    "WEBHOOK_SECRET",
    "AccountSettings",
    "Assistant",
    "AssistantAnswer",
    "Close",
    "EndpointingRule",
    "Fault",
    "Faults",
    "Only",
    "Origins",
    "Reply",
    "Said",
    "ToolResult",
    "Vapi",
    "VapiCall",
    "VapiForgery",
    "VapiSettings",
]
