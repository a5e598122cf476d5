"""One core and what it is told: the events of a call, made short."""

from __future__ import annotations

from typing import Any

from simkit.bridge import CallCore, Config
from simkit.bridge.events import (
    Action,
    AgentAudio,
    AgentStarted,
    Count,
    Note,
    SendCallerAudio,
    SetTimer,
    VapiReady,
)
from simkit.wire import twilio

MS = 1_000_000
SECOND = 1_000_000_000
LOUD = b"\x00\x20" * 320
SILENT = bytes(640)
QUIET_CALLER = b"\xff" * 160
LOUD_CALLER = b"\x00" * 160


def make(**settings: Any) -> CallCore:
    config = Config(
        public_url="https://bridge.example.com",
        twilio_auth_token="token",
        vapi_api_key="key",
        **settings,
    )
    return CallCore(config)


def start(*, tracks: tuple[str, ...] = ("inbound",), **audio: Any) -> twilio.Start:
    audio_format = twilio.MediaFormat(**audio)
    body = twilio.StartBody("AC1", "MZ1", "CA1", list(tracks), audio_format)
    return twilio.Start("1", body, "MZ1")


def media(
    chunk: int, sound: bytes = QUIET_CALLER, *, ms: int | None = None, sid: str = "MZ1"
) -> twilio.Media:
    stamp = str(chunk * 20 if ms is None else ms)
    return twilio.Media(str(chunk + 1), twilio.MediaBody("inbound", str(chunk), stamp, sound), sid)


def mark(name: str, sid: str = "MZ1") -> twilio.Mark:
    return twilio.Mark("9", sid, twilio.MarkBody(name))


def key(digit: str) -> twilio.Dtmf:
    return twilio.Dtmf("MZ1", "9", twilio.DtmfBody("inbound_track", digit))


def done(actions: list[Action]) -> list[Action]:
    """What an action does to somebody: without notes, counts and timers."""
    return [a for a in actions if not isinstance(a, Note | Count | SetTimer)]


def kinds(actions: list[Action]) -> list[str]:
    return [type(action).__name__ for action in done(actions)]


def notes(actions: list[Action]) -> str:
    return "; ".join(action.text for action in actions if isinstance(action, Note))


def counts(actions: list[Action]) -> list[tuple[str, str]]:
    return [(action.name, action.label) for action in actions if isinstance(action, Count)]


def timers(actions: list[Action]) -> dict[str, int]:
    return {action.name: action.at_ns for action in actions if isinstance(action, SetTimer)}


def sounds(actions: list[Action]) -> list[bytes]:
    return [action.data for action in actions if isinstance(action, SendCallerAudio)]


def running(**settings: Any) -> CallCore:
    """A call that Vapi has answered, at the instant 0."""
    core = make(**settings)
    core.handle(start(), 0)
    core.handle(VapiReady(), 0)
    return core


def speaking(core: CallCore, now_ns: int, frames: int = 50) -> None:
    """Let the agent have sent a second of speech."""
    core.handle(AgentStarted(), now_ns)
    for _ in range(frames):
        core.handle(AgentAudio(LOUD), now_ns)
