"""TwiML: the instructions a voice webhook answers with."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urljoin, urlsplit
from xml.etree import ElementTree
from xml.parsers import expat

from ..wire.errors import shorten
from .problems import StreamUrlError, checked_url

MAX_PARAMETER = 500
"""Characters that name and value of a ``<Parameter>`` may have together."""

TRACKS = {
    "inbound_track": ["inbound"],
    "outbound_track": ["outbound"],
    "both_tracks": ["inbound", "outbound"],
}

_PROMPTS = frozenset(("Say", "Play", "Pause"))
_ATTRIBUTES = {
    "Say": "voice language loop",
    "Play": "loop digits",
    "Pause": "length",
    "Gather": "input action method timeout speechTimeout numDigits finishOnKey language hints "
    "partialResultCallback partialResultCallbackMethod profanityFilter enhanced speechModel "
    "bargeIn actionOnEmptyResult debug",
    "Redirect": "method",
    "Hangup": "",
    "Reject": "reason",
    "Connect": "action method",
    "Start": "action method",
    "Stop": "",
    "Stream": "url name track statusCallback statusCallbackMethod connectorName",
    "Parameter": "name value",
}
_CHILDREN = {
    "Gather": _PROMPTS,
    "Connect": frozenset(("Stream",)),
    "Start": frozenset(("Stream",)),
    "Stop": frozenset(("Stream",)),
    "Stream": frozenset(("Parameter",)),
}
UNSUPPORTED = frozenset(
    ("Dial", "Record", "Enqueue", "Leave", "Sms", "Message", "Refer", "Pay", "Prompt", "Echo")
)
"""Verbs that Twilio knows and this fake does not run."""
_NOUNS = frozenset(
    (
        "Assistant",
        "AiSession",
        "Autopilot",
        "Conversation",
        "ConversationRelay",
        "ConversationRelaySession",
        "Recording",
        "Room",
        "Siprec",
        "Transcription",
        "VirtualAgent",
    )
)
"""What Twilio knows within ``<Connect>``, ``<Start>`` and ``<Stop>`` besides a stream."""


class TwimlError(ValueError):
    """A document or an instruction that cannot be followed; ``code`` is Twilio's error code."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code


@dataclass
class Verb:
    """One instruction, with what is nested in it."""

    name: str
    text: str = ""
    attributes: dict[str, str] = field(default_factory=dict)
    children: list[Verb] = field(default_factory=list)

    def whole(self, attribute: str, default: int, most: int, warnings: list[str]) -> int:
        """Return a whole number; ``default``, with a warning, when it is none up to ``most``."""
        text = self.attributes.get(attribute, "").strip()
        if not text:
            return default
        if text.isascii() and text.isdigit() and len(text) < 10 and int(text) <= most:
            return int(text)
        warnings.append(
            f"<{self.name} {attribute}>: expected a whole number up to {most}, found {text!r}"
        )
        return default

    def method(self, warnings: list[str], attribute: str = "method") -> str:
        """Return ``GET`` or ``POST``; POST, with a warning, for anything else."""
        text = self.attributes.get(attribute, "POST").strip().upper()
        if text in ("GET", "POST"):
            return text
        warnings.append(f"<{self.name} {attribute}>: expected GET or POST, found {text!r}")
        return "POST"


@dataclass
class Document:
    """The verbs of a document, and what is wrong with it that does not matter (12200)."""

    verbs: list[Verb]
    warnings: list[str]


@dataclass
class StreamOrder:
    """What a ``<Stream>`` asks for."""

    url: str
    parameters: dict[str, str] = field(default_factory=dict)
    name: str | None = None
    tracks: list[str] = field(default_factory=lambda: ["inbound"])
    status_callback: str | None = None
    status_callback_method: str = "POST"
    fault: TwimlError | None = None
    """Why it cannot be connected, if so."""


def parse(document: bytes) -> Document:
    """Return the verbs of a TwiML document.

    Raises:
        TwimlError: 12100 not XML, 12200 not a ``<Response>``.

    >>> parse(b"<Response><Say>Hello.</Say></Response>").verbs[0].text
    'Hello.'
    """
    root = _tree(document)
    if root.tag != "Response":
        raise TwimlError(12200, f"expected <Response>, found <{shorten(root.tag)[1:-1]}>")
    warnings: list[str] = []
    verbs = [
        _verb(element, warnings)
        for element in root
        if _is_known(element, "Response", frozenset(_VERBS), warnings)
    ]
    return Document(verbs, warnings)


_VERBS = frozenset(_ATTRIBUTES) - {"Stream", "Parameter"} | UNSUPPORTED


