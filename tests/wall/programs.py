"""Bridges that fail, as little programs for ``python -c``; they start fast."""

from __future__ import annotations

import sys

_SERVES = """
import http.server, os
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_error(404)
    def do_POST(self):
        {post}
    def log_message(self, *args):
        pass
print("listening", flush=True)
http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""


def program(source: str) -> list[str]:
    """The command that runs a source text."""
    return [sys.executable, "-S", "-c", source]


REFUSES = program(_SERVES.format(post="self.send_error(500)"))
REJECTS = program(
    _SERVES.format(
        post="self.send_response(200); self.send_header('Content-Type', 'text/xml'); "
        "self.end_headers(); self.wfile.write(b'<Response><Reject/></Response>')"
    )
)
DIES = program(_SERVES.format(post="print('no database', flush=True); os._exit(7)"))
NEVER_LISTENS = program("import time; print('thinking', flush=True); time.sleep(60)")
ENDS_AT_ONCE = program("raise SystemExit('no licence')")
OBSTINATE = program(
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
    "print('ready', flush=True); time.sleep(60)"
)
HAS_A_CHILD = program(
    "import subprocess, sys, time\n"
    "inner = subprocess.Popen([sys.executable, '-S', '-c', 'import time; time.sleep(60)'])\n"
    "print(inner.pid, flush=True)\n"
    "time.sleep(60)"
)
