"""OpenAI's Realtime API over WebSocket: ``wss://api.openai.com/v1/realtime?model=...``.

Sessions of one modality, audio, without tools. The order of events and the errors follow public
recordings and the ``openai`` package; a client that sends ``OpenAI-Beta: realtime=v1`` gets the
shape before general availability.
"""

from __future__ import annotations

import binascii
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

from msgspec import UNSET, UnsetType
from websockets.http11 import Request

from ..wire import openai_realtime as wire
from ..wire.errors import shorten
from . import openai_settings
from .dialect import Dialect, Messages, Said

_LEAST_COMMIT_MS = 100
_STATUS = {"completed": ("completed", None), "interrupted": ("cancelled", "turn_detected")}

_Event = dict[str, Any]


class OpenAIRealtime(Dialect):
    """One session of the Realtime API.

    Args:
        key: the only key accepted; None accepts any.
    """

    name = "openai"
    input = output = openai_settings.PCM

    def __init__(self, key: str | None = None) -> None:
        self._key = key
        self._beta = False
        self._settings: dict[str, Any] = {}
        self._items: dict[str, Said | None] = {}
        self._last_item: str | None = None
        self._user_item = ""
        self._committed_ns = 0
        self._padding_ms = 300
        self._transcribes = False

    # Opening

    def refuse(self, request: Request) -> tuple[int, str] | None:
        """Want a path, a model and a key."""
        url = urlsplit(request.path)
        if url.path != "/v1/realtime":
            return 404, f"Invalid URL (GET {url.path})"
        kind, _, key = request.headers.get("Authorization", "").partition(" ")
        if kind != "Bearer" or not key or self._key not in (None, key):
            return 401, "Incorrect API key provided"
        models = parse_qs(url.query).get("model", [])
        if len(models) != 1:
            return 400, "you must provide a model parameter"
        self._model = models[0]
        self._beta = request.headers.get("OpenAI-Beta", "") == "realtime=v1"
        return None

    def opened(self) -> None:
        """Tell of the session; it is the client who asks for the first response."""
        new_id, agent = self.session.new_id, self.session.agent
        self._conversation = new_id("conv_")
        self._settings = openai_settings.created(
            new_id("sess_"), self._model, agent, self._padding_ms, beta=self._beta
        )
        self.session.send(
            self._event("session.created", session=self._settings), show="session.created"
        )

    # From the client

    def text(self, data: bytes) -> None:
        """One event from the client."""
        try:
            self._take(wire.decode_client_event(data))
        except wire.RealtimeError as error:
            self.session.warn(f"{error} (code {error.code}, param {error.param})")
            self.session.send(error.event(self.session.new_id("event_")))

    def binary(self, data: bytes) -> None:
        """Audio comes as base64 in text: there are no binary messages."""
        self.text(data)

    def _take(self, event: wire.ClientEvent) -> None:
        session = self.session
        if isinstance(event, wire.BufferAppend):
            self._append(event)
            return
        if not isinstance(event, wire.ItemTruncate):  # of which the session makes its own note
            session.note(str(event.__struct_config__.tag))
        if isinstance(event, wire.SessionUpdate):
            self._update(event)
        elif isinstance(event, wire.BufferCommit):
            self._commit(event)
        elif isinstance(event, wire.BufferClear):
            session.forget()
            self._committed_ns = session.heard_ns
            session.send(self._event("input_audio_buffer.cleared"))
        elif isinstance(event, wire.ItemCreate):
            item = {"object": "realtime.item", "status": "completed"} | event.item
            item.setdefault("id", session.new_id("item_"))
            session.send(list(self._added(item)))
        elif isinstance(event, wire.ItemTruncate):
            self._truncate(event)
        elif isinstance(event, wire.ResponseCreate):
            self._create(event)
        else:
            current = session.current
            if current is None or event.response_id not in (None, current.ids["response"]):
                raise wire.RealtimeError(
                    "Cancellation failed: no active response found",
                    "response_cancel_not_active",
                    None,
                    event.event_id,
                )
            session.stop_reply("client_cancelled")

    def _append(self, event: wire.BufferAppend) -> None:
        try:
            sound = binascii.a2b_base64(event.audio.encode(), strict_mode=True)
        except ValueError:
            raise wire.RealtimeError(
                f"Invalid 'audio': expected base64, found {shorten(event.audio)}",
                "invalid_value",
                "audio",
                event.event_id,
            ) from None
        if sound:
            self.session.hear(sound)

    def _update(self, event: wire.SessionUpdate) -> None:
        found = wire.read_settings(event, beta=self._beta)
        session = self.session
        if isinstance(found, wire.SessionSettings):
            detection, transcription = found.audio.input.turn_detection, found.audio.input
            self._transcribe(transcription.transcription)
        else:
            detection = found.turn_detection
            self._transcribe(found.input_audio_transcription)
        self._detect(detection)
        openai_settings.merge(self._settings, event.session)
        heard, spoken = openai_settings.formats(self._settings)
        if (heard, spoken) != (self.input, self.output):
            session.use(input=heard, output=spoken)
        session.send(self._event("session.updated", session=self._settings), show="session.updated")

    def _transcribe(self, transcription: object) -> None:
        if transcription is not UNSET:
            self._transcribes = transcription is not None

    def _detect(self, detection: wire.TurnDetection) -> None:
        agent = self.session.agent
        if detection is None:
            agent.listens_for_turns = False
        if detection is None or isinstance(detection, UnsetType):
            return
        agent.listens_for_turns = True
        if detection.create_response is not UNSET:
            agent.answers = bool(detection.create_response)
        if detection.interrupt_response is not UNSET:
            agent.gives_way = bool(detection.interrupt_response)
        if isinstance(detection, wire.SemanticVad):
            return
        if isinstance(detection.silence_duration_ms, int):
            agent.silence_seconds = max(20, detection.silence_duration_ms) / 1000
        if isinstance(detection.prefix_padding_ms, int):
            self._padding_ms = detection.prefix_padding_ms
        if isinstance(detection.threshold, (int, float)):
            agent.vad_threshold = float(detection.threshold)
            self.session.use()

    def _commit(self, event: wire.BufferCommit) -> None:
        have_ms = (self.session.heard_ns - self._committed_ns) / 1e6
        if have_ms < _LEAST_COMMIT_MS:
            raise wire.RealtimeError(
                "Error committing input audio buffer: buffer too small. Expected at least "
                f"{_LEAST_COMMIT_MS}ms of audio, but buffer only has {have_ms:.2f}ms of audio.",
                "input_audio_buffer_commit_empty",
                None,
                event.event_id,
            )
        self._user_item = self.session.new_id("item_")
        self.session.send(self._commits())
        self.session.end_turn(answer=False)

    def _truncate(self, event: wire.ItemTruncate) -> None:
        said = self._items.get(event.item_id)
        if said is None:
            raise wire.RealtimeError(
                f"Unable to truncate: there is no audio of the assistant's in item "
                f"{shorten(event.item_id)}",
                "item_truncate_invalid_item_id",
                "item_id",
                event.event_id,
            )
        self.session.truncate(said, event.audio_end_ms)
        have_ms = said.sent_ns // 1_000_000
        if event.audio_end_ms > have_ms:
            said.kept_ns = None
            raise wire.RealtimeError(
                f"Audio content of {have_ms}ms is already shorter than {event.audio_end_ms}ms",
                None,
                None,
                event.event_id,
            )
        self.session.send(
            self._event(
                "conversation.item.truncated",
                item_id=event.item_id,
                content_index=event.content_index,
                audio_end_ms=event.audio_end_ms,
            )
        )

    def _create(self, event: wire.ResponseCreate) -> None:
        current = self.session.current
        if current is not None:
            raise wire.RealtimeError(
                "Conversation already has an active response in progress: "
                f"{current.ids['response']}. Wait until the response is finished before creating "
                "a new one.",
                "conversation_already_has_active_response",
                None,
                event.event_id,
            )
        self.session.reply()

    # To the client: the caller

    def speech_started(self, at_ms: int) -> Messages:
        """The caller began to speak."""
        self._user_item = self.session.new_id("item_")
        return self._event(
            "input_audio_buffer.speech_started",
            audio_start_ms=max(0, at_ms - self._padding_ms),
            item_id=self._user_item,
        )

    def speech_stopped(self, at_ms: int) -> Messages:
        """The caller's turn is over, and its audio becomes an item."""
        stopped = self._event(
            "input_audio_buffer.speech_stopped", audio_end_ms=at_ms, item_id=self._user_item
        )
        return [stopped, *self._commits()]

    def _commits(self) -> list[_Event]:
        self._committed_ns = self.session.heard_ns
        committed = self._event(
            "input_audio_buffer.committed",
            previous_item_id=self._last_item,
            item_id=self._user_item,
        )
        item = {
            "id": self._user_item,
            "object": "realtime.item",
            "type": "message",
            "status": "completed",
            "role": "user",
            "content": [{"type": "input_audio", "transcript": None}],
        }
        return [committed, *self._added(item)]

    def transcript(self, text: str) -> Messages:
        """The words, if the client has asked for them."""
        if not self._transcribes:
            return None
        return self._event(
            "conversation.item.input_audio_transcription.completed",
            item_id=self._user_item,
            content_index=0,
            transcript=text,
            usage={"type": "duration", "seconds": 0},
        )

    # To the client: the agent

    def thinks(self, said: Said) -> Messages:
        """A response begins, without any output yet."""
        said.ids["response"] = self.session.new_id("resp_")
        said.ids["item"] = self.session.new_id("item_")
        return self._event("response.created", response=self._response(said, "in_progress", None))

    def begins(self, said: Said) -> Messages:
        """Its item and its one part."""
        self._items[said.ids["item"]] = said
        item = self._item(said, "in_progress", with_content=False)
        limits = [
            {"name": "requests", "limit": 5000, "remaining": 4999, "reset_seconds": 0.012},
            {"name": "tokens", "limit": 400000, "remaining": 399000, "reset_seconds": 0.15},
        ]
        return [
            self._event("rate_limits.updated", rate_limits=limits),
            self._of(said, "response.output_item.added", part=False, item=item),
            *self._added(item, done=False),
            self._of(
                said,
                "response.content_part.added",
                part={"type": "audio", "transcript": ""},
            ),
        ]

    def audio(self, said: Said, sound: bytes, words: str) -> Messages:
        """The words first, then their sound."""
        delta = binascii.b2a_base64(sound, newline=False).decode()
        audio = self._of(said, self._audio_kind("delta"), delta=delta)
        if not words:
            return audio
        space = " " if said.ids.get("words") else ""
        said.ids["words"] = True
        return [self._of(said, self._transcript_kind("delta"), delta=space + words), audio]

    def ends(self, said: Said, reason: str) -> Messages:
        """All parts are done, and so is the response."""
        status, why = _STATUS.get(reason, ("cancelled", "client_cancelled"))
        done = self._event("response.done", response=self._response(said, status, why))
        if said.utterance is None:
            return done
        item = self._item(said, "completed" if status == "completed" else "incomplete")
        transcript = said.known_text
        part = {"type": "audio", "transcript": transcript}
        messages = [
            self._of(said, self._audio_kind("done")),
            self._of(said, self._transcript_kind("done"), transcript=transcript),
            self._of(said, "response.content_part.done", part=part),
            self._of(said, "response.output_item.done", part=False, item=item),
        ]
        if not self._beta:
            messages.append(self._event("conversation.item.done", previous_item_id=None, item=item))
        return [*messages, done]

    # Objects

    def _event(self, kind: str, **fields: Any) -> _Event:
        return {"type": kind, "event_id": self.session.new_id("event_"), **fields}

    def _of(self, said: Said, kind: str, *, part: Any = None, **fields: Any) -> _Event:
        """Return an event about a response, its item and, unless ``part`` is False, its part."""
        places: _Event = {"response_id": said.ids["response"], "output_index": 0}
        if part is not False:
            places |= {"item_id": said.ids["item"], "content_index": 0}
        if part:
            fields["part"] = part
        return self._event(kind, **places, **fields)

    def _audio_kind(self, what: str) -> str:
        return f"response.audio.{what}" if self._beta else f"response.output_audio.{what}"

    def _transcript_kind(self, what: str) -> str:
        kind = "audio_transcript" if self._beta else "output_audio_transcript"
        return f"response.{kind}.{what}"

    def _added(self, item: _Event, *, done: bool = True) -> Iterator[_Event]:
        """Yield what tells of a new item, which follows the last one."""
        kinds = ["conversation.item.added"] + ["conversation.item.done"] * done
        for kind in ["conversation.item.created"] if self._beta else kinds:
            yield self._event(kind, previous_item_id=self._last_item, item=item)
        self._last_item = item["id"]

    def _item(self, said: Said, status: str, *, with_content: bool = True) -> _Event:
        kind = "audio" if self._beta else "output_audio"
        return {
            "id": said.ids["item"],
            "object": "realtime.item",
            "type": "message",
            "status": status,
            "role": "assistant",
            "content": [{"type": kind, "transcript": said.known_text}] if with_content else [],
        }

    def _response(self, said: Said, status: str, why: str | None) -> _Event:
        has_item = said.utterance is not None and status != "in_progress"
        state = "completed" if status == "completed" else "incomplete"
        details = {"type": status, "reason": why} if why else None
        modalities = (
            {"modalities": ["audio", "text"]} if self._beta else {"output_modalities": ["audio"]}
        )
        return {
            "object": "realtime.response",
            "id": said.ids["response"],
            "status": status,
            "status_details": details,
            "output": [self._item(said, state)] if has_item else [],
            "conversation_id": self._conversation,
            **modalities,
            "max_output_tokens": "inf",
            "usage": None,
            "metadata": None,
        }
