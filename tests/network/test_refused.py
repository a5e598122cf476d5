from __future__ import annotations

import asyncio
import os
import socket

import pytest

from simkit.kernel import OutsideWorldError


def test_a_socket_accepted_elsewhere_is_refused(runner, loop):
    async def main():
        with pytest.raises(OutsideWorldError, match="no connection within the simulation"):
            await loop.connect_accepted_socket(asyncio.Protocol, accepted)

    here, accepted = socket.socketpair()
    with here, accepted:
        runner.run(main())


def test_a_time_limit_for_tls_without_tls_is_refused_first(runner, loop):
    async def main():
        with pytest.raises(ValueError, match="ssl_handshake_timeout is only meaningful with ssl"):
            await loop.connect_accepted_socket(asyncio.Protocol, sock, ssl_handshake_timeout=1)

    with socket.socket() as sock:
        runner.run(main())


@pytest.mark.parametrize("method", ["connect_read_pipe", "connect_write_pipe"])
def test_a_pipe_of_the_operating_system_is_refused(runner, loop, method):
    async def main():
        with pytest.raises(OutsideWorldError, match=f"{method} is not possible"):
            await getattr(loop, method)(asyncio.Protocol, pipe)

    reading, writing = os.pipe()
    with open(reading, "rb") as pipe, open(writing, "wb"):
        runner.run(main())


def test_a_descriptor_that_nobody_watches_has_no_watcher_to_remove(runner, loop):
    async def main():
        return loop.remove_reader(0), loop.remove_writer(0)

    assert runner.run(main()) == (False, False)
