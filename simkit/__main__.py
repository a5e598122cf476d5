"""``python -m simkit``: the command line, with the interpreter that it is run by."""

from .cli import main

main(prog_name="simkit")