def _tree(document: bytes) -> Any:
    """Read XML, whatever its encoding, without any document type."""
    builder = ElementTree.TreeBuilder()
    parser = expat.ParserCreate()

    def refuse(*_: object) -> None:
        raise TwimlError(12100, "a document type declaration is not allowed in TwiML")

    parser.StartDoctypeDeclHandler = refuse
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.data
    try:
        parser.Parse(document, True)
        return builder.close()
    except TwimlError:
        raise
    # Besides its own errors the parser raises these for encodings that it does not know.
    except (expat.ExpatError, LookupError, ValueError, AssertionError) as error:
        raise TwimlError(12100, f"document parse failure: {error}: {shorten(document)}") from None


def _verb(element: Any, warnings: list[str]) -> Verb:
    name = element.tag
    known = _ATTRIBUTES.get(name)
    children: list[Verb] = []
    if known is None:
        return Verb(name)
    strange = [attribute for attribute in element.attrib if attribute not in known.split()]
    warnings += [f"<{name}>: unknown attribute {shorten(attribute)}" for attribute in strange]
    allowed = _CHILDREN.get(name)
    if allowed is not None:
        children = [
            _verb(child, warnings) for child in element if _is_known(child, name, allowed, warnings)
        ]
    elif name != "Say" and len(element):
        # What is nested in <Say> is markup for its voice.
        warnings.append(f"<{name}>: nothing may be nested in it, found <{_tag(element[0])}>")
    text = "".join(element.itertext()) if name == "Say" else element.text or ""
    return Verb(name, " ".join(text.split()), dict(element.attrib), children)


def _is_known(element: Any, parent: str, allowed: frozenset[str], warnings: list[str]) -> bool:
    streams = parent in ("Connect", "Start", "Stop")
    if element.tag in allowed or (streams and element.tag in _NOUNS):
        return True
    warnings.append(f"<{parent}>: unknown element <{_tag(element)}>")
    return False


def _tag(element: Any) -> str:
    return shorten(element.tag)[1:-1]


def stream_order(stream: Verb, base_url: str, warnings: list[str]) -> StreamOrder:
    """Read a ``<Stream>``; a URL that cannot be connected to is its ``fault``.

    Codes of faults: 31920 a query string, 31922 not wss, 31923 malformed.
    """
    url, fault = _stream_url(stream.attributes.get("url", "").strip(), base_url)
    parameters = {}
    for child in stream.children:
        name, value = child.attributes.get("name", ""), child.attributes.get("value", "")
        if not name or len(name) + len(value) >= MAX_PARAMETER:
            warnings.append(
                f"<Parameter name={shorten(name)}>: a name is needed, and under "
                f"{MAX_PARAMETER} characters"
            )
            continue
        parameters[name] = value
    track = stream.attributes.get("track", "inbound_track")
    if track not in TRACKS:
        warnings.append(f"<Stream track>: expected one of {', '.join(TRACKS)}, found {track!r}")
    callback = stream.attributes.get("statusCallback", "").strip() or None
    if callback is not None and urlsplit_or_none(callback) is None:
        warnings.append(f"<Stream statusCallback>: an absolute URL is needed, found {callback!r}")
        callback = None
    return StreamOrder(
        url,
        parameters,
        stream.attributes.get("name") or None,
        TRACKS.get(track, ["inbound"]),
        callback,
        stream.method(warnings, "statusCallbackMethod"),
        fault,
    )


def _stream_url(given: str, base_url: str) -> tuple[str, TwimlError | None]:
    if not given:
        return given, TwimlError(31923, "<Stream url>: there is none")
    try:
        url = given
        # urljoin would lend its host to a URL that has a scheme and no host.
        if not urlsplit(given).scheme:
            url = urljoin(base_url.replace("https://", "wss://", 1), given)
        return checked_url(url), None
    except StreamUrlError as error:
        return given, TwimlError(error.code, str(error))
    except ValueError as error:
        return given, TwimlError(31923, f"<Stream url>: {error}; found {shorten(given)}")


def urlsplit_or_none(url: str) -> Any:
    """Return the parts of an absolute http or https URL, None when it is none."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        return None
    return parts if usable else None


def summary(document: bytes) -> str:
    """Name a document's verbs on one line."""
    try:
        verbs = parse(document).verbs
    except TwimlError:
        return "TwiML, damaged"
    streams = [verb for verb in verbs if verb.name == "Connect" and verb.children]
    if streams and streams[0].children[0].name == "Stream":
        before = [verb.name for verb in verbs[: verbs.index(streams[0])]]
        url = streams[0].children[0].attributes.get("url", "")
        return " ".join(["TwiML", *before, "Connect Stream", url])
    return " ".join(["TwiML", *(verb.name for verb in verbs)])
