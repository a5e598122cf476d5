"""How commands tell of a divergence: for people, and as JSON."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.text import Text

from ..recording.deviation import Deviation
from ..recording.divergence import Divergence
from ..timeline.text import printable


def print_divergence(out: Console, found: Divergence) -> None:
    """Print what the bridge does otherwise, each consequence below its cause."""
    verdict = Text("same", style="green") if found.is_none else Text("DIVERGED", style="bold red")
    out.print(Text.assemble(verdict, f"  {found.summary}"), soft_wrap=True)
    for cause in found.causes:
        out.print(Text(f"  {_line(cause)}"), soft_wrap=True)
        for one in cause.consequences:
            out.print(Text(f"  {'':9}  so {printable(str(one))}"), soft_wrap=True)


def _line(one: Deviation) -> str:
    return f"{one.t_ns / 1e9:9.3f}  {printable(str(one))}"


def divergence_as_plain(found: Divergence) -> dict[str, Any]:
    """Return a divergence as JSON shows it."""
    return {
        "same": found.is_none,
        "compared": found.compared,
        "tolerance_ms": found.tolerance_ms,
        "causes": [_as_plain(cause) for cause in found.causes],
    }


def _as_plain(one: Deviation) -> dict[str, Any]:
    plain = {
        "kind": one.kind,
        "leg": one.leg,
        "what": one.what,
        "at_ms": round(one.t_ns / 1e6, 3),
        "by_ms": None if one.by_ms is None else round(one.by_ms, 3),
        "sentence": one.sentence,
        "times": one.times,
    }
    if one.consequences:
        plain["consequences"] = [_as_plain(consequence) for consequence in one.consequences]
    return plain
