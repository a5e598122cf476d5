"""``simkit bridge``: runs the bridge as a server, or checks what it would run with."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import click

from ..bridge.config import SECRETS, ConfigError
from ..bridge.sources import Loaded, load
from ..bridge.tools import load_tools
from ..report import console
from .main import Refusal


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
        else:
            serve(loaded)
    except (ConfigError, ServeError) as error:
        raise Refusal(str(error)) from None


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
