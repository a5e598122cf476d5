"""What is not to be kept of a message: keys, and addresses that are keys by themselves."""

from __future__ import annotations

import re
from typing import Any

SECRET = "[secret]"  # noqa: S105 - what stands for one

SECRET_NAME = re.compile(
    r"secret|token|password|passwd|authorization|signature|credential|cookie|api[-_]?key"
    r"|private[-_]?key|^key$",
    re.IGNORECASE,
)
"""What a field with a secret is called."""

_ADDRESS = re.compile(r"((?:https?|wss?)://)(?:[^/?#\s]*@)?([^/?#\s@]+)([/?#]\S*)?")
_DEPTH = 32


def without_secrets(value: Any, name: str = "", depth: int = _DEPTH) -> Any:
    """Return a JSON value without fields that are called as secrets are, and without the paths of
    addresses: where a call is joined or listened to, whoever knows the path may.

    >>> without_secrets({"id": "1", "listenUrl": "wss://a.example/x7Kq", "serverUrlSecret": "s"})
    {'id': '1', 'listenUrl': 'wss://a.example/[secret]', 'serverUrlSecret': '[secret]'}
    """
    if SECRET_NAME.search(name) and value not in (None, "", SECRET):
        return SECRET
    if isinstance(value, str):
        return _ADDRESS.sub(_without_path, value)
    if isinstance(value, dict | list) and depth == 0:
        return SECRET  # nobody looked that deep
    if isinstance(value, dict):
        return {key: without_secrets(inner, key, depth - 1) for key, inner in value.items()}
    if isinstance(value, list):
        return [without_secrets(inner, name, depth - 1) for inner in value]
    return value


def _without_path(found: re.Match[str]) -> str:
    path = found[3] or ""
    return f"{found[1]}{found[2]}{'/' + SECRET if path.strip('/') else path}"
