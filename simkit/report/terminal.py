"""The report of a call in a terminal: timeline, measures, checks. Plain when piped."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from typing import IO

from rich.console import Console, JustifyMethod
from rich.table import Table
from rich.text import Text

from ..checks import NOT_JUDGED, CheckResult, not_judged
from ..timeline import BargeIn, CallMeasures, Timeline
from ..timeline.intervals import Percentiles
from ..timeline.text import printable

_PIPED_WIDTH = 160
_PIPED_ROW = 10_000
_BROKEN_PIPE = 141
"""128 and the number of SIGPIPE, as shells have it."""
_WIDE = 125
_NARROWEST = 76
"""Columns that a table of barge-ins needs."""
_COLUMNS = {
    "at": "at",
    "caller": "caller",
    "reply": "interrupts",
    "stop": "stops after",
    "detect": "detect",
    "react": "react",
    "fly": "fly",
    "tail": "tail",
    "unheard": "unheard",
    "told": "told by",
    "into": "into the reply",
}
_VERDICTS = {
    "passed": ("passed", "green"),
    "failed": ("FAILED", "bold red"),
    "waived": ("waived", "yellow"),
    "not judged": ("not judged", "yellow"),
}
_NARROW = ("at", "caller", "stop", "detect", "react", "fly", "tail")
"""The columns that fit into 80 characters."""
_LANES = {
    "twilio": "red",
    "bridge": "cyan",
    "vapi": "magenta",
    "caller": "green",
    "agent": "yellow",
}


class _Console(Console):
    """One that ends as others do when nobody reads on, as in ``| head``."""

    def on_broken_pipe(self) -> None:
        """Say no more: exit as if the signal had done it, which is no verdict on any call."""
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(_BROKEN_PIPE)


def console(file: IO[str] | None = None) -> Console:
    """Make a console: colour on a terminal, plain text and no wrapping in a pipe."""
    out = file if file is not None else sys.stdout
    if out.isatty():
        return _Console(file=out, highlight=False, markup=False, emoji=False)
    return _Console(
        file=out,
        highlight=False,
        markup=False,
        emoji=False,
        no_color=True,
        force_terminal=False,  # even where FORCE_COLOR asks for codes
        width=_PIPED_WIDTH,
        soft_wrap=True,
    )


def print_table(out: Console, table: Table) -> None:
    """Print a table; in a pipe each row is one line, however long, and ends with its last word."""
    if out.is_terminal:
        out.print(table)
        return
    usual, out.width = out.width, _PIPED_ROW
    with out.capture() as shown:
        out.print(table)
    out.width = usual
    for line in shown.get().splitlines():
        out.print(line.rstrip(), soft_wrap=True)


def print_timeline(out: Console, timeline: Timeline) -> None:
    """Print a timeline, each line in the colour of its source."""
    for line in str(timeline).splitlines():
        out.print(_coloured(line), soft_wrap=True)


def _coloured(line: str) -> Text:
    text = Text(line)
    text.stylize("dim", 0, 10)
    for lane, colour in _LANES.items():
        for start in _places(line, lane):
            text.stylize(colour, start, start + len(lane))
    if " clear" in line or "silence, " in line:
        text.stylize("bold", 10)
    return text


def _places(line: str, lane: str) -> Iterable[int]:
    """Yield where a lane's name stands as a source or a target."""
    head = line[:31]
    at = head.find(lane)
    while at >= 0:
        yield at
        at = head.find(lane, at + 1)


def print_barge_ins(out: Console, barge_ins: list[BargeIn]) -> None:
    """Print each barge-in with its four parts."""
    if not barge_ins:
        out.print("no barge-in: the caller never began to speak while hearing the agent")
        return
    if out.width < _NARROWEST:
        for barge_in in barge_ins:
            total_ms, *parts_ms = barge_in.whole_ms
            parts = zip(("detect", "react", "fly", "tail"), parts_ms, strict=True)
            where = ", ".join(f"{name} {_ms(part_ms, '-')}" for name, part_ms in parts)
            stop = _ms(total_ms, "never")
            told = f'{barge_in.onset_ns / 1e9:.3f} "{_clip(barge_in.text, 18)}": stops after {stop}'
            out.print(Text(f"{told} ({where})"))
        return
    wide = out.width >= _WIDE
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name, header in _COLUMNS.items():
        if wide or name in _NARROW:
            justify: JustifyMethod = "left" if name in ("caller", "reply", "told") else "right"
            table.add_column(header, justify=justify, no_wrap=True)
    for barge_in in barge_ins:
        total_ms, detect_ms, react_ms, fly_ms, tail_ms = barge_in.whole_ms
        cells = {
            "at": f"{barge_in.onset_ns / 1e9:.3f}",
            "caller": f'"{_clip(barge_in.text, 32 if wide else 18)}"',
            "reply": f"reply {barge_in.reply}" if barge_in.reply else "?",
            "stop": _ms(total_ms, "never"),
            "detect": _ms(detect_ms, "-"),
            "react": _ms(react_ms, "-"),
            "fly": _ms(fly_ms, "-"),
            "tail": _ms(tail_ms, "-"),
            "unheard": _ms(barge_in.unheard_ms, "-"),
            "told": barge_in.detected_by or "nobody",
            "into": _ms(barge_in.reply_at_ms, "-"),
        }
        table.add_row(*(Text(cell) for name, cell in cells.items() if wide or name in _NARROW))
    print_table(out, table)


