"""The command line: ``simkit replay``, ``run``, ``import``, ``bridge`` and the others.

Exit codes: 0 all well, 1 a check failed, 2 the input was of no use (one line on stderr says why),
130 after Ctrl-C.
"""

from . import init as init  # its command
from . import judging as judging  # its commands
from .main import main

__all__ = ["main"]
