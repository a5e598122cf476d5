"""What a Realtime server sends: its events and the objects in them, in either shape."""

from __future__ import annotations

import binascii
from collections.abc import Callable
from typing import Any

from .dialect import Said

Object = dict[str, Any]

_STATUS = {"completed": ("completed", None), "interrupted": ("cancelled", "turn_detected")}
_LIMITS = [
    {"name": "requests", "limit": 5000, "remaining": 4999, "reset_seconds": 0.012},
    {"name": "tokens", "limit": 400000, "remaining": 399000, "reset_seconds": 0.15},
]


class Events:
    """Makes the events of one session, and keeps its conversation's items.

    Args:
        new_id: makes ids.
        beta: speak the shape before general availability.
    """

    def __init__(self, new_id: Callable[[str], str], *, beta: bool) -> None:
        self._new_id = new_id
        self._beta = beta
        self._conversation = new_id("conv_")
        self.items: dict[str, Object] = {}
        """By id, in the order of the conversation."""
        self._previous: dict[str, str | None] = {}

    @property
    def last_item(self) -> str | None:
        """Id of the conversation's last item."""
        return next(reversed(self.items), None)

    def make(self, kind: str, **fields: Any) -> Object:
        """Return an event with an id of its own."""
        return {"type": kind, "event_id": self._new_id("event_"), **fields}

    # The conversation

    def added(self, item: Object, *, done: bool = True) -> list[Object]:
        """Put an item at the conversation's end, and return what tells of it."""
        name = item["id"]
        previous = self._previous[name] = self.last_item
        self.items[name] = item
        kinds = ["conversation.item.added"] + ["conversation.item.done"] * done
        return [
            self.make(kind, previous_item_id=previous, item=item)
            for kind in (["conversation.item.created"] if self._beta else kinds)
        ]

    def committed(self, name: str) -> list[Object]:
        """The caller's turn became an item."""
        item = {
            "id": name,
            "object": "realtime.item",
            "type": "message",
            "status": "completed",
            "role": "user",
            "content": [{"type": "input_audio", "transcript": None}],
        }
        previous = self.last_item
        committed = self.make(
            "input_audio_buffer.committed", previous_item_id=previous, item_id=name
        )
        return [committed, *self.added(item)]

    # Responses

    def created(self, said: Said) -> Object:
        """A response begins, without any output yet."""
        said.ids |= {"response": self._new_id("resp_"), "item": self._new_id("item_")}
        return self.make("response.created", response=self._response(said, "in_progress", None))

    def begun(self, said: Said) -> list[Object]:
        """Its item and its one part."""
        item = self._item(said, "in_progress") | {"content": []}
        return [
            self.make("rate_limits.updated", rate_limits=_LIMITS),
            self._about_item(said, "response.output_item.added", item=item),
            *self.added(item, done=False),
            self._about(
                said, "response.content_part.added", part={"type": "audio", "transcript": ""}
            ),
        ]

    def deltas(self, said: Said, sound: bytes, words: str) -> list[Object]:
        """The words first, then their sound."""
        delta = binascii.b2a_base64(sound, newline=False).decode()
        audio = self._about(said, self._kind("audio.delta"), delta=delta)
        if not words:
            return [audio]
        space = " " if said.ids.get("words") else ""
        said.ids["words"] = True
        transcript = self._about(said, self._kind("audio_transcript.delta"), delta=space + words)
        return [transcript, audio]

    def ended(self, said: Said, reason: str) -> list[Object]:
        """All parts are done, and so is the response."""
        status, why = _STATUS.get(reason, ("cancelled", "client_cancelled"))
        done = self.make("response.done", response=self._response(said, status, why))
        if said.utterance is None:
            return [done]
        item = self._item(said, "completed" if status == "completed" else "incomplete")
        if item["id"] in self.items:
            self.items[item["id"]] = item
        transcript = said.known_text
        part = {"type": "audio", "transcript": transcript}
        messages = [
            self._about(said, self._kind("audio.done")),
            self._about(said, self._kind("audio_transcript.done"), transcript=transcript),
            self._about(said, "response.content_part.done", part=part),
            self._about_item(said, "response.output_item.done", item=item),
        ]
        if not self._beta:
            previous = self._previous[item["id"]]
            kind = "conversation.item.done"
            messages.append(self.make(kind, previous_item_id=previous, item=item))
        return [*messages, done]

    def _about_item(self, said: Said, kind: str, **fields: Any) -> Object:
        return self.make(kind, response_id=said.ids["response"], output_index=0, **fields)

    def _about(self, said: Said, kind: str, **fields: Any) -> Object:
        """Return an event about the part of a response's item."""
        return self._about_item(said, kind, item_id=said.ids["item"], content_index=0, **fields)

    def _kind(self, what: str) -> str:
        return f"response.{what}" if self._beta else f"response.output_{what}"

    def _item(self, said: Said, status: str) -> Object:
        kind = "audio" if self._beta else "output_audio"
        return {
            "id": said.ids["item"],
            "object": "realtime.item",
            "type": "message",
            "status": status,
            "role": "assistant",
            "content": [{"type": kind, "transcript": said.known_text}],
        }

    def _response(self, said: Said, status: str, why: str | None) -> Object:
        has_item = said.utterance is not None and status != "in_progress"
        state = "completed" if status == "completed" else "incomplete"
        modalities = (
            {"modalities": ["audio", "text"]} if self._beta else {"output_modalities": ["audio"]}
        )
        return {
            "object": "realtime.response",
            "id": said.ids["response"],
            "status": status,
            "status_details": {"type": status, "reason": why} if why else None,
            "output": [self._item(said, state)] if has_item else [],
            "conversation_id": self._conversation,
            **modalities,
            "max_output_tokens": "inf",
            "usage": None,
            "metadata": None,
        }
