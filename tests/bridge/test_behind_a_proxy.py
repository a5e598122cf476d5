"""The configurations on the deployment page, run for real where their programs are installed."""

from __future__ import annotations

import os
import re
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
import trustme
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect

from simkit.bridge import Bridge, CallCore, Config
from simkit.bridge.events import Action, CoreEvent
from simkit.bridge.serve import Server, listen
from simkit.twilio import AUTH_TOKEN

from .attacker import CONNECTED, FORM, HOST, URL, sign
from .deployment_tables import PAGES


class Listener(CallCore):
    """Carries a call and does nothing about it."""

    def handle(self, event: CoreEvent, now_ns: int) -> list[Action]:
        return []


def block(language: str) -> str:
    """Return a code block of the deployment page."""
    found = re.search(rf"^```{language}\n(.*?)^```", PAGES["Attacks"].read_text(), re.M | re.S)
    assert found
    return found[1]


@contextmanager
def serving(bridge: Bridge) -> Iterator[int]:
    """Serve on real sockets; gives the port."""
    server = Server(bridge)
    with listen("127.0.0.1", 0) as listener:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            server.handle_exit(15, None)
            server.handle_exit(15, None)
            thread.join()


@pytest.fixture
def nginx(tmp_path: Path) -> Iterator[tuple[Bridge, int, ssl.SSLContext]]:
    """A bridge behind nginx, as the page says; gives nginx's port and whom to trust."""
    program = shutil.which("nginx")
    if program is None:
        pytest.skip("nginx is not installed")
    authority = trustme.CA()
    certificate = authority.issue_cert(HOST)
    certificate.private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "all.pem"))
    trust = ssl.create_default_context()
    authority.configure_trust(trust)
    bridge = Bridge(
        Config(
            public_url=URL,
            twilio_auth_token=AUTH_TOKEN,
            vapi_api_key="k",
        ),
        Listener,
    )
    with serving(bridge) as port, socket.create_server(("127.0.0.1", 0)) as front:
        front_port = front.getsockname()[1]
        text = block("nginx").replace("listen 443", f"listen 127.0.0.1:{front_port}")
        text = text.replace("127.0.0.1:3000", f"127.0.0.1:{port}")
        text = re.sub(r"/etc/letsencrypt/\S+\.pem", str(tmp_path / "all.pem"), text)
        (tmp_path / "nginx.conf").write_text(
            "daemon off; error_log stderr; pid nginx.pid; events {}\n"
            f"http {{ access_log off; {_temporary_paths()}\n{text}}}\n"
        )
        process = subprocess.Popen(
            [program, "-p", str(tmp_path), "-c", "nginx.conf", "-e", "stderr"],
            # What listens is handed on, so that the port needs no guessing.
            env=os.environ | {"NGINX": f"{front.fileno()};"},
            pass_fds=[front.fileno()],
            stderr=subprocess.DEVNULL,
        )
        try:
            yield bridge, front_port, trust
        finally:
            process.terminate()
            process.wait()


def _temporary_paths() -> str:
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    return "".join(f"{kind}_temp_path {kind};" for kind in kinds)


def test_a_signed_call_comes_through_nginx(
    nginx: tuple[Bridge, int, ssl.SSLContext],
) -> None:
    bridge, port, trust = nginx
    at_nginx = {"headers": {"Host": HOST}, "extensions": {"sni_hostname": HOST}}
    with httpx.Client(verify=trust, base_url=f"https://127.0.0.1:{port}") as client:

        def post(path: str, signature: str) -> httpx.Response:
            headers = {"Host": HOST, "X-Twilio-Signature": signature}
            headers["X-Forwarded-For"] = "203.0.113.9"
            request = client.build_request("POST", path, data=FORM, headers=headers)
            request.extensions["sni_hostname"] = HOST
            return client.send(request)

        path = "/voice/inbound?tenant=a%2Fb"
        answer = post(path, sign(URL + path, FORM))
        assert answer.status_code == 200
        assert post(path, sign(f"{URL}/voice/inbound", FORM)).status_code == 403
        assert post("//voice/inbound", sign(URL + path, FORM)).status_code == 404
        assert client.get("/metrics", **at_nginx).status_code == 404  # type: ignore[arg-type]

        token = answer.text.partition('name="token" value="')[2].partition('"')[0]
        with pytest.raises(InvalidStatus, match="403"):
            _stream(port, trust, "wrong")
        with _stream(port, trust, sign(f"wss://{HOST}/media")) as stream:
            stream.send(CONNECTED)
            stream.send(
                '{"event":"start","sequenceNumber":"1","start":{"accountSid":"AC","streamSid":'
                f'"MZ1","callSid":"{FORM["CallSid"]}","tracks":["inbound"],"mediaFormat":'
                '{"encoding":"audio/x-mulaw","sampleRate":8000,"channels":1},'
                f'"customParameters":{{"token":"{token}"}}}},"streamSid":"MZ1"}}'
            )
            stream.ping().wait(5)  # what came before it has been read
            assert client.get("/health", **at_nginx).json()["activeSessions"] == 1  # type: ignore[arg-type]
    # nginx says where requests come from, whatever they say themselves.
    assert len(bridge.limiter) == 1


def _stream(port: int, trust: ssl.SSLContext, signature: str) -> ClientConnection:
    return connect(
        f"wss://{HOST}/media",
        sock=socket.create_connection(("127.0.0.1", port)),
        ssl=trust,
        additional_headers={"X-Twilio-Signature": signature},
        user_agent_header="Twilio.TmeWs/1.0",
    )


def test_caddy_takes_its_configuration(tmp_path: Path) -> None:
    program = shutil.which("caddy")
    if program is None:
        pytest.skip("caddy is not installed")
    file = tmp_path / "Caddyfile"
    file.write_text(block("caddy"))
    command = [program, "adapt", "--adapter", "caddyfile", "--config", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert '"dial":"127.0.0.1:3000"' in done.stdout


def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd-analyze is not installed")
    unit = tmp_path / "simkit-bridge.service"
    unit.write_text(block("ini").replace("/opt/simkit/bin/simkit", "/bin/true"))
    command = [program, "verify", "--man=no", str(unit)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    # Of units that the machine has of its own it may complain.
    assert "simkit-bridge" not in done.stderr, done.stderr
