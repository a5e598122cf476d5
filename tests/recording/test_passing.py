"""Passing on: what goes to the far end is what came, less what is one connection's own."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from simkit import Simulation
from simkit.recording.capture import Capture
from simkit.recording.passing import MAX_BODY, end_to_end, forwarded, url_of
from simkit.recording.proxy import RecordingProxy


def scope(*headers: tuple[bytes, bytes], scheme: str = "http") -> dict[str, Any]:
    return {"headers": headers, "scheme": scheme, "client": ("10.0.0.7", 4711)}


def test_headers_of_the_connection_stay_behind() -> None:
    headers = [
        (b"Host", b"bridge.example.com"),
        (b"X-Twilio-Signature", b"abc="),
        (b"Connection", b"close, X-Own"),
        (b"X-Own", b"1"),
        (b"Transfer-Encoding", b"chunked"),
    ]
    assert end_to_end(headers) == headers[:2]


def test_the_host_and_what_proxies_said_stay_so_that_signatures_verify() -> None:
    came = scope(
        (b"host", b"bridge.example.com"),
        (b"x-forwarded-proto", b"https"),
        (b"x-forwarded-for", b"203.0.113.9"),
        scheme="https",
    )
    assert forwarded(came) == [
        (b"host", b"bridge.example.com"),
        (b"x-forwarded-proto", b"https"),
        (b"X-Forwarded-For", b"203.0.113.9, 10.0.0.7"),
    ]


@pytest.mark.parametrize(("scheme", "told"), [("http", False), ("wss", True), ("https", True)])
def test_tls_that_ends_here_is_told(scheme: str, told: bool) -> None:
    headers = forwarded(scope((b"host", b"b"), scheme=scheme))
    assert ((b"X-Forwarded-Proto", b"https") in headers) is told


@pytest.mark.parametrize(
    ("base", "path", "query", "expected"),
    [
        ("http://127.0.0.1:3000", b"/voice%2Fa//b", b"x=%20&y", b"/voice%2Fa//b?x=%20&y"),
        ("http://127.0.0.1:3000/under/", b"/voice", b"", b"/under/voice"),
    ],
)
def test_a_path_is_passed_on_as_it_was_written(
    base: str, path: bytes, query: bytes, expected: bytes
) -> None:
    found = url_of(base, {"raw_path": path, "query_string": query, "path": ""})
    assert found.raw_path == expected


# Through the doors, in a simulation


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Answers with what it got."""
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    names = b",".join(sorted(name for name, _ in scope["headers"]))
    headers = [(b"x-names", names), (b"x-path", scope["raw_path"]), (b"set-cookie", b"a=1")]
    headers += [(b"set-cookie", b"b=2"), (b"content-encoding", b"odd")]
    await send({"type": "http.response.start", "status": 418, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def asked(tmp_path: Any, *, bridge: str = "http://bridge.example.com", **request: Any) -> Any:
    capture = Capture(tmp_path)

    async def ask() -> httpx.Response:
        proxy = RecordingProxy(capture, bridge, "http://vapi.example.com")
        transport = httpx.ASGITransport(proxy.to_bridge)
        async with httpx.AsyncClient(transport=transport) as client:
            # Its body is not unpacked here, since the door's answer says it is packed oddly.
            sent = client.build_request("POST", "http://public.example.com/a%2Fb", **request)
            response = await client.send(sent, stream=True)
            content = b"".join([part async for part in response.aiter_raw()])
        await proxy.close()
        return response, content

    with Simulation() as sim:
        sim.host("bridge.example.com").serve(echo, port=80)
        return sim.run(ask())


def test_an_answer_comes_back_as_it_was(tmp_path: Any) -> None:
    response, content = asked(tmp_path, content=b"CallSid=CA1", headers={"X-Twilio-Signature": "s"})
    assert (response.status_code, content) == (418, b"CallSid=CA1")
    assert response.headers.get_list("set-cookie") == ["a=1", "b=2"]
    assert response.headers["content-encoding"] == "odd"
    assert response.headers["x-path"] == "/a%2Fb"
    assert "x-twilio-signature" in response.headers["x-names"]


def test_nothing_is_added_but_one_address(tmp_path: Any) -> None:
    response, _ = asked(
        tmp_path, content=b"x", headers={"Accept": "a", "User-Agent": "TwilioProxy"}
    )
    sent = {"accept", "accept-encoding", "content-length", "host", "user-agent"}
    assert set(response.headers["x-names"].split(",")) - sent == {"x-forwarded-for"}


def test_a_body_without_end_is_refused(tmp_path: Any) -> None:
    response, _ = asked(tmp_path, content=bytes(MAX_BODY + 1))
    assert response.status_code == 413


def test_a_bridge_that_is_not_there_is_a_502(tmp_path: Any) -> None:
    response, content = asked(tmp_path, bridge="http://nobody.example.com", content=b"x")
    assert (response.status_code, content) == (502, b"ConnectError\n")
