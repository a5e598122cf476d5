"""Concealment: what stands for packets that the carrier lost, at either end of it."""

from __future__ import annotations

from ..audio import mulaw
from ..timeline import Clock
from .carrier import CarrierLeg
from .playout import PACKET, PACKET_NS, Burst, PlayOut

SILENT = bytes([mulaw.SILENCE]) * PACKET
"""20 ms of silence."""

_REPEATS = 3
"""Packets for which a repetition lasts: 60 ms, as in G.711 Appendix I."""


class Concealer:
    """Fills in for missing packets of one direction, from the last one that came."""

    def __init__(self, leg: CarrierLeg) -> None:
        self._is_repeated = leg.is_repeated
        self._last = SILENT
        self._missing = 0

    def received(self, packet: bytes) -> bytes:
        """Take a packet that came; returns it."""
        self._last, self._missing = packet, 0
        return packet

    def missing(self, number: int) -> bytes:
        """Return what is played for a packet that did not come, by its number."""
        self._missing += 1
        if self._missing > _REPEATS or not self._is_repeated(number):
            return SILENT
        return mulaw.encode(mulaw.decode(self._last) >> (self._missing - 1))


class Carried:
    """A play-out as the caller hears it, behind the carrier leg."""

    def __init__(self, playout: PlayOut, leg: CarrierLeg, clock: Clock) -> None:
        self._playout = playout
        self._leg = leg
        self._clock = clock
        self._concealer = Concealer(leg)
        self._bursts: list[Burst] = []

    @property
    def is_clear(self) -> bool:
        """Nothing stands between the play-out and the caller."""
        return self._leg.is_clear

    @property
    def bursts(self) -> list[Burst]:
        """Everything that was heard, or was sent and will be, in order."""
        if self._leg.is_clear:
            return self._playout.bursts
        first = max(0, len(self._bursts) - 1)
        now_ns = self._clock.read_ns()
        for index, burst in enumerate(self._playout.bursts[first:], first):
            self._carry(burst, index, now_ns)
        return self._bursts

    def _carry(self, burst: Burst, index: int, now_ns: int) -> None:
        """Take over the packets of a burst that have left by now."""
        if now_ns < burst.start_ns:
            return
        left = min(len(burst.data), ((now_ns - burst.start_ns) // PACKET_NS + 1) * PACKET)
        if index == len(self._bursts):
            delay_ns = self._leg.delay_packets * PACKET_NS
            self._bursts.append(Burst(burst.start_ns + delay_ns))
        heard = self._bursts[index].data
        while len(heard) < left:
            index_in_burst, inside = divmod(len(heard), PACKET)
            at = index_in_burst * PACKET
            packet = bytes(burst.data[at : min(left, at + PACKET)])
            number = self._leg.number_at(burst.start_ns + index_in_burst * PACKET_NS)
            if self._leg.arrives(number):
                heard.extend(self._concealer.received(packet)[inside:])
            else:
                # A packet that left half full is padded: its padding is as lost as the rest.
                filling = SILENT if inside else self._concealer.missing(number)
                heard.extend(filling[inside : len(packet)])
