"""Commands: what a client may ask of a running call, over the socket or the control URL."""

from __future__ import annotations

from typing import Any

from ..wire import vapi
from .conversation import Conversation


def obey(conversation: Conversation, message: vapi.ClientMessage) -> None:
    """Do what a message asks; the text of a ``say`` has to have a word in it."""
    if conversation.asked(message):
        return
    if isinstance(message, vapi.Say):
        conversation.say(
            message.text,
            end_call_after=message.end_call_after_spoken,
            interruptions_enabled=message.interruptions_enabled,
            interrupt_assistant=message.interrupt_assistant_enabled,
        )
    elif isinstance(message, vapi.AddMessage):
        conversation.add_message(
            message.message.role,
            message.message.content,
            trigger_response=message.trigger_response_enabled,
        )
    elif isinstance(message, vapi.Control):
        conversation.control(message.control)
    elif isinstance(message, vapi.EndCall | vapi.Hangup):
        conversation.end("assistant-ended-call")
    elif isinstance(message, vapi.Transfer):
        conversation.transfer(message.destination)
    elif isinstance(message, vapi.Handoff):
        # There is one assistant: it takes over from itself, and the call goes on.
        conversation.tell(vapi.TransferUpdate(destination=message.destination))
    # A send-transport-message is for Twilio or SIP: this transport has nobody to pass it to.


def asked(message: vapi.ClientMessage) -> dict[str, Any]:
    """Return the fields of a message that the timeline shows."""
    if isinstance(message, vapi.Say):
        return {"text": message.text}
    if isinstance(message, vapi.AddMessage):
        found = {"role": message.message.role, "text": message.message.content}
        return found if message.trigger_response_enabled else found | {"triggers": False}
    if isinstance(message, vapi.Control):
        return {"control": message.control}
    if isinstance(message, vapi.Transfer | vapi.Handoff):
        return {"to": str(message.destination.get("type", ""))}
    return {}
