"""Media: the frames of audio of one leg, counted into runs.

A run is one event, whose fields grow with every frame. A frame each 20 ms passes here in every
direction.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .loudness import Loudness

MEDIA_GAP_NS = 100_000_000
"""A pause between two frames that is longer ends a run of media."""

_LONG_AGO_NS = -(10**18)


class MediaLeg:
    """Audio from one place to another, of one call or session.

    Args:
        begin: records the event of a run that begins at an instant; returns its fields, and where
            it is kept who was heard in it.
    """

    __slots__ = ("_begin", "_fields", "_last_ns", "_loudness", "_times16", "_usual_ns")

    def __init__(self, begin: Callable[[int], tuple[dict[str, Any], Loudness]]) -> None:
        self._begin = begin
        self._fields: dict[str, Any] = {}
        self._last_ns = _LONG_AGO_NS
        self._times16 = self._usual_ns = 0
        self._loudness = Loudness()

    def frame(
        self, t_ns: int, audio_ns: int, *, in_order: bool = True, is_silent: bool | None = None
    ) -> None:
        """Count one frame into the current run.

        Args:
            t_ns: when the frame left the bridge, or reached it.
            audio_ns: how long its audio is.
            in_order: False: its number is not the one after the last.
            is_silent: whether nobody is heard in it; None: nobody asks for this leg.
        """
        since_ns = t_ns - self._last_ns
        self._last_ns = t_ns
        fields = self._fields
        if since_ns > MEDIA_GAP_NS:
            self._fields, self._loudness = self._begin(t_ns)
            fields = self._fields
        elif since_ns != self._usual_ns or self._times16:
            # RFC 3550, appendix A.8: sixteen times the jitter, in integers.
            times16 = self._times16
            times16 += abs(since_ns - self._usual_ns) - ((times16 + 8) >> 4)
            self._times16 = times16
            if times16 >> 4 > fields["jitter_ns"]:
                fields["jitter_ns"] = times16 >> 4
        self._usual_ns = audio_ns
        fields["frames"] += 1
        fields["audio_ns"] += audio_ns
        fields["last_ns"] = t_ns
        if not in_order:
            fields["out_of_order"] += 1
        if is_silent is not None:
            self._loudness.add(t_ns, audio_ns, is_silent=is_silent)

    def end_run(self) -> None:
        """Let the next frame begin a new run."""
        self._last_ns = _LONG_AGO_NS
