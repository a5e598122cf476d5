"""The call log: gzip of JSON lines, a row for each thing that the pipeline did.

Rows with an ``event`` always exist; rows with the texts of model and voice may be missing for a
whole call.
"""

from __future__ import annotations

import struct
import zlib
from typing import Any

import msgspec

from ..wire import vapi
from .calls import Logged, VapiCall
from .resources import Dates

_BODIES = {
    "pipeline.botSpeechStarted": "Bot started speaking",
    "assistant.model.requestStarted": "LLM request started",
    "assistant.model.firstTokenReceived": "LLM first token received",
    "assistant.voice.firstAudioReceived": "vapi TTS first audio received",
}
"""What a row says where it is not the name of its event; these four were seen."""

Row = tuple[int, dict[str, Any]]


def call_log(call: VapiCall, dates: Dates, *, payloads: bool) -> bytes:
    """Return the log of a call, as it is stored.

    Args:
        call: the call.
        dates: writes instants.
        payloads: include what model and voice were given.
    """
    rows = _of_call(call)
    turn = 0
    for entry in call.log:
        if isinstance(entry.message, vapi.SpeechUpdate) and entry.message.turn:
            turn = entry.message.turn
        rows += _rows(entry, str(turn), call, payloads=payloads)
    rows.sort(key=lambda row: row[0])
    lines = []
    for at_ns, attributes in rows:
        body = attributes.pop("body", None) or _body(attributes["event"])
        lines.append({"time": dates.ms(at_ns), "body": body, "attributes": attributes})
    return gzipped(b"".join(msgspec.json.encode(line) + b"\n" for line in lines))


def _body(event: str) -> str:
    return _BODIES.get(event, event)


def _of_call(call: VapiCall) -> list[Row]:
    rows = [(call.created_ns, _event("call.queued", "call"))]
    if call.started_ns is not None:
        rows += [
            (call.started_ns, _event("call.transportConnected", "call")),
            (call.started_ns, _event("call.started", "call")),
        ]
    for at_ns, kind in call.commands:
        rows.append((at_ns, _event("call.controlReceived", "call", command=kind)))
        if kind == "say":
            rows.append((at_ns, _event("pipeline.sayQueuePush", "pipeline")))
    if call.ended_ns is not None:
        ended = _event("call.ended", "call", turnId="CLEAN_UP", endedReason=call.ended_reason)
        rows += [
            (call.ended_ns, _event("call.transportDisconnected", "call", turnId="CLEAN_UP")),
            (call.ended_ns, ended),
        ]
    return rows


def _event(event: str, category: str, **attributes: Any) -> dict[str, Any]:
    return {"category": category, "event": event, **attributes}


def _rows(entry: Logged, turn: str, call: VapiCall, *, payloads: bool) -> list[Row]:
    """Return the rows that stand behind a server message."""
    message, at_ns = entry.message, entry.t_ns
    if isinstance(message, vapi.StatusUpdate) and message.status == "in-progress":
        return [(at_ns, _event("call.inProgress", "call"))]
    if isinstance(message, vapi.SpeechUpdate):
        who = "bot" if message.role == "assistant" else "user"
        name = f"pipeline.{who}Speech{message.status.capitalize()}"
        return [(at_ns, _event(name, "pipeline", turnId=turn, channel=message.role))]
    if isinstance(message, vapi.UserInterrupted):
        return [(at_ns, _event("pipeline.cleared", "pipeline", turnId=turn, wasInterruption=True))]
    if not isinstance(message, vapi.Transcript):
        return []
    if message.role == "assistant":
        if not payloads or message.transcript_type != "final":
            return []
        text = message.transcript
        return [
            (at_ns, {"body": "Model output", "category": "model", "input": text, "turnId": turn}),
            (at_ns, {"body": "Voice input", "category": "voice", "text": text, "turnId": turn}),
        ]
    said = {"channel": "user", "transcript": message.transcript, "turnId": turn}
    if message.transcript_type == "partial":
        return [(at_ns, _event("assistant.transcriber.partialTranscript", "transcriber", **said))]
    return [
        (at_ns, _event("assistant.transcriber.finalTranscript", "transcriber", **said)),
        (at_ns, _event("pipeline.endpointingTriggered", "pipeline", turnId=turn)),
        (at_ns, _event("pipeline.turnStarted", "pipeline", turnId=turn)),
        *_model_and_voice(entry, turn, call),
    ]


def _model_and_voice(entry: Logged, turn: str, call: VapiCall) -> list[Row]:
    """Return what the assistant does after a final transcript, if it answers before the next."""
    assistant = call.assistant
    following = [other for other in call.log if other.t_ns > entry.t_ns]
    if assistant is None or not following:
        return []
    rows: list[Row] = []
    for other in following:
        message = other.message
        if isinstance(message, vapi.Transcript) and message.role == "user":
            break
        if isinstance(message, vapi.SpeechUpdate) and (message.role, message.status) == (
            "assistant",
            "started",
        ):
            token_ns = min(other.t_ns, entry.t_ns + round(assistant.llm * 1e9))
            audio_ns = min(other.t_ns, token_ns + round(assistant.tts * 1e9))
            rows = [
                (entry.t_ns, _event("assistant.model.requestStarted", "model", turnId=turn)),
                (
                    token_ns,
                    _event(
                        "assistant.model.firstTokenReceived",
                        "model",
                        turnId=turn,
                        latency=round((token_ns - entry.t_ns) / 1e6),
                    ),
                ),
                (
                    audio_ns,
                    _event(
                        "assistant.voice.firstAudioReceived",
                        "voice",
                        turnId=turn,
                        latency=round((audio_ns - token_ns) / 1e6),
                    ),
                ),
            ]
            break
    return rows


def gzipped(data: bytes) -> bytes:
    """Return ``data`` as gzip, stored and not compressed: the same bytes with every zlib."""
    blocks = [data[at : at + 65535] for at in range(0, len(data), 65535)] or [b""]
    stored = b"".join(
        struct.pack("<BHH", number == len(blocks), len(block), len(block) ^ 0xFFFF) + block
        for number, block in enumerate(blocks, 1)
    )
    head = b"\x1f\x8b\x08\0\0\0\0\0\0\xff"
    return head + stored + struct.pack("<II", zlib.crc32(data), len(data) & 0xFFFFFFFF)
