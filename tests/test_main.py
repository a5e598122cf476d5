"""The command line, started through the interpreter."""

from __future__ import annotations

import subprocess
import sys


def test_python_m_simkit_is_the_command_line():
    command = [sys.executable, "-m", "simkit", "scenarios", "--json"]
    listed = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert '"name": "greeting"' in listed.stdout


def test_its_errors_and_exit_codes_are_the_same():
    command = [sys.executable, "-m", "simkit", "run", "greating"]
    refused = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert refused.returncode == 2
    assert refused.stderr.startswith("simkit: no scenario 'greating'; did you mean greeting?")
