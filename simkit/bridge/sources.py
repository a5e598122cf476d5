"""Sources: where a configuration comes from, and whose fault it is when it is wrong.

The command line comes before the environment, the environment before the file, the file before
the defaults. Every key is checked by itself, so that the error can name the place.
"""

from __future__ import annotations

import math
import re
import stat
import tomllib
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct, inspect

from .config import HINTS, SECRETS, Config, ConfigError

PREFIX = "SIMKIT_BRIDGE_"
WELL_KNOWN = (
    "public_url",
    "twilio_auth_token",
    "twilio_account_sid",
    "vapi_api_key",
    "vapi_assistant_id",
    "vapi_url",
)
"""Keys whose variables have no prefix: other programs know them by that name."""
PORT = "PORT"
"""Where whatever starts programs tells them to listen; the bridge's own variable comes first."""

_MAX_FILE = 1024 * 1024
_MAX_SECRET = 4096


class Loaded(Struct):
    """A configuration, and how it came about."""

    config: Config
    origin: dict[str, str]
    """Where each key's value comes from."""
    warnings: list[str]
    """What works, and should not stay so."""


class _Place(Struct):
    """A value as it was found."""

    value: Any
    where: str
    """How an error begins."""
    origin: str
    is_text: bool = False


def load(path: Path | None, environ: Mapping[str, str], settings: Mapping[str, Any]) -> Loaded:
    """Put a configuration together.

    Args:
        path: a TOML file with the table ``[bridge]``.
        environ: the environment; what is empty counts as not set.
        settings: what was said on the command line or in the call.

    Raises:
        ConfigError: one line that names the place, the key, what was found and what is allowed;
            nothing of a secret.
    """
    warnings: list[str] = []
    places: dict[str, _Place] = {}
    if path is not None:
        places |= _from_file(path)
    places |= _from_environment(environ, warnings)
    for key, value in settings.items():
        _known(key, "")
        places[key] = _Place(value, key, "argument")
    values = {key: _converted(key, place) for key, place in places.items()}
    origin = {key: places[key].origin if key in places else "default" for key in HINTS}
    for key in ("twilio_auth_token", "vapi_api_key"):
        if not values.get(key):
            raise ConfigError(f"{key}: missing; set {variable(key)} or {variable(key)}_FILE")
    if "public_url" not in values:
        port = values.get("port", 3000)
        values["public_url"] = f"http://127.0.0.1:{port}"
        warnings.append(
            f"public_url is not set: {values['public_url']} is assumed, which Twilio cannot reach"
        )
    try:
        config = Config(**values)
    except ConfigError as error:
        key, _, rest = str(error).partition(": ")
        where = places[key].where if key in places else key
        raise ConfigError(f"{where}: {rest}") from None
    if not config.check_signatures:
        warnings.append("check_signatures is off: anybody who finds the address can place calls")
    return Loaded(config, origin, warnings)


def variable(key: str) -> str:
    """Return the name of a key's variable in the environment."""
    return key.upper() if key in WELL_KNOWN else PREFIX + key.upper()


def allowed(key: str) -> str:
    """Return in words what a key may be."""
    kind = inspect.type_info(HINTS[key])
    if isinstance(kind, inspect.Metadata):
        kind = kind.type
    if isinstance(kind, inspect.LiteralType):
        return " or ".join(str(value) for value in kind.values)
    if isinstance(kind, (inspect.IntType, inspect.FloatType)):
        name = "a whole number" if isinstance(kind, inspect.IntType) else "a number"
        return name if kind.ge is None else f"{name} from {kind.ge:,} to {kind.le:,}"
    if isinstance(kind, inspect.BoolType):
        return "true or false"
    return "a list of text" if isinstance(kind, inspect.VarTupleType) else "text"


def _from_file(path: Path) -> dict[str, _Place]:
    text = _read(path, _MAX_FILE, str(path))
    try:
        tables = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        # The parser's message may quote a character, never a value.
        raise ConfigError(f"{path}: not TOML: {error}") from None
    for name in tables:
        if name != "bridge":
            kind = "table" if isinstance(tables[name], dict) else "key"
            line = _line(text, name, table=isinstance(tables[name], dict))
            raise ConfigError(
                f"{path}{line}: unknown {kind} {name!r}; everything stands in the table [bridge]"
            )
    table = tables.get("bridge", {})
    if not isinstance(table, dict):
        raise ConfigError(f"{path}{_line(text, 'bridge')}: bridge: expected a table, as [bridge]")
    found = {}
    for key, value in table.items():
        where = f"{path}{_line(text, key)}"
        _known(key, f"{where}: ")
        if key in SECRETS:
            raise ConfigError(
                f"{where}: {key} is a secret and does not belong into this file; "
                f"set {variable(key)} or {variable(key)}_FILE"
            )
        found[key] = _Place(value, f"{where}: {key}", path.name)
    return found


