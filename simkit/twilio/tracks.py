"""Tracks: what streams carry of a call, and the sound of the outbound one."""

from __future__ import annotations

from collections.abc import Sequence

from ..audio import mulaw
from .playout import BYTE_NS, PACKET, PACKET_NS, PlayOut


class OutboundTrack:
    """What the play-outs of one call let the caller hear, as mu-law.

    Where two play-outs meet, the one that began to be listened to later is heard.
    """

    def __init__(self) -> None:
        self._playouts: list[PlayOut] = []

    def listen_to(self, playout: PlayOut) -> None:
        """Carry what leaves ``playout`` too: of a ``<Say>``, or of a bidirectional stream."""
        self._playouts.append(playout)

    def frame_before(self, end_ns: int) -> bytes:
        """Return the 20 ms that end at an instant, which must not lie in the future."""
        frame = bytearray([mulaw.SILENCE]) * PACKET
        start_ns = end_ns - PACKET_NS
        for playout in self._playouts:
            for burst in reversed(playout.bursts):
                if burst.end_ns <= start_ns:
                    break
                # The burst and the frame need not lie on the same grid of samples.
                at = -((burst.start_ns - start_ns) // -BYTE_NS)
                sound = burst.data[max(0, -at) : max(0, PACKET - at)]
                frame[max(0, at) : max(0, at) + len(sound)] = sound
        return bytes(frame)


def in_order(tracks: Sequence[str], *, bidirectional: bool) -> tuple[str, ...]:
    """Return tracks in the order of the documented example, outbound first.

    Raises:
        ValueError: such a stream does not have them.
    """
    known = [track for track in ("outbound", "inbound") if track in tracks]
    if not known or len(known) != len(tracks) or (bidirectional and known != ["inbound"]):
        allowed = "['inbound']" if bidirectional else "'inbound', 'outbound' or both"
        raise ValueError(f"tracks of such a stream: {allowed}; found {list(tracks)!r}")
    return tuple(known)
