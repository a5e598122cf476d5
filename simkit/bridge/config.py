"""Configuration: what a deployment of the bridge has to say, typed and checked."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta, Struct

Seconds = Annotated[float, Meta(ge=0, le=3600)]


class ConfigError(ValueError):
    """The configuration is incomplete or wrong; the message names the key."""


class Secret(str):
    """A string that does not show itself."""

    def __repr__(self) -> str:
        return "'***'"


class Config(Struct, frozen=True, kw_only=True):
    """How the bridge runs.

    Secrets come from the environment (:meth:`from_env`) and never appear in logs or errors.
    """

    public_url: str
    """Where Twilio reaches the bridge, ``https://host``; signatures are checked against it."""
    twilio_auth_token: str
    vapi_api_key: str
    vapi_assistant_id: str = ""
    vapi_url: str = "https://api.vapi.ai"
    vapi_dialect: Literal["transport", "seed"] = "transport"
    """``seed`` speaks the JSON socket of two widely copied articles instead of the transport."""
    vapi_format: Literal["pcm_s16le", "mulaw"] = "pcm_s16le"
    """What is declared to Vapi: PCM at 16 kHz, or mu-law at 8 kHz."""
    check_signatures: bool = True
    vapi_timeout: Seconds = 10.0
    """For ``POST /call`` and the opening of the socket, each."""
    keepalive: Annotated[float, Meta(ge=1, le=3600)] = 30.0
    """Between pings to Vapi; one that is not answered by the next loses the socket."""
    cold_start_limit: Seconds = 10.0
    """Caller audio kept while Vapi is not ready; the oldest is dropped beyond it."""
    reorder_limit: Seconds = 0.1
    """How long a missing chunk is waited for."""
    late_partial_grace: Seconds = 0.5
    """After the agent's last sound, a transcript of the caller still counts as an interruption."""
    new_reply_gap: Seconds = 0.3
    """A pause in the agent's audio after which more of it belongs to a new reply."""
    cold_start_bytes: Annotated[int, Meta(ge=1600, le=104_857_600)] = 262_144
    """The same bound in bytes of mu-law, 8 a millisecond."""
    stale_after: Annotated[float, Meta(ge=0.1, le=3600)] = 2.0
    """Caller audio that comes later than this behind a stall is dropped, never answered."""
    debounce: Seconds = 0.3
    """After an interruption, what else hints at the same one is not another."""
    own_vad: bool = False
    """The bridge listens for the caller's voice itself; else that is left to Vapi."""
    own_vad_level: Annotated[float, Meta(ge=-70, le=0)] = -35.0
    """Loudness of voice for ``own_vad``, in dB below full scale."""
    own_vad_voice: Annotated[float, Meta(ge=0.02, le=5)] = 0.2
    """Continuous voice that interrupts the agent, with ``own_vad``."""
    endpointing: Annotated[float, Meta(ge=0.1, le=5)] = 0.6
    """Silence that ends the caller's turn, with ``own_vad``; 0.5 to 0.8 are usual."""
    reply_timeout: Annotated[float, Meta(ge=0.5, le=3600)] = 10.0
    """From the caller's turn to any audio of the agent; then the fallback line is said, once."""
    lost_reply: Literal["play", "clear"] = "play"
    """When Vapi is lost: what the caller has not heard yet of the agent plays out, or is cut."""
    poll_timeout: Seconds = 3.0
    """For the look-up of a call whose socket was given up."""
    dtmf: Literal["message", "ignore"] = "message"
    """Keys of the phone: told to the agent in words, "The caller pressed 1.", or ignored."""
    stream_timeout: Annotated[float, Meta(ge=1, le=3600)] = 45.0
    """Without any message from Twilio for so long, its socket is taken for dead."""
    max_session: Annotated[float, Meta(ge=1, le=86_400)] = 14_400.0
    """The longest call, in seconds; Twilio itself ends calls after four hours."""
    on_wrong_rate: Literal["note", "end"] = "note"
    """Agent audio at half or double the declared rate: said once, or the call ends besides."""
    queue_limit_bytes: Annotated[int, Meta(ge=65_536, le=104_857_600)] = 5 * 1024 * 1024
    """Unsent bytes per leg; beyond it audio is dropped, and said so."""

    def __post_init__(self) -> None:
        for name in ("twilio_auth_token", "vapi_api_key"):
            msgspec.structs.force_setattr(self, name, Secret(getattr(self, name)))
        for name, schemes in (("public_url", ("https", "http")), ("vapi_url", ("https", "http"))):
            parts = urlsplit(getattr(self, name))
            if parts.scheme not in schemes or not parts.hostname or parts.query:
                raise ConfigError(f"{name}: expected https://host, found {getattr(self, name)!r}")
            msgspec.structs.force_setattr(self, name, getattr(self, name).rstrip("/"))

    @classmethod
    def from_env(cls, environ: Mapping[str, str] = os.environ, **settings: Any) -> Config:
        """Read secrets and addresses from the environment.

        ``PUBLIC_URL``, ``TWILIO_AUTH_TOKEN``, ``VAPI_API_KEY`` are needed, ``VAPI_ASSISTANT_ID``
        and ``VAPI_URL`` optional; ``settings`` are any other keys.

        Raises:
            ConfigError: a key is missing, unknown or out of its range.
        """
        found = {
            name: environ[name.upper()]
            for name in (
                "public_url",
                "twilio_auth_token",
                "vapi_api_key",
                "vapi_assistant_id",
                "vapi_url",
            )
            if environ.get(name.upper())
        }
        return cls.checked(found | settings)

    @classmethod
    def checked(cls, values: Mapping[str, Any]) -> Config:
        """Make a configuration of plain values.

        Raises:
            ConfigError: a key is missing, unknown or out of its range.
        """
        unknown = sorted(set(values) - set(cls.__struct_fields__))
        if unknown:
            raise ConfigError(
                f"unknown key {unknown[0]!r}; there are: {', '.join(cls.__struct_fields__)}"
            )
        try:
            return msgspec.convert(dict(values), cls)
        except msgspec.ValidationError as error:
            raise ConfigError(str(error)) from None

    @property
    def media_url(self) -> str:
        """Where Twilio opens its stream."""
        return self.public_url.replace("http", "ws", 1) + "/media"

    @property
    def vapi_rate(self) -> int:
        """Samples per second of the audio that is exchanged with Vapi."""
        return 8000 if self.vapi_format == "mulaw" or self.vapi_dialect == "seed" else 16000

    @property
    def sends_mulaw(self) -> bool:
        """True when Vapi's leg carries mu-law, as Twilio's does."""
        return self.vapi_format == "mulaw" or self.vapi_dialect == "seed"
