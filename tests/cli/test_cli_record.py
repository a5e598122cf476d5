from __future__ import annotations

import socket
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from simkit.cli import main
from simkit.wall.child import free_port


@pytest.fixture
def bridge() -> socket.socket:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener


def url(listener: socket.socket) -> str:
    return f"http://127.0.0.1:{listener.getsockname()[1]}"


def run(place: Path, bridge: str, *options: str) -> Result:
    free = ["--listen", "127.0.0.1:0", "--vapi-listen", "127.0.0.1:0"]
    return CliRunner().invoke(
        main, ["record", "-o", str(place / "calls"), "--bridge", bridge, *free, *options]
    )


def refused(result: Result) -> str:
    assert result.exit_code == 2
    assert result.stdout == ""
    [line] = result.stderr.splitlines()
    return line


def test_a_bridge_that_is_not_up_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    where = f"http://127.0.0.1:{free_port()}"
    assert refused(run(tmp_path, where)) == (
        f"simkit: --bridge {where}: nothing answers there: Connection refused; start it first"
    )


def test_a_port_that_is_taken_is_one_line_and_exit_code_2(
    tmp_path: Path, bridge: socket.socket
) -> None:
    port = bridge.getsockname()[1]
    line = refused(run(tmp_path, url(bridge), "--listen", f"127.0.0.1:{port}"))
    assert line == f"simkit: cannot listen on 127.0.0.1 port {port}: Address already in use"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--listen", "8080"], "--listen: expected HOST:PORT, found '8080'"),
        (["--vapi-listen", "h:x"], "--vapi-listen: expected HOST:PORT, found 'h:x'"),
        (["--vapi", "vapi"], "--vapi: expected https://host or http://host, found 'vapi'"),
        (["--tls-cert", "c.pem"], "--tls-cert and --tls-key: both or none"),
        (["--tls-cert", "c.pem", "--tls-key", "k.pem"], "No such file or directory"),
        (["-o", "/dev/null/calls"], "recordings cannot be kept in /dev/null/calls"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(
    options: list[str], message: str, tmp_path: Path, bridge: socket.socket
) -> None:
    assert message in refused(run(tmp_path, url(bridge), *options))
