"""Connecting: SYN, SYN-ACK and ACK between two hosts, and what may become of them."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..kernel import seconds
from .addresses import ANY4, ANY6, sockaddr
from .hosts import Host, Listener
from .link import Direction
from .pipe import Pipe

if TYPE_CHECKING:
    from .names import NamingLoop

SYN_TIMEOUTS = (1, 2, 4, 8, 16, 32, 64)
"""Seconds that Linux waits for an answer to each SYN, 127 together (tcp_syn_retries 6)."""


@dataclass
class _Answer:
    """What came back: somebody listens, or an error."""

    listener: Listener | None
    error: int = 0


async def connect(
    loop: NamingLoop,
    source: Host,
    target: Host,
    address: Any,
    accept: Callable[[Listener, Pipe, Pipe, Any], None],
    local: Any = None,
    ack_after_ns: int = 0,
) -> tuple[Listener, Pipe, Pipe, Any]:
    """Open a connection; what follows the ACK arrives behind it.

    Args:
        loop: whose network it is.
        source: who connects.
        target: whom to.
        address: where it is, or the path of a Unix socket.
        accept: called with listener, bytes there, bytes back and the client's address, when the
            listener accepts.
        local: where the client is bound; None: at an ephemeral port. Of a Unix socket "".
        ack_after_ns: how long after it was sent the ACK arrives at least.

    Returns:
        What ``accept`` will be called with.

    Raises:
        ConnectionRefusedError: nothing listens there, or the link refuses.
        TimeoutError: there was no answer for 127 s.
        OSError: EHOSTUNREACH, the link leads nowhere; ENETUNREACH, the client has no address of
            that family.
    """
    own = "" if isinstance(address, str) else source.source_for(address[0])
    link = loop.network.link(source, target)
    there, back = link.towards(target.name), link.towards(source.name)
    calendar = loop.calendar
    answered: asyncio.Future[_Answer] = loop.create_future()

    def send_syn(turn: int) -> None:
        if answered.done():
            return
        if turn == len(SYN_TIMEOUTS):
            give(_Answer(None, errno.ETIMEDOUT))
            return
        sent_ns = calendar._now
        waiting = False

        def send_again_later() -> None:
            # An answer that nothing can stop needs no timer: it would only keep time going.
            nonlocal waiting
            if not waiting:
                waiting = True
                again_ns = max(sent_ns + seconds(SYN_TIMEOUTS[turn]), calendar._now)
                calendar.at(again_ns, lambda: send_syn(turn + 1))

        def arrives() -> None:
            answer = _answer(there, target, address)
            if answer is None or back.shape is not None:
                send_again_later()
            if answer is not None:
                back.signal(lambda: give(answer))

        there.signal(arrives)
        if there.shape is not None:
            send_again_later()

    def give(answer: _Answer) -> None:
        if not answered.done():
            answered.set_result(answer)

    send_syn(0)
    answer = await answered
    listener = answer.listener
    if listener is None:
        raise OSError(answer.error, f"Connect call failed {address!r}")
    upstream, downstream = Pipe(loop, there), Pipe(loop, back)
    if local is None:
        local = sockaddr(own, source.free_port())
    elif local and local[0] in (ANY4, ANY6):
        local = sockaddr(own, local[1])
    accept_delay_ns = seconds(there.accept_delay)
    ack_sent_ns = calendar._now

    def ack_arrives() -> None:
        due_ns = max(calendar._now, ack_sent_ns + ack_after_ns) + accept_delay_ns
        if due_ns > calendar._now:
            calendar.at(due_ns, accepted)
        else:
            accepted()

    def accepted() -> None:
        accept(listener, upstream, downstream, local)

    upstream.open(ack_arrives)
    return listener, upstream, downstream, local


def _answer(there: Direction, target: Host, address: Any) -> _Answer | None:
    """Return what a SYN is answered with when it arrives, None for nothing."""
    at = target.faults_at(address)
    if there.unanswered or (at is not None and at.unanswered):
        return None
    if there.unreachable or (at is not None and at.unreachable):
        return _Answer(None, errno.EHOSTUNREACH)
    refused = there.refuse or (at is not None and at.refuse)
    return _Answer(None if refused else target.listener_at(address), errno.ECONNREFUSED)
