"""What a browser's core is told and asks for, besides what it has in common with phone calls."""

from __future__ import annotations

from msgspec import Struct

from ..wire import browser
from .events import Action, CoreEvent


class Sound(Struct, frozen=True):
    """Event: audio that came by another way than the socket; 16-bit PCM."""

    data: bytes
    rate: int


class BrowserGone(Struct, frozen=True):
    """Event: the page's socket is closed."""


class CloseBrowser(Struct, frozen=True):
    """Action: close the page's socket, once what was sent before has left."""

    code: int


BrowserEvent = browser.Audio | Sound | BrowserGone | CoreEvent
BrowserAction = browser.ToBrowser | CloseBrowser | Action
