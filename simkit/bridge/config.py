"""Configuration: what a deployment of the bridge has to say, typed and checked."""

from __future__ import annotations

import base64
import logging
import os
import re
from collections.abc import Mapping
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Annotated, Any, Literal, get_type_hints
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta, Struct

log = logging.getLogger("simkit.bridge")

Seconds = Annotated[float, Meta(ge=0, le=3600)]
Password = Annotated[str, Meta(extra={"secret": True})]
"""A key that comes from the environment or a file of its own, and is never shown."""


_HOST = re.compile(r"(\*\.)?[a-z0-9_-]+(\.[a-z0-9_-]+)*", re.ASCII)


class ConfigError(ValueError):
    """The configuration is incomplete or wrong; the message names the key."""


class Secret(str):
    """A string that does not show itself."""

    def __repr__(self) -> str:
        return "'***'"


class Config(Struct, frozen=True, kw_only=True):
    """How the bridge runs.

    The same keys are arguments here, keys of the table ``[bridge]`` in a TOML file, and in upper
    case, behind ``SIMKIT_BRIDGE_``, variables of the environment. Secrets come from the
    environment or from files of their own and never appear in logs or errors.
    """

    # Addresses and accounts

    public_url: str
    """Where Twilio reaches the bridge, ``https://host``; signatures are checked against it."""
    twilio_auth_token: Password
    """Twilio's primary auth token: signs webhooks and streams."""
    vapi_api_key: Password
    """Vapi's private key."""
    vapi_assistant_id: str = ""
    """The assistant that answers; empty for Vapi's default."""
    vapi_url: str = "https://api.vapi.ai"
    """Where Vapi is reached."""

    # The server

    host: str = "127.0.0.1"
    """The address that is listened on; nothing beyond this machine reaches it by default."""
    port: Annotated[int, Meta(ge=0, le=65_535)] = 3000
    """The port that is listened on; 0 for any that is free."""
    tls_cert: str = ""
    """A file with the certificate chain, for TLS without a proxy in front."""
    tls_key: str = ""
    """The file with the certificate's private key."""
    log: Literal["json", "text"] = "json"
    """One JSON object a line, or lines for people."""
    record: str = ""
    """A folder in which ``simkit bridge`` keeps a recording of each call; empty: none is made."""
    drain_limit: Seconds = 60.0
    """Seconds that running calls may go on once the process was told to end."""

    # Security

    check_signatures: bool = True
    """Whether Twilio's signature is asked for, on the webhook and on the stream."""
    token_ttl: Annotated[float, Meta(ge=1, le=600)] = 60.0
    """Seconds from the webhook's answer in which its stream may begin, and a retry is answered."""
    replay_memory: Annotated[int, Meta(ge=100, le=1_000_000)] = 10_000
    """Webhooks that are remembered, to tell a replayed one."""
    trusted_proxies: tuple[str, ...] = ("127.0.0.1", "::1")
    """Networks whose ``X-Forwarded-For`` is believed, for limits and logs alone."""
    metrics_token: Password = ""
    """What ``/metrics`` asks for as Bearer token; without it, only this machine may read."""

    # Limits

    max_sessions: Annotated[int, Meta(ge=1, le=100_000)] = 200
    """Calls at once; further ones hear a busy tone."""
    max_connections: Annotated[int, Meta(ge=10, le=1_000_000)] = 2000
    """Sockets at once, of any kind; further ones are closed."""
    read_timeout: Annotated[float, Meta(ge=0.1, le=60)] = 5.0
    """Seconds for the head of a request, and again for its body."""
    start_timeout: Annotated[float, Meta(ge=0.1, le=60)] = 10.0
    """Seconds from the opening of a stream to its ``start``."""
    rate_limit: Annotated[float, Meta(ge=0.1, le=100_000)] = 5.0
    """Requests per second and source that may be refused before the source is left unanswered."""
    rate_burst: Annotated[int, Meta(ge=1, le=1_000_000)] = 50
    """How many of them may come at once."""
    max_message_bytes: Annotated[int, Meta(ge=1024, le=16_777_216)] = 65_536
    """Size of one message on a stream; a larger one ends it."""
    message_rate: Annotated[float, Meta(ge=60, le=100_000)] = 200.0
    """Messages per second on a stream; Twilio sends 50. More end it."""
    message_burst: Annotated[int, Meta(ge=100, le=1_000_000)] = 3000
    """How many may come at once, as after a stall of the network."""

    # The Vapi leg

    vapi_dialect: Literal["transport", "seed"] = "transport"
    """``seed`` speaks the JSON socket of two widely copied articles instead of the transport."""
    vapi_format: Literal["pcm_s16le", "mulaw"] = "pcm_s16le"
    """What is declared to Vapi: PCM at ``vapi_rate``, or mu-law at 8 kHz."""
    vapi_rate: Annotated[int, Meta(ge=8000, le=48_000)] = 0
    """Samples per second of that audio; without it 16000, or 8000 for mu-law."""
    vapi_socket_hosts: tuple[str, ...] = ("*.vapi.ai",)
    """Where calls may be joined and ended, besides the host of ``vapi_url``."""
    vapi_max_message: Annotated[int, Meta(ge=65_536, le=16_777_216)] = 1_048_576
    """Bytes of the largest message or answer taken from Vapi."""
    fallback_file: str = ""
    """WAV or FLAC, at most 15 s, said when there is no agent; empty for a line in English."""
    vapi_pool: Annotated[int, Meta(ge=0, le=100)] = 0
    """Sockets opened ahead of calls (``seed``), or connections to the API kept open."""
    vapi_pool_reuse: bool = False
    """Whether a socket of the pool serves one call after the other, flushed in between."""
    prewarm_calls: Annotated[int, Meta(ge=0, le=100)] = 0
    """Calls created ahead, which count as running; their metadata lacks Twilio's SID."""
    prewarm_age: Annotated[float, Meta(ge=5, le=3600)] = 60.0
    """Seconds after which such a call is replaced."""
    rejoin: Literal["same-url", "new-call"] = "same-url"
    """After a loss: the same call, or a new one where that is refused; or a new one at once."""
    carry_history: bool = True
    """Whether such a new call is told what was said in the one that was lost."""
    vapi_timeout: Seconds = 15.0
    """Seconds for ``POST /call``, repeated perhaps, and for the opening of the socket, each."""
    keepalive: Annotated[float, Meta(ge=1, le=3600)] = 30.0
    """Seconds between pings to Vapi; one not answered by the next loses the socket."""

    # The call

    cold_start_limit: Seconds = 15.0
    """Seconds of caller audio kept while Vapi is not ready, as ``vapi_timeout`` lets it be."""
    reorder_limit: Seconds = 0.1
    """Seconds that a missing chunk is waited for."""
    late_partial_grace: Seconds = 0.5
    """Seconds after the agent's last sound in which words of the caller still interrupt it."""
    new_reply_gap: Seconds = 0.3
    """Seconds of pause in the agent's audio after which more of it belongs to a new reply."""
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
    vapi_patience: Annotated[float, Meta(ge=1, le=600)] = 20.0
    """Seconds without Vapi, whatever is being tried, after which the call is given up."""
    poll_timeout: Seconds = 3.0
    """For the look-up of a call whose socket was given up."""
    dtmf: Literal["message", "ignore"] = "message"
    """Keys of the phone: told to the agent in words, "The caller pressed 1.", or ignored."""
    stream_timeout: Annotated[float, Meta(ge=1, le=3600)] = 45.0
    """Without any message from Twilio for so long, its socket is taken for dead."""
    max_session: Annotated[float, Meta(ge=1, le=86_400)] = 14_400.0
    """The longest call, in seconds; Twilio itself ends calls after four hours."""
    on_wrong_rate: Literal["note", "end"] = "end"
    """Agent audio at half or double the declared rate: said once, and the call ends besides."""
    queue_limit_bytes: Annotated[int, Meta(ge=65_536, le=104_857_600)] = 5 * 1024 * 1024
    """Unsent bytes per leg; beyond it audio is dropped, and said so."""

    # Tools and webhooks

    tools: dict[str, str] = {}
    """Functions that the model may call: ``module:function`` by name."""
    tool_timeout: Annotated[float, Meta(gt=0, le=300)] = 10.0
    """Seconds after which a tool's call is answered without its result."""
    vapi_webhook_auth: Literal["secret", "bearer", "hmac", "seed"] = "secret"
    """How Vapi proves itself at ``/vapi/webhook``: header ``x-vapi-secret``, bearer, or HMAC."""
    vapi_webhook_secret: Password = ""
    """What Vapi proves itself with; without it the webhook does not exist."""
    vapi_webhook_window: Annotated[float, Meta(gt=0, le=3600)] = 300.0
    """Seconds that the time of a signed webhook may be from now, either way."""
    vapi_webhook_limit_bytes: Annotated[int, Meta(ge=1024, le=104_857_600)] = 4 * 1024 * 1024
    """Largest body of a webhook; the report on an hour has some hundred kilobytes."""
    vapi_hmac_algorithm: Literal["sha256", "sha512", "sha1"] = "sha256"
    """The hash of signed webhooks."""
    vapi_hmac_signature_header: str = "x-signature"
    """The header with the signature."""
    vapi_hmac_timestamp_header: str = "x-timestamp"
    """The header with the time of the signature, in seconds."""
    vapi_hmac_prefix: str = ""
    """What stands before the signature in its header, ``sha256=`` for instance."""
    vapi_hmac_timestamp: bool = True
    """Webhooks say when they were signed; without it nothing tells an old one."""
    vapi_hmac_payload: str = "{timestamp}.{body}"
    """What is signed; may also hold ``{method}``, ``{url}`` and ``{svix-id}``."""
    vapi_hmac_message_id_header: str = ""
    """The header with the message's identity, where it is signed too."""
    vapi_hmac_encoding: Literal["hex", "base64"] = "hex"
    """How the signature is written."""
    vapi_hmac_secret_is_base64: bool = False
    """The secret is the base64 of the key."""
    status_callbacks: bool = True
    """Believe Twilio at ``/voice/status`` that a call is over whose socket says nothing."""
    stream_callbacks: bool = False
    """Have Twilio tell ``/voice/stream-status`` of each stream as well."""

    # Number set-up

    twilio_number: str = ""
    """A number to point here on start, ``+15550100``; empty: numbers are left as they are."""
    twilio_account_sid: str = ""
    """The account of the number, ``AC...``."""
    twilio_api_key: str = ""
    """``SK...``, used for the number instead of the auth token."""
    twilio_api_secret: Password = ""
    """The secret of the API key."""
    twilio_url: str = "https://api.twilio.com"
    """Where Twilio's REST is reached."""
    number_required: bool = False
    """Do not start when the number could not be pointed here."""

    # The browser door

    browser_door: bool = False
    """Talk to browsers at ``/ws``, as to phones."""
    browser_origins: tuple[str, ...] = ()
    """Pages that may, ``https://host`` each, besides those of ``public_url``."""
    browser_tickets: bool = True
    """A socket needs a ticket, which your own server hands to the page."""
    browser_secret: Password = ""
    """What tickets are signed and asked for with; 16 characters or more."""
    browser_ticket_seconds: Annotated[float, Meta(ge=1, le=3600)] = 60.0
    """Seconds that a ticket is good for, once."""
    browser_sessions: Annotated[int, Meta(ge=1, le=10_000)] = 50
    """Browsers at a time."""
    browser_idle: Annotated[float, Meta(ge=1, le=3600)] = 300.0
    """Seconds without audio of the page after which its session ends."""
    browser_prebuffer: Annotated[float, Meta(ge=0, le=1)] = 0.2
    """Seconds that audio of a page is kept to even out how it comes."""
    browser_message_limit_bytes: Annotated[int, Meta(ge=4096, le=1_048_576)] = 256 * 1024
    """Largest message of a page, and body at ``/webhook/audio``."""

    def __post_init__(self) -> None:
        for name in SECRETS:
            msgspec.structs.force_setattr(self, name, Secret(getattr(self, name)))
        for name in ("public_url", "vapi_url", "twilio_url"):
            url = checked_url(name, getattr(self, name))
            msgspec.structs.force_setattr(self, name, url)
        networks(self.trusted_proxies)
        if bool(self.tls_cert) != bool(self.tls_key):
            missing, there = ("tls_key", "tls_cert") if self.tls_cert else ("tls_cert", "tls_key")
            raise ConfigError(f"{missing}: missing, and {there} is set; TLS needs both")

        for host in self.vapi_socket_hosts:
            if not _HOST.fullmatch(host):
                raise ConfigError(
                    "vapi_socket_hosts: expected hosts like sockets.example.com or *.example.com, "
                    f"found {host!r}"
                )
        if not self.vapi_rate:
            rate = 8000 if self.sends_mulaw else 16000
            msgspec.structs.force_setattr(self, "vapi_rate", rate)
        elif self.sends_mulaw and self.vapi_rate != 8000:
            raise ConfigError(f"vapi_rate: expected 8000 for mu-law, found {self.vapi_rate}")
        self._check_doors()

    def _check_doors(self) -> None:
        """Raise for a door that would be open to everybody, or of no use."""
        wrong = ""
        if self.tools and not self.vapi_webhook_secret:
            wrong = "tools: Vapi asks for them by its webhook, which needs vapi_webhook_secret"
        elif self.vapi_webhook_auth == "hmac" and self.vapi_hmac_secret_is_base64:
            try:
                base64.b64decode(self.vapi_webhook_secret, validate=True)
            except ValueError:
                wrong = "vapi_webhook_secret: vapi_hmac_secret_is_base64 is set, and it is none"
        if self.stream_callbacks and not self.status_callbacks:
            wrong = "stream_callbacks: needs status_callbacks, which takes them"
        if self.twilio_number:
            if not re.fullmatch(r"\+[1-9][0-9]{5,14}", self.twilio_number):
                wrong = f"twilio_number: expected +15550100, found {self.twilio_number!r}"
            elif not self.twilio_account_sid.startswith("AC"):
                wrong = "twilio_number: needs twilio_account_sid, AC..."
            elif bool(self.twilio_api_key) != bool(self.twilio_api_secret):
                wrong = "twilio_api_key and twilio_api_secret: both or none"
        elif self.number_required:
            wrong = "number_required: there is no twilio_number to set"
        if self.browser_door:
            if self.browser_tickets and len(self.browser_secret) < 16:
                wrong = "browser_door: needs a browser_secret of 16 characters or more for tickets"
            for origin in self.browser_origins:
                if not re.fullmatch(r"https?://[^/?#@\s*]+", origin):
                    wrong = f"browser_origins: expected https://host, found {origin!r}"
        if wrong:
            raise ConfigError(wrong)

    @classmethod
    def from_env(cls, environ: Mapping[str, str] = os.environ, **settings: Any) -> Config:
        """Read the configuration from the environment alone; ``settings`` come before it.

        ``TWILIO_AUTH_TOKEN`` and ``VAPI_API_KEY`` are needed.

        Raises:
            ConfigError: a key is missing, unknown or out of its range.
        """
        from .sources import load

        loaded = load(None, environ, settings)
        for warning in loaded.warnings:
            log.warning("%s", warning)
        return loaded.config

    @property
    def media_url(self) -> str:
        """Where Twilio opens its stream."""
        return self.public_url.replace("http", "ws", 1) + "/media"

    @property
    def sends_mulaw(self) -> bool:
        """True when Vapi's leg carries mu-law, as Twilio's does."""
        return self.vapi_format == "mulaw" or self.vapi_dialect == "seed"


