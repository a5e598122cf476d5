"""The command ``simkit``, and ``python -m simkit``: the command line, from its first instant."""

from __future__ import annotations

import os
import signal
import sys


def run() -> None:
    """Run the command line.

    Ctrl-C while its parts are being loaded just ends the process; without stdout or stderr, what
    is printed goes nowhere; letters that the terminal's encoding does not have are escaped.
    """
    is_usual = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if is_usual:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 - for good
        else:
            stream.reconfigure(errors="backslashreplace")
    from .cli import main

    if is_usual:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    main(prog_name="simkit")


if __name__ == "__main__":
    run()
