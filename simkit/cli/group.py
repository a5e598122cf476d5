"""The commands as a whole: a list that fits a screen, an example for each, and how they end."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import sys
import threading
from collections.abc import Iterator
from typing import Any

import click

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it."""
CONTENTS = {
    "Test a bridge:": {
        "init": "Write a first test for your bridge, and run it.",
        "run": "Run one scenario: timeline, measures and checks.",
        "conformance": "Run every scenario, and tell what the bridge gets wrong.",
        "campaign": "Run every scenario with many seeds, and keep what fails.",
        "scenarios": "List the scenarios, and what can be set in each.",
        "report": "Write a page about a call, to look at and listen to.",
    },
    "Calls from production:": {
        "record": "Record the calls of a bridge in any language, as a proxy.",
        "import": "Make a recording of a log, of Vapi's account, or of sound.",
        "replay": "Replay a recording against a bridge, and tell what diverges.",
        "scrub": "Copy a recording without numbers, keys and names.",
        "recording": "Check, show, cut and merge recordings.",
    },
    "In real time:": {
        "bridge": "Run simkit's own bridge between Twilio and Vapi.",
        "fakes": "Run fake Twilio and Vapi for a bridge in any language.",
        "fidelity": "Compare the simulation with real time on real sockets.",
    },
}
"""What ``simkit --help`` lists, as far as it is there."""
EXAMPLES = {
    "bridge": "simkit bridge --port 3000 --record calls",
    "campaign": "simkit campaign --app my_app:app --seeds 1000 --output verdicts.jsonl",
    "conformance": "simkit conformance --app my_app:app --write-tests tests",
    "fakes": 'simkit fakes --bridge http://127.0.0.1:3000 --call +15550100 --say "hello"',
    "fidelity": "simkit fidelity barge-in --runs 3",
    "import": "simkit import call-log.jsonl -o recordings/complaint",
    "init": "simkit init --app my_app:app",
    "record": "simkit record --bridge http://127.0.0.1:3000 -o recordings",
    "recording check": "simkit recording check recordings/three-interruptions",
    "recording cut": "simkit recording cut recordings/long -o recordings/short --from 60 --to 90",
    "recording merge": "simkit recording merge caller.rec agent.rec -o recordings/both",
    "recording show": "simkit recording show recordings/three-interruptions",
    "replay": "simkit replay recordings/three-interruptions --app my_app:app",
    "report": "simkit report recordings/three-interruptions -o call.html",
    "run": "simkit run barge-in --app my_app:app --set lead=60 --svg call.svg",
    "scenarios": "simkit scenarios",
    "scrub": "simkit scrub calls/complaint -o recordings/complaint --name Smith",
}


class Commands(click.Group):
    """A group of commands; the outermost one ends in order when somebody presses Ctrl-C."""

    group_class = type

    def add_command(self, cmd: click.Command, name: str | None = None) -> None:
        """Add a command, with its example below its help."""
        super().add_command(cmd, name)
        example = EXAMPLES.get(f"{self.name} {cmd.name}") or EXAMPLES.get(cmd.name or "")
        if example is not None:
            cmd.epilog = f"\b\nExample:\n  {example}"

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the outermost commands in their sections, others as click does."""
        if ctx.parent is not None:
            super().format_options(ctx, formatter)
            return
        left = {name: self.commands[name].get_short_help_str() for name in self.list_commands(ctx)}
        formatter.write_paragraph()
        for title, section in {**CONTENTS, "More:": left}.items():
            rows = [(name, text) for name, text in list(section.items()) if left.pop(name, None)]
            if rows:
                formatter.write(f"{title}\n")
                with formatter.indentation():
                    formatter.write_dl(rows, col_max=12)
        formatter.write_paragraph()
        formatter.write("simkit COMMAND --help tells more. --version tells which simkit this is.\n")

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; it ends in order however it has to, and says why in a line.

        Ctrl-C and SIGTERM end it with the exit codes that shells have for them, a full disk with 2.
        """
        if ctx.parent is not None:
            return super().invoke(ctx)
        try:
            with _terminable():
                return super().invoke(ctx)
        except KeyboardInterrupt:
            click.echo("simkit: interrupted", err=True)
            sys.exit(INTERRUPTED)
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            if error.filename is None:
                # What stdout still holds would be tried again at the end.
                os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            click.echo(f"simkit: {error.filename or 'output'}: {error.strerror}", err=True)
            sys.exit(2)


@contextlib.contextmanager
def _terminable() -> Iterator[None]:
    """Let SIGTERM leave a command as Ctrl-C does, which ends what it has started."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before or signal.SIG_DFL)


def _leave(number: int, frame: Any) -> None:
    sys.exit(128 + number)
