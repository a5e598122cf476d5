"""Where Vapi is reached: names of its hosts, and the URLs that clients are given."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

HOST = "api.vapi.ai"
STORAGE_HOST = "storage.vapi.ai"
CONTROL_HOST = "phone-call-websocket.aws-us-west-2-backend-production1.vapi.ai"
"""Where calls are listened to and controlled; the real name has a changing number."""


@dataclass(frozen=True)
class Origins:
    """Scheme and authority of each host, as in ``https://api.vapi.ai``.

    >>> Origins(api="http://127.0.0.1:8080").api_socket
    'ws://127.0.0.1:8080'
    """

    api: str = f"https://{HOST}"
    control: str = f"https://{CONTROL_HOST}"
    storage: str = f"https://{STORAGE_HOST}"

    @property
    def api_socket(self) -> str:
        """Where sockets of calls are."""
        return self.api.replace("http", "ws", 1)

    @property
    def control_socket(self) -> str:
        """Where calls are listened to."""
        return self.control.replace("http", "ws", 1)


def is_at(origin: str, host_header: str) -> bool:
    """Tell whether a request with this Host header is for that origin.

    An origin without a port is meant on any.
    """
    name, _, port = host_header.lower().partition(":")
    meant = urlsplit(origin)
    return name == meant.hostname and (meant.port is None or port == str(meant.port))
