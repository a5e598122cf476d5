from __future__ import annotations

import asyncio

import pytest

from tests.network.observer import Observer, connected


def test_a_transport_shows_its_ends(runner):
    async def main():
        pair = await connected()
        open_text = repr(pair.client.transport)
        pair.client.transport.close()
        return pair, open_text, repr(pair.client.transport)

    pair, open_text, closed_text = runner.run(main())
    sockname = pair.client.transport.get_extra_info("sockname")
    peername = pair.client.transport.get_extra_info("peername")
    assert open_text == f"<StreamTransport {sockname} > {peername} open>"
    assert closed_text.endswith("closing>")
    assert pair.server.transport.get_extra_info("sockname") == peername
    assert pair.server.transport.get_extra_info("peername") == sockname
    assert pair.server.transport.get_extra_info("unheard of", "default") == "default"


def test_writes_of_one_instant_arrive_as_one_read(runner):
    async def main():
        pair = await connected()
        for _ in range(50):
            pair.client.transport.write(b"x" * 160)
        await asyncio.sleep(1)
        return pair.server.reads

    assert runner.run(main()) == [8000]


def test_a_megabyte_arrives_in_several_reads(runner):
    async def main():
        pair = await connected()
        pair.client.transport.write(bytes(1_000_000))
        await asyncio.sleep(1)
        return pair.server.reads

    reads = runner.run(main())
    assert sum(reads) == 1_000_000
    assert len(reads) >= 4
    assert max(reads) <= 256 * 1024


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_whatever_holds_bytes_can_be_written_and_changed_afterwards(runner, kind):
    async def main():
        pair = await connected()
        buffer = bytearray(b"as it was")
        pair.client.transport.write(kind(buffer))
        buffer[:2] = b"is"
        pair.client.transport.writelines([b" and", b" is"])
        await asyncio.sleep(1)
        return pair.server.data

    assert runner.run(main()) == b"as it was and is"


def test_text_is_refused(runner):
    async def main():
        pair = await connected()
        with pytest.raises(TypeError, match="must be a bytes-like object, not 'str'"):
            pair.client.transport.write("text")

    runner.run(main())


def test_paused_reading_leaves_bytes_and_the_end_waiting(runner):
    async def main():
        pair = await connected()
        transport = pair.server.transport
        assert transport.is_reading()
        transport.pause_reading()
        transport.pause_reading()
        assert not transport.is_reading()
        pair.client.transport.write(b"one")
        await asyncio.sleep(1)
        pair.client.transport.write(b"two")
        pair.client.transport.close()
        await asyncio.sleep(1)
        paused = list(pair.server.log)
        transport.resume_reading()
        transport.resume_reading()
        assert transport.is_reading()
        await asyncio.sleep(1)
        return paused, pair.server.log

    paused, resumed = runner.run(main())
    assert paused == ["made"]
    assert resumed == ["made", b"onetwo", "eof", "lost"]


def test_a_pause_just_before_a_read_is_in_time(runner, loop):
    async def main():
        pair = await connected()
        loop.call_soon(pair.server.transport.pause_reading)
        pair.client.transport.write(b"data")
        await asyncio.sleep(1)
        return pair.server.log

    assert runner.run(main()) == ["made"]


def test_a_reader_that_pauses_within_data_received_gets_no_more(runner):
    class OneAtATime(Observer):
        def data_received(self, data):
            super().data_received(data)
            self.transport.pause_reading()

    async def main():
        pair = await connected(server=OneAtATime)
        pair.client.transport.write(bytes(600_000))
        await asyncio.sleep(1)
        first = list(pair.server.reads)
        pair.server.transport.resume_reading()
        await asyncio.sleep(1)
        return first, pair.server.reads

    first, second = runner.run(main())
    assert len(first) == 1
    assert len(second) == 2


def test_an_error_in_data_received_is_reported_and_closes_the_connection(runner, loop):
    reported = []
    loop.set_exception_handler(lambda loop, context: reported.append(context))

    class Broken(Observer):
        def data_received(self, data):
            raise ValueError("cannot parse")

    async def main():
        pair = await connected(server=Broken)
        pair.client.transport.write(b"x")
        await asyncio.sleep(1)
        return pair

    pair = runner.run(main())
    assert [context["message"] for context in reported] == [
        "Fatal error: protocol.data_received() call failed."
    ]
    assert pair.server.log == ["made", "lost by ValueError"]
    assert pair.client.log == ["made", "eof", "lost"]


class Buffered(asyncio.BufferedProtocol):
    def __init__(self, size=10):
        self.buffer = bytearray(size)
        self.received = []
        self.ended = False

    def connection_made(self, transport):
        self.transport = transport

    def get_buffer(self, sizehint):
        return memoryview(self.buffer)

    def buffer_updated(self, nbytes):
        self.received.append(bytes(self.buffer[:nbytes]))

    def eof_received(self):
        self.ended = True


def test_a_buffered_protocol_reads_into_its_own_buffer(runner):
    async def main():
        pair = await connected(server=Buffered)
        pair.client.transport.write(b"0123456789abcdefghijXYZ")
        pair.client.transport.close()
        await asyncio.sleep(1)
        return pair.server.received, pair.server.ended

    assert runner.run(main()) == ([b"0123456789", b"abcdefghij", b"XYZ"], True)


def test_an_empty_buffer_is_an_error_and_closes_the_connection(runner, loop):
    reported = []
    loop.set_exception_handler(lambda loop, context: reported.append(str(context["exception"])))

    async def main():
        pair = await connected(server=lambda: Buffered(0))
        pair.client.transport.write(b"x")
        await asyncio.sleep(1)
        return pair.client.events

    assert runner.run(main()) == ["made", "lost by ConnectionResetError"]
    assert reported == ["get_buffer() returned an empty buffer"]


def test_a_protocol_can_be_replaced_between_reads(runner):
    async def main():
        pair = await connected()
        pair.client.transport.write(b"plain")
        await asyncio.sleep(1)
        upgraded = Buffered()
        pair.server.transport.set_protocol(upgraded)
        assert pair.server.transport.get_protocol() is upgraded
        pair.client.transport.write(b"upgraded")
        await asyncio.sleep(1)
        return pair.server.data, upgraded.received

    assert runner.run(main()) == (b"plain", [b"upgraded"])


def test_callbacks_run_in_the_context_of_their_own_side(runner, loop, network):
    class Located(Observer):
        def _note(self, entry):
            super()._note((entry, network.current().name))

        def data_received(self, data):
            self._note(data)

    bridge = network.host("bridge")

    async def main():
        network.listen(bridge, 80, lambda: servers.append(Located()) or servers[-1])
        transport, client = await loop.create_connection(Located, "bridge", 80)
        transport.write(b"hello")
        transport.write_eof()
        await asyncio.sleep(1)
        return client.log

    servers = []
    assert runner.run(main()) == [("made", "home"), ("eof", "home"), ("lost", "home")]
    assert {where for _, where in servers[0].log} == {"bridge"}


def test_a_file_can_be_sent_as_on_any_stream(runner, loop, tmp_path):
    path = tmp_path / "greeting.wav"
    path.write_bytes(b"RIFF" * 1000)

    async def main():
        pair = await connected()
        with path.open("rb") as file:
            await loop.sendfile(pair.client.transport, file)
        await asyncio.sleep(1)
        return len(pair.server.data)

    assert runner.run(main()) == 4000
