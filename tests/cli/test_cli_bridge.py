from __future__ import annotations

import json
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from simkit.bridge.config import HINTS
from simkit.bridge.serve import listen
from simkit.bridge.sources import PREFIX, WELL_KNOWN
from simkit.cli import main

SECRET = "sesame-" + "3f9c" * 7
ENVIRON = {"VAPI_API_KEY": SECRET, "TWILIO_AUTH_TOKEN": SECRET}


@pytest.fixture(autouse=True)
def nothing_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for key in HINTS:
        for name in (key.upper(), PREFIX + key.upper()):
            monkeypatch.delenv(name, raising=False)
            monkeypatch.delenv(f"{name}_FILE", raising=False)


def run(*arguments: str, **environ: str) -> Result:
    return CliRunner().invoke(main, ["bridge", *arguments], env=ENVIRON | environ)


def test_the_check_shows_every_value_and_its_origin(tmp_path: Path) -> None:
    file = tmp_path / "bridge.toml"
    file.write_text('[bridge]\npublic_url = "https://b.example"\nkeepalive = 20\n')
    result = run("--check", "--config", str(file), "--port", "0", SIMKIT_BRIDGE_LOG="text")
    assert result.exit_code == 0
    assert result.stderr == ""
    lines = dict(line.split(None, 1) for line in result.stdout.splitlines())
    assert set(lines) == set(HINTS)
    assert lines["public_url"] == "https://b.example  (bridge.toml)"
    assert lines["keepalive"] == "20.0  (bridge.toml)"
    assert lines["port"] == "0  (argument)"
    assert lines["log"] == "text  (environment SIMKIT_BRIDGE_LOG)"
    assert lines["host"] == "127.0.0.1  (default)"
    assert lines["vapi_api_key"] == "***  (environment VAPI_API_KEY)"
    assert lines["metrics_token"] == "not set  (default)"


def test_with_two_secrets_the_check_succeeds_and_warns() -> None:
    result = run("--check")
    assert result.exit_code == 0
    assert "sesame" not in result.output
    assert result.stderr.startswith("simkit: warning: public_url is not set")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[bridge]\nno_such_key = 1\n", "bridge.toml:2: unknown key 'no_such_key'"),
        (f'[bridge]\nvapi_api_key = "{SECRET}"\n', "bridge.toml:2: vapi_api_key is a secret"),
        ("[bridge]\nport = -1\n", "bridge.toml:2: port: found -1, allowed: a whole number from 0"),
    ],
)
@pytest.mark.parametrize("check", [["--check"], []])
def test_a_mistake_is_one_line_and_exit_code_2(
    text: str, message: str, check: list[str], tmp_path: Path
) -> None:
    file = tmp_path / "bridge.toml"
    file.write_text(text)
    result = run(*check, "--config", str(file))
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.startswith("simkit: ")
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert "sesame" not in result.output


def test_a_secret_that_is_missing_is_named() -> None:
    result = run("--check", VAPI_API_KEY="")
    assert result.exit_code == 2
    assert "set VAPI_API_KEY or VAPI_API_KEY_FILE" in result.stderr


def test_a_port_that_is_taken_is_one_line_and_exit_code_2() -> None:
    with listen("127.0.0.1", 0) as taken:
        port = str(taken.getsockname()[1])
        result = run("--port", port)
    assert result.exit_code == 2
    expected = f"simkit: cannot listen on 127.0.0.1 port {port}: Address already in use\n"
    assert result.stderr == expected


def test_a_certificate_that_is_none_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    names = {"SIMKIT_BRIDGE_TLS_CERT": "none.pem", "SIMKIT_BRIDGE_TLS_KEY": "none.key"}
    result = run("--port", "0", **names)
    assert result.exit_code == 2
    assert result.stderr == (
        "simkit: tls_cert none.pem, tls_key none.key: No such file or directory\n"
    )


def test_well_known_names_are_keys() -> None:
    assert set(WELL_KNOWN) - set(HINTS) <= {"twilio_account_sid"}


def test_a_process_serves_until_it_is_told_to_end(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "from simkit.cli import main; main()", "bridge", "--port=0"]
    process = subprocess.Popen(
        command,
        env={"PATH": "", "PYTHONPATH": str(Path(__file__).parents[2])} | ENVIRON,
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    try:
        lines = [json.loads(process.stderr.readline()) for _ in range(2)]
        assert [line["event"] for line in lines] == ["configuration", "listening"]
        assert lines[1]["host"] == "127.0.0.1"
        url = f"http://127.0.0.1:{lines[1]['port']}"
        with urllib.request.urlopen(f"{url}/health") as answer:
            assert json.load(answer)["status"] == "ok"
            assert "server" not in {name.lower() for name in answer.headers}
        with urllib.request.urlopen(f"{url}/metrics") as answer:
            assert b"simkit_bridge_sessions 0\n" in answer.read()
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
        rest = process.stderr.read()
        assert [json.loads(line)["event"] for line in rest.splitlines()] == ["draining"]
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


def test_a_place_where_no_recording_can_be_kept_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = run("--port", "0", "--record", str(tmp_path / "file" / "calls"))
    assert result.exit_code == 2
    assert result.stderr == (
        f"simkit: recordings cannot be kept in {tmp_path}/file/calls: Not a directory\n"
    )
