"""What a captured message holds: audio, which becomes a frame, or itself."""

from __future__ import annotations

import binascii
from typing import Any

import msgspec

from .media import UNNUMBERED, MediaFormat, Numbers


def parsed(data: str | bytes) -> dict[str, Any]:
    """Return a message that is a JSON object, or what stands for one that is none."""
    try:
        message = msgspec.json.decode(data)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return unread(data)
    return message if isinstance(message, dict) else unread(data)


def unread(data: str | bytes) -> dict[str, Any]:
    """Return what stands for a message that is no JSON object."""
    text = data.decode("utf-8", "backslashreplace") if isinstance(data, bytes) else data
    return {"event": "unreadable", "length": len(data), "begins": text[:200]}


def twilio_audio(message: dict[str, Any]) -> tuple[bytes, Numbers] | None:
    """Return the audio and the numbers of a media message that is as Twilio's are."""
    media = message.get("media")
    if not isinstance(media, dict):
        return None
    try:
        data = binascii.a2b_base64(media["payload"], strict_mode=True)
        numbers = [
            None if value is None else int(value)
            for value in (
                message.get("sequenceNumber"),
                media.get("chunk"),
                media.get("timestamp"),
            )
        ]
    except (KeyError, ValueError, TypeError):
        return None
    if any(number is not None and number < 0 for number in numbers):
        return None
    return data, Numbers(*numbers) if any(n is not None for n in numbers) else UNNUMBERED


def seed_audio(message: dict[str, Any]) -> tuple[bytes, MediaFormat, Numbers] | None:
    """Return the audio of a message of the seed dialect, its format and its number.

    None: there is more in the message than a run of frames can keep.
    """
    around = {name: value for name, value in message.items() if name != "sequence"}
    fields = [name for name in ("data", "media", "audio") if name in around]
    sequence, rate = message.get("sequence"), around.get("sampleRate", 16000)
    if len(fields) != 1 or not around.keys() <= {"type", "sampleRate", fields[0]}:
        return None
    if type(rate) is not int or not 4000 <= rate <= 192_000:
        return None
    if "sequence" in message and (type(sequence) is not int or sequence < 0):
        return None
    try:
        data = binascii.a2b_base64(around[fields[0]], strict_mode=True)
    except (ValueError, TypeError):
        return None
    around[fields[0]] = ""
    pcm = fields[0] == "audio"
    format_ = MediaFormat("pcm_s16le" if pcm else "mulaw", rate if pcm else 8000, around)
    return data, format_, Numbers(sequence)
