"""Attacks on the voice webhook. Each returns what it got."""

from __future__ import annotations

import asyncio
import re

from simkit.twilio import AUTH_TOKEN
from simkit.wire import signatures

from .attacker import FORM, HOST, URL, Attacker, attack, sign

VOICE = "/voice/inbound"
QUERY = VOICE + "?tenant=a&x=%2F"


async def statuses(*asked: object) -> str:
    """Return the one status that all got."""
    found = {answer.status for answer in await asyncio.gather(*asked)}  # type: ignore[call-overload]
    return " ".join(sorted(found))


@attack("a webhook without a signature", "403")
async def unsigned(by: Attacker) -> str:
    return (await by.webhook(signature="")).status


@attack("a signature of another account's token", "403")
async def other_token(by: Attacker) -> str:
    return (await by.webhook(signature=sign(URL + VOICE, FORM, "another token"))).status


@attack("a signature over another URL: inner address, other host, scheme, port, path", "403")
async def other_url(by: Attacker) -> str:
    urls = (
        f"http://127.0.0.1:3000{VOICE}",
        f"https://evil.example{VOICE}",
        f"http://{HOST}{VOICE}",
        f"https://{HOST}:8443{VOICE}",
        f"https://{HOST}/voice",
    )
    return await statuses(*(by.webhook(signature=sign(url, FORM)) for url in urls))


@attack("a form field changed, added or taken away after signing", "403")
async def changed_form(by: Attacker) -> str:
    signature = sign(URL + VOICE, FORM)
    forms = (
        FORM | {"From": "+15550666"},
        FORM | {"Extra": ""},
        {name: value for name, value in FORM.items() if name != "To"},
        FORM | {"CallSid": [FORM["CallSid"], "CA" + "2" * 32]},
    )
    return await statuses(*(by.webhook(form, signature=signature) for form in forms))


@attack("a query changed, added, re-ordered or taken away after signing", "403")
async def changed_query(by: Attacker) -> str:
    assert (await by.webhook(target=QUERY)).status == "200"
    signature = sign(URL + QUERY, FORM)
    targets = (VOICE, f"{VOICE}?x=%2F&tenant=a", f"{QUERY}&y=1", f"{VOICE}?tenant=a&x=/")
    return await statuses(*(by.webhook(target=at, signature=signature) for at in targets))


@attack("the same webhook again, byte for byte", "403")
async def replayed(by: Attacker) -> str:
    first = await by.webhook(i_twilio_idempotency_token="one")
    assert first.status == "200"
    return (await by.webhook(i_twilio_idempotency_token="one")).status


@attack("the same webhook again with an invented retry mark", "the first answer, its token used up")
async def replayed_with_mark(by: Attacker) -> str:
    first = await by.webhook()
    stream = await by.stream()
    stream.start(first.token)
    assert await stream.closed_with(0.5) == "open"
    again = await by.webhook()
    assert (again.status, again.token) == ("200", first.token)
    stolen = await by.stream()
    stolen.start(again.token)
    return (
        f"the first answer, its token used up{'' if await stolen.closed_with() == '1008' else '?'}"
    )


@attack("the same webhook again after `token_ttl`, whatever its marks", "403", token_ttl=5.0)
async def replayed_late(by: Attacker) -> str:
    assert (await by.webhook()).status == "200"
    await asyncio.sleep(5.1)
    return (await by.webhook()).status


@attack("Host and X-Forwarded-* of another server", "as without them")
async def spoofed_host(by: Attacker) -> str:
    spoofed = {
        "host": "evil.example",
        "x_forwarded_host": "evil.example",
        "x_forwarded_proto": "http",
        "x_forwarded_port": "1",
        "x_original_url": "/health",
        "forwarded": "host=evil.example;proto=http",
    }
    assert (await by.webhook(signature="", **spoofed)).status == "403"
    signature = sign(f"https://evil.example{VOICE}", FORM)
    assert (await by.webhook(signature=signature, **spoofed)).status == "403"
    answer = await by.webhook(**spoofed)
    assert "evil" not in answer.text
    assert f'url="wss://{HOST}/media"' in answer.text
    return "as without them"


@attack("a Host that is none", "403")
async def broken_host(by: Attacker) -> str:
    return await statuses(
        *(by.webhook(signature="", host=host) for host in ("[", "a b", "x:y:z", "%00"))
    )


