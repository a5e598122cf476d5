"""Speech by espeak-ng, where it is installed: a voice that people can listen to.

The same text is the same bits again as long as espeak-ng, its voices and scipy stay the same ones:
another release may sound different. What must be repeatable everywhere uses the synthetic voice,
or a recording made once with this one.
"""

from __future__ import annotations

import io
import shutil
import subprocess
from importlib.util import find_spec

import numpy as np

from .files import to_telephone
from .mulaw import RATE, Samples
from .speech import Speech, timed_by_letters

_SLOWEST, _FASTEST = 80, 450
_QUIET = 200


class EspeakError(RuntimeError):
    """espeak-ng is missing or failed."""


def speak(text: str, *, voice: str = "en-us", seconds: float | None = None) -> Speech:
    """Say ``text``; trimmed to the sound, at 8 kHz, with words timed by their letters.

    Args:
        text: what to say.
        voice: espeak-ng's name of a voice, as in ``en-us+f3``.
        seconds: choose the speed that comes nearest, then cut or pad to exactly this duration.

    Raises:
        EspeakError: espeak-ng or scipy is not installed, or espeak-ng failed.
    """
    if seconds is None:
        samples = _say(text, voice, 165)
    else:
        samples = _fitted(text, voice, round(seconds * RATE))
    return Speech(text, samples, timed_by_letters(text, samples))


def check_installed() -> str:
    """Return the path of espeak-ng.

    Raises:
        EspeakError: it or scipy is not installed.
    """
    if find_spec("scipy") is None:
        raise EspeakError("espeak voices need scipy: pip install 'simkit[voices]'")
    program = shutil.which("espeak-ng")
    if program is None:
        raise EspeakError("espeak-ng is not installed")
    return program


def _fitted(text: str, voice: str, length: int) -> Samples:
    """Search the speed at which ``text`` takes ``length`` samples."""
    low, high = _SLOWEST, _FASTEST
    while low < high:
        speed = (low + high) // 2
        if len(_say(text, voice, speed)) > length:
            low = speed + 1
        else:
            high = speed
    samples = _say(text, voice, low)[:length]
    return np.pad(samples, (0, length - len(samples)))


def _say(text: str, voice: str, speed: int) -> Samples:
    import soundfile

    program = check_installed()
    command = [program, "-v", voice, "-s", str(speed), "--stdout", "--", text]
    done = subprocess.run(command, capture_output=True, check=False)  # noqa: S603
    if done.returncode != 0 or not done.stdout:
        raise EspeakError(f"espeak-ng failed: {done.stderr.decode('utf-8', 'replace').strip()}")
    sound, rate = soundfile.read(io.BytesIO(done.stdout), dtype="float64")
    samples = to_telephone(sound * 0.6, rate)
    loud = np.flatnonzero(np.abs(samples.astype(np.int32)) > _QUIET)
    if not len(loud):
        raise EspeakError(f"espeak-ng said nothing for {text!r}")
    trimmed: Samples = samples[loud[0] : loud[-1] + 1]
    return trimmed
