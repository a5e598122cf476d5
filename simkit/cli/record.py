"""``simkit record``: a recording proxy before a bridge in any language."""

from __future__ import annotations

import asyncio
import logging
import socket
from urllib.parse import urlsplit

import click

from ..bridge.config import ConfigError, checked_url
from ..bridge.serve import ServeError, check_certificate, listen
from .bridge import place_for_recordings
from .main import Refusal

_LOOK_SECONDS = 2.0


def run_record(
    *,
    output: str,
    bridge: str,
    listen_at: str,
    vapi: str,
    vapi_listen: str,
    tls_cert: str,
    tls_key: str,
) -> None:
    """Record until Ctrl-C or SIGTERM; exits with 0, or with 2 when it cannot begin."""
    from ..recording.capture import Capture
    from ..recording.proxy import RecordingProxy
    from ..recording.serving import serve

    doors = [("--listen", listen_at), ("--vapi-listen", vapi_listen)]
    try:
        addresses = [_address(option, text) for option, text in doors]
        bridge, vapi = checked_url("--bridge", bridge), checked_url("--vapi", vapi)
        if bool(tls_cert) != bool(tls_key):
            raise Refusal("--tls-cert and --tls-key: both or none")
        check_certificate(tls_cert, tls_key)
        _see_that_it_is_up(bridge)
        place = place_for_recordings(output)
        listeners = [listen(*address) for address in addresses]
    except (ConfigError, ServeError) as error:
        raise Refusal(str(error)) from None
    logging.basicConfig(format="simkit: %(message)s", level=logging.WARNING)
    capture = Capture(place)
    here, there = (_url(listener) for listener in listeners)
    scheme = "https" if tls_cert else "http"
    click.echo(
        f"{scheme}://{here} goes to {bridge}: point the number, or the tunnel, here", err=True
    )
    click.echo(f"http://{there} goes to {vapi}: the bridge's VAPI_URL", err=True)

    async def run() -> None:
        proxy = RecordingProxy(capture, bridge, vapi)
        await serve(proxy, *listeners, tls_cert=tls_cert, tls_key=tls_key)

    try:
        asyncio.run(run())
    finally:
        capture.close()
    lost = f", {capture.given_up} of them not whole" if capture.given_up else ""
    click.echo(f"{capture.begun} calls recorded in {output}{lost}", err=True)


def _address(option: str, text: str) -> tuple[str, int]:
    host, mark, port = text.rpartition(":")
    if not mark or not port.isascii() or not port.isdecimal() or int(port) > 65535:
        raise Refusal(f"{option}: expected HOST:PORT, found {text!r}")
    return host.strip("[]") or "127.0.0.1", int(port)


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _see_that_it_is_up(bridge: str) -> None:
    parts = urlsplit(bridge)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        socket.create_connection((parts.hostname or "", port), _LOOK_SECONDS).close()
    except OSError as error:
        why = error.strerror or error
        raise Refusal(f"--bridge {bridge}: nothing answers there: {why}; start it first") from None
