"""The fallback line: bundled or configured, and refused at the start when it cannot be said."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from simkit.audio import mulaw
from simkit.bridge import Bridge, Config, ConfigError
from simkit.bridge.fallback import fallback_clip


def config(path: Path | str = "") -> Config:
    return Config(
        public_url="https://bridge.example.com",
        twilio_auth_token="token",
        vapi_api_key="key",
        fallback_file=str(path),
    )


def tone(rate: int, seconds: float = 1.0) -> np.ndarray:
    time = np.arange(round(rate * seconds)) / rate
    return np.rint(12_000 * np.sin(2 * np.pi * 440 * time)).astype(np.int16)


def test_a_line_comes_along_that_can_be_heard():
    samples = mulaw.decode(fallback_clip(config())).astype(float)
    assert 3 < len(samples) / 8000 < 15
    assert 1500 < np.sqrt(np.mean(samples**2)) < 8000
    assert abs(samples[0]) < 500
    assert abs(samples[-1]) < 500


def test_the_line_that_comes_along_needs_no_library_for_sound_files():
    program = (
        "import sys; from simkit.bridge.fallback import bundled_clip; assert bundled_clip(); "
        "assert 'soundfile' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


@pytest.mark.parametrize("rate", [8000, 16000, 22050, 44100, 48000])
@pytest.mark.parametrize("ending", ["wav", "flac"])
def test_a_file_of_any_rate_becomes_telephone_sound(tmp_path, rate, ending):
    path = tmp_path / f"line-{rate}.{ending}"
    soundfile.write(path, tone(rate), rate)
    found = mulaw.decode(fallback_clip(config(path)))
    assert len(found) == 8000
    spectrum = np.abs(np.fft.rfft(found))
    assert spectrum.argmax() == 440


@pytest.mark.parametrize(
    ("samples", "rate", "words"),
    [
        (tone(8000, 15.1), 8000, "found 15.1 s of sound, expected more than 0 and at most 15 s"),
        (tone(8000, 0.0), 8000, "found 0 s"),
        (tone(96_000), 96_000, "found 96000 Hz, expected 8000 to 48000 Hz"),
        (tone(4000), 4000, "found 4000 Hz"),
        (np.stack([tone(8000)] * 2, axis=1), 8000, "found 2 channels, expected 1"),
    ],
)
def test_a_file_that_cannot_be_said_is_refused_before_any_call(tmp_path, samples, rate, words):
    path = tmp_path / "line.wav"
    soundfile.write(path, samples, rate)
    with pytest.raises(ConfigError, match=f"fallback_file: .*line.wav: {words}"):
        Bridge(config(path))


def test_a_file_that_is_missing_or_damaged_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"fallback_file: .*none.wav: there is no such file"):
        Bridge(config(tmp_path / "none.wav"))
    damaged = tmp_path / "damaged.wav"
    damaged.write_bytes(b"RIFF" + bytes(20))
    with pytest.raises(ConfigError, match=r"damaged.wav: not a readable sound file"):
        Bridge(config(damaged))
