"""Attacks on the doors besides the phone's. Each returns what it got."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from typing import Any

from simkit.bridge import ticket
from simkit.wire.vapi_signatures import Hmac

from .attacker import FORM, URL, Attacker, Stream, attack, sign
from .attacks_on_webhook import statuses

HOOK = "/vapi/webhook"
SECRET = "a secret of 16 characters"
SIGNED: dict[str, Any] = {"vapi_webhook_auth": "hmac", "vapi_webhook_secret": SECRET}
OPEN: dict[str, Any] = {
    "browser_door": True,
    "browser_secret": SECRET,
    "browser_origins": ("https://app.example.com",),
}
ENDED = json.dumps(
    {
        "message": {
            "type": "status-update",
            "status": "ended",
            "call": {"id": "1", "metadata": {"twilioCallSid": FORM["CallSid"]}},
        }
    }
).encode()


def signed(body: bytes = ENDED, *, at: float = 0.0, secret: str = SECRET) -> dict[str, str]:
    """Return a webhook's headers; ``at`` is seconds from now."""
    found = Hmac(secret).headers("POST", URL + HOOK, body, at=int(time.time() + at), key="")
    return {name.replace("-", "_"): value for name, value in found.items()}


async def carried(by: Attacker) -> Stream:
    """Open a stream as a call has it."""
    stream = await by.stream()
    stream.start((await by.webhook()).token)
    await asyncio.sleep(0.1)
    return stream


@attack("any of the doors besides the phone's, where none was opened", "403 404")
async def closed_doors(by: Attacker) -> str:
    paths = (HOOK, "/ws/ticket", "/webhook/audio")
    found = await statuses(*(by.ask("POST", path, b"{}") for path in paths))
    socket = await by.upgrade(f"/ws?ticket={ticket(SECRET)}")
    return f"{socket} {found}"


@attack("a webhook of Vapi without proof", "401", **SIGNED)
async def unproven(by: Attacker) -> str:
    return (await by.ask("POST", HOOK, ENDED, x_vapi_secret=SECRET)).status


@attack(
    "a webhook of Vapi signed with another secret, over another body, or with its time changed",
    "403",
    **SIGNED,
)
async def forged(by: Attacker) -> str:
    stream = await carried(by)
    moved = signed() | {"x_timestamp": str(int(time.time()) - 1)}
    tried = (signed(secret="another"), signed(b"{}"), moved, signed() | {"x_timestamp": "-1"})
    found = await statuses(*(by.ask("POST", HOOK, ENDED, **headers) for headers in tried))
    assert await stream.closed_with(1.0) == "open"
    return found


@attack("a webhook of Vapi that was signed over five minutes before or ahead", "403", **SIGNED)
async def untimely(by: Attacker) -> str:
    tried = (signed(at=-302), signed(at=302))
    return await statuses(*(by.ask("POST", HOOK, ENDED, **headers) for headers in tried))


@attack("a webhook of Vapi that is nested 100,000 deep, or no JSON", "400", **SIGNED)
async def nested(by: Attacker) -> str:
    bodies = (b'{"message":' + b"[" * 100_000, b'{"message":7}', b"\xff")
    return await statuses(*(by.ask("POST", HOOK, body, **signed(body)) for body in bodies))


@attack("a webhook of Vapi of 5 MB", "413", **SIGNED)
async def oversized(by: Attacker) -> str:
    return (await by.ask("POST", HOOK, content_length=str(5 * 1024 * 1024), **signed())).status


@attack("a status callback that says a call is over, not signed by Twilio", "403")
async def forged_callback(by: Attacker) -> str:
    stream = await carried(by)
    form = FORM | {"CallStatus": "completed", "StreamEvent": "stream-stopped"}
    other = sign(URL + "/voice/inbound", form)
    paths = ("/voice/status", "/voice/stream-status")
    asked = [
        by.webhook(form, target=path, signature=mark) for path in paths for mark in ("", other)
    ]
    found = await statuses(*asked)
    assert await stream.closed_with(1.0) == "open"
    return found


@attack("a browser without a ticket, with an expired one, or another secret's", "403", **OPEN)
async def without_ticket(by: Attacker) -> str:
    now = time.time()
    tickets = (
        "",
        "x",
        ticket("another secret, as long"),
        ticket(SECRET, now=now - 61),
        ticket(SECRET, now=now + 60),
        ticket(SECRET)[:-1],
        "a" + ticket(SECRET),
    )
    return " ".join(sorted({str(await by.upgrade(f"/ws?ticket={each}")) for each in tickets}))


@attack("a ticket used twice, also while its first socket is open", "403", **OPEN)
async def used_ticket(by: Attacker) -> str:
    path = f"/ws?ticket={ticket(SECRET)}"
    assert isinstance(await by.upgrade(path), Stream)
    return str(await by.upgrade(path))


@attack("a good ticket on a page that is not ours", "403", **OPEN)
async def other_page(by: Attacker) -> str:
    origins = ("https://evil.example", "https://app.example.com.evil.example", "null", "HTTPS://")
    found = [await by.upgrade(f"/ws?ticket={ticket(SECRET)}", Origin=each) for each in origins]
    return " ".join(sorted(set(map(str, found))))


@attack("a ticket asked for with a wrong secret or none", "401 403", **OPEN)
async def wrong_secret(by: Attacker) -> str:
    path = "/ws/ticket"
    wrong = by.ask("POST", path, b"{}", authorization=f"Bearer {SECRET[:-1]}")
    return await statuses(wrong, by.ask("POST", path, b"{}"))


@attack("a browser's message of over 256 KiB", "closed with 1009", **OPEN)
async def large_message(by: Attacker) -> str:
    stream = await by.upgrade(f"/ws?ticket={ticket(SECRET)}")
    assert isinstance(stream, Stream)
    sound = base64.b64encode(bytes(200_000)).decode()
    stream.send(json.dumps({"type": "audio", "audio": sound}))
    return f"closed with {await stream.closed_with()}"


@attack("51 messages of a browser that are no good", "closed with 1008", **OPEN)
async def rubbish(by: Attacker) -> str:
    stream = await by.upgrade(f"/ws?ticket={ticket(SECRET)}")
    assert isinstance(stream, Stream)
    for _ in range(51):
        stream.send("[" * 1000)
    return f"closed with {await stream.closed_with()}"


@attack("raw audio for a phone call, or for a session that is guessed", "404", **OPEN)
async def other_session(by: Attacker) -> str:
    stream = await carried(by)
    kind = {"content_type": "application/octet-stream"}
    names = (FORM["CallSid"], "0" * 32, "")
    asked = [by.ask("POST", f"/webhook/audio?session={name}", b"ab", **kind) for name in names]
    found = await statuses(*asked)
    assert await stream.closed_with(1.0) == "open"
    return found
