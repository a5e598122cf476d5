"""Clips: what a bridge plays by itself, made known so that it is recognised where it is heard."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from .audio import Repertoire, Samples, Speech, read_speech
from .audio.speech import timed_by_letters
from .timeline import Timeline


def know(
    timeline: Timeline, repertoire: Repertoire, clip: Samples | str | os.PathLike[str], text: str
) -> None:
    """Enter a clip into what may be heard.

    Raises:
        AudioFileError: the file is missing, damaged or of another kind than expected.
        ValueError: the samples are none.
    """
    if isinstance(clip, (str, os.PathLike)):
        speech = read_speech(Path(clip), text=text or None)
    else:
        samples = np.asarray(clip)
        if samples.dtype != np.int16 or samples.ndim != 1 or not len(samples):
            raise ValueError(
                f"knows: int16 samples at 8 kHz, shape (n,), or a path; found {samples.dtype} of "
                f"shape {samples.shape}"
            )
        speech = Speech(text, samples, timed_by_letters(text, samples))
    timeline.record(
        "clip",
        "bridge",
        utterance=repertoire.add(speech),
        text=speech.text,
        duration_ns=speech.duration_ns,
    )
