"""Audio: samples and what can be known from them.

mu-law and streaming resampling in exact arithmetic, a synthetic voice whose every utterance is
unlike any other, noises, provenance (which utterance is in this sound?), and sound files. Samples
are ``int16`` numpy arrays of shape ``(n,)`` with the rate beside them, 8 kHz unless said.
"""

from . import files, mulaw, noise, provenance, resample, spool, voice
from .files import AudioFileError
from .mulaw import RATE, Samples
from .provenance import Tracker
from .repertoire import Repertoire
from .spans import Span
from .speech import Speech, Word
from .spoken_files import read_speech

__all__ = [
    "RATE",
    "AudioFileError",
    "Repertoire",
    "Samples",
    "Span",
    "Speech",
    "Tracker",
    "Word",
    "files",
    "mulaw",
    "noise",
    "provenance",
    "read_speech",
    "resample",
    "spool",
    "voice",
]
