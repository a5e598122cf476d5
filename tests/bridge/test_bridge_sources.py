from __future__ import annotations

from pathlib import Path

import pytest

from simkit.bridge import Config, ConfigError
from simkit.bridge.config import HINTS, SECRETS
from simkit.bridge.sources import Loaded, load, variable

SECRET = "sesame-" + "3f9c" * 7
ENVIRON = {"TWILIO_AUTH_TOKEN": SECRET, "VAPI_API_KEY": SECRET, "PUBLIC_URL": "https://b.example"}


def of(text: str, tmp_path: Path, environ: dict[str, str] = ENVIRON, **settings: object) -> Loaded:
    file = tmp_path / "bridge.toml"
    file.write_text(text)
    return load(file, environ, settings)


def test_arguments_come_before_the_environment_and_that_before_the_file(tmp_path: Path) -> None:
    text = "[bridge]\nport = 1\ndrain_limit = 1\nkeepalive = 1\n"
    environ = ENVIRON | {"SIMKIT_BRIDGE_PORT": "2", "SIMKIT_BRIDGE_DRAIN_LIMIT": "2"}
    loaded = of(text, tmp_path, environ, port=3)
    assert (loaded.config.port, loaded.config.drain_limit, loaded.config.keepalive) == (3, 2, 1)
    origin = {key: loaded.origin[key] for key in ("port", "drain_limit", "keepalive", "host")}
    assert origin == {
        "port": "argument",
        "drain_limit": "environment SIMKIT_BRIDGE_DRAIN_LIMIT",
        "keepalive": "bridge.toml",
        "host": "default",
    }


def test_the_environment_speaks_in_text(tmp_path: Path) -> None:
    environ = ENVIRON | {
        "SIMKIT_BRIDGE_CHECK_SIGNATURES": "false",
        "SIMKIT_BRIDGE_TRUSTED_PROXIES": "10.0.0.0/8, ::1",
        "SIMKIT_BRIDGE_LOG": "",
    }
    config = load(None, environ, {}).config
    assert not config.check_signatures
    assert config.trusted_proxies == ("10.0.0.0/8", "::1")
    assert config.log == "json"


def test_the_port_is_also_told_as_to_any_program() -> None:
    loaded = load(None, ENVIRON | {"PORT": "4000"}, {})
    assert (loaded.config.port, loaded.origin["port"]) == (4000, "environment PORT")
    both = ENVIRON | {"PORT": "4000", "SIMKIT_BRIDGE_PORT": "5000"}
    assert load(None, both, {}).config.port == 5000
    assert load(None, both | {"SIMKIT_BRIDGE_PORT": ""}, {}).config.port == 4000
    with pytest.raises(ConfigError, match=r"^PORT: found 'http', allowed: a whole number"):
        load(None, ENVIRON | {"PORT": "http"}, {})


def test_two_secrets_are_enough() -> None:
    loaded = load(None, {"TWILIO_AUTH_TOKEN": SECRET, "VAPI_API_KEY": SECRET}, {"port": 4000})
    assert loaded.config.public_url == "http://127.0.0.1:4000"
    assert loaded.warnings == [
        "public_url is not set: http://127.0.0.1:4000 is assumed, which Twilio cannot reach"
    ]


def test_signatures_that_are_off_are_warned_of(tmp_path: Path) -> None:
    assert "check_signatures is off" in of("[bridge]\ncheck_signatures=false", tmp_path).warnings[0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[bridge]\n\nno_such_key = 1", ":3: unknown key 'no_such_key'; there are: public_url, "),
        ("[bridge]\ndrain_limits = 1", ":2: unknown key 'drain_limits'; did you mean drain_limit?"),
        (
            "[bridge]\ndrain_limit = 1\n[brigde]\nport = 1",
            ":3: unknown table 'brigde'; everything stands in the table [bridge]",
        ),
        ("port = 1", ":1: unknown key 'port'; everything stands in the table [bridge]"),
        ("bridge = 1", ":1: bridge: expected a table, as [bridge]"),
        (
            "[bridge]\nport = 70000",
            ":2: port: found 70000, allowed: a whole number from 0 to 65,535",
        ),
        ("[bridge]\nport = true", ":2: port: found True, allowed: a whole number from 0 to 65,535"),
        ("[bridge]\n'log' = 'xml'", ":2: log: found 'xml', allowed: json or text"),
        (
            "[bridge]\nkeepalive = nan",
            ":2: keepalive: found nan, allowed: a number from 1 to 3,600",
        ),
        (
            "bridge.vapi_timeout = inf",
            ":1: vapi_timeout: found inf, allowed: a number from 0 to 3,600",
        ),
        (
            "[bridge]\ncheck_signatures = 'no'",
            ":2: check_signatures: found 'no', allowed: true or false",
        ),
        ("[bridge]\ntrusted_proxies = '::1'", ": found '::1', allowed: a list of text"),
        (
            "[bridge]\ntrusted_proxies = ['proxy']",
            ":2: trusted_proxies: expected an address or a network as 10.0.0.0/8, found 'proxy'",
        ),
        (
            "[bridge]\nvapi_url = 'ftp://x'",
            ":2: vapi_url: expected https://host or http://host, found 'ftp",
        ),
        ("[bridge]\ntls_cert = 'c'", "tls_key: missing, and tls_cert is set; TLS needs both"),
        ("[bridge]\nport = 1\nport = 2", ": not TOML: Cannot overwrite a value"),
        ("[bridge", ": not TOML: Expected"),
    ],
)
def test_what_is_wrong_in_the_file_is_named(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as raised:
        of(text, tmp_path)
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        ({"VAPI_API_KEY": ""}, "vapi_api_key: missing; set VAPI_API_KEY or VAPI_API_KEY_FILE"),
        ({"SIMKIT_BRIDGE_PORTS": "1"}, "SIMKIT_BRIDGE_PORTS: unknown key 'ports'; did you mean"),
        (
            {"SIMKIT_BRIDGE_VAPI_URL": "x"},
            "SIMKIT_BRIDGE_VAPI_URL: the variable of vapi_url is VAPI_URL",
        ),
        ({"SIMKIT_BRIDGE_PORT": "http"}, "SIMKIT_BRIDGE_PORT: found 'http', allowed: a whole"),
        (
            {"PUBLIC_URL": "b.example"},
            "PUBLIC_URL: expected https://host or http://host, found 'b",
        ),
        ({"PUBLIC_URL": "https://b.example?a=1"}, "PUBLIC_URL: expected https://host"),
        ({"PUBLIC_URL": "https://b.example:x"}, "PUBLIC_URL: expected https://host"),
    ],
)
def test_what_is_wrong_in_the_environment_is_named(environ: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigError) as raised:
        load(None, ENVIRON | environ, {})
    assert str(raised.value).startswith(message)


