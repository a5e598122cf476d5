"""A stream is read within its limits, whether by ASGI or by the server's own socket."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from simkit.bridge import Config
from simkit.bridge.stream import Stream, Traffic


class Socket:
    """A server's own socket, as far as a stream sees it."""

    def __init__(self) -> None:
        self.close_code = 1005
        self.heard: Callable[[str | bytes | None], object] | None = None
        self.waiting: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.written: list[bytes] = []
        self.sent: list[dict[str, Any]] = []

    def come(self, message: str | bytes | None) -> None:
        """Bring a message; None closes."""
        if self.heard is not None:
            self.heard(message)
        elif message is None:
            self.waiting.put_nowait({"type": "websocket.disconnect", "code": 1006})
        else:
            key = "text" if isinstance(message, str) else "bytes"
            self.waiting.put_nowait({"type": "websocket.receive", key: message})

    async def receive(self) -> dict[str, Any]:
        return await self.waiting.get()

    async def send(self, message: Any) -> None:
        self.sent.append(message)

    def listen(self, heard: Callable[[str | bytes | None], object]) -> None:
        self.heard = heard

    def unlisten(self) -> None:
        self.heard = None

    def write(self, text: bytes) -> bool:
        self.written.append(text)
        return True


class Watched(Socket):
    """The same behind somebody who watches, as a middleware does."""

    def __init__(self) -> None:
        super().__init__()
        self.receive = self.watch  # type: ignore[method-assign]

    @property
    def watch(self) -> Any:
        queue = self.waiting

        async def receive() -> dict[str, Any]:
            return await queue.get()

        return receive


@pytest.mark.parametrize("kind", [Socket, Watched], ids=["own socket", "asgi"])
@pytest.mark.parametrize(
    ("messages", "heard", "breach", "sent"),
    [
        (["a", b"b", None], ["a", b"b"], "", []),
        (["a", "enough", "c"], ["a", "enough"], "", []),
        (["a", "x" * 2000, "c"], ["a"], "message too large", [1009]),
        (["a"] * 60, ["a"] * 50, "too many messages", [1008]),
    ],
    ids=["closed", "enough", "too large", "too many"],
)
def test_reading_ends(kind, messages, heard, breach, sent):
    async def main() -> None:
        socket, traffic = kind(), Traffic()
        config = Config(
            public_url="https://bridge.example.com",
            twilio_auth_token="token",
            vapi_api_key="key",
            max_message_bytes=1024,
            message_rate=0.01,  # none comes back while the test runs
            message_burst=50,
        )
        stream = Stream(config, traffic, socket.receive, socket.send)
        taken: list[str | bytes] = []

        def hear(message: str | bytes) -> bool:
            taken.append(message)
            return message != "enough"

        task = asyncio.create_task(stream.read(hear))
        await asyncio.sleep(0)
        for message in messages:
            socket.come(message)
        await task
        assert (taken, stream.breach) == (heard, breach)
        assert [message["code"] for message in socket.sent] == sent
        assert stream.is_closed == (None in messages or bool(breach))
        assert traffic.received == len(taken) + bool(breach)
        assert socket.heard is None

    asyncio.run(main())


def test_only_where_nobody_watches_is_anything_written_past_asgi():
    async def main() -> None:
        config = Config(
            public_url="https://bridge.example.com", twilio_auth_token="t", vapi_api_key="k"
        )
        for socket, is_written in ((Socket(), True), (Watched(), False)):
            traffic = Traffic()
            stream = Stream(config, traffic, socket.receive, socket.send)
            assert stream.write(b"text") is is_written
            assert (traffic.sent, socket.written) == (is_written, [b"text"] * is_written)

    asyncio.run(main())
