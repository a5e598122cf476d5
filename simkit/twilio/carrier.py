"""The carrier leg: the packets (RTP) between the phone and Twilio.

Here, and not on the socket to the server, packets are lost, late or out of order. At the end of
each direction a jitter buffer puts them back on their cadence, a fixed time after they were sent,
and fills in for those that are missing: what Twilio forwards, and what the caller hears, comes
every 20 ms whatever happened. The buffer neither grows nor shrinks during a call, so a packet
that comes later than it is deep is lost, too.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

from ..timeline import Clock, Event, Timeline
from .playout import PACKET_NS
from .profiles import KNOBS, PROFILES, Profile, spread

ENDS = ("twilio", "caller")

_SILENCED, _PLAYED, _REPEATED = range(3)
_RUN_GAP_NS = 1_000_000_000
"""A pause between two losses that is longer begins a new ``lost`` event."""


class GilbertElliott:
    """Losses that come in bursts, one packet after the other.

    >>> line, profile = GilbertElliott(random.Random(1)), Profile(loss=0.5, burst=4.0)
    >>> "".join("x" if line.loses(profile) else "." for _ in range(24))
    'xxxxxxxx.xxxx...xxx.xxxx'
    """

    def __init__(self, draw: random.Random) -> None:
        self._draw = draw
        self._is_bad: bool | None = None

    def loses(self, profile: Profile) -> bool:
        """Tell whether the next packet is lost; draws nothing while ``loss`` is 0."""
        if not profile.loss:
            self._is_bad = None
            return False
        bad = profile.bad_share
        if bad >= 1:
            self._is_bad = True
        elif self._is_bad is None:
            self._is_bad = self._draw.random() < bad
        elif self._is_bad:
            self._is_bad = self._draw.random() >= 1 / profile.burst
        else:
            self._is_bad = self._draw.random() < profile.worsens
        share = profile.loss_bad if self._is_bad else profile.loss_good
        return share >= 1 or (share > 0 and self._draw.random() < share)


class CarrierLeg:
    """One direction of a call's carrier leg; every field of :class:`Profile` is a knob of it.

    A knob holds for the packets sent from then on. The play-out of the jitter buffer is set when
    the call is placed: what makes packets later than it was made for loses them.
    """

    def __init__(
        self,
        towards: str,
        profile: Profile,
        *,
        call: int,
        clock: Clock,
        timeline: Timeline,
        random_for: Callable[[str], random.Random],
    ) -> None:
        self._towards = towards
        self._profile = profile
        self._call = call
        self._clock = clock
        self._timeline = timeline
        purpose = f"carrier:{call}>{towards}"
        self._losses = GilbertElliott(random_for(f"{purpose} loss"))
        self._draw_jitter = random_for(f"{purpose} jitter")
        self._draw_spikes = random_for(f"{purpose} spikes")
        self._origin_ns: int | None = None
        self._fates = bytearray()  # of each packet
        self._held_ns = 0  # what is left of the last spike
        self._stalls: list[tuple[int, int]] = []
        self._run: Event | None = None
        self._delay_packets = profile.delay_packets
        self._is_clear = profile == PROFILES["clear"]

    def __getattr__(self, name: str) -> Any:
        if name in KNOBS:
            return getattr(self._profile, name)
        raise _no_knob(name)

    def __setattr__(self, name: str, value: object) -> None:
        if name.startswith("_"):
            object.__setattr__(self, name, value)
        else:
            self.turn(**{name: value})

    def turn(self, **knobs: Any) -> None:
        """Turn several knobs at once, for values that go together.

        Raises:
            AttributeError: there is no such knob.
            ValueError: a value outside its range; says of which call and direction.
        """
        for name in knobs:
            if name not in KNOBS:
                raise _no_knob(name)
        try:
            turned = replace(self._profile, **knobs)
        except ValueError as error:
            raise ValueError(f"call {self._call} carrier > {self._towards}: {error}") from None
        self._draw_until_now()
        self._profile = turned
        self._is_clear = False
        if self._origin_ns is not None:
            self._tell(**knobs)

    def stall(self, duration: float, start: float | None = None) -> None:
        """Hold everything back for a while, then deliver it at once.

        Args:
            duration: seconds, more than 0.
            start: second of the simulation, not in the past; None: now.

        Raises:
            ValueError: another duration or start.
        """
        now_ns = self._clock.read_ns()
        start_ns = now_ns if start is None else round(start * 1e9)
        if not 0 < duration <= 3600:
            raise ValueError(f"stall: seconds, more than 0, 3600 at most; found {duration!r}")
        if start_ns < now_ns:
            raise ValueError(f"stall: start is not in the past ({now_ns / 1e9:g}); found {start!r}")
        self._draw_until_now()
        self._stalls.append((start_ns, start_ns + round(duration * 1e9)))
        self._is_clear = False

    # For the two ends

    @property
    def is_clear(self) -> bool:
        """No knob was ever turned: packets arrive at once, and all of them."""
        return self._is_clear

    @property
    def delay_packets(self) -> int:
        """From a packet's sending to its play-out, in packets of 20 ms, for the whole call."""
        return self._delay_packets

    @property
    def _delay_ns(self) -> int:
        return self._delay_packets * PACKET_NS

    def begin(self, origin_ns: int) -> None:
        """Let packet 0 be sent at this instant."""
        if self._origin_ns is None:
            self._origin_ns = origin_ns
            if not self._is_clear:
                clear, mine = asdict(PROFILES["clear"]), asdict(self._profile)
                self._tell(**{name: mine[name] for name in KNOBS if mine[name] != clear[name]})

    def _tell(self, **knobs: Any) -> None:
        self._timeline.record(
            "carrier",
            "carrier",
            call=self._call,
            towards=self._towards,
            delay_ns=self._delay_ns,
            knobs=knobs,
        )

    def number_at(self, sent_ns: int) -> int:
        """Return the number of the packet that is sent at an instant."""
        assert self._origin_ns is not None
        return (sent_ns - self._origin_ns) // PACKET_NS

    def arrives(self, number: int) -> bool:
        """Tell whether a packet comes, and in time to be played."""
        while len(self._fates) <= number:
            self._fates.append(self._draw(len(self._fates)))
        return self._fates[number] == _PLAYED

    def is_repeated(self, number: int) -> bool:
        """Tell whether the packet before stands for one that did not arrive."""
        return not self.arrives(number) and self._fates[number] == _REPEATED

    def _draw_until_now(self) -> None:
        if self._origin_ns is not None:
            self.arrives(self.number_at(self._clock.read_ns()))

    def _draw(self, number: int) -> int:
        """Draw what becomes of a packet."""
        profile = self._profile
        assert self._origin_ns is not None
        sent_ns = self._origin_ns + number * PACKET_NS
        took_ns = round(profile.latency * 1e9)
        low, high = spread(profile.jitter)
        if high:
            took_ns += round(self._draw_jitter.uniform(low, high) * 1e9)
        took_ns += max(self._spike_ns(profile), self._stalled_ns(sent_ns))
        lost = self._losses.loses(profile)
        late = took_ns > self._delay_ns
        if not lost and not late:
            return _PLAYED
        self._count(sent_ns + self._delay_ns, is_late=not lost)
        return _REPEATED if profile.conceal == "repeat" else _SILENCED

    def _spike_ns(self, profile: Profile) -> int:
        """Return by how much a spike delays the next packet."""
        self._held_ns = max(0, self._held_ns - PACKET_NS)
        low, high = spread(profile.spikes)
        if high and self._draw_spikes.random() < 0.020 / profile.spike_every:
            spike_ns = round(self._draw_spikes.uniform(low, high) * 1e9)
            self._held_ns = max(self._held_ns, spike_ns)
        return self._held_ns

    def _stalled_ns(self, sent_ns: int) -> int:
        return max(
            (end - sent_ns for start, end in self._stalls if start <= sent_ns < end), default=0
        )

    def _count(self, due_ns: int, *, is_late: bool) -> None:
        """Record a packet that was not there when it was due."""
        run = self._run
        if run is None or due_ns - run.fields["last_ns"] > _RUN_GAP_NS:
            run = self._run = self._timeline.record(
                "lost",
                "carrier",
                t_ns=due_ns,
                call=self._call,
                towards=self._towards,
                packets=0,
                late=0,
                last_ns=due_ns,
            )
        run.fields["packets"] += 1
        run.fields["late"] += is_late
        run.fields["last_ns"] = due_ns


