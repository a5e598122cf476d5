"""OpenAI's Realtime API over WebSocket: ``wss://api.openai.com/v1/realtime?model=...``.

Sessions of one modality, audio, without tools. The order of events and the errors follow public
recordings and the ``openai`` package; a client that sends ``OpenAI-Beta: realtime=v1`` gets the
shape before general availability.
"""

from __future__ import annotations

import binascii
from typing import Any
from urllib.parse import parse_qs, urlsplit

from msgspec import UNSET, UnsetType
from websockets.http11 import Request

from ..wire import openai_realtime as wire
from ..wire.errors import shorten
from . import openai_settings
from .dialect import Dialect, Messages, Said
from .openai_events import Events, Object

_LEAST_COMMIT_MS = 100


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
        self._said: dict[str, Said] = {}
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
        self._events = Events(new_id, beta=self._beta)
        self._settings = openai_settings.created(
            new_id("sess_"), self._model, agent, self._padding_ms, beta=self._beta
        )
        self.session.send(
            self._events.make("session.created", session=self._settings), show="session.created"
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
            session.send(self._events.make("input_audio_buffer.cleared"))
        elif isinstance(event, wire.ItemCreate):
            item = {"object": "realtime.item", "status": "completed"} | event.item
            item.setdefault("id", session.new_id("item_"))
            session.prompt(_text(item))
            session.send(self._events.added(item))
        elif isinstance(event, (wire.ItemDelete, wire.ItemRetrieve)):
            self._look_up(event)
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
        session.send(
            self._events.make("session.updated", session=self._settings), show="session.updated"
        )

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
        said = self._said.get(event.item_id)
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
            self._events.make(
                "conversation.item.truncated",
                item_id=event.item_id,
                content_index=event.content_index,
                audio_end_ms=event.audio_end_ms,
            )
        )

    def _look_up(self, event: wire.ItemDelete | wire.ItemRetrieve) -> None:
        """Delete an item, or show it."""
        item = self._events.items.get(event.item_id)
        what = "delete" if isinstance(event, wire.ItemDelete) else "retrieve"
        if item is None:
            raise wire.RealtimeError(
                f"Unable to {what}: there is no item {shorten(event.item_id)}",
                f"item_{what}_invalid_item_id",
                "item_id",
                event.event_id,
            )
        if isinstance(event, wire.ItemRetrieve):
            self.session.send(self._events.make("conversation.item.retrieved", item=item))
            return
        del self._events.items[event.item_id]
        self.session.send(self._events.make("conversation.item.deleted", item_id=event.item_id))

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
        instructions = (event.response or {}).get("instructions")
        if isinstance(instructions, str):
            self.session.prompt(instructions)
        self.session.reply()

    # To the client: the caller

    def speech_started(self, at_ms: int) -> Messages:
        """The caller began to speak."""
        self._user_item = self.session.new_id("item_")
        return self._events.make(
            "input_audio_buffer.speech_started",
            audio_start_ms=max(0, at_ms - self._padding_ms),
            item_id=self._user_item,
        )

    def speech_stopped(self, at_ms: int) -> Messages:
        """The caller's turn is over, and its audio becomes an item."""
        stopped = self._events.make(
            "input_audio_buffer.speech_stopped", audio_end_ms=at_ms, item_id=self._user_item
        )
        return [stopped, *self._commits()]

    def _commits(self) -> list[Object]:
        self._committed_ns = self.session.heard_ns
        return self._events.committed(self._user_item)

    def transcript(self, text: str) -> Messages:
        """The words, if the client has asked for them."""
        if not self._transcribes:
            return None
        return self._events.make(
            "conversation.item.input_audio_transcription.completed",
            item_id=self._user_item,
            content_index=0,
            transcript=text,
            usage={"type": "duration", "seconds": 0},
        )

    # To the client: the agent

    def thinks(self, said: Said) -> Messages:
        """A response begins, without any output yet."""
        return self._events.created(said)

    def begins(self, said: Said) -> Messages:
        """Its item and its one part."""
        self._said[said.ids["item"]] = said
        return self._events.begun(said)

    def audio(self, said: Said, sound: bytes, words: str) -> Messages:
        """The words first, then their sound."""
        return self._events.deltas(said, sound, words)

    def ends(self, said: Said, reason: str) -> Messages:
        """All parts are done, and so is the response."""
        return self._events.ended(said, reason)


def _text(item: Object) -> str:
    """Return what an item of the client's says, empty when it is not text."""
    content = item.get("content")
    if isinstance(item.get("output"), str):
        return str(item["output"])  # of a function call
    parts = content if isinstance(content, list) else []
    texts = [part.get("text") for part in parts if isinstance(part, dict)]
    return " ".join(text for text in texts if isinstance(text, str))
