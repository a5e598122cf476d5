"""Makes the clip that the bridge says when it has no agent: espeak-ng's voice, as raw mu-law.

    python benchmarks/fallback_clip.py

Needs espeak-ng and scipy. Another release of either may sound a little different.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

import simkit.bridge
from simkit.audio import espeak, mulaw
from simkit.bridge.fallback import TEXT

FADE = 40
"""Samples, 5 ms, at either end."""

if __name__ == "__main__":
    sound = espeak.speak(TEXT, voice="en-us+f3").samples.astype(np.float64)
    sound *= 16_000 / np.abs(sound).max()
    ramp = np.arange(FADE) / FADE
    sound[:FADE] *= ramp
    sound[-FADE:] *= ramp[::-1]
    path = Path(simkit.bridge.__file__).parent / "data" / "fallback.ulaw"
    path.write_bytes(mulaw.encode(np.rint(sound).astype(np.int16)))
    print(f"{path}: {path.stat().st_size} bytes, {len(sound) / mulaw.RATE:.2f} s")
