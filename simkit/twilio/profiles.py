"""Profiles: how a carrier leg behaves, by figures and by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any

from .playout import PACKET_NS


def _share(value: Any) -> bool:
    return bool(0 <= value <= 1)


def _delay(value: Any) -> bool:
    return bool(0 <= value <= 60)


def _is_spread(value: Any) -> bool:
    low, high = spread(value)
    return 0 <= low <= high <= 60


def spread(value: Any) -> tuple[float, float]:
    """Return a range that was given as its upper end or as a pair."""
    low, high = value if isinstance(value, tuple) else (0.0, value)
    return float(low), float(high)


_ALLOWED: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "latency": ("seconds from 0 to 60", _delay),
    "jitter": ("seconds from 0 to 60, or a pair (low, high)", _is_spread),
    "spikes": ("seconds from 0 to 60, or a pair (low, high)", _is_spread),
    "spike_every": ("seconds from 0.02 to 3600", lambda value: 0.02 <= value <= 3600),
    "loss": ("a share from 0 to 1", _share),
    "burst": ("packets, 1 to 10000", lambda value: 1 <= value <= 10_000),
    "loss_bad": ("a share from 0 to 1", _share),
    "loss_good": ("a share from 0 to 1", _share),
    "buffer": ("seconds from 0 to 60, or None", lambda value: value is None or _delay(value)),
    "conceal": ("'silence' or 'repeat'", lambda value: value in ("silence", "repeat")),
}


@dataclass(frozen=True, kw_only=True)
class Profile:
    """How one direction of a carrier leg behaves; durations in seconds.

    Losses follow the model of Gilbert and Elliott: a line is good or bad, and each packet is lost
    with the probability of its state. From ``loss``, ``burst`` and the two probabilities follow
    those of a change before each packet: bad to good 1/``burst``, and good to bad whatever makes
    ``loss`` the share in the long run.

    Raises:
        ValueError: a value outside its range, or values that no line can have together.
    """

    latency: float = 0.0
    """One way, of every packet."""
    jitter: float | tuple[float, float] = 0.0
    """Extra delay of each packet, drawn evenly from 0 or low to it; packets may overtake."""
    spikes: float | tuple[float, float] = 0.0
    """Delay of a spike, drawn evenly: the line stalls for that long, then delivers all at once."""
    spike_every: float = 2.0
    """From spike to spike, on average."""
    loss: float = 0.0
    """Share of packets that are lost in the long run."""
    burst: float = 3.0
    """Packets for which the line stays bad, on average: of 20 ms each."""
    loss_bad: float = 1.0
    """Share of packets lost while the line is bad: with 1, a burst is a run of lost packets."""
    loss_good: float = 0.0
    """Share of packets lost while it is good."""
    buffer: float | None = None
    """Depth of the jitter buffer; None: as deep as ``jitter`` and ``spikes`` ask for, so that
    they delay everything and lose nothing."""
    conceal: str = "silence"
    """What stands for a missing packet: ``silence``, or ``repeat``: the last one, up to three
    times and softer each time. What Twilio does is not known."""

    def __post_init__(self) -> None:
        for name, (allowed, is_right) in _ALLOWED.items():
            value = getattr(self, name)
            try:
                right = not isinstance(value, bool) and is_right(value)
            except (TypeError, ValueError):
                right = False
            if not right:
                raise ValueError(f"{name} is {allowed}; found {value!r}")
        if not self.loss:
            return
        if not self.loss_good <= self.loss <= self.loss_bad or self.loss_good == self.loss_bad < 1:
            raise ValueError(
                f"loss is from loss_good ({self.loss_good:g}) to loss_bad ({self.loss_bad:g}), "
                f"which differ; found {self.loss!r}"
            )
        if self.bad_share < 1 and self.worsens > 1:
            least = self.bad_share / (1 - self.bad_share)
            raise ValueError(
                f"loss {self.loss:g} needs bursts of {least:g} packets or more on average; found "
                f"burst {self.burst!r}"
            )

    @property
    def bad_share(self) -> float:
        """Share of the time for which the line is bad."""
        if self.loss_bad == self.loss_good:
            return 1.0
        return (self.loss - self.loss_good) / (self.loss_bad - self.loss_good)

    @property
    def worsens(self) -> float:
        """Probability that a good line is bad at the next packet."""
        bad = self.bad_share
        return 1.0 if bad >= 1 else bad / (1 - bad) / self.burst

    @property
    def delay_packets(self) -> int:
        """From a packet's sending to its play-out at the far end, in packets of 20 ms."""
        low, high = spread(self.jitter)
        depth = high - low + spread(self.spikes)[1] if self.buffer is None else self.buffer
        return -(-round((self.latency + low + depth) * 1e9) // PACKET_NS)


KNOBS = tuple(field.name for field in fields(Profile))

_MOBILE = Profile(latency=0.050, jitter=0.030)

PROFILES = {
    "clear": Profile(),
    "mobile-1%": replace(_MOBILE, loss=0.01),
    "mobile-3%": replace(_MOBILE, loss=0.03),
    "mobile-5%": replace(_MOBILE, loss=0.05),
    "jitter-400": replace(_MOBILE, spikes=(0.1, 0.4), buffer=0.2),
    "jitter-800": replace(_MOBILE, spikes=(0.2, 0.8), spike_every=4.0, buffer=0.4),
    "patient-800": replace(_MOBILE, spikes=(0.2, 0.8), spike_every=4.0),
}
"""Carrier legs by name.

``mobile-...`` lose that share in bursts of 60 ms on average. ``jitter-...`` stall for 100 to 400,
200 to 800 ms and lose what comes too late for their buffer; ``patient-800`` buffers it all, at the
price of 0.88 s one way. The figures are chosen, not measured."""


def find_profile(profile: str | Profile) -> Profile:
    """Return a profile by its name.

    Raises:
        ValueError: there is none; says which there are.
    """
    if isinstance(profile, Profile):
        return profile
    found = PROFILES.get(profile) if isinstance(profile, str) else None
    if found is None:
        raise ValueError(f"no carrier profile {profile!r}; there are: {', '.join(PROFILES)}")
    return found
