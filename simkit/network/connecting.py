"""Connecting: SYN, SYN-ACK and ACK between two hosts, and what may become of them."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..kernel import seconds
from .hosts import Host, Listener
from .link import Direction
from .pipe import Pipe
from .sockets import Address

if TYPE_CHECKING:
    from .loop import SimLoop

ANY_ADDRESS = "0.0.0.0"  # noqa: S104 - the name of an address, nothing is bound
SYN_TIMEOUTS = (1, 2, 4, 8, 16, 32, 64)
"""Seconds that Linux waits for an answer to each SYN, 127 together (tcp_syn_retries 6)."""


@dataclass
class _Answer:
    """What came back: somebody listens, or an error."""

    listener: Listener | None
    error: int = 0


async def connect(
    loop: SimLoop,
    source: Host,
    target: Host,
    address: Address,
    accept: Callable[[Listener, Pipe, Pipe, Address], None],
    local_addr: Address | None = None,
) -> tuple[Listener, Pipe, Pipe, Address]:
    """Open a connection; what follows the ACK arrives behind it.

    Args:
        loop: whose network it is.
        source: who connects.
        target: whom to.
        address: what of the target.
        accept: called with listener, bytes there, bytes back and the client's address, when the
            listener accepts.
        local_addr: the client's own address and port, if it chose them.

    Returns:
        What ``accept`` will be called with.

    Raises:
        ConnectionRefusedError: nothing listens there, or the link refuses.
        TimeoutError: there was no answer for 127 s.
        OSError: EHOSTUNREACH, the link leads nowhere.
    """
    chosen = None if local_addr is None else source.bind(local_addr[0] or "", local_addr[1])
    link = loop.network.link(source, target)
    there, back = link.towards(target.name), link.towards(source.name)
    calendar = loop.calendar
    answered: asyncio.Future[_Answer] = loop.create_future()

    def syn_arrives() -> None:
        answer = _answer(there, target, address)
        if answer is not None:
            back.signal(lambda: give(answer))

    def give(answer: _Answer) -> None:
        if not answered.done():
            answered.set_result(answer)

    def send_syn(turn: int) -> None:
        if answered.done():
            return
        if turn == len(SYN_TIMEOUTS):
            give(_Answer(None, errno.ETIMEDOUT))
            return
        there.signal(syn_arrives)
        # A SYN that nothing can stop has its answer; to wait for it would only keep time going.
        if there.unanswered or there.shape is not None or back.shape is not None:
            later_ns = calendar._now + seconds(SYN_TIMEOUTS[turn])
            calendar.at(later_ns, lambda: send_syn(turn + 1))

    send_syn(0)
    answer = await answered
    listener = answer.listener
    if listener is None:
        raise OSError(answer.error, f"Connect call failed {address!r}")
    upstream, downstream = Pipe(loop, there), Pipe(loop, back)
    own, port = chosen or (ANY_ADDRESS, source.free_port())
    if own == ANY_ADDRESS:
        own = "127.0.0.1" if source is target else source.address
    local = (own, port)
    accept_delay_ns = seconds(there.accept_delay)

    def ack_arrives() -> None:
        if accept_delay_ns:
            calendar.at(calendar._now + accept_delay_ns, accepted)
        else:
            accepted()

    def accepted() -> None:
        accept(listener, upstream, downstream, local)

    upstream.open(ack_arrives)
    return listener, upstream, downstream, local


def _answer(there: Direction, target: Host, address: Address) -> _Answer | None:
    """Return what a SYN is answered with when it arrives, None for nothing."""
    if there.unanswered:
        return None
    if there.unreachable:
        return _Answer(None, errno.EHOSTUNREACH)
    listener = None if there.refuse else target.listener(*address)
    return _Answer(listener, errno.ECONNREFUSED)