def print_measures(out: Console, found: CallMeasures) -> None:
    """Print what happened of all that is measured, a line each."""
    for name, value in measured(found):
        out.print(Text(f"{name:<19}{value}"), soft_wrap=True)


def measured(found: CallMeasures) -> Iterable[tuple[str, str]]:
    """Yield name and value, with its unit, of what happened of all that is measured."""
    if found.time_to_stop.samples > 1:
        yield "stops after", _spread(found.time_to_stop)
    if found.response_latency.samples:
        yield "answers after", _spread(found.response_latency)
    if found.missed_rate:
        missed = round(found.missed_rate * found.interruptions)
        yield "missed", f"{missed} of {found.interruptions} interruptions"
    if found.false_rate is not None:
        yield "stops for noise", f"{found.false_rate:.0%}"
    if found.agent_interrupts:
        yield "talks over", f"{found.agent_interrupts} of {found.turns} turns of the caller"
    if found.overlap_ms:
        yield "both at once", _ms(found.overlap_ms, "")
    for name, delay in (
        ("to the caller", found.agent_to_caller),
        ("to Vapi", found.caller_to_agent),
    ):
        if delay is not None:
            most = "" if delay.max_ms == delay.median_ms else f", at most {delay.max_ms:.1f} ms"
            yield name, f"{delay.median_ms:.1f} ms late{most}"
    flaws = found.flaws
    broken = [
        f"{value:.0f} ms {what}"
        for what, value in (
            ("of gaps", flaws.gap_ms),
            ("repeated", flaws.repeat_ms),
            ("lost", flaws.lost_ms),
            ("stale after a clear", found.stale_after_clear_ms),
        )
        if value
    ]
    if broken:
        yield "heard", ", ".join(broken)
    if found.unheard_ms:
        yield "never heard", _ms(found.unheard_ms, "")
    if found.first_words_lost_ms:
        yield "first words lost", _ms(found.first_words_lost_ms, "")
    if found.clarity is not None:
        alone = found.clarity.mulaw_snr_db
        yield "clarity", f"{found.clarity.snr_db:.1f} dB; mu-law alone {alone:.1f} dB"
    jitter = [f"{leg} {ms:.1f} ms" for leg, ms in found.jitter_ms.items() if ms >= 0.05]
    if jitter:
        yield "jitter", ", ".join(jitter)
    pacing = found.pacing_error_ms
    if pacing is not None:
        bridge = ""
        if pacing.bridge_p99_ms is not None:
            bridge = f"; the bridge waited for a processor {pacing.bridge_p99_ms:.1f} ms (p99), "
            bridge += f"at most {pacing.bridge_max_ms:.1f} ms"
        trust = "" if pacing.is_small else "; SO LATE THAT NO FIGURE HERE CAN BE TRUSTED"
        yield (
            "pacing error",
            f"p50 {pacing.p50_ms:.1f} ms, p95 {pacing.p95_ms:.1f} ms, p99 {pacing.p99_ms:.1f} ms, "
            f"at most {pacing.max_ms:.1f} ms ({pacing.deadlines}){bridge}{trust}",
        )
    if found.ledger_error_ms is not None:
        yield "told the model", f"{found.ledger_error_ms:+.0f} ms off what was heard"
    if found.leaks:
        yield "left over", f"{found.leaks} tasks and sockets a second after the end"


def _spread(values: Percentiles) -> str:
    shown = [
        f"{name} {value:.0f} ms"
        for name, value in (("p50", values.p50_ms), ("p90", values.p90_ms), ("p95", values.p95_ms))
        if value is not None
    ]
    return f"{', '.join(shown)} ({values.samples})"


def print_checks(out: Console, checks: list[CheckResult], *, every: bool = False) -> None:
    """Print broken promises with every violation, and how many held.

    Args:
        out: the console.
        checks: how each came out.
        every: print those that held, too, and those that nobody could look at.
    """
    told = [check for check in checks if every or check.violations]
    width = max((len(check.name) for check in told), default=0)
    words = max((len(_VERDICTS[check.word][0]) for check in told), default=0)
    for check in told:
        word, style = _VERDICTS[check.word]
        reason = f" (waived: {printable(check.waived)})" if check.word == "waived" else ""
        if check.word == "not judged":
            reason = " (real time)"
        elif check.not_judged:
            reason += f" ({NOT_JUDGED}: {check.not_judged})"
        line = Text.assemble(
            (f"{word:<{words}}", style),
            f"  {check.name:<{width}}  {printable(check.sentence)}{reason}",
        )
        out.print(line, soft_wrap=True)
        for violation in check.violations[1:]:
            more = Text(f"{'':{width + words + 4}}{printable(violation.sentence)}")
            out.print(more, soft_wrap=True)
    if every:
        return
    held = sum(check.word == "passed" for check in checks)
    if held:
        out.print(Text(f"{held} check{'s' * (held != 1)} held", style="green"))
    if unseen := not_judged(checks):
        out.print(Text(f"{NOT_JUDGED}: {'; '.join(unseen)}"), soft_wrap=True)


def _clip(text: str, length: int) -> str:
    safe = printable(text)
    return safe if len(safe) <= length else safe[: length - 3] + "..."


def _ms(value: float | None, missing: str) -> str:
    return missing if value is None else f"{value:.0f} ms"
