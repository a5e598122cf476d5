"""Adopted sockets: ``socket.socket`` objects of a library or program, bound or connected in memory.

The object stays the program's own; its class becomes one that asks the simulated network where
the operating system would have been asked. What the operating system knows of it is an
unconnected socket.
"""

from __future__ import annotations

import errno
import functools
import os
import socket
import weakref
from contextvars import copy_context
from typing import TYPE_CHECKING, Any

from ..kernel import OutsideWorldError
from .connections import Bound, Opened
from .datagram_port import DatagramPort
from .hosts import Host, Listener
from .ports import Binding
from .rawend import Backlog, RawEnd
from .sockets import SimSocket
from .waiters import Waiters, block

if TYPE_CHECKING:
    from .connections import ConnectingLoop


class Adopted:
    """What the simulated kernel keeps of a program's own socket.

    Attributes:
        local: where it is bound, None: nowhere yet.
        binding: the port that it has taken.
        end: its connection, when it has one.
        backlog: what it accepts from, when it listens.
        port: its queue of datagrams, when it is a bound datagram socket.
    """

    finalizer: weakref.finalize[..., socket.socket]

    def __init__(self, loop: ConnectingLoop, sock: socket.socket) -> None:
        self.loop = loop
        self.host: Host = loop.network.current()
        self.family = sock.family
        self.kind = sock.type
        self.local: Any = None
        self.binding: Binding | None = None
        self.both = sock.family == socket.AF_INET6 and not sock.getsockopt(
            socket.IPPROTO_IPV6, socket.IPV6_V6ONLY
        )
        self.shares = bool(sock.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR))
        self.end: RawEnd | None = None
        self.backlog: Backlog | None = None
        self.port: DatagramPort | None = None
        self.claimed = False

    def bind(self, address: Any) -> None:
        """Bind to an address of the host, or to a path.

        Raises:
            OSError: it is taken, or belongs to another machine.
        """
        if self.local is not None:
            raise OSError(errno.EINVAL, "Invalid argument")
        if self.family == socket.AF_UNIX:
            self.local = os.fsdecode(address)
            if self.local in self.host.unix_listeners:
                raise OSError(errno.EADDRINUSE, "Address already in use")
            self.host.unix_listeners[self.local] = None
            return
        passive = socket.AI_PASSIVE
        [there, *_] = self.loop.network.addresses_of(address[0], self.host, self.family, passive)
        ports = self.host.ports
        if self.kind == socket.SOCK_DGRAM:
            ports = self.host.datagram_ports
        self.binding = ports.bind(there, address[1], both=self.both, shares=self.shares)
        self.local = self.binding.name
        if self.kind == socket.SOCK_DGRAM:
            self.port = DatagramPort(self.loop, self.binding)

    def bind_somewhere(self) -> None:
        """Bind to a port of every address, as the kernel does, unless it is bound."""
        if self.local is None:
            self.bind(("", 0))

    def listen(self) -> Backlog:
        """Keep connections until the program accepts them.

        Raises:
            OSError: somebody listens there already.
        """
        if self.backlog is None:
            self.bind_somewhere()
            if self.binding is not None:
                self.binding.listen()
            self.backlog = Backlog(self.loop)
            face = SimSocket(self.local)
            face.transport = Bound(self.host)
            self.host.listening(self.local)[self.local] = Listener(
                face, None, None, None, copy_context(), None, None, self.backlog, self.both
            )
        return self.backlog

    def datagrams(self) -> DatagramPort:
        """Return the queue of datagrams, of a port of its own unless it is bound."""
        self.bind_somewhere()
        assert self.port is not None
        return self.port

    def stream(self) -> RawEnd:
        """Return the connection.

        Raises:
            OSError: there is none.
        """
        if self.end is None:
            raise OSError(errno.ENOTCONN, "Transport endpoint is not connected")
        return self.end

    def accepted(self) -> tuple[socket.socket, Any]:
        """Accept a connection: a new socket, and the client's name.

        Raises:
            BlockingIOError: there is none yet.
        """
        if self.backlog is None:
            raise OSError(errno.EINVAL, "Invalid argument")
        incoming, outgoing, client, address = self.backlog.take()
        sock = socket.socket(self.family, self.kind)
        sock.setblocking(False)
        state = adopt(self.loop, sock)
        listener = self.host.listening(self.local)[self.local]
        state.connected(Opened(listener, incoming, outgoing, address, client))
        return sock, client

    def readers(self) -> Waiters:
        """Return who waits for something to arrive."""
        if self.kind == socket.SOCK_DGRAM:
            return self.datagrams().readers
        return self.stream().readers

    def connected(self, opened: Opened) -> None:
        """Take an end of a connection."""
        self.local = opened.local
        self.end = RawEnd(self.loop, opened)

    def claim(self) -> Opened:
        """Give the connection to a transport."""
        end = self.stream()
        if self.claimed:
            raise OSError(errno.EINVAL, "the socket has a transport already")
        self.claimed = True
        return end.opened

    def close(self) -> None:
        """Close whatever it is, as the kernel does; also when the program forgets the socket."""
        if self.end is not None and not self.claimed:
            self.end.close()
        if self.backlog is not None:
            listener = self.host.listening(self.local).get(self.local)
            if listener is not None and listener.backlog is self.backlog:
                self.host.forget(self.local)
            self.backlog.close()
        if self.port is not None:
            self.port.close()
        if self.binding is not None:
            self.binding.release()


