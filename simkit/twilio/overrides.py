"""Connection overrides: timeouts and retries of a webhook, in the fragment of its URL.

``https://host/path#ct=2000&rt=5000&rc=2&rp=all``. The fragment is never sent and never signed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

POLICIES = ("4xx", "5xx", "ct", "rt", "all")
"""What may be tried again: answers, failed connections, answers that did not come in time."""

HARD_LIMIT = 15.0
"""Seconds that any request of a call takes at most, whatever its overrides say."""

_EDGES = (
    "ashburn", "dublin", "frankfurt", "sao-paulo", "singapore", "sydney", "tokyo", "umatilla",
)  # fmt: skip
_MILLISECONDS = {"ct": (100, 10_000), "rt": (100, 15_000), "tt": (100, 15_000)}
_MOST_RETRIES = 5


class OverrideError(ValueError):
    """A fragment says something that Twilio would not take."""


@dataclass(frozen=True)
class Overrides:
    """How a webhook is asked; durations in seconds."""

    connect: float = 5.0
    read: float = HARD_LIMIT
    total: float = HARD_LIMIT
    retries: int = 1
    policy: frozenset[str] = frozenset(("ct",))

    def retries_on(self, failure: str) -> bool:
        """Tell whether a failure, named as in ``rp``, is tried again."""
        return "all" in self.policy or failure in self.policy


def of_url(url: str, defaults: Overrides) -> tuple[str, Overrides]:
    """Return the URL without its fragment, and what the fragment says.

    A fragment without ``=`` is an ordinary one and says nothing.

    Raises:
        OverrideError: an unknown key, or a value out of its range.

    >>> of_url("https://host/voice#ct=2000", Overrides())[1].connect
    2.0
    """
    bare, _, fragment = url.partition("#")
    found = defaults
    if "=" in fragment:
        for pair in fragment.split("&"):
            key, _, value = pair.partition("=")
            found = _with(found, key, value, fragment)
    return bare, found


def _with(found: Overrides, key: str, value: str, fragment: str) -> Overrides:
    if key in _MILLISECONDS:
        seconds = _whole(key, value, *_MILLISECONDS[key]) / 1000
        if key == "ct":
            return replace(found, connect=seconds)
        return replace(found, read=seconds) if key == "rt" else replace(found, total=seconds)
    if key == "rc":
        return replace(found, retries=_whole(key, value, 0, _MOST_RETRIES))
    if key == "rp":
        policy = frozenset(value.split(","))
        if not policy <= set(POLICIES):
            raise OverrideError(f"#rp: expected some of {', '.join(POLICIES)}, found {value!r}")
        return replace(found, policy=policy)
    known = {"sni": ("y", "n"), "e": _EDGES}.get(key)
    if known is None:
        raise OverrideError(
            f"#{fragment}: unknown key {key!r}, expected ct, rt, tt, rc, rp, sni or e"
        )
    if value not in known:
        raise OverrideError(f"#{key}: expected one of {', '.join(known)}, found {value!r}")
    return found


def _whole(key: str, value: str, least: int, most: int) -> int:
    # Longer numbers are out of range anyway, and int() refuses the longest.
    if not (value.isascii() and value.isdigit()) or len(value) > 9:
        raise OverrideError(f"#{key}: expected {least} to {most}, found {value!r}")
    if not least <= int(value) <= most:
        raise OverrideError(f"#{key}: expected {least} to {most}, found {value!r}")
    return int(value)
