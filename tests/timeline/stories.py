"""Timelines by hand, for the measures."""

from __future__ import annotations

from simkit.timeline import BargeIn, Timeline, barge_ins

MS = 1_000_000
AGENT, CALLER = 1, 2
"""Utterances: the reply, and what interrupts it."""


class Story:
    """A timeline by hand; instants in milliseconds."""

    def __init__(self, end_ms: float = 10_000) -> None:
        self.timeline = Timeline(lambda: round(end_ms * MS))

    def replies(self, t_ms, ms, *, arrived=None, utterance=AGENT, session=1, reply=1):
        self.timeline.record(
            "replies",
            "agent",
            t_ns=t_ms * MS,
            session=session,
            arrived_ns=(t_ms + 10 if arrived is None else arrived) * MS,
            reply=reply,
            utterance=utterance,
            text="Your appointment",
            duration_ns=ms * MS,
        )
        return self

    def replied(self, t_ms, sent_ms, *, utterance=AGENT):
        self.timeline.record(
            "replied",
            "agent",
            t_ns=t_ms * MS,
            session=1,
            reply=1,
            utterance=utterance,
            interrupted=True,
            audio_ns=sent_ms * MS,
        )
        return self

    def hears(self, t_ms, until_ms, *, utterance: int | None = AGENT, call=1, offset=0, **more):
        self.timeline.record(
            "hears",
            "caller",
            t_ns=t_ms * MS,
            call=call,
            utterance=utterance,
            offset_ns=offset * MS,
            duration_ns=(until_ms - t_ms) * MS,
            text="Your",
            **more,
        )
        return self

    def speaks(self, t_ms, ms=500, *, utterance=CALLER, call=1, text="wait"):
        self.timeline.record(
            "speaks",
            "caller",
            t_ns=t_ms * MS,
            call=call,
            utterance=utterance,
            text=text,
            duration_ns=ms * MS,
        )
        return self

    def noise(self, t_ms, ms=100, *, call=1):
        self.timeline.record(
            "noise",
            "caller",
            t_ns=t_ms * MS,
            call=call,
            name="door",
            level_dbfs=-20.0,
            duration_ns=ms * MS,
        )
        return self

    def receives(self, t_ms, *, utterance=CALLER, session=1, offset=0, ms=500):
        self.timeline.record(
            "receives",
            "vapi",
            t_ns=t_ms * MS,
            session=session,
            utterance=utterance,
            offset_ns=offset * MS,
            duration_ns=ms * MS,
        )
        return self

    def tells(self, t_ms, kind="user-interrupted", *, session=1, **fields):
        self.timeline.record(kind, "vapi", "bridge", t_ns=t_ms * MS, session=session, **fields)
        return self

    def clears(self, t_ms, arrived_ms, *, call=1):
        self.timeline.record(
            "clear",
            "bridge",
            "twilio",
            t_ns=t_ms * MS,
            call=call,
            sent_ns=t_ms * MS,
            arrived_ns=arrived_ms * MS,
        )
        return self

    def barge_in(self) -> BargeIn:
        [found] = barge_ins(self.timeline)
        return found


def interrupted() -> Story:
    """The agent is heard from 1,100 to 2,400 ms, the caller speaks from 2,000 ms on."""
    return Story().replies(900, 3000, arrived=1000).hears(1100, 2400).speaks(2000)