def _no_knob(name: str) -> AttributeError:
    return AttributeError(f"no carrier knob {name!r}; there are: {', '.join(KNOBS)}")


class Line:
    """Both directions of a call's carrier leg.

    Assigning a knob sets both; reading gives a pair, towards Twilio first, where they differ.
    """

    def __init__(self, make_leg: Callable[[str], CarrierLeg]) -> None:
        object.__setattr__(self, "_legs", {end: make_leg(end) for end in ENDS})

    def towards(self, end: str) -> CarrierLeg:
        """Return the direction that ends at ``"twilio"`` or at the ``"caller"``.

        Raises:
            ValueError: there is no such end.
        """
        found: CarrierLeg | None = self._legs.get(end)
        if found is None:
            raise ValueError(f"a carrier leg has the ends {' and '.join(ENDS)}; found {end!r}")
        return found

    def __getattr__(self, name: str) -> Any:
        first, second = (getattr(leg, name) for leg in self._legs.values())
        return first if first == second else (first, second)

    def __setattr__(self, name: str, value: object) -> None:
        for leg in self._legs.values():
            setattr(leg, name, value)

    def turn(self, **knobs: Any) -> None:
        """Turn several knobs at once, in both directions."""
        for leg in self._legs.values():
            leg.turn(**knobs)

    def stall(self, duration: float, start: float | None = None) -> None:
        """Hold everything back for a while, in both directions, then deliver it at once."""
        for leg in self._legs.values():
            leg.stall(duration, start)
