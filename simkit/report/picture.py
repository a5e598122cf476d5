"""A call as a picture: both voices and every message on one time axis, as SVG.

Drawn from the timeline alone, the same bytes for the same timeline. One file, without scripts or
anything from elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from xml.sax.saxutils import escape, quoteattr

from ..checks import CheckResult
from ..timeline import BargeIn, Event, Timeline, barge_ins, calls_of, upstreams_of
from ..timeline.text import line, printable
from . import axis
from .voices import colour, own_sessions, voices

_WIDTH = 860
_LEFT = 74
_RIGHT = 14
_VOICE = 24
_GAP = 34
_LETTER = 6.1
"""Width of a letter of the small type, as far as one can tell without a font."""
_PARTS = ("detect", "react", "fly", "tail")
_ROW = 18
_MOST_ROWS = 12
_BAR = 250
"""Width of the longest barge-in below the lanes."""
_NAMED = {
    "clear",
    "close",
    "disconnect",
    "end-call",
    "error",
    "fault",
    "hang",
    "interrupt",
    "start",
    "stop",
    "user-interrupted",
    "warning",
}
"""What has its name written beside it; of everything else the name is shown on hovering."""
_UNSEEN = {"media", "speaks", "hears", "replies", "replied", "receives", "lost", "carrier"}
_STYLE = """
svg{font:11px system-ui,sans-serif;background:#fff}
text{fill:#1f2933}.heading{font-weight:600}.dim{fill:#5f6b77}.on{fill:#fff}
.lane{stroke:#87939f;stroke-width:.6}.grid{stroke:#87939f;stroke-width:.4;opacity:.5}
.mouth{fill:#2673b5}.r0{fill:#0f5c40}.r1{fill:#b0620c}.r2{fill:#7b52dc}.r3{fill:#c2348a}
.unknown{fill:#65717d}.unheard{fill:none;stroke:#65717d;stroke-dasharray:3 2}
.arrow{stroke:#87939f;fill:none}.named{stroke:#1f2933;stroke-width:1.4}.bad{stroke:#c8372a}
text.bad{fill:#c8372a;stroke:none}
.sound{fill:#c8372a}
text.name{paint-order:stroke;stroke:#fff;stroke-width:3px}.stop{fill:#c8372a;opacity:.18}
.p0{fill:#9a6700}.p1{fill:#9c1f24}.p2{fill:#1f7096}.p3{fill:#5f3aa0}
@media(prefers-color-scheme:dark){svg{background:#14191f}text{fill:#e4e7eb}.dim{fill:#97a3af}\
.on{fill:#14191f}.mouth{fill:#5aa6e4}.r0{fill:#66d9a0}.r1{fill:#e08a3c}.r2{fill:#9d80f0}\
.r3{fill:#e27fb4}.unknown{fill:#8b97a3}text.name{stroke:#14191f}.named{stroke:#e4e7eb}\
.bad{stroke:#ff7566}.sound{fill:#ff7566}text.bad{fill:#ff7566}.stop{fill:#ff7566}\
.p0{fill:#f2b640}.p1{fill:#ec6459}.p2{fill:#3f97dd}.p3{fill:#cdbdf0}}
""".strip()


def draw(
    timeline: Timeline,
    *,
    call: int = 1,
    start: float = 0.0,
    end: float | None = None,
    heading: str = "",
    checks: Sequence[CheckResult] = (),
) -> str:
    """Return a call as SVG.

    Args:
        timeline: of the run.
        call: which of its calls, from 1.
        start: first second that is shown.
        end: last second; None: where the timeline ends.
        heading: a line above it; cut where the picture ends.
        checks: how they came out: what broke a promise, and was said or heard, is framed.

    Raises:
        ValueError: there is nothing between them.
    """
    end_ns = timeline.duration_ns if end is None else round(end * 1e9)
    start_ns = round(start * 1e9)
    if not start_ns < end_ns:
        raise ValueError(f"a picture from {start:g} s on ends later; found {end_ns / 1e9:g} s")
    return _Picture(timeline, call, start_ns, end_ns, heading).draw(checks)


class _Picture:
    def __init__(
        self, timeline: Timeline, call: int, start_ns: int, end_ns: int, heading: str
    ) -> None:
        self._timeline = timeline
        self._call = call
        self._start_ns, self._end_ns = start_ns, end_ns
        self._scale = (_WIDTH - _LEFT - _RIGHT) / (end_ns - start_ns)
        self._parts: list[str] = []
        self._calls = calls_of(timeline)
        services = sorted(set(upstreams_of(timeline).values())) or ["vapi"]
        self._lanes = ["twilio", "bridge", *services]
        self._heading = " ".join(heading.split())
        self._top = 34 if heading else 16
        self._mouth_y, self._agent_y, self._ear_y = (
            self._top + 6 + row * (_VOICE + 6) for row in range(3)
        )
        self._first_y = self._ear_y + _VOICE + 30
        self._axis_y = self._first_y + _GAP * (len(self._lanes) - 1) + 32
        self._barge_ins = [
            (number, found)
            for number, found in enumerate(barge_ins(timeline, call), 1)
            if self._is_seen(found.onset_ns, self._stop_ns(found))
        ]
        rows = min(len(self._barge_ins), _MOST_ROWS + 1)
        self._height = self._axis_y + 8 + (rows * _ROW + 4 if rows else 0)
        self._taken: dict[str, list[tuple[float, float]]] = {}
        self._names: list[str] = []
        """Written last, over all lines."""

    def draw(self, checks: Sequence[CheckResult]) -> str:
        """Return the whole picture."""
        if self._heading:
            self._text(
                4, 13, _cut(self._heading, _WIDTH - 8 - 100 * bool(self._calls[1:])), "heading"
            )
        if self._calls[1:]:
            told = f"call {self._call} of {len(self._calls)}"
            self._text(_WIDTH - _RIGHT, 13 if self._heading else 10, told, "dim", "end")
        self._axis()
        for number, barge_in in self._barge_ins:
            self._bracket(number, barge_in)
        for name, y in (
            ("caller says", self._mouth_y),
            ("agent says", self._agent_y),
            ("caller hears", self._ear_y),
        ):
            self._text(4, y + 16, name)
        self._voices()
        self._broken(checks)
        for name in self._lanes:
            y = self._y(name)
            self._parts.append(f'<path class="lane" d="M{_LEFT} {y}H{_WIDTH - _RIGHT}"/>')
            self._text(4, y + 4, name.capitalize() if name != "bridge" else "bridge")
        sessions = own_sessions(self._timeline, self._call)
        for event in self._timeline:
            is_own = event.session is None or event.session in sessions
            if event.kind not in _UNSEEN and (event.call or self._call) == self._call and is_own:
                self._event(event)
        self._parts += self._names
        self._rows()
        told = printable(self._heading or f"call {self._call}, both voices and every message")
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {self._height}" '
            f'width="{_WIDTH}" height="{self._height}" role="img" aria-label={quoteattr(told)}>\n'
            f"<style>{_STYLE}</style>\n" + "\n".join(self._parts) + "\n</svg>\n"
        )

    def _x(self, t_ns: int) -> float:
        inside = min(max(t_ns, self._start_ns), self._end_ns)
        return round(_LEFT + (inside - self._start_ns) * self._scale, 1)

    def _y(self, lane: str) -> int:
        return self._first_y + _GAP * self._lanes.index(lane)

    def _is_seen(self, start_ns: int, end_ns: int) -> bool:
        return end_ns >= self._start_ns and start_ns <= self._end_ns

    def _text(self, x: float, y: float, text: str, style: str = "", anchor: str = "") -> None:
        shown = escape(printable(text))
        kind = f' class="{style}"' if style else ""
        where = f' text-anchor="{anchor}"' if anchor else ""
        self._parts.append(f'<text x="{x:g}" y="{y:g}"{kind}{where}>{shown}</text>')

    def _axis(self) -> None:
        for t_ns in axis.lines(self._start_ns, self._end_ns, 56 / self._scale):
            x = self._x(t_ns)
            self._parts.append(f'<path class="grid" d="M{x:g} {self._top}V{self._axis_y - 14}"/>')
            if x < _WIDTH - 24:
                self._text(x, self._axis_y, axis.name(t_ns), "dim", "middle")

    def _stop_ns(self, barge_in: BargeIn) -> int:
        if barge_in.time_to_stop_ms is None:
            return self._timeline.duration_ns
        return barge_in.onset_ns + round(barge_in.time_to_stop_ms * 1e6)

    def _bracket(self, number: int, barge_in: BargeIn) -> None:
        """Shade from the caller's first sound until the agent is silent, divided into its parts."""
        stop_ns = self._stop_ns(barge_in)
        x, end = self._x(barge_in.onset_ns), self._x(stop_ns)
        bottom = self._ear_y + _VOICE
        self._parts.append(
            f'<rect class="stop" x="{x:g}" y="{self._top}" width="{max(end - x, 1):.1f}" '
            f'height="{bottom - self._top}"/>'
        )
        at_ns = barge_in.onset_ns
        for style, part_ms in enumerate(_leading(barge_in)):
            start, at_ns = self._x(at_ns), at_ns + round(part_ms * 1e6)
            self._box(f"p{style}", start, self._top, self._x(at_ns) - start, 4)
        if barge_in.time_to_stop_ms is not None and barge_in.unheard_ms:
            unheard_ns = stop_ns + round(barge_in.unheard_ms * 1e6)
            title = f"{barge_in.unheard_ms:.0f} ms that the caller was spared"
            told = f"not heard: {barge_in.unheard_ms / 1e3:.2f} s"
            # What is heard next, or flushed next, stands before it.
            later = [one.start_ns for one in voices(self._timeline, self._call) if one.row == "ear"]
            later += [self._stop_ns(other) for _, other in self._barge_ins]
            free_ns = min((t_ns for t_ns in later if t_ns > stop_ns), default=unheard_ns)
            self._span(stop_ns, unheard_ns, self._ear_y, "unheard", title)
            left, right = self._x(stop_ns), self._x(min(unheard_ns, free_ns))
            if right - left > 8 + len(told) * _LETTER:
                self._within(left, right, self._ear_y, told, "dim")
        self._name(x, self._top - 7, str(number), "bad", elsewhere=False)

    def _rows(self) -> None:
        """Write below the lanes where the time of each barge-in went."""
        y = self._axis_y + 20
        longest = max((sum(_leading(found)) for _, found in self._barge_ins), default=0.0)
        for number, found in self._barge_ins[:_MOST_ROWS]:
            stop_ms = found.time_to_stop_ms
            self._text(4, y, f"{number}: {found.onset_ns / 1e9:.3f} s")
            x = float(_LEFT)
            for style, part_ms in enumerate(_leading(found)):
                width = round(part_ms / longest * _BAR, 1) if longest else 0.0
                self._box(f"p{style}", x, y - 9, width, 10)
                x += width
            told = "never stops" if stop_ms is None else f"stops after {stop_ms:.0f} ms"
            self._text(_LEFT + _BAR + 8, y, told, "bad")
            for style, (name, took_ms) in enumerate(zip(_PARTS, found.whole_ms[1:], strict=True)):
                x = _LEFT + _BAR + 136 + style * 100
                self._box(f"p{style}", x, y - 8, 8, 8)
                self._text(x + 12, y, f"{name} {'-' if took_ms is None else f'{took_ms} ms'}")
            y += _ROW
        if len(self._barge_ins) > _MOST_ROWS:
            self._text(4, y, f"and {len(self._barge_ins) - _MOST_ROWS} more", "dim")

    def _box(self, style: str, x: float, y: float, width: float, height: float) -> None:
        if width > 0:
            self._parts.append(
                f'<rect class="{style}" x="{x:g}" y="{y:g}" width="{width:.1f}" '
                f'height="{height:g}"/>'
            )

    def _voices(self) -> None:
        rows = {"mouth": self._mouth_y, "agent": self._agent_y, "ear": self._ear_y}
        for one in voices(self._timeline, self._call):
            title, text = line(one.event).strip(), one.event.fields["text"] or ""
            self._span(one.start_ns, one.end_ns, rows[one.row], colour(one), title, text)

    def _broken(self, checks: Sequence[CheckResult]) -> None:
        """Frame what was said or heard, or silence, by which a promise was broken."""
        rows = {"mouth": self._mouth_y, "ear": self._ear_y}
        broken = {
            (check.name, sound): violation.sentence
            for check in checks
            if not check.passed
            for violation in check.violations
            for sound in violation.sounds
            if sound.call == self._call and self._is_seen(sound.start_ns, sound.end_ns)
        }
        for (name, sound), sentence in broken.items():
            x, end, y = self._x(sound.start_ns), self._x(sound.end_ns), rows[sound.row]
            end = max(end, x + 4)
            self._parts.append(
                f'<path class="sound" fill-rule="evenodd" d="M{x - 2:g} {y - 2}H{end + 2:g}'
                f"V{y + _VOICE + 5}H{x - 2:g}zM{x:g} {y}V{y + _VOICE}H{end:g}V{y}z"
                f'"><title>{escape(printable(sentence))}</title></path>'
            )
            self._name(x, self._ear_y + _VOICE + 14, name, "bad", elsewhere=False)

    def _span(
        self,
        start_ns: int,
        end_ns: int,
        y: int,
        style: str,
        title: str,
        text: str = "",
    ) -> None:
        if not self._is_seen(start_ns, end_ns):
            return
        x, end = self._x(start_ns), self._x(end_ns)
        self._parts.append(
            f'<rect class="{style}" x="{x:g}" y="{y}" width="{max(end - x, 1):.1f}" '
            f'height="{_VOICE}" rx="3"><title>{escape(title)}</title></rect>'
        )
        self._within(x, end, y, text, "on")

    def _within(self, x: float, end: float, y: int, text: str, style: str) -> None:
        """Write as much of a text as there is room for."""
        if text and end - x > 8 + 3 * _LETTER:
            self._text(x + 4, y + 16, _cut(text, end - x - 8), style)

    def _event(self, event: Event) -> None:
        """Draw a message as an arrow from lane to lane, anything else as a dot on its own."""
        start_ns = event.t_ns if event.sent_ns is None else event.sent_ns
        end_ns = event.t_ns if event.arrived_ns is None else event.arrived_ns
        if not self._is_seen(start_ns, end_ns):
            return
        named = event.kind in _NAMED
        bad = " bad" if event.kind in ("error", "warning", "fault", "unhandled-error") else ""
        style = f"arrow{' named' if named else ''}{bad}"
        title = f"<title>{escape(line(event).strip())}</title>"
        x = self._x(start_ns)
        if event.source in self._lanes and event.target in self._lanes:
            y, to_x, to_y = self._y(event.source), self._x(end_ns), self._y(event.target)
            tip = 4 if to_y > y else -4
            self._parts.append(
                f'<path class="{style}" d="M{x:g} {y}L{to_x:g} {to_y}m-3 {-tip}l3 {tip}l3 {-tip}">'
                f"{title}</path>"
            )
            between = max(y, to_y) - _GAP / 2
        elif event.source in self._lanes:
            y = self._y(event.source)
            self._parts.append(f'<path class="{style}" d="M{x:g} {y - 5}V{y + 5}">{title}</path>')
            between = y - 7.0
        else:
            return
        if named:
            self._name(x + 4, between, event.kind, bad.strip())

    def _name(self, x: float, y: float, text: str, style: str, *, elsewhere: bool = True) -> None:
        """Write a name where no other one stands; nowhere if all is full."""
        width = len(text) * _LETTER
        x = min(x, _WIDTH - _RIGHT - width)
        for row in (y + 3, y + 13, y - 7)[: 3 if elsewhere else 1]:
            taken = self._taken.setdefault(f"{row:g}", [])
            if all(x >= end or x + width <= begin for begin, end in taken):
                taken.append((x, x + width))
                self._text(round(x, 1), row, text, f"name {style}".strip())
                self._names.append(self._parts.pop())
                return


def _leading(barge_in: BargeIn) -> list[float]:
    """Return the parts in ms as far as one follows the other."""
    found = []
    for part_ms in barge_in.parts:
        if part_ms is None or part_ms < 0:
            break
        found.append(part_ms)
    return found


def _cut(text: str, width: float) -> str:
    room = int(width / _LETTER)
    return text if len(text) <= room else text[: room - 1].rstrip() + "…"