class AdoptedSocket(socket.socket):
    """A socket whose other end is in memory. Calls that would block the thread are refused."""

    __slots__ = ()

    def getsockname(self) -> Any:
        """Return where it is bound in the simulation."""
        local = _states[self].local
        return socket.socket.getsockname(self) if local is None else local

    def getpeername(self) -> Any:
        """Return where it is connected to in the simulation."""
        state = _states[self]
        if state.port is not None and state.port.peer is not None:
            return state.port.peer
        return state.stream().opened.remote

    def recv(self, size: int, flags: int = 0) -> bytes:
        """Return what has arrived."""
        state = _states[self]
        if state.kind == socket.SOCK_DGRAM:
            return self.recvfrom(size)[0]
        return self._now(lambda: state.stream().recv(size), state.readers)  # type: ignore[no-any-return]

    def recvfrom(self, size: int, flags: int = 0) -> tuple[bytes, Any]:
        """Return what has arrived, and from where."""
        state = _states[self]
        if state.kind != socket.SOCK_DGRAM:
            return self.recv(size, flags), None
        data, sender = self._now(state.datagrams().receive, state.readers)
        return data[:size], sender

    def recv_into(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> int:
        """Read what has arrived into a buffer."""
        view = memoryview(buffer).cast("B")
        data = self.recv(nbytes or len(view))
        view[: len(data)] = data
        return len(data)

    def send(self, data: Any, flags: int = 0) -> int:
        """Send what there is room for."""
        state = _states[self]
        if state.kind == socket.SOCK_DGRAM:
            return state.datagrams().send(bytes(data))
        view = memoryview(data).cast("B")
        return self._now(lambda: state.stream().send(view), lambda: state.stream().writers)  # type: ignore[no-any-return]

    def sendall(self, data: Any, flags: int = 0) -> None:
        """Send everything, waiting for room as often as it takes."""
        view = memoryview(data).cast("B")
        while view:
            view = view[self.send(view) :]

    def accept(self) -> tuple[socket.socket, Any]:
        """Accept a connection that waits."""
        state = _states[self]
        sock, client = self._now(state.accepted, lambda: state.listen().acceptors)
        sock.settimeout(socket.getdefaulttimeout() if self.gettimeout() else self.gettimeout())
        return sock, client

    def shutdown(self, how: int) -> None:
        """Close the sending direction."""
        _states[self].stream().shutdown(how)

    def _now(self, attempt: Any, waiters: Any) -> Any:
        # A thread that has slept sees what came meanwhile.
        _states[self].loop.threads.catch_up()
        try:
            return attempt()
        except BlockingIOError:
            if self.gettimeout() == 0:
                raise
        state = _states[self]
        return block(
            state.loop, repr(self), lambda: waiters().until_done(attempt), self.gettimeout()
        )

    def _real_close(self) -> None:
        state = _states.pop(self, None)
        socket.socket._real_close(self)  # type: ignore[attr-defined]
        if state is not None:
            state.finalizer()


_states: weakref.WeakKeyDictionary[socket.socket, Adopted] = weakref.WeakKeyDictionary()


def adopted(sock: socket.socket) -> Adopted | None:
    """Return what is kept of a socket that takes part in the simulation, else None."""
    return _states.get(sock)


def adopted_by_number(number: int) -> Adopted | None:
    """Return what is kept of the socket with this descriptor, None for any other."""
    return next((state for sock, state in _states.items() if sock.fileno() == number), None)


def hand_over(sock: socket.socket, heir: socket.socket) -> None:
    """Let ``heir`` take the place of ``sock``, which is of no more use."""
    state = _states[heir] = _states.pop(sock)
    state.finalizer.detach()
    state.finalizer = weakref.finalize(heir, state.close)
    state.finalizer.atexit = False


def adopt(loop: ConnectingLoop, sock: socket.socket) -> Adopted:
    """Let a socket take part in the simulation; where it was bound, it stays bound.

    Raises:
        OutsideWorldError: it is connected to something real, or of another kind.
    """
    state = _states.get(sock)
    if state is not None:
        return state
    if sock.family not in (socket.AF_INET, socket.AF_INET6, socket.AF_UNIX) or _peer(sock):
        raise OutsideWorldError(
            f"{sock!r} leads out of the simulation: a socket of the operating system takes part "
            "when it is an internet or Unix socket that the program has not connected by itself"
        )
    state = Adopted(loop, sock)
    name = sock.getsockname()
    if (sock.family == socket.AF_UNIX and name) or (name and name[1]):
        state.bind(name)
    kind: Any = type(sock)
    sock.__class__ = _adopted_class(kind)
    _states[sock] = state
    state.finalizer = weakref.finalize(sock, state.close)
    state.finalizer.atexit = False
    return state


@functools.cache
def _adopted_class(kind: type[socket.socket]) -> type[socket.socket]:
    """Return the class that a socket of this class gets: what it was, with our methods."""
    if kind is socket.socket:
        return AdoptedSocket
    # Derived from two classes it would have another layout, and an object cannot change that.
    ours = {name: value for name, value in vars(AdoptedSocket).items() if callable(value)}
    return type(kind.__name__, (kind,), {**ours, "__slots__": ()})


def _peer(sock: socket.socket) -> Any:
    try:
        return sock.getpeername() is not None
    except OSError:
        return False
