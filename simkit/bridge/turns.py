"""Turns: is the agent audible, and has the caller interrupted?

The agent is audible while what was sent is still being played, not while it is being sent: a
reply can be sent in an instant and be heard for half a minute.
"""

from __future__ import annotations

import re

_MARK_OVERDUE_NS = 2_000_000_000

_BACKCHANNEL = frozenset(
    {
        "i understand", "i see", "i got it", "i hear you", "im listening", "im with you",
        "right", "okay", "ok", "sure", "alright", "got it", "understood", "yeah", "yes",
        "uhhuh", "mmhmm", "gotcha", "mhmm", "ah", "yeah okay", "yeah sure", "uh huh", "mm hmm",
    }
)  # fmt: skip
"""What callers say to show that they listen (Vapi's acknowledgementPhrases)."""


def is_backchannel(text: str) -> bool:
    """Tell whether the caller only shows that they listen."""
    return re.sub(r"[^a-z ]", "", text.lower()).strip() in _BACKCHANNEL


class AgentSpeech:
    """Keeps track of the agent's audio, from Vapi to the caller's ear.

    Args:
        grace_ns: how long after its last sound the agent can still be interrupted.
        new_reply_gap_ns: pause after which more audio belongs to a new reply.
    """

    def __init__(self, *, grace_ns: int, new_reply_gap_ns: int) -> None:
        self._grace_ns = grace_ns
        self._new_reply_gap_ns = new_reply_gap_ns
        self._queued_until_ns = 0
        self._audible_until_ns = 0
        self._pending_marks: set[str] = set()
        self._marks_sent = 0
        self._last_voice_ns = -(10**18)
        self._dropping = False
        self._vapi_speaks = False
        self._was_announced = False
        self.needs_mark = False
        """Sound was sent that no mark follows yet."""
        self.was_heard = False
        """Anything but silence was ever sent on."""

    def arrived(self, now_ns: int, duration_ns: int, *, is_silence: bool) -> bool:
        """Note agent audio from Vapi; returns whether to send it on.

        After an interruption what still arrives of the old reply is dropped: until Vapi announces
        a new one, or there was a pause.
        """
        if self._dropping and not is_silence:
            if now_ns - self._last_voice_ns >= self._new_reply_gap_ns:
                self._dropping = False
            else:
                self._last_voice_ns = now_ns
        if self._dropping:
            return False
        self._queued_until_ns = max(self._queued_until_ns, now_ns) + duration_ns
        if not is_silence:
            self._last_voice_ns = now_ns
            self._audible_until_ns = self._queued_until_ns
            self.needs_mark = self.was_heard = True
        return True

    def is_quiet(self, now_ns: int) -> bool:
        """True when no sound came from Vapi for as long as separates two replies."""
        return now_ns >= self.quiet_at_ns

    @property
    def quiet_at_ns(self) -> int:
        """When it will have been quiet for that long, if no more sound comes."""
        return self._last_voice_ns + self._new_reply_gap_ns

    def next_mark(self) -> str:
        """Name a mark that follows the sound sent so far; names are never used twice."""
        self._marks_sent += 1
        self.needs_mark = False
        name = f"agent-{self._marks_sent}"
        self._pending_marks.add(name)
        return name

    def mark_returned(self, name: str, now_ns: int) -> None:
        """Note that a mark came back. Echoes of flushed marks are not known here any more."""
        if name in self._pending_marks:
            self._pending_marks.discard(name)
            if not self._pending_marks and not self.needs_mark:
                self._audible_until_ns = min(self._audible_until_ns, now_ns)

    def is_audible(self, now_ns: int) -> bool:
        """True while the caller hears the agent, as far as can be known here."""
        if now_ns < self._audible_until_ns:
            return True
        overdue = now_ns - self._audible_until_ns >= _MARK_OVERDUE_NS
        return bool(self._pending_marks or self.needs_mark) and not overdue

    def started(self) -> None:
        """Vapi begins a reply: what comes now is new."""
        self._vapi_speaks = self._was_announced = True
        self._dropping = False

    def lost(self) -> None:
        """Vapi is gone: whatever comes next is from another socket, and new."""
        self._vapi_speaks = self._dropping = False

    def line_begins(self, now_ns: int) -> str:
        """The fallback line follows what was sent; returns the name of the mark after it."""
        self._audible_until_ns = self._queued_until_ns = max(self._queued_until_ns, now_ns)
        return self.next_mark()

    def line_queued(self, duration_ns: int, now_ns: int) -> None:
        """Note how long the line is."""
        self._queued_until_ns = max(self._queued_until_ns, now_ns) + duration_ns
        self._audible_until_ns = self._queued_until_ns

    def stopped(self) -> None:
        """Vapi has stopped speaking, by its own account."""
        self._vapi_speaks = False

    def can_be_interrupted(self, now_ns: int) -> bool:
        """True while the agent is audible, and for a grace after its last sound."""
        return self.is_audible(now_ns) or now_ns < self._audible_until_ns + self._grace_ns

    @property
    def vapi_speaks(self) -> bool:
        """True while Vapi itself would notice an interruption."""
        return self._vapi_speaks

    @property
    def answers(self) -> bool:
        """True while what comes is speech; before Vapi ever announced any, all sound may be."""
        return self._vapi_speaks or not self._was_announced

    @property
    def queued_until_ns(self) -> int:
        """When the last of what was sent will have been played."""
        return self._queued_until_ns

    def interrupt(self, now_ns: int) -> bool:
        """Cut the agent off; returns whether there is anything to clear at Twilio."""
        was_audible = self.is_audible(now_ns)
        if not self._dropping:
            self._last_voice_ns = now_ns
        self._dropping = True
        if was_audible:
            self._queued_until_ns = self._audible_until_ns = min(self._audible_until_ns, now_ns)
        self._pending_marks.clear()
        self.needs_mark = False
        return was_audible
