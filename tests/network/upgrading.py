"""A server to talk to with TLS and without, on the host ``bridge`` of conftest."""

from __future__ import annotations

import asyncio
from typing import Any

NAME = "bridge.example.com"


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(1000):
            writer.write(data)
    finally:
        writer.close()


def upgrading(context: Any, announced: bool = True) -> Any:
    """Make a server that goes on with TLS when asked to."""

    async def upgrade(reader: Any, writer: Any) -> None:
        await reader.readline()
        if announced:
            writer.write(b"ready\n")
        await writer.start_tls(context)
        await echo(reader, writer)

    return upgrade


async def say_hello(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    writer.write(b"hello")
    answer = await reader.read(1000)
    writer.close()
    return answer
