"""What does Twilio's fake pay for a frame, in each direction? Prints microseconds by part.

The stream alone, on a transport that takes everything: no loop, no network, no bridge. Each figure
is the fastest of five turns, in CPU time of the thread.

    python benchmarks/frame.py
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from simkit import new_event_loop
from simkit.timeline import Clock, Timeline
from simkit.twilio import PlayOut, TwilioSettings
from simkit.twilio.mouth import Mouth
from simkit.twilio.playout import PACKET_NS
from simkit.twilio.socket import StreamIdentity
from simkit.twilio.stream import MediaStream
from simkit.wire import twilio

TIMES = 20_000
SID = "MZ" + "2" * 32
SOUND = bytes(range(160))


class Sink:
    """A transport that is always empty."""

    def write(self, data: bytes) -> None:
        pass

    def get_write_buffer_size(self) -> int:
        return 0

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return 0

    def is_closing(self) -> bool:
        return False


def microseconds(action: Callable[[], object]) -> float:
    """Return what an action takes."""
    best = float("inf")
    for _ in range(5):
        started = time.thread_time_ns()
        for _ in range(TIMES):
            action()
        best = min(best, (time.thread_time_ns() - started) / TIMES)
    return best / 1000


def main() -> None:
    """Measure and print."""
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        clock = Clock(runner.get_loop())
    timeline, mouth = Timeline(), Mouth()
    mouth.begin(0)
    stream = MediaStream(
        "wss://server.example.com/media",
        signature="",
        identity=StreamIdentity("AC", "CA", SID, {}),
        number=1,
        clock=clock,
        timeline=timeline,
        mouth=mouth,
        settings=TwilioSettings(),
        disorder=None,
        on_started=lambda: None,
        on_ended=lambda reason: None,
    )
    clock.read_ns = lambda: 0
    stream.transport = Sink()
    stream.is_open = True
    stream.playout = playout = PlayOut(
        clock,
        grid_ns=0,
        buffer_ns=0,
        mark_delay_ns=0,
        limit=1 << 60,
        returns=lambda name: None,
    )
    message = twilio.encode(twilio.SendMedia(SID, twilio.Payload(SOUND)))
    text = twilio.encode_media(1000, 999, 20_000, SOUND, SID)
    for name, action in (
        ("out: a frame of the caller", lambda: stream._send_frame(mouth.frame_before(PACKET_NS))),
        ("     20 ms out of the mouth", lambda: mouth.frame_before(PACKET_NS)),
        ("     JSON and base64", lambda: twilio.encode_media(1000, 999, 20_000, SOUND, SID)),
        ("     WebSocket header and mask", lambda: stream.send_text(text)),
        ("     timeline", lambda: timeline.frame("twilio", "bridge", 0, PACKET_NS, call=1)),
        ("in:  a frame for the caller", lambda: stream.on_text(message)),
        ("     JSON, strictly", lambda: twilio.decode_for_twilio_strictly(message)),
        ("     JSON, leniently", lambda: twilio.decode_for_twilio(message)),
        ("     timeline", lambda: timeline.frame("bridge", "twilio", 0, PACKET_NS, call=1)),
        ("     play-out", lambda: playout.media(SOUND)),
    ):
        print(f"{name:32} {microseconds(action):6.2f} us")


if __name__ == "__main__":
    main()
