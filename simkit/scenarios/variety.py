"""Variety: what a seed changes in a world, within what is documented or measured.

Nobody's fault is among it: distances, how services take their time and in which pieces they send,
how quickly and how loudly a caller speaks, and in which order happens what has no order. A right
bridge stands all of it.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from contextlib import nullcontext
from math import exp, log
from typing import Any

import numpy as np

from ..audio import Speech
from ..audio.voices import Voice, find_voice
from ..kernel import Choices
from ..simulation import Simulation
from ..vapi.assistant import INTERRUPT_ORDERS
from ..world import BRIDGE_HOST

_TALKS = {  # seconds of the assistant's, each drawn log-uniformly
    "first_message_delay": (0.2, 0.9),
    "in_progress_delay": (0.05, 0.3),
    "llm": (0.15, 0.9),
    "tts": (0.1, 0.6),
    "wait_seconds": (0.1, 0.8),
    "started_before_audio": (0.02, 0.3),
    "stopped_after_audio": (0.02, 0.2),
    "transcript_after_stopped": (0.05, 0.3),
    "speech_started_after": (0.1, 0.45),
    "first_partial_after": (0.45, 0.8),
    "partial_every": (0.2, 0.6),
    "final_after": (0.4, 0.8),
    "stopped_after": (0.4, 0.9),
    "backoff_seconds": (0.3, 1.2),
    "interrupt_delay": (0.01, 0.1),
}
"""The defaults of :class:`~simkit.vapi.Assistant` lie in each."""


def vary(sim: Simulation, seed: int) -> None:
    """Let a world differ from the one without a seed, before anything happens in it.

    What a scenario itself sets stays as it sets it. 0 changes nothing; another seed always changes
    the same, whatever the simulation's own seed is.
    """
    if not seed:
        return
    draw = random.Random(f"simkit variety {seed}")
    _vary_links(sim, draw)
    _vary_twilio(sim, draw)
    _vary_vapi(sim, draw)
    if draw.random() < 0.5:
        sim.loop.choices = _AnyOrder(random.Random(f"simkit order {seed}"))
    if draw.random() < 0.25:
        sim.cpu(BRIDGE_HOST, per_callback=_spread(draw, 5e-6, 100e-6))


def _spread(draw: random.Random, low: float, high: float) -> float:
    """Draw log-uniformly, and round to microseconds: figures that can be set by hand."""
    return round(exp(draw.uniform(log(low), log(high))), 6)


def _vary_links(sim: Simulation, draw: random.Random) -> None:
    """Jitter stays below what leaves a gap in what the caller hears, which is 60 ms."""
    for host, low, high in (("twilio", 0.005, 0.080), ("api.vapi.ai", 0.002, 0.060)):
        link = sim.link(host, BRIDGE_HOST)
        link.latency = _spread(draw, low, high)
        for direction in link.directions:
            if draw.random() < 0.3:
                direction.jitter = _spread(draw, 0.001, 0.020)


def _vary_twilio(sim: Simulation, draw: random.Random) -> None:
    settings = sim.twilio.settings
    settings.play_out_buffer = round(draw.uniform(0.02, 0.2), 3)
    settings.mark_delay = draw.choice((0.0, round(draw.uniform(0, 0.2), 3)))
    settings.first_timestamp_ms = draw.randint(57, 171)
    settings.timestamp_jitter_ms = draw.randint(0, 2)
    settings.start_order = draw.choice(("parameters last", "parameters first"))
    settings.connected_version = draw.choice(("1.0.0", "0.2.0"))
    settings.stream_started = draw.choice(("with start", "before connected", "after media"))
    settings.callback_delay = draw.choice((0.0, _spread(draw, 0.01, 0.5)))
    settings.callback_duplicate = draw.choice((0.0, 0.2))
    settings.ping_interval = draw.choice((None, 5.0))
    settings.close_code = draw.choice((1000, None))
    settings.reaction = draw.choice((0.0, _spread(draw, 0.02, 0.4)))
    loudness = 10 ** (draw.uniform(-4, 2) / 20)
    sim.twilio.voice = _louder(find_voice("synthetic", nullcontext), loudness)


def _louder(speak: Voice, factor: float) -> Voice:
    def speak_louder(text: str, draw: random.Random, seconds: float | None) -> Speech:
        speech = speak(text, draw, seconds)
        samples = np.clip(np.rint(speech.samples * factor), -32768, 32767).astype(np.int16)
        return Speech(speech.text, samples, speech.words)

    return speak_louder


def _vary_vapi(sim: Simulation, draw: random.Random) -> None:
    sim.vapi.open_delay = _spread(draw, 0.02, 0.4)
    sim.vapi.create_delay = _spread(draw, 0.05, 1.0)
    varied: dict[str, Any] = {name: _spread(draw, *ends) for name, ends in _TALKS.items()}
    lead = draw.choice((0.0, _spread(draw, 0.1, 30.0)))
    varied |= {
        "lead": lead,
        "silence_frames": lead == 0 and draw.random() < 0.7,
        "frame": draw.choice((0.02, 0.02, 0.01, 0.04, 0.1)),
        "tts_chunk": draw.choice((0.0, 0.0, _spread(draw, 0.1, 0.6))),
        "assistant_partials": draw.random() < 0.3,
        "interrupt_order": draw.choice(INTERRUPT_ORDERS),
        "interrupt_gap": draw.choice((0.0, _spread(draw, 0.001, 0.05))),
        "audio_after_interrupt": draw.choice((0, 0, draw.randint(1, 5))),
    }
    sim.vapi.defaults = varied
    sim.vapi.assistant()


class _AnyOrder(Choices):
    """Takes any legal order of what has none."""

    holds_callbacks = False

    def __init__(self, draw: random.Random) -> None:
        self._draw = draw

    def order(self, point: str, names: Sequence[str]) -> Sequence[int]:
        return self._draw.sample(range(len(names)), len(names))

    def duration_ns(self, point: str, name: str) -> int:
        return self._draw.randrange(3_000_000) if point == "executor" else 0

    def size(self, point: str, name: str, most: int) -> int:
        return self._draw.randint(1, most) if self._draw.random() < 0.05 else most
