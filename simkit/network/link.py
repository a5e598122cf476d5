"""Links: what lies between two hosts, each direction by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from .knobs import (
    Both,
    Knob,
    checked,
    count,
    count_or_none,
    delay,
    positive_delay,
    rate,
    share,
    spread,
    switch,
    wrong,
)
from .shaping import Shape

if TYPE_CHECKING:
    from .names import NamingLoop

DEFAULT_WINDOW = 256 * 1024
"""Bytes a sender may have on the way or unread at the far end, as a tuned Linux socket allows."""

ETHERNET_MSS = 1460
"""What an Ethernet frame of 1500 bytes leaves for data, behind the headers of IPv4 and TCP."""
LOOPBACK_MSS = 65483
"""The same for Linux' loopback interface: 64 KiB less headers with time stamps."""

SECONDS = "in seconds, 0 or more"


class Direction:
    """One way along a link, from one host to another.

    Every knob is off at first, and costs nothing while it is. A wrong value is refused with
    ``ValueError`` where it is assigned.

    Attributes:
        latency_ns: one-way delay of every byte.
    """

    __slots__ = (
        "latency_ns",
        "loop",
        "shape",
        "source",
        "target",
        "turned",
        "where",
        "window_bytes",
    )

    def __init__(
        self, source: str, target: str, latency_ns: int, loop: NamingLoop | None = None
    ) -> None:
        self.source = source
        self.target = target
        self.latency_ns = latency_ns
        self.window_bytes = DEFAULT_WINDOW
        self.where = f"link {source} > {target}"
        self.loop = loop
        self.turned: dict[str, Any] = {"mss": LOOPBACK_MSS} if source == target else {}
        self.shape: Shape | None = None
        """Made when the first knob is turned: who has none takes the short way."""

    bandwidth = Knob[float | None](
        None, "in bits per second, 1 or more, or None for no limit", rate, "bandwidth"
    )
    """Bits per second, 1 or more; None, the default, for no limit. Bytes queue behind those sent
    before them in this direction, whatever connection they belong to."""

    jitter = Knob[float | tuple[float, float]](
        0.0, "in seconds, 0 or more, or a pair (low, high)", spread, "jitter_ns"
    )
    """Extra delay of each segment in seconds, drawn evenly from 0 to this or from (low, high).
    Default 0. Nothing overtakes what was sent before it on its connection."""

    loss = Knob[float](0.0, "a share from 0 to 1", share, "loss")
    """Share of segments that are lost and sent again, 0 to 1, default 0. No byte is lost: it
    arrives ``rto`` later, and what is behind it waits."""

    rto = Knob[float](0.2, "in seconds, more than 0", positive_delay, "rto_ns")
    """Seconds until a lost segment is sent again; twice as long each further time. Default 0.2,
    the least that Linux waits."""

    mss = Knob[int](ETHERNET_MSS, "in bytes, an integer of 1 or more", count, "mss")
    """Bytes that a segment holds at most. Default 1460, as on Ethernet, and 65483 from a host to
    itself, as on Linux' loopback. Segments that arrive at one instant are one read, so that this
    shows only together with ``bandwidth``, ``jitter`` or ``loss``."""

    silent = Knob[bool](False, "True or False", switch, "silent")
    """While True nothing gets through: no byte, no FIN, no RST, no acknowledgement. Neither end
    is told. Switched back, bytes and FIN are sent again, as a kernel does that has not given up
    (after 15 min: TimeoutError); an RST is not."""

    refuse = Knob[bool](False, "True or False", switch)
    """While True whoever connects this way gets ``ConnectionRefusedError`` after a round trip."""

    unreachable = Knob[bool](False, "True or False", switch)
    """While True whoever connects this way gets ``OSError`` (EHOSTUNREACH) after a round trip."""

    unanswered = Knob[bool](False, "True or False", switch)
    """While True whoever connects this way gets no answer: ``TimeoutError`` (ETIMEDOUT) after
    127 s, unless the program has given up before. Open connections are not concerned."""

    accept_delay = Knob[float](0.0, SECONDS, delay)
    """Seconds from the end of the handshake until the listener accepts the connection, default 0.
    To the client the connection is open meanwhile, as it is to a kernel's."""

    @property
    def latency(self) -> float:
        """One-way delay in seconds; 0 or more."""
        return self.latency_ns / 1e9

    @latency.setter
    def latency(self, value: float) -> None:
        self.latency_ns = checked(self.where, "latency", SECONDS, delay, value)

    @property
    def window(self) -> int:
        """Bytes that may be on the way or unread at the far end, 1 or more; default 256 KiB."""
        return self.window_bytes

    @window.setter
    def window(self, value: int) -> None:
        allowed = "in bytes, an integer of 1 or more"
        self.window_bytes = checked(self.where, "window", allowed, count, value)

    def stall(self, duration: float, *, start: float | None = None) -> None:
        """Let nothing arrive for a while, then everything that waited at once.

        Args:
            duration: how long, in seconds, more than 0.
            start: virtual second at which it begins, not in the past; None: now.
        """
        what = "the duration of a stall"
        length_ns = checked(self.where, what, "in seconds, more than 0", positive_delay, duration)
        now_ns = start_ns = self.shaped().calendar.now_ns
        if start is not None:
            allowed = f"in virtual seconds, {now_ns / 1e9:g} (now) or more"
            start_ns = checked(self.where, "the start of a stall", allowed, delay, start)
            if start_ns < now_ns:
                raise wrong(self.where, "the start of a stall", allowed, start)
        self.shaped().stall(start_ns, start_ns + length_ns)
        self._tell("stall", duration, start_ns, start_ns + length_ns)

    def reset_after(self, size: int | None) -> None:
        """Reset the connection whose byte is the one after which it shall happen, once.

        Bytes that arrive in this direction from now on are counted, those of all its connections
        together. The receiver gets the first ``size`` of them and then an RST; the RST gets to
        the sender a latency later.

        Args:
            size: how many bytes, 0 or more; 0 for none of what arrives next. None: call it off.
        """
        allowed = "in bytes, an integer of 0 or more, or None"
        left = checked(self.where, "reset_after", allowed, count_or_none, size)
        self.shaped().reset_left = left
        self._tell("reset_after", size)

    def half_open(self) -> None:
        """Let nothing through from now on, and tell nobody: the same as ``silent = True``."""
        self.silent = True

    def turn(self, name: str, value: Any) -> None:
        """Note what a knob was set to."""
        self.turned[name] = value
        self._tell(name, value)

    def _tell(
        self, what: str, value: Any, start_ns: int | None = None, end_ns: int | None = None
    ) -> None:
        if self.loop is not None:
            now_ns = self.loop.calendar.now_ns
            start_ns = now_ns if start_ns is None else start_ns
            self.loop.network.on_disturbed(self.where, what, value, start_ns, end_ns)

    def signal(self, action: Callable[[], object]) -> None:
        """Carry a segment that opens a connection, and call ``action`` when it arrives."""
        shape = self.shape
        if shape is not None:
            shape.signal(action)
            return
        assert self.loop is not None
        calendar = self.loop.calendar
        calendar.at(calendar._now + self.latency_ns, action)

    def shaped(self) -> Shape:
        """Return the shape; from then on bytes take the long way."""
        if self.shape is None:
            if self.loop is None:
                raise RuntimeError(f"{self.where} is not part of a simulation")
            self.shape = Shape(self, self.loop)
        return self.shape


