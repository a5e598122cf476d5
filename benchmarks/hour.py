"""How long does a recording of an hour take to replay, and in how much memory?

The recording is made here: a captured call of repeated turns, all four ways with a frame each
20 ms. Each length is read, and replayed with both legs live or both recorded, each in a process of
its own. What is printed besides the times is how many times 10 million additions they are, which
tells more on a busy machine; the peak of resident memory; and by how much it grows with each
minute of call.

    python benchmarks/hour.py [--minutes 6,20,60]
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from time import process_time

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from simkit.audio import Samples, mulaw, voice
from simkit.audio.transcode import MulawToPcm, PcmToMulaw
from simkit.recording import Header, MediaFormat, read, replay
from simkit.recording.media import Numbers
from simkit.recording.recorder import Recorder

MULAW, PCM = MediaFormat("mulaw", 8000), MediaFormat("pcm_s16le", 16000)
TURN = 12.0
"""Seconds: the caller speaks in the first four, the agent answers until the eleventh."""
ASKED = "could you tell me something about the weather"
SAID = "the quick brown fox jumps over the lazy dog and runs away from it again"


def turn(number: int) -> tuple[Samples, Samples]:
    """Return what caller and agent say in a turn, with a little noise; 8 kHz."""
    draw = random.Random(number)
    sides = []
    for text, start, seconds in ((ASKED, 1.2, 2.3), (SAID, 4.4, 6.0)):
        noise = np.random.default_rng(number).integers(-12, 13, int(TURN * 8000))
        side: Samples = noise.astype(np.int16)
        said = voice.speak(text, draw, seconds=seconds).samples
        side[int(start * 8000) : int(start * 8000) + len(said)] += said
        sides.append(side)
    return sides[0], sides[1]


def record(folder: Path, minutes: float) -> None:
    """Take down a call of that length."""
    to_vapi, from_vapi = MulawToPcm(), MulawToPcm()
    to_twilio = PcmToMulaw()
    recorder = Recorder(folder, Header(source=f"{minutes:g} minutes of turns"))
    draw = random.Random(1)
    t_ns = 300_000_000
    frames = int(TURN * 50)
    recorder.message(t_ns, "twilio", "in", {"event": "start", "sequenceNumber": "1"})
    for number in range(int(minutes * 60 / TURN)):
        caller, agent = (mulaw.encode(side) for side in turn(number))
        for frame in range(frames):
            index = number * frames + frame
            now_ns = t_ns + index * 20_000_000
            numbers = Numbers(index + 2, index + 1, index * 20)
            data = caller[frame * 160 : frame * 160 + 160]
            at_ns = now_ns + draw.randrange(3_000_000)
            recorder.frame(at_ns, "twilio", "in", data, MULAW, numbers)
            recorder.frame(at_ns + 200_000, "vapi", "out", to_vapi.convert(data), PCM)
            data = from_vapi.convert(agent[frame * 160 : frame * 160 + 160])
            at_ns = now_ns + 5_000_000 + draw.randrange(3_000_000)
            recorder.frame(at_ns, "vapi", "in", data, PCM)
            recorder.frame(at_ns + 200_000, "twilio", "out", to_twilio.convert(data), MULAW)
            said = {190: ("user", ASKED), 530: ("assistant", SAID)}.get(frame)
            if said:
                recorder.message(at_ns + 300_000, "vapi", "in", transcript(*said))
    recorder.finish(t_ns + int(minutes * 60e9))


def transcript(role: str, text: str) -> dict[str, str]:
    """Return a final transcript."""
    return {"type": "transcript", "role": role, "transcriptType": "final", "transcript": text}


def child(folder: Path, what: str) -> None:
    """Read or replay in this process, and print what it took."""
    if what != "nothing":
        started = process_time()
        recording = read(folder)
        took = process_time() - started
        if what != "read":
            started = process_time()
            result = replay(recording, legs={"twilio": what, "vapi": what})
            took = process_time() - started
            if not result.passed:
                print(*result.faults[:3], sep="\n")
    else:
        took = 0.0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps({"seconds": took, "peak_mb": peak / 1024, "additions": took / additions()}))


def additions() -> float:
    """Return the CPU seconds of 10 million additions."""
    started, total = process_time(), 0
    for number in range(10_000_000):
        total += number
    return process_time() - started


def measure(folder: Path, what: str) -> dict[str, float]:
    """Run a process for one figure."""
    program = [sys.executable, __file__, "--child", what, str(folder)]
    done = subprocess.run(program, capture_output=True, text=True, check=True)
    *told, last = done.stdout.splitlines()
    print(*told, sep="\n", end="\n" if told else "")
    found: dict[str, float] = json.loads(last)
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Cost of a long recording")
    parser.add_argument("--minutes", default="6,20,60", help="lengths (default 6,20,60)")
    parser.add_argument("--child", nargs=2, metavar=("WHAT", "FOLDER"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        child(Path(arguments.child[1]), arguments.child[0])
        return
    lengths = [float(minutes) for minutes in arguments.minutes.split(",")]
    peaks: dict[str, list[float]] = {"read": [], "live": [], "recorded": []}
    with tempfile.TemporaryDirectory() as place:
        for minutes in lengths:
            folder = Path(place) / f"call-{minutes:g}"
            record(folder, minutes)
            sizes = {path.name: path.stat().st_size / 1000 for path in folder.iterdir()}
            empty = measure(folder, "nothing")["peak_mb"]
            told = ", ".join(f"{name} {size / minutes:.0f}" for name, size in sorted(sizes.items()))
            print(f"{minutes:g} minutes: {sum(sizes.values()) / minutes:.0f} kB a minute ({told})")
            for what, found in peaks.items():
                figures = measure(folder, what)
                found.append(figures["peak_mb"])
                print(
                    f"  {what}: {figures['seconds']:.2f} CPU seconds, as 10 million additions "
                    f"{figures['additions']:.0f} times, peak "
                    f"{figures['peak_mb']:.0f} MB ({figures['peak_mb'] - empty:+.0f} to imports)",
                    flush=True,
                )
    if len(lengths) > 1:
        for what, found in peaks.items():
            slope = (found[-1] - found[0]) / (lengths[-1] - lengths[0])
            print(f"{what}: {1000 * slope:.0f} kB more for each minute")


if __name__ == "__main__":
    main()
