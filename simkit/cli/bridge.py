"""``simkit bridge``: runs the bridge as a server, or checks what it would run with."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from ..bridge.config import SECRETS, Config, ConfigError
from ..bridge.sources import Loaded, load
from ..bridge.tools import load_tools
from ..report import console
from .main import Refusal

if TYPE_CHECKING:
    from ..recording.capture import Capture


def run_bridge(config: str | None, *, check: bool, **settings: Any) -> None:
    """Serve until told to end; exits with 0, or with 2 when it cannot begin."""
    given = {key: value for key, value in settings.items() if value is not None}
    try:
        loaded = load(Path(config) if config else None, os.environ, given)
        if loaded.config.tools:
            if "" not in sys.path:
                sys.path.insert(0, "")  # as "python -m" has it
            load_tools(loaded.config.tools)
        from ..bridge.serve import ServeError, prepare, serve
    except ConfigError as error:
        raise Refusal(str(error)) from None
    try:
        if check:
            prepare(loaded.config)
            _print(loaded)
        elif loaded.config.record:
            with recording_calls(loaded.config) as capture:
                serve(loaded, capture)
        else:
            serve(loaded)
    except (ConfigError, ServeError) as error:
        raise Refusal(str(error)) from None


@contextlib.contextmanager
def recording_calls(config: Config) -> Iterator[Capture]:
    """Yield what takes down calls in the configured folder; writes what is left in the end."""
    from ..recording.capture import Capture
    from ..recording.media import MediaFormat
    from ..recording.own_bridge import settings_of

    encoding: Literal["mulaw", "pcm_s16le"] = "mulaw" if config.sends_mulaw else "pcm_s16le"
    place = place_for_recordings(config.record)
    audio = MediaFormat(encoding, config.vapi_rate)
    capture = Capture(place, vapi_format=audio, bridge=settings_of(config))
    try:
        yield capture
    finally:
        capture.close()


def place_for_recordings(folder: str) -> Path:
    """Return a folder that can be written to; makes it where it is missing.

    Raises:
        Refusal: it cannot be.
    """
    place = Path(folder)
    try:
        place.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=place):
            return place
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise Refusal(f"recordings cannot be kept in {folder}: {why}") from None


def _print(loaded: Loaded) -> None:
    """Print the configuration in force, secrets masked, and where each value comes from."""
    out = console()
    width = max(len(key) for key in loaded.origin)
    for key, origin in loaded.origin.items():
        value = getattr(loaded.config, key)
        if key in SECRETS:
            shown = "***" if value else "not set"
        elif isinstance(value, bool):
            shown = str(value).lower()
        elif isinstance(value, tuple):
            shown = ", ".join(value) or "none"
        else:
            shown = str(value) or '""'
        out.print(f"{key:{width}}  {shown}  ({origin})", soft_wrap=True, markup=False)
    for warning in loaded.warnings:
        click.echo(f"simkit: warning: {warning}", err=True)
    sys.stdout.flush()