class Link:
    """Two directions between two hosts.

    Each knob of :class:`Direction` is one of the link too: assigning sets both directions;
    reading gives a pair (towards the first end, towards the second) if they differ.

    >>> link = Link("twilio", "bridge", latency=0.02)
    >>> link.towards("bridge").latency = 0.08
    >>> link.latency
    (0.02, 0.08)
    """

    __slots__ = ("_directions", "ends")  # a knob that is misspelt is an error

    latency = Both()
    window = Both()
    bandwidth = Both()
    jitter = Both()
    loss = Both()
    rto = Both()
    mss = Both()
    silent = Both()
    refuse = Both()
    unreachable = Both()
    unanswered = Both()
    accept_delay = Both()

    def __init__(self, a: str, b: str, *, latency: float, loop: NamingLoop | None = None) -> None:
        latency_ns = checked(f"link {a} - {b}", "latency", SECONDS, delay, latency)
        self._directions = {
            b: Direction(a, b, latency_ns, loop),
            a: Direction(b, a, latency_ns, loop),
        }
        self.ends = (a, b)

    @property
    def directions(self) -> Iterable[Direction]:
        """Both directions; from a host to itself there is one."""
        return self._directions.values()

    def towards(self, host: str) -> Direction:
        """Return the direction that ends at ``host``.

        Raises:
            ValueError: ``host`` is at neither end.
        """
        try:
            return self._directions[host]
        except KeyError:
            raise ValueError(
                f"{host!r} is not an end of the link {self.ends[0]} - {self.ends[1]}"
            ) from None

    def stall(self, duration: float, *, start: float | None = None) -> None:
        """Stall both directions; see :meth:`Direction.stall`."""
        for direction in self.directions:
            direction.stall(duration, start=start)

    def reset_after(self, size: int | None) -> None:
        """Reset after that many bytes in either direction; see :meth:`Direction.reset_after`."""
        for direction in self.directions:
            direction.reset_after(size)

    def half_open(self) -> None:
        """Let nothing through either way, and tell nobody."""
        for direction in self.directions:
            direction.half_open()