@attack("other spellings of a path: `//`, `%2F`, `.`, `..`, `;`, a slash behind", "404")
async def spelt_differently(by: Attacker) -> str:
    targets = (
        "//voice/inbound",
        "/voice//inbound",
        "/voice%2Finbound",
        "/voice/%69nbound",
        "/voice/./inbound",
        "/media/../voice/inbound",
        "/voice/inbound/",
        "/voice/inbound;a=b",
        "/voice\\inbound",
        "/VOICE/inbound",
    )
    asked = [by.webhook(target=target, signature="") for target in targets]
    signed = [by.webhook(target=target) for target in targets]
    return await statuses(*asked, *signed)


@attack("a whole URL as request target", "404")
async def absolute_form(by: Attacker) -> str:
    targets = (f"http://{HOST}{VOICE}", f"https://evil.example{VOICE}")
    return await statuses(*(by.webhook(target=at, signature=sign(URL + VOICE)) for at in targets))


@attack("other methods than a route has", "405")
async def methods(by: Attacker) -> str:
    asked = [by.ask(method, VOICE) for method in ("GET", "PUT", "DELETE", "OPTIONS", "TRACE")]
    return await statuses(*asked, by.ask("POST", "/health"), by.ask("POST", "/metrics"))


@attack("a form of more than 64 KiB, declared or in chunks", "413")
async def large_form(by: Attacker) -> str:
    body = b"a=" + b"x" * 65536
    declared = by.ask("POST", VOICE, b"", content_length="9999999999999", content_type=KIND)
    chunks = b"".join(b"2000\r\n" + b"x" * 8192 + b"\r\n" for _ in range(20)) + b"0\r\n\r\n"
    head = f"POST {VOICE} HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: {KIND}\r\n".encode()
    chunked = by.raw(head + b"Transfer-Encoding: chunked\r\n\r\n" + chunks)
    return await statuses(by.ask("POST", VOICE, body, content_type=KIND), declared, chunked)


KIND = "application/x-www-form-urlencoded"


@attack("a form of more than 200 fields", "400")
async def many_fields(by: Attacker) -> str:
    return (await by.webhook({f"a{number}": "" for number in range(201)})).status


@attack("a body that is no form", "415")
async def no_form(by: Attacker) -> str:
    kinds = ("application/json", "multipart/form-data; boundary=x", "text/plain", "")
    return await statuses(*(by.webhook(content_type=kind) for kind in kinds))


@attack("a form that is not UTF-8", "403")
async def not_utf8(by: Attacker) -> str:
    body = b"CallSid=\xff\xfe%ff%00"
    signature = sign(URL + VOICE, {"CallSid": "\ufffd"})
    return (
        await by.ask("POST", VOICE, body, content_type=KIND, x_twilio_signature=signature)
    ).status


@attack("a call SID that is none, signed", "400")
async def odd_sid(by: Attacker) -> str:
    sids = ("", 'CA1"/><Dial>', "CA1\r\nX: y", "C" * 65)
    twice = FORM | {"CallSid": ["CA1", "CA2"]}
    asked = [by.webhook(FORM | {"CallSid": sid}) for sid in sids]
    signature = signatures.sign(AUTH_TOKEN, URL + VOICE, twice)
    return await statuses(*asked, by.webhook(twice, signature=signature))


@attack("a body that comes slowly", "408 after `read_timeout`")
async def slow_body(by: Attacker) -> str:
    head = f"POST {VOICE} HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: {KIND}\r\n"
    before = by.sim.now
    answer = await by.raw(f"{head}Content-Length: 20\r\n\r\n".encode(), *[b"a"] * 3, pause=0.6)
    assert by.sim.now - before < 3.5
    return f"{answer.status} after `read_timeout`"


@attack("a body of two lengths, or of one that is no number", "400")
async def two_lengths(by: Attacker) -> str:
    head = f"POST {VOICE} HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: {KIND}\r\n"
    bodies = (
        "Content-Length: 5\r\nContent-Length: 6\r\n\r\na=b&c",
        "Content-Length: +5\r\n\r\na=b&c",
        "Content-Length: -1\r\n\r\na=b&c",
    )
    return await statuses(*(by.raw((head + body).encode()) for body in bodies))


@attack("markup and control characters in what is answered", "not in the TwiML")
async def markup(by: Attacker) -> str:
    answer = await by.webhook(FORM | {"From": '"/><Dial>1</Dial>', "CallerCity": "\x00\x1b[31m"})
    assert answer.status == "200"
    twiml = answer.text.partition("<Response>")[2]
    token = r"\d+\.[0-9a-f]{64}"
    pattern = (
        rf'<Connect><Stream url="wss://{HOST}/media"><Parameter name="token" value="{token}"/>'
        "</Stream></Connect></Response>"
    )
    return "not in the TwiML" if re.fullmatch(pattern, twiml) else twiml