def test_a_file_that_is_none_is_named(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none.toml", Path("/dev/zero")):
        with pytest.raises(ConfigError, match=f"{path}: no such file"):
            load(path, ENVIRON, {})
    large = tmp_path / "large.toml"
    large.write_text("#" * 1024 * 1024 + "#")
    with pytest.raises(ConfigError, match="more than 1,048,576 bytes"):
        load(large, ENVIRON, {})
    large.write_bytes(b"\xff")
    with pytest.raises(ConfigError, match="not UTF-8"):
        load(large, ENVIRON, {})


# Secrets


def test_a_secret_comes_from_a_file_of_its_own(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(SECRET + "\n")
    file.chmod(0o600)
    environ = {"TWILIO_AUTH_TOKEN_FILE": str(file), "VAPI_API_KEY": "k", "PUBLIC_URL": "https://b"}
    loaded = load(None, environ, {})
    assert loaded.config.twilio_auth_token == SECRET
    assert loaded.origin["twilio_auth_token"] == "file of TWILIO_AUTH_TOKEN_FILE"
    assert loaded.warnings == []
    file.chmod(0o644)
    assert "may be read by others (mode 644)" in load(None, environ, {}).warnings[0]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", " is empty"),
        (SECRET.encode() * 200, "more than 4,096 bytes"),
        (SECRET.encode() + b"\nsecond line", "more than one line"),
        (SECRET.encode() + b"\xff", "not UTF-8"),
    ],
)
def test_a_file_that_holds_no_secret_is_refused(
    content: bytes, message: str, tmp_path: Path
) -> None:
    file = tmp_path / "token"
    file.write_bytes(content)
    environ = {"TWILIO_AUTH_TOKEN_FILE": str(file), "VAPI_API_KEY": "k", "PUBLIC_URL": "https://b"}
    with pytest.raises(ConfigError, match=message) as raised:
        load(None, environ, {})
    assert str(raised.value).startswith("TWILIO_AUTH_TOKEN_FILE: ")
    assert "sesame" not in str(raised.value)


def test_a_secret_is_given_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="VAPI_API_KEY and VAPI_API_KEY_FILE are both set"):
        load(None, ENVIRON | {"VAPI_API_KEY_FILE": str(tmp_path / "key")}, {})


@pytest.mark.parametrize("key", SECRETS)
def test_a_secret_in_the_file_is_refused_and_not_shown(key: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as raised:
        of(f'[bridge]\n{key} = "{SECRET}"', tmp_path)
    assert f"{key} is a secret" in str(raised.value)
    assert f"set {variable(key)} or {variable(key)}_FILE" in str(raised.value)
    assert "sesame" not in str(raised.value)


def test_no_secret_is_in_what_an_error_shows(tmp_path: Path) -> None:
    for environ in (
        {"VAPI_API_KEY": SECRET + "\x00"},
        {"PUBLIC_URL": f"https://me:{SECRET}@b.example"},
    ):
        with pytest.raises(ConfigError) as raised:
            load(None, ENVIRON | environ, {})
        assert "sesame" not in f"{raised.value}{raised.value.__cause__}{raised.value.__context__}"
    for broken in (f'[bridge]\nvapi_api_key = "{SECRET}', f"[bridge]\n{SECRET} {SECRET}"):
        with pytest.raises(ConfigError) as raised:
            of(broken, tmp_path)
        assert "sesame" not in str(raised.value)


def test_a_configuration_does_not_show_its_secrets() -> None:
    config = Config(
        public_url="https://b.example",
        twilio_auth_token=SECRET,
        vapi_api_key=SECRET,
        metrics_token=SECRET,
    )
    assert "sesame" not in f"{config!r} {config} {config.twilio_auth_token!r}"
    assert set(SECRETS) <= set(HINTS)
