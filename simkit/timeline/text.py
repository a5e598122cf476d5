"""The timeline as text that a person reviews in a pull request.

One line an event; runs of media fold into one line; ids are short and stable; there is no
wall-clock time, path or random id in it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .barge_ins import BargeIn, barge_ins
from .events import Event, Timeline
from .intervals import upstreams_of


def render(timeline: Timeline) -> str:
    """Return the whole timeline as text, a newline at its end."""
    shown = [event for event in timeline.events if event.kind not in SILENT]
    several = len({event.call for event in shown} - {None}) > 1
    services = upstreams_of(timeline)
    lines = [
        (event.t_ns, (_belongs(event, services) if several else "") + line(event))
        for event in shown
    ]
    silences: dict[tuple[int, int], str] = {}
    for barge_in in barge_ins(timeline):
        for when_ns, text in _silence(barge_in):
            # Who speaks three times before the agent stops hears it stop once.
            silences.setdefault((barge_in.call, when_ns), text)
    lines += [
        (when_ns, (f"call {call}  " if several else "") + text)
        for (call, when_ns), text in silences.items()
    ]
    lines.sort(key=lambda entry: entry[0])
    return "".join(f"{text.rstrip()}\n" for _, text in lines)


def line(event: Event) -> str:
    """Return one event as a line."""
    more = "+" if event.kind in ("media", "lost") else " "
    what = _WORDS.get(event.kind, _plainly)(event)
    if event.target is None:
        return f"{event.t_ns / 1e9:9.3f}{more} {event.source:<8} {what}"
    return f"{event.t_ns / 1e9:9.3f}{more} {event.source:<8} > {event.target:<8} {what}"


def _belongs(event: Event, services: dict[int | None, str]) -> str:
    if event.call is not None:
        return f"call {event.call}  "
    if event.session is None:
        return " " * 8
    return f"{services.get(event.session, 'vapi')} {event.session}  "


def _silence(barge_in: BargeIn) -> list[tuple[int, str]]:
    """Return when the agent fell silent for the caller, as a line; nothing if it never did."""
    stop_ms = barge_in.time_to_stop_ms
    if stop_ms is None:
        return []
    when_ns = barge_in.onset_ns + round(stop_ms * 1e6)
    text = f"{when_ns / 1e9:9.3f}  {'caller':<8} hears      silence, {stop_ms:.0f} ms after onset"
    if barge_in.unheard_ms is not None:
        text += f"; {barge_in.unheard_ms / 1000:.1f} s unheard"
    return [(when_ns, text)]


def printable(text: str) -> str:
    """Replace what would move a cursor, break a line or hide something."""
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def quoted(text: str) -> str:
    """Quote what somebody said or named, on one line and not too much of it."""
    safe = printable(text)
    if len(safe) > _SHOWN:
        safe = safe[:_SHOWN].rsplit(" ", 1)[0] + " ..."
    return f'"{safe}"'


def _quoted_reason(text: str) -> str:
    """Quote why something happened; of much, the middle is left out: the end often says it."""
    safe = printable(text)
    if len(safe) > _TOLD:
        head, tail = safe[: _TOLD - _TAIL].rsplit(" ", 1)[0], safe[-_TAIL:].split(" ", 1)[-1]
        safe = f"{head} ... {tail}"
    return f'"{safe}"'


def _seconds(ns: int) -> str:
    return f"{ns / 1e9:.3f} s"


def _media(event: Event) -> str:
    fields = event.fields
    order = f"  {fields['out_of_order']} out of order" if fields["out_of_order"] else ""
    return f"media x{fields['frames']}  {_seconds(fields['audio_ns'])}{order}"


def _request(event: Event) -> str:
    shown = "  ".join(f"{key}={_value(value)}" for key, value in event.fields["shown"].items())
    return f"{event.fields['method']} {printable(event.fields['path'])}  {shown}"


def _response(event: Event) -> str:
    return f"HTTP {event.fields['status']}  {printable(event.fields['summary'])}"


def _speaks(event: Event) -> str:
    fields = event.fields
    aside = "" if fields.get("directed", True) else "  aside"
    return f"speaks     {quoted(fields['text'])}  {_seconds(fields['duration_ns'])}{aside}"


def _noise(event: Event) -> str:
    fields = event.fields
    return (
        f"makes noise {fields['name']}, {fields['level_dbfs']:g} dBFS  "
        f"{_seconds(fields['duration_ns'])}"
    )


def _background(event: Event) -> str:
    fields = event.fields
    level = "" if fields["level_dbfs"] is None else f", {fields['level_dbfs']:g} dBFS"
    return f"is amid    {fields['name']}{level}"


def _carrier(event: Event) -> str:
    fields = event.fields
    knobs = "  ".join(f"{name}={_value(value)}" for name, value in fields["knobs"].items())
    return f"towards {fields['towards']}  {_seconds(fields['delay_ns'])} late  {knobs}"


def _lost(event: Event) -> str:
    fields = event.fields
    late = f", {fields['late']} of them late" if fields["late"] else ""
    return f"loses      x{fields['packets']} towards {fields['towards']}{late}"


def _replies(event: Event) -> str:
    fields = event.fields
    return (
        f"speaks     reply {fields['reply']} {quoted(fields['text'])}  "
        f"{_seconds(fields['duration_ns'])}"
    )


def _replied(event: Event) -> str:
    fields = event.fields
    if not fields["interrupted"]:
        return f"is done    reply {fields['reply']}"
    return f"stops      reply {fields['reply']}, {_seconds(fields['audio_ns'])} of it sent"


def _hears(event: Event) -> str:
    fields = event.fields
    what = quoted(fields["text"]) if fields["utterance"] is not None else "something unknown"
    return f"hears      {what}  {_seconds(fields['duration_ns'])}"


def _receives(event: Event) -> str:
    fields = event.fields
    key, offset = fields["utterance"], _seconds(fields["offset_ns"])
    what = "something unknown" if key is None else f"utterance {key} from {offset}"
    return f"receives   {what}  {_seconds(fields['duration_ns'])}"


def _slow_reader(event: Event) -> str:
    fields = event.fields
    rest = "to the end" if fields["last_ns"] is None else f"until {fields['last_ns'] / 1e9:.3f}"
    return f"waits      {fields['peer']} reads too slowly {rest}, {fields['most']} bytes unsent"


def _log(event: Event) -> str:
    return f"says       {quoted(event.fields['message'])}"


def _transcript(event: Event) -> str:
    fields = event.fields
    return f"transcript {fields['transcript_type']} {fields['role']} {quoted(fields['text'])}"


def _speech_update(event: Event) -> str:
    return f"speech-update {event.fields['role']} {event.fields['status']}"


def _truncate(event: Event) -> str:
    return f"truncate   reply {event.fields['reply']} after {_seconds(event.fields['audio_ns'])}"


def _mark(event: Event) -> str:
    return f"mark {quoted(event.fields['name'])}"


def _close(event: Event) -> str:
    return f"close {event.fields['code']}"


def _plainly(event: Event) -> str:
    # Which line of the program it was changes with every edit: it is for checks and people.
    hidden = _PLACES if event.kind in ("leaks", "stall", "unhandled-error") else ()
    shown = "  ".join(
        f"{key}={_value(value, quoted if key == 'text' else _quoted_reason)}"
        for key, value in event.fields.items()
        if key not in hidden
    )
    return f"{event.kind}  {shown}" if shown else event.kind


def _value(value: Any, quote: Callable[[str], str] = quoted) -> str:
    if isinstance(value, str) and (" " in value or not value.isprintable()):
        return quote(value)
    return printable(str(value))


_SHOWN = 64
"""Letters of what is said."""
_TOLD, _TAIL = 200, 80
"""Letters of a reason, and of its end where it is longer."""
_PLACES = ("task", "line", "lines", "armed")
SILENT = ("receives", "log", "slow-reader", "clip")
"""Kinds that are not printed: for measures and checks."""
_WORDS: dict[str, Callable[[Event], str]] = {
    "media": _media,
    "request": _request,
    "response": _response,
    "speaks": _speaks,
    "noise": _noise,
    "background": _background,
    "carrier": _carrier,
    "lost": _lost,
    "replies": _replies,
    "replied": _replied,
    "hears": _hears,
    "receives": _receives,
    "slow-reader": _slow_reader,
    "log": _log,
    "transcript": _transcript,
    "speech-update": _speech_update,
    "mark": _mark,
    "truncate": _truncate,
    "close": _close,
}

OWN_KINDS = frozenset(_WORDS) | {
    "clip",
    "fault",
    "forged",
    "garbage",
    "leaks",
    "outside-world",
    "pacing",
    "stall",
    "unhandled-error",
}
"""Kinds that tell of no message, or whose fields something relies on."""
