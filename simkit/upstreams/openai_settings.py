"""Settings of a Realtime session, in the shape that the socket speaks."""

from __future__ import annotations

from typing import Any

from ..wire.vapi import AudioFormat
from .agent import Agent
from .dialect import MULAW

PCM = AudioFormat("pcm_s16le", "raw", 24000)
_FORMATS = {"audio/pcm": PCM, "audio/pcmu": MULAW, "pcm16": PCM, "g711_ulaw": MULAW}


def created(
    session: str, model: str, agent: Agent, padding_ms: int, *, beta: bool
) -> dict[str, Any]:
    """Return what a session is like before a client changes it."""
    detection = {
        "type": "server_vad",
        "threshold": agent.vad_threshold,
        "prefix_padding_ms": padding_ms,
        "silence_duration_ms": round(agent.silence_seconds * 1000),
        "create_response": agent.answers,
        "interrupt_response": agent.gives_way,
    }
    common: dict[str, Any] = {
        "object": "realtime.session",
        "id": session,
        "model": model,
        "instructions": "",
        "tools": [],
        "tool_choice": "auto",
    }
    if beta:
        return common | {
            "modalities": ["audio", "text"],
            "voice": "alloy",
            "input_audio_format": "pcm16",
            "output_audio_format": "pcm16",
            "input_audio_transcription": None,
            "turn_detection": detection,
            "temperature": 0.8,
            "max_response_output_tokens": "inf",
        }
    return common | {
        "type": "realtime",
        "output_modalities": ["audio"],
        "max_output_tokens": "inf",
        "audio": {
            "input": {
                "format": {"type": "audio/pcm", "rate": 24000},
                "transcription": None,
                "noise_reduction": None,
                "turn_detection": detection,
            },
            "output": {
                "format": {"type": "audio/pcm", "rate": 24000},
                "voice": "alloy",
                "speed": 1.0,
            },
        },
    }


def merge(settings: dict[str, Any], changes: dict[str, Any]) -> None:
    """Change what is mentioned, however deep; what is of another type than before is new."""
    for name, value in changes.items():
        old = settings.get(name)
        if isinstance(value, dict) and isinstance(old, dict) and _type(value) == _type(old):
            merge(old, value)
        else:
            settings[name] = value


def _type(value: dict[str, Any]) -> object:
    return value.get("type")


def formats(settings: dict[str, Any]) -> tuple[AudioFormat, AudioFormat]:
    """Return what the client sends, and what it gets."""
    if "audio" not in settings:
        names = [settings["input_audio_format"], settings["output_audio_format"]]
    else:
        names = [settings["audio"][way]["format"]["type"] for way in ("input", "output")]
    heard, spoken = (_FORMATS[name] for name in names)
    return heard, spoken