def _line(text: str, name: str, *, table: bool = False) -> str:
    """Return ``:line`` where a key or table begins; empty where that cannot be told."""
    quoted = rf"[\"']?{re.escape(name)}[\"']?"
    pattern = rf"^\s*\[+\s*{quoted}\s*[.\]]" if table else rf"^\s*(?:bridge\s*\.\s*)?{quoted}\s*="
    for number, line in enumerate(text.splitlines(), 1):
        if re.match(pattern, line):
            return f":{number}"
    return ""


def _from_environment(environ: Mapping[str, str], warnings: list[str]) -> dict[str, _Place]:
    names = {variable(key): key for key in HINTS}
    if not environ.get(variable("port")):
        names[PORT] = "port"
    files = {variable(key) + "_FILE": key for key in SECRETS}
    found = {}
    for name, value in sorted(environ.items()):
        if not value:
            continue
        if name in names:
            key = names[name]
            found[key] = _Place(value, name, f"environment {name}", is_text=True)
        elif name in files:
            key = files[name]
            if environ.get(variable(key)):
                raise ConfigError(f"{variable(key)} and {name} are both set; one is enough")
            secret = _secret(Path(value), name, warnings)
            found[key] = _Place(secret, name, f"file of {name}", is_text=True)
        elif name.startswith(PREFIX):
            _known(name.removeprefix(PREFIX).lower(), f"{name}: ")
            key = name.removeprefix(PREFIX).lower()
            raise ConfigError(f"{name}: the variable of {key} is {variable(key)}")
    return found


def _secret(path: Path, name: str, warnings: list[str]) -> str:
    secret = _read(path, _MAX_SECRET, f"{name}: {path}").strip("\r\n")
    if not secret:
        raise ConfigError(f"{name}: {path} is empty")
    if not secret.isprintable():
        raise ConfigError(f"{name}: {path} holds more than one line, or control characters")
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        warnings.append(f"{path} may be read by others (mode {mode:03o}); chmod 600 or 400")
    return secret


def _read(path: Path, limit: int, where: str) -> str:
    """Return the text of a regular file.

    Raises:
        ConfigError: there is none, or it is too large.
    """
    try:
        if not path.is_file():
            raise ConfigError(f"{where}: no such file")
        with path.open("rb") as file:
            data = file.read(limit + 1)
        if len(data) > limit:
            raise ConfigError(f"{where}: more than {limit:,} bytes")
        return data.decode()
    except OSError as error:
        raise ConfigError(f"{where}: {error.strerror or 'cannot be read'}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{where}: not UTF-8") from None


def _known(key: str, where: str) -> None:
    if key in HINTS:
        return
    near = get_close_matches(key, HINTS, n=1)
    hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(HINTS)}"
    raise ConfigError(f"{where}unknown key {key[:100]!r}; {hint}")


def _converted(key: str, place: _Place) -> Any:
    value = place.value
    if place.is_text and isinstance(inspect.type_info(HINTS[key]), inspect.VarTupleType):
        value = tuple(part.strip() for part in value.split(",") if part.strip())
    elif place.is_text and isinstance(inspect.type_info(HINTS[key]), inspect.DictType):
        value = _pairs(value, place)
    if key in SECRETS and not (isinstance(value, str) and value.isprintable()):
        # Not shown, not even in part.
        raise ConfigError(f"{place.where}: expected text of one line")
    try:
        converted = msgspec.convert(value, HINTS[key], strict=not place.is_text)
        if isinstance(converted, float) and not math.isfinite(converted):
            raise msgspec.ValidationError  # no range excludes "not a number"
        return converted
    except msgspec.ValidationError:
        shown = f"{value!r:.100}"
        raise ConfigError(f"{place.where}: found {shown}, allowed: {allowed(key)}") from None


def _pairs(text: str, place: _Place) -> dict[str, str]:
    """Return what ``name=value, name=value`` says."""
    found = {}
    for part in filter(None, map(str.strip, text.split(","))):
        name, mark, value = map(str.strip, part.partition("="))
        if not (name and mark and value):
            raise ConfigError(f"{place.where}: expected name=value, ..., found {part[:100]!r}")
        found[name] = value
    return found
