"""TwiML: the instructions a voice webhook answers with."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urljoin
from xml.etree import ElementTree

from ..wire.errors import shorten
from .problems import StreamUrlError, checked_url

MAX_PARAMETER = 500
"""Characters that name and value of a ``<Parameter>`` may have together."""


class TwimlError(ValueError):
    """The document is not TwiML; ``code`` is Twilio's error code."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code


@dataclass
class Verb:
    """One instruction."""

    name: str
    text: str = ""
    attributes: dict[str, str] = field(default_factory=dict)


@dataclass
class ConnectStream(Verb):
    """``<Connect><Stream>``: a bidirectional media stream."""

    url: str = ""
    parameters: dict[str, str] = field(default_factory=dict)
    stream_name: str | None = None


def parse(document: bytes, base_url: str) -> list[Verb]:
    """Return the verbs of a TwiML document.

    Args:
        document: the body of the webhook's answer.
        base_url: what relative URLs in it are relative to.

    Raises:
        TwimlError: 12100 not XML, 12200 not TwiML, 31920 a stream URL with a query string,
            31922 a stream URL that is not wss, 31923 a malformed one.
    """
    if b"<!DOCTYPE" in document or b"<!ENTITY" in document:
        raise TwimlError(12100, "a document type declaration is not allowed in TwiML")
    try:
        root = ElementTree.fromstring(document)  # noqa: S314 - no entities can be declared
    except ElementTree.ParseError as error:
        raise TwimlError(12100, f"document parse failure: {error}: {shorten(document)}") from None
    if root.tag != "Response":
        raise TwimlError(12200, f"expected <Response>, found <{root.tag}>")
    return [_verb(element, base_url) for element in root]


def _verb(element: Any, base_url: str) -> Verb:
    text = (element.text or "").strip()
    if element.tag == "Connect":
        streams = element.findall("Stream")
        if len(streams) == 1 and len(element) == 1:
            return _connect(element, streams[0], base_url)
    return Verb(element.tag, text, dict(element.attrib))


def _connect(connect: Any, stream: Any, base_url: str) -> ConnectStream:
    try:
        url = checked_url(urljoin(_as_socket_url(base_url), stream.get("url", "")))
    except StreamUrlError as error:
        raise TwimlError(error.code, str(error)) from None
    except ValueError as error:
        raise TwimlError(31923, f"<Stream url>: {error}") from None
    parameters = {}
    for parameter in stream.findall("Parameter"):
        name, value = parameter.get("name", ""), parameter.get("value", "")
        if not name or len(name) + len(value) >= MAX_PARAMETER:
            raise TwimlError(
                12200, f"<Parameter name={name!r}>: a name is needed, and under 500 characters"
            )
        parameters[name] = value
    return ConnectStream("Connect", "", dict(connect.attrib), url, parameters, stream.get("name"))


def _as_socket_url(url: str) -> str:
    return url.replace("https://", "wss://", 1)
