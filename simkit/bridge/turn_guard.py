"""The turn guard: one reply to each turn of the caller, and one excuse when there is none."""

from __future__ import annotations


class TurnGuard:
    """Knows whether the agent owes the caller a reply.

    A turn is over with its final transcript; transcripts that follow before the reply, or the
    excuse, belong to it.
    Where the bridge hears the end of the caller's voice itself, that counts too, unless a final
    transcript has come since that voice began: one utterance is one turn, whoever tells of it.

    Args:
        timeout_ns: from the end of a turn to the agent's first audio.

    >>> guard = TurnGuard(timeout_ns=10)
    >>> guard.over(now_ns=0), guard.is_late(now_ns=9), guard.is_late(now_ns=10)
    (10, False, True)
    >>> guard.is_late(now_ns=11)  # the excuse was made
    False
    """

    def __init__(self, timeout_ns: int) -> None:
        self._timeout_ns = timeout_ns
        self._due_ns = 0
        self._was_excused = False
        self._was_transcribed = False
        self.is_owed = False
        """True from the end of a turn until the agent answers it."""

    def over(self, now_ns: int) -> int:
        """The caller's turn is over; returns when the reply is late."""
        self.is_owed, self._was_excused = True, False
        self._was_transcribed = True
        self._due_ns = now_ns + self._timeout_ns
        return self._due_ns

    def voice_began(self) -> None:
        """The bridge hears voice."""
        self._was_transcribed = False

    def voice_ended(self, now_ns: int) -> int | None:
        """The bridge hears no more voice; returns when the reply is late, if that is news."""
        return None if self._was_transcribed else self.over(now_ns)

    def answered(self) -> None:
        """The agent speaks."""
        self.is_owed = False

    def is_late(self, now_ns: int) -> bool:
        """Tell whether the excuse is to be made now; it is made once a turn."""
        if not self.is_owed or self._was_excused or now_ns < self._due_ns:
            return False
        self._was_excused = True
        return True