def checked_url(name: str, url: str) -> str:
    """Return a base URL without the slash at its end.

    Raises:
        ConfigError: something other than ``https://host[:port][/path]``, or with ``http``.
    """
    try:
        parts = urlsplit(url)
        whole = parts.scheme in ("https", "http") and parts.hostname and (parts.port or 1)
    except ValueError:
        whole = False
    if not whole or parts.query or parts.fragment or parts.username or not url.isprintable():
        # What stands before an @ may be a password.
        shown = url.rpartition("@")[2][:100]
        raise ConfigError(f"{name}: expected https://host or http://host, found {shown!r}")
    return url.rstrip("/")


def networks(texts: tuple[str, ...]) -> list[IPv4Network | IPv6Network]:
    """Return addresses and networks as such.

    Raises:
        ConfigError: something else.
    """
    found = []
    for text in texts:
        try:
            found.append(ip_network(text))
        except ValueError:
            raise ConfigError(
                f"trusted_proxies: expected an address or a network as 10.0.0.0/8, found {text!r}"
            ) from None
    return found


HINTS: dict[str, Any] = get_type_hints(Config, include_extras=True)
"""The type of each key, with its range."""

SECRETS = tuple(
    name
    for name in Config.__struct_fields__
    if any(
        (getattr(meta, "extra", None) or {}).get("secret")
        for meta in getattr(HINTS[name], "__metadata__", ())
    )
)
"""The keys that are never shown."""
