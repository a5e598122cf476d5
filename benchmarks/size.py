"""How large is a minute of a captured call, way by way? Prints kilobytes.

Calls of a minute in simulation, all four ways captured: the caller speaks for a third of it over
the noise of a line, the agent for half. The bridges are simkit's own with several formats towards
Vapi, and the relay (``relay.py``), which resamples in its own way. The fake's agent has a voice of
8 kHz, brought up to the rate of the call; in the rows *wide* it is espeak-ng's (where that is
installed), which fills the band of 16 kHz as a real voice does.

    python benchmarks/size.py [--keep FOLDER]
"""

from __future__ import annotations

import argparse
import io
import random
import subprocess
import sys
import tempfile
import types
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
import relay
import soundfile
import websockets
from scipy.signal import resample_poly

from simkit import Simulation
from simkit.audio import Samples, Speech, espeak, voice
from simkit.audio.speech import timed_by_letters
from simkit.bridge import Bridge, Config
from simkit.recording import MediaFormat, read
from simkit.recording.capture import Capture
from simkit.twilio import AUTH_TOKEN

WAYS = ("caller", "agent", "to-vapi", "from-vapi")
TURNS = 5
ASKED = "could you tell me something about the weather of tomorrow"
SAID = "the quick brown fox jumps over the lazy dog and runs away from it again and again"
HOST = "bridge.example.com"


class Wide(Speech):
    """What espeak-ng says, of full bandwidth at 16 kHz."""

    def at_rate(self, rate: int) -> Samples:
        """Return the samples at another rate."""
        sound = wide(self.text, rate)[: len(self.samples) * rate // 8000]
        return np.pad(sound, (0, len(self.samples) * rate // 8000 - len(sound)))


@cache
def wide(text: str, rate: int) -> Samples:
    """Return how espeak-ng says a text."""
    command = [espeak.check_installed(), "--stdout", text]
    said = subprocess.run(command, capture_output=True, check=True).stdout
    sound, own = soundfile.read(io.BytesIO(said), dtype="float64")
    return np.rint(resample_poly(sound, rate, own) * 20000).astype(np.int16)


def ours(capture: Capture, **settings: Any) -> Any:
    """Return simkit's own bridge."""
    config = Config(
        public_url=f"https://{HOST}", twilio_auth_token=AUTH_TOKEN, vapi_api_key="key", **settings
    )
    capture.vapi_format = MediaFormat(config.vapi_format, config.vapi_rate)
    return Bridge(config, tap=capture).app()


def foreign(capture: Capture) -> Any:
    """Return the relay, both of whose sides are taken down."""

    class Connect(websockets.connect):
        async def __aenter__(self) -> Any:
            return capture.websocket(await super().__aenter__(), MediaFormat("pcm_s16le", 16000))

    relay.websockets = types.SimpleNamespace(connect=Connect)  # type: ignore[assignment]
    return capture.asgi(relay.make_app("https://api.vapi.ai"))


def record(place: Path, make: Callable[[Capture], Any], kind: type[Speech]) -> Path:
    """Have a call of a minute; returns its recording."""
    capture = Capture(place, name=lambda sid: "call")
    replies = [voice.speak(SAID, random.Random(n), seconds=6.0) for n in range(TURNS)]
    if kind is Wide:
        narrow = np.rint(resample_poly(wide(SAID, 16000), 1, 2)).astype(np.int16)[: 6 * 8000]
        replies = [Wide(SAID, narrow, timed_by_letters(SAID, narrow)) for _ in replies]

    async def one_call(sim: Any) -> None:
        sim.vapi.assistant(first_message=replies[0], replies=replies[1:])
        call = await sim.twilio.call(to="+15550100")
        call.background("street", level=-55.0)
        for number in range(TURNS):
            await call.hears("again and again")
            if number < TURNS - 1:
                await call.says(voice.speak(ASKED, random.Random(-number), seconds=4.5))
        await call.hangs_up(after=max(0.0, 60.0 - sim.now))

    with Simulation() as sim:
        sim.twilio.number("+15550100", voice_url=f"https://{HOST}/voice/inbound")
        sim.host(HOST).serve(make(capture))
        sim.run(one_call)
        sim.finish()
    capture.close()
    return place / "call"


ROWS: list[tuple[str, Callable[[Capture], Any], type[Speech]]] = [
    ("ours, PCM at 16 kHz", ours, Speech),
    ("ours, PCM at 24 kHz", lambda capture: ours(capture, vapi_rate=24000), Speech),
    ("ours, mu-law", lambda capture: ours(capture, vapi_format="mulaw"), Speech),
    ("ours, audio in JSON", lambda capture: ours(capture, vapi_dialect="seed"), Speech),
    ("relay", foreign, Speech),
    ("ours, wide", ours, Wide),
    ("relay, wide", foreign, Wide),
]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Size of a captured minute")
    parser.add_argument("--keep", type=Path, help="folder for the recordings")
    keep = parser.parse_args().keep
    head = "".join(f"{name:>11}" for name in (*WAYS, "lines", "all"))
    print(f"{'kB a minute':<22}{head}")
    for number, (name, make, kind) in enumerate(ROWS):
        with tempfile.TemporaryDirectory() as place:
            folder = record((keep or Path(place)) / str(number), make, kind)
            minutes = read(folder).duration_ms / 60_000
            sizes = dict.fromkeys((*WAYS, "call"), 0)
            for path in folder.iterdir():
                sizes[path.stem] += path.stat().st_size
            shown = [*sizes.values(), sum(sizes.values())]
            print(f"{name:<22}" + "".join(f"{size / minutes / 1000:>11.0f}" for size in shown))


if __name__ == "__main__":
    main()
