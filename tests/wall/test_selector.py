"""The selector of a world in real time."""

from __future__ import annotations

import select
import selectors
import socket
import sys
from collections.abc import Iterator

import pytest

from simkit.wall.selector import FineSelector


@pytest.fixture
def selector() -> Iterator[FineSelector]:
    made = FineSelector()
    yield made
    made.close()


@pytest.mark.parametrize(("timeout", "waits"), [(None, 1), (0.0001, 1), (0, 0), (-1.0, 0)])
def test_it_says_when_it_is_going_to_wait(selector, timeout, waits):
    told: list[str] = []
    selector.before_wait = lambda: told.append("waits")
    near, far = socket.socketpair()
    with near, far:
        selector.register(near, selectors.EVENT_READ)
        if timeout is None:
            far.send(b"x")  # else it would wait for ever
        found = selector.select(timeout)
        assert [key.fileobj for key, _ in found] == ([near] if timeout is None else [])
    assert len(told) == waits


@pytest.mark.skipif(sys.platform != "linux", reason="timeouts of epoll are whole milliseconds")
def test_it_waits_as_long_as_asked_to_the_microsecond_and_no_longer(selector, monkeypatch):
    asked: list[object] = []
    monkeypatch.setattr(select, "select", lambda *what: asked.append(what))
    monkeypatch.setattr(
        selectors.DefaultSelector, "select", lambda self, timeout: asked.append(timeout) or []
    )
    for timeout in (0.000_321, None, 0):
        selector.select(timeout)
    assert asked == [([selector.fileno()], [], [], 0.000_321), 0, None, 0]
