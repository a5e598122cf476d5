"""simkit's own bridge under a recorded call: configured as the recorded one was."""

from __future__ import annotations

from functools import cache
from typing import Any

from msgspec import inspect

from ..audio import Speech, mulaw
from ..audio.speech import timed_by_letters
from ..bridge import Bridge, Config
from ..bridge.config import HINTS, ConfigError
from ..bridge.fallback import TEXT as FALLBACK
from ..bridge.fallback import bundled_clip
from ..bridge.sources import load, variable
from ..twilio import ACCOUNT_SID, AUTH_TOKEN
from ..vapi import API_KEY, WEBHOOK_SECRET
from ..wire.errors import shorten
from ..world import BRIDGE_HOST, World
from .format import Header, RecordingError, Setting

ENVIRONMENT = {
    "PUBLIC_URL": f"https://{BRIDGE_HOST}",
    "TWILIO_ACCOUNT_SID": ACCOUNT_SID,
    "TWILIO_AUTH_TOKEN": AUTH_TOKEN,
    "VAPI_API_KEY": API_KEY,
    "VAPI_ASSISTANT_ID": "recorded-assistant",
    "VAPI_WEBHOOK_SECRET": WEBHOOK_SECRET,
}
"""What a bridge under test finds in its environment: the simulated accounts."""

_FIRST, _LAST = "vapi_dialect", "queue_limit_bytes"


def _settings() -> tuple[str, ...]:
    """Return what of the Vapi leg and of the call is a number, a switch or one of a few words.

    Addresses, files and secrets are none of it: a recording may come from anywhere.
    """
    names = Config.__struct_fields__
    kinds = {name: inspect.type_info(HINTS[name]) for name in names}
    return tuple(
        name
        for name in names[names.index(_FIRST) : names.index(_LAST) + 1]
        if not isinstance(kinds[name], inspect.StrType | inspect.VarTupleType)
    )


SETTINGS = _settings()
"""What a recording may say of the bridge that was recorded."""


def settings_of(config: Config) -> dict[str, Setting]:
    """Return what a bridge does otherwise than one that nobody configured."""
    usual = Config(
        public_url=config.public_url,
        twilio_auth_token=config.twilio_auth_token,
        vapi_api_key=config.vapi_api_key,
    )
    found = {
        name: getattr(config, name)
        for name in SETTINGS
        if getattr(config, name) != getattr(usual, name)
    }
    if config.sends_mulaw:
        found.pop("vapi_rate", None)  # there is one only
    return found


def own_bridge(header: Header | None = None, name: str = "", **settings: Any) -> Any:
    """Return simkit's bridge, configured for the simulated accounts.

    Args:
        header: of a recording, which may say how the recorded bridge was configured.
        name: of the recording.
        settings: further keys of its configuration.

    Raises:
        RecordingError: it says what no bridge can be configured with.
    """
    wanted = header.bridge if header is not None else {}
    try:
        for key in wanted:
            if key not in SETTINGS:
                raise ConfigError(f"{shorten(key)}: nothing that a recording can set")
        config = load(None, ENVIRONMENT, {**wanted, **settings}).config
    except ConfigError as error:
        raise RecordingError(f"{name}: header: bridge: {error}") from None
    return Bridge(config).app()


def knows_own_line(world: World) -> None:
    """Make known to a world what simkit's bridge says when it has no agent."""
    world.knows(_own_line())


@cache
def _own_line() -> Speech:
    samples = mulaw.decode(bundled_clip())
    return Speech(FALLBACK, samples, timed_by_letters(FALLBACK, samples))


def environment(header: Header) -> dict[str, str]:
    """Return what simkit's bridge finds in its environment in a process of its own."""
    said = {variable(key): str(value) for key, value in header.bridge.items() if key in SETTINGS}
    return ENVIRONMENT | said
