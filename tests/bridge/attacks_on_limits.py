"""Attacks by number and by patience, and on what is not for everybody."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from .attacker import FORM, HOST, Answer, Attacker, attack

CUSTOMER = {"x_forwarded_for": "203.0.113.9"}


@attack("a head that comes slowly", "dropped after `read_timeout`")
async def slow_head(by: Attacker) -> str:
    before = by.sim.now
    answer = await by.raw(*[b"G", b"E", b"T", b" ", b"/"], pause=0.9)
    assert by.sim.now - before < 5
    assert by.bridge.metrics.value("refused", reason="head too slow") == 1
    return "dropped after `read_timeout`" if not answer.data else answer.text


@attack(
    "a second head that comes slowly on a connection that was answered",
    "dropped after `read_timeout`",
)
async def slow_second_head(by: Attacker) -> str:
    reader, writer = await by.connect()
    writer.write(f"GET /health HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
    await reader.readuntil(b"}")
    for _ in range(4):
        writer.write(b"G")
        await asyncio.sleep(0.9)
    try:
        return "dropped after `read_timeout`" if not await reader.read() else "answered"
    except ConnectionError:
        return "dropped after `read_timeout`"


@attack("a connection that says nothing", "dropped after `read_timeout`")
async def says_nothing(by: Attacker) -> str:
    answer = await by.raw()
    return "dropped after `read_timeout`" if not answer.data else answer.text


@attack("a head of more than 16 KiB", "431")
async def large_head(by: Attacker) -> str:
    many = "".join(f"x-{number}: {'y' * 100}\r\n" for number in range(200))
    heads = (
        f"GET /health HTTP/1.1\r\nHost: {HOST}\r\n{many}\r\n",
        f"GET /{'x' * 17_000} HTTP/1.1\r\nHost: {HOST}\r\n\r\n",
        f"GET /health?{'x' * 17_000} HTTP/1.1\r\nHost: {HOST}\r\n\r\n",
    )
    answers = [await by.raw(head.encode()) for head in heads]
    return " ".join(sorted({answer.status for answer in answers}))


@attack("a head that is no HTTP, or does not end", "400")
async def no_http(by: Attacker) -> str:
    heads = (
        f"GET /health HTTP/1.1\r\nHost: {HOST}\r\nX: {'y' * 400_000}",
        "\x16\x03\x01\x02\x00 HTTP/1.1\r\n\r\n",
        f"GET /health HTTP/1.1\r\nHost: {HOST}\r\nX : y\r\n\r\n",
        "GET /health HTTP/1.1\r\n\r\n",
        f"GET /he\0alth HTTP/1.1\r\nHost: {HOST}\r\n\r\n",
    )
    answers = [await by.raw(head.encode("latin-1")) for head in heads]
    return " ".join(sorted({answer.status for answer in answers}))


@attack(
    "more connections than `max_connections`",
    "closed; those that are open go on",
    max_connections=10,
)
async def many_connections(by: Attacker) -> str:
    held = [await by.connect() for _ in range(10)]
    assert not (await by.raw(f"GET /health HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())).data
    held[0][1].write(f"GET /health HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
    assert b"200 OK" in await held[0][0].readuntil(b"}")
    return "closed; those that are open go on"


@attack(
    "more refused requests than `rate_limit` and `rate_burst`",
    "429 for that source alone",
    rate_burst=5,
    trusted_proxies=("0.0.0.0/0",),
)
async def many_refusals(by: Attacker) -> str:
    for _ in range(5):
        assert (await by.webhook(signature="", **CUSTOMER)).status == "403"
    assert (await by.webhook(x_forwarded_for="203.0.113.10")).status == "200"
    blocked = await by.webhook(FORM | {"CallSid": "CA5"}, **CUSTOMER)
    await asyncio.sleep(1)
    assert (await by.webhook(FORM | {"CallSid": "CA5"}, **CUSTOMER)).status == "200"
    return f"{blocked.status} for that source alone"


@attack(
    "more refused streams than `rate_limit` and `rate_burst`",
    "403 unread, for all that comes from there",
    rate_burst=5,
)
async def many_streams(by: Attacker) -> str:
    for number in range(5):
        if number % 2:
            assert await by.upgrade(signature="") == "403"
        else:
            stream = await by.stream()
            stream.start("wrong")
            assert await stream.closed_with() == "1008"
    refused = await by.upgrade()
    assert (await by.webhook()).status == "429"
    assert by.bridge.metrics.value("refused", reason="too many refused requests") == 2
    return f"{refused} unread, for all that comes from there"


@attack(
    "another X-Forwarded-For with each request, not from a trusted proxy",
    "429: the peer counts",
    rate_burst=5,
)
async def invented_sources(by: Attacker) -> str:
    for number in range(5):
        await by.webhook(signature="", x_forwarded_for=f"203.0.113.{number}")
    answer = await by.webhook(signature="", x_forwarded_for="203.0.113.99")
    return f"{answer.status}: the peer counts"


@attack(
    "an invented address in front of what a trusted proxy wrote",
    "429: the last that is believed counts",
    rate_burst=5,
    trusted_proxies=("0.0.0.0/32", "10.0.0.0/8", "192.168.0.0/16"),
)
async def invented_in_front(by: Attacker) -> str:
    for number in range(5):
        await by.webhook(signature="", x_forwarded_for=f"198.51.100.{number}, 203.0.113.9")
    answer = await by.webhook(signature="", x_forwarded_for="198.51.100.99, 203.0.113.9")
    return f"{answer.status}: the last that is believed counts"


async def on_the_same_machine(by: Attacker, asked: Coroutine[Any, Any, Answer]) -> Answer:
    """Ask from where the bridge runs, by loopback."""
    by.address = "127.0.0.1"
    answer: Answer = await by.sim.host(HOST).spawn(asked)
    return answer


@attack("reading `/metrics` from elsewhere, or through a proxy on the same machine", "403")
async def metrics(by: Attacker) -> str:
    answers = [await by.ask(target="/metrics"), await by.ask(target="/metrics", **CUSTOMER)]
    answers.append(await on_the_same_machine(by, by.ask(target="/metrics", **CUSTOMER)))
    allowed = await on_the_same_machine(by, by.ask(target="/metrics"))
    assert allowed.status == "200"
    return " ".join(sorted({answer.status for answer in answers}))


@attack(
    "X-Forwarded-For from this machine, where it is not trusted",
    "429: the peer counts",
    rate_burst=5,
    trusted_proxies=(),
)
async def invented_here(by: Attacker) -> str:
    for number in range(5):
        forwarded = f"203.0.113.{number}"
        await on_the_same_machine(by, by.webhook(signature="", x_forwarded_for=forwarded))
    last = by.webhook(signature="", x_forwarded_for="203.0.113.99")
    return f"{(await on_the_same_machine(by, last)).status}: the peer counts"


@attack("reading `/metrics` with a wrong token", "403", metrics_token="letmein")
async def metrics_token(by: Attacker) -> str:
    wrong = ("", "Bearer", "Bearer letmei", "Basic letmein", "Bearer l\xe9tmein")
    answers = [await by.ask(target="/metrics", authorization=one) for one in wrong]
    assert (await by.ask(target="/metrics", authorization="Bearer letmein")).status == "200"
    return " ".join(sorted({answer.status for answer in answers}))


@attack("reading `/health` and what it gives away", "counts, and nothing else")
async def health(by: Attacker) -> str:
    body = (await by.ask()).text.partition("\r\n\r\n")[2]
    expected = '{"status":"ok","activeSessions":0,"bufferSize":0,"draining":false}'
    return "counts, and nothing else" if body == expected else body
