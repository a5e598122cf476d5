"""When to try again after Vapi's socket was lost; numbers in, numbers out."""

from __future__ import annotations

TRIES = 3
"""Tries per loss."""
SETTLED_NS = 10_000_000_000
"""A socket that was open for so long counts as regained: its next loss begins anew. Longer than the
longest pause between tries, and well under the 30 s after which mobile networks lose the next."""

_SECOND = 1_000_000_000
_PAUSES_NS = (_SECOND, 2 * _SECOND, 4 * _SECOND)
_JITTER = 0.2

_NORMAL = 1000
_LOST = 1006
_RESTART = 1012
_RESTART_NS = (2 * _SECOND, 5 * _SECOND)
_FINAL = (_NORMAL, 1002, 1003, 1007, 1008, 1009, 1010)  # over, our mistake, or policy
_WORTH_REPEATING = (408, 425, 429)


def is_final(code: int | None) -> bool:
    """Tell whether another try would end the same way.

    Args:
        code: a close code, or the HTTP status of a refusal, which are smaller; None when nobody
            answered (refused, unreachable, timed out).

    >>> [is_final(code) for code in (1000, 1006, 1008, 403, 500, None)]
    [True, False, True, True, False, False]
    """
    if code is None:
        return False
    if code < _NORMAL:
        return code < 500 and code not in _WORTH_REPEATING
    return code in _FINAL


class Reconnects:
    """Decides whether and when a lost socket is tried again: at most 3 times per loss.

    The pauses are 1, 2 and 4 s, each up to 20 % shorter or longer, but: after 1006 (lost without a
    word) the first try is at once, and a restart of the server (1012) is given 2 to 5 s. What
    would only be refused again (1000, 1008, HTTP 401, 403 and the like) is not tried. The codes are
    those of Vapi's own clients; those that they do not name (1001, 1005, 4000 and above) get the
    pauses.
    """

    def __init__(self) -> None:
        self.tries = 0
        """Tries since the socket was last open for 10 s."""
        self._opened_ns: int | None = None

    def opened(self, now_ns: int) -> None:
        """The socket is open, again or for the first time."""
        self._opened_ns = now_ns

    def lost(self, code: int | None, chance: float, now_ns: int) -> int | None:
        """Return when to try (next), or None: give up.

        Args:
            code: as in :func:`is_final`, of the loss or of the try that failed.
            chance: a draw from [0, 1).
            now_ns: the time.
        """
        if self._opened_ns is not None and now_ns - self._opened_ns >= SETTLED_NS:
            self.tries = 0
        self._opened_ns = None
        if is_final(code) or self.tries == TRIES:
            return None
        pause = self._pause(code, chance)
        self.tries += 1
        return now_ns + pause

    def _pause(self, code: int | None, chance: float) -> int:
        if code == _RESTART:
            least, most = _RESTART_NS
            return least + int((most - least) * chance)
        if code == _LOST and self.tries == 0:
            return 0
        return int(_PAUSES_NS[self.tries] * (1 - _JITTER + 2 * _JITTER * chance))
