"""Recordings on disk, whole and damaged."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from simkit.audio import files
from simkit.recording import Recording, RecordingError, read

HEADER = {"format": "simkit-recording", "version": 1, "source": "a test", "duration_ms": 1000.0}
CLEAR = {"t_ms": 500.0, "leg": "twilio", "direction": "out", "message": {"event": "clear"}}


def says(**sound) -> dict:
    """A line of the caller's, 1,000 samples from the 100th on unless ``sound`` differs."""
    words = sound.pop("words", [["hello", 0, 1000]])
    ref = {"file": "caller.flac", "start": 100, "samples": 1000} | sound
    message = {"event": "speaks", "text": "hello", "sound": ref, "words": words}
    return {"t_ms": 12.5, "leg": "caller", "message": message}


class Draft:
    """A recording's folder with 8,000 samples of the caller; its events are put there."""

    def __init__(self, path: Path) -> None:
        path.mkdir()
        self.path = path
        self.events = path / "call.jsonl"
        self.sound = path / "caller.flac"
        files.write(self.sound, np.arange(8000, dtype=np.int16))

    def put(self, *lines: dict | bytes) -> None:
        encoded = [x if isinstance(x, bytes) else json.dumps(x).encode() + b"\n" for x in lines]
        self.events.write_bytes(b"".join(encoded))

    def read(self, *lines: dict | bytes) -> Recording:
        self.put(*lines)
        return read(self.path)

    def refusal(self, *lines: dict | bytes) -> str:
        """Return what is said of these lines, without the folder."""
        self.put(*lines)
        with pytest.raises(RecordingError) as caught:
            read(self.path)
        text = str(caught.value)
        assert "\n" not in text
        return text.replace(f"{self.path}{os.sep}", "")
