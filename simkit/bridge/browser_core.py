"""The core of a browser's session: everything it decides, without I/O.

It is to :mod:`~simkit.bridge.browser` what :mod:`~simkit.bridge.core` is to phone calls, and made
of the same parts. A browser is not a phone in three ways: its audio comes over the open internet
and has to be evened out, it tells nobody what it has played, and nobody but us can tell it to stop.
"""

from __future__ import annotations

import binascii
from collections.abc import Callable
from typing import Any

import numpy as np
from msgspec import UNSET

from ..audio import mulaw
from ..wire import WireError, browser
from .browser_codec import Ear, FromVapi, to_vapi
from .browser_events import BrowserAction, BrowserEvent, BrowserGone, CloseBrowser, Sound
from .config import Config
from .events import (
    AgentAudio,
    AgentStarted,
    AgentStopped,
    CallEnded,
    CallerSaid,
    CallerStarted,
    CancelReply,
    Count,
    EndVapi,
    Interrupted,
    Malformed,
    Note,
    OpenVapi,
    SendCallerAudio,
    SetTimer,
    SlowReader,
    TimerDue,
    VapiGone,
    VapiReady,
)
from .jitter import FRAME_NS, JitterBuffer
from .lateness import Lateness
from .own_vad import OwnVad
from .reconnect import Reconnects
from .reorder import InOrder
from .turns import AgentSpeech, is_backchannel
from .waiting import Waiting

_MOST_ERRORS = 50
"""Messages that were no good, after which a page is no page."""
_QUIETER_DB = 10.0
"""What is so much below the level of voice may be left out."""
_CATCH_UP = 50
"""Frames sent at once after a stall of our own."""


class BrowserCore:
    """One browser's session, from the opening of its socket to the end of both.

    Args:
        config: how it runs.
        session_id: what it is called, to the page too.
    """

    def __init__(self, config: Config, session_id: str) -> None:
        self._config = config
        self._id = session_id
        self._order: InOrder[tuple[bytes, int]] = InOrder()
        self._lateness = Lateness(_ns(config.stale_after))
        self._rate = -1
        self._to_vapi: Callable[[bytes], bytes] = bytes
        self._ear = Ear(config.vapi_rate, as_mulaw=config.sends_mulaw)
        self._vad = OwnVad(
            level_db=config.own_vad_level,
            voice_ns=_ns(config.own_vad_voice),
            silence_ns=_ns(config.debounce),
        )
        self._quiet = 160 * 32768.0**2 * 10 ** ((config.own_vad_level - _QUIETER_DB) / 10)
        self._jitter = JitterBuffer(
            frame=self._ear.frame,
            silence=self._ear.silence,
            depth_ns=_ns(config.browser_prebuffer),
            limit_ns=_ns(config.stale_after),
            is_quiet=self._is_quiet,
        )
        self._waiting = Waiting(_ns(config.cold_start_limit) // FRAME_NS * self._ear.frame)
        self._reconnects = Reconnects()
        self._losses = 0
        self._vapi_is_ready = False
        self._was_ready = False
        self._begin_agent_leg()
        self._agent = AgentSpeech(
            grace_ns=_ns(config.late_partial_grace), new_reply_gap_ns=_ns(config.new_reply_gap)
        )
        self._uncut = False
        self._sent = 0
        self._next_frame_ns: int | None = None
        self._last_sound_ns = 0
        self._watches_order = False
        self._errors = 0
        self._is_ending = False
        self._said: set[str] = set()
        self.is_over = False
        """True once the session has ended; every later event is ignored."""
        self._handlers: dict[type, Callable[[Any, int], list[BrowserAction]]] = {
            browser.Audio: self._on_audio,
            Sound: lambda event, now_ns: self._on_sound(event.data, event.rate, now_ns),
            BrowserGone: lambda event, now_ns: self._end(),
            Malformed: lambda event, now_ns: self._refuse(event.text, "PROCESSING_ERROR"),
            SlowReader: self._on_slow_reader,
            VapiReady: self._on_vapi_ready,
            VapiGone: self._on_vapi_gone,
            AgentAudio: self._on_agent_audio,
            AgentStarted: self._on_agent_started,
            AgentStopped: self._on_agent_stopped,
            CallerStarted: self._on_caller_started,
            CallerSaid: self._on_caller_said,
            Interrupted: lambda event, now_ns: self._cut_off(now_ns),
            CallEnded: self._on_call_ended,
            TimerDue: lambda event, now_ns: self._timers[event.name](now_ns),
        }
        self._timers: dict[str, Callable[[int], list[BrowserAction]]] = {
            "frame": self._on_frame_timer,
            "order": self._on_gap,
            "agent-order": self._on_agent_gap,
            "idle": self._on_idle_timer,
            "reconnect": lambda now_ns: [OpenVapi(self._id, self._losses)],
            "close": lambda now_ns: self._end([CloseBrowser(1000)]),
        }

    def _begin_agent_leg(self) -> None:
        self._from_vapi = FromVapi(as_mulaw=self._config.sends_mulaw)
        self._agent_order: InOrder[bytes] = InOrder()

    def begin(self, now_ns: int) -> list[BrowserAction]:
        """The socket is open: what to do first."""
        self._last_sound_ns = now_ns
        return [OpenVapi(self._id), SetTimer("idle", now_ns + _ns(self._config.browser_idle))]

    def handle(self, event: BrowserEvent, now_ns: int) -> list[BrowserAction]:
        """Take one event; returns what to do, in order. Events of no concern do nothing."""
        handler = self._handlers.get(type(event))
        if self.is_over or handler is None:
            return []
        return handler(event, now_ns)

    def _end(self, actions: list[BrowserAction] | None = None) -> list[BrowserAction]:
        self.is_over = True
        return [EndVapi(), *(actions or [])]

    def _fail(self, text: str, code: str, close: int) -> list[BrowserAction]:
        return self._end([Note(text, True), browser.Error(text, code), CloseBrowser(close)])

    # Audio of the page

    def _on_audio(self, event: browser.Audio, now_ns: int) -> list[BrowserAction]:
        try:
            sound, rate = browser.pcm_of(event)
        except WireError as error:
            return self._refuse(str(error), "INVALID_AUDIO")
        said: list[BrowserAction] = []
        if event.timestamp is not UNSET and self._is_stale(event.timestamp, now_ns):
            said, sound = self._dropped(len(sound), "stale"), b""
        if event.sequence is UNSET:
            return said + self._on_sound(sound, rate, now_ns)
        for chunk, its_rate in self._order.push(event.sequence, (sound, rate)):
            said += self._on_sound(chunk, its_rate, now_ns)
        if self._order.is_waiting and not self._watches_order:
            self._watches_order = True
            said.append(SetTimer("order", now_ns + _ns(self._config.reorder_limit)))
        return said

    def _is_stale(self, timestamp: float, now_ns: int) -> bool:
        if not -1e15 < timestamp < 1e15:
            return False
        stale = self._lateness.is_stale(round(timestamp), now_ns)
        if not stale:
            self._lateness.stale = 0
        return stale

    def _on_gap(self, now_ns: int) -> list[BrowserAction]:
        """A chunk did not come: silence as long as the next one takes its place."""
        self._watches_order = False
        missing, chunks = self._order.skip()
        if not missing:
            return []
        sound, rate = chunks[0]
        most = _ns(self._config.stale_after) * rate // 500_000_000 & ~1
        said = self._dropped(0, "missing", f"{missing} chunks of the page's audio are missing")
        said += self._on_sound(bytes(min(missing * len(sound), most)), rate, now_ns)
        for sound, rate in chunks:
            said += self._on_sound(sound, rate, now_ns)
        if self._order.is_waiting:
            self._watches_order = True
            said.append(SetTimer("order", now_ns + _ns(self._config.reorder_limit)))
        return said

    def _on_sound(self, sound: bytes, rate: int, now_ns: int) -> list[BrowserAction]:
        """Take audio in its order: listen to it, and keep it until it is its turn."""
        self._last_sound_ns = now_ns
        if rate != self._rate:
            try:
                config = self._config
                self._to_vapi = to_vapi(rate, config.vapi_rate, as_mulaw=config.sends_mulaw)
            except WireError as error:
                return self._refuse(str(error), "FORMAT")
            self._rate = rate
        if not sound:
            return []
        said: list[BrowserAction] = []
        converted = self._to_vapi(sound)
        for frame in self._ear.hear(converted):
            if self._vad.hear(frame) == "speaks" and self._agent.can_be_interrupted(now_ns):
                said += self._cut_off(now_ns, tell_vapi=True)
        dropped = self._jitter.push(converted, now_ns)
        if dropped:
            said += self._dropped(dropped, "stale")
        if self._next_frame_ns is None:
            self._next_frame_ns = now_ns + FRAME_NS
            said.append(SetTimer("frame", self._next_frame_ns))
        return said

    def _on_frame_timer(self, now_ns: int) -> list[BrowserAction]:
        """Send what is due: a frame every 20 ms, from the first audio to the end."""
        due_ns = self._next_frame_ns or now_ns
        if now_ns - due_ns > _CATCH_UP * FRAME_NS:
            due_ns = now_ns - _CATCH_UP * FRAME_NS
        frames = []
        while due_ns <= now_ns:
            frames.append(self._jitter.pull(due_ns))
            due_ns += FRAME_NS
        self._next_frame_ns = due_ns
        timer = SetTimer("frame", due_ns)
        if self._vapi_is_ready:
            return [SendCallerAudio(b"".join(frames)), timer]
        dropped = sum(self._waiting.push(frame) for frame in frames)
        return [*(self._dropped(dropped, "cold-start") if dropped else []), timer]

    def _dropped(self, size: int, reason: str, text: str = "") -> list[BrowserAction]:
        """Count what was dropped; it is said once for each reason."""
        count = Count("dropped", max(1, size // self._ear.frame), f"browser-{reason}")
        if reason in self._said:
            return [count]
        self._said.add(reason)
        why = text or f"audio of the page was dropped: {reason}"
        return [Note(why, True), count]

    def _is_quiet(self, frame: bytes) -> bool:
        samples = mulaw.EXACT.take(np.frombuffer(self._ear.as_mulaw(frame), np.uint8))
        return bool(samples.dot(samples) < self._quiet)

    def _refuse(self, text: str, code: str) -> list[BrowserAction]:
        """Say what was wrong with a message; a page that goes on like that is shut out."""
        self._errors += 1
        if self._errors > _MOST_ERRORS:
            return self._fail("too many messages that were no good", code, 1008)
        return [browser.Error(text, code), Count("refused", label=f"browser: {code}")]

    def _on_slow_reader(self, event: SlowReader, now_ns: int) -> list[BrowserAction]:
        leg = "vapi" if event.leg == "vapi" else "browser"
        if not event.refused:
            return [Note(f"{leg} reads slowly: {event.chunks} messages wait", True)]
        return self._dropped(0, f"{leg}-slow", f"{leg} reads too slowly: dropping audio")

    # Vapi

    def _on_vapi_ready(self, event: VapiReady, now_ns: int) -> list[BrowserAction]:
        self._reconnects.opened(now_ns)
        self._vapi_is_ready = True
        self._said.discard("cold-start")
        said = self._ready()
        sound = self._waiting.take()
        if sound:
            said.append(SendCallerAudio(sound))
        return said

    def _ready(self) -> list[BrowserAction]:
        """Tell the page, once, ahead of everything else: audio may come before the news."""
        if self._was_ready:
            return []
        self._was_ready = True
        return [browser.Ready(self._id)]

    def _on_vapi_gone(self, event: VapiGone, now_ns: int) -> list[BrowserAction]:
        """Try again where that may help; what the page says meanwhile is kept, within bounds."""
        self._vapi_is_ready = False
        self._begin_agent_leg()
        if self._is_ending:
            return []
        self._losses += 1
        self._agent.stopped()
        at_ns = self._reconnects.lost(event.code, event.chance, now_ns)
        if event.code == 1000:
            return self._on_call_ended(CallEnded(event.reason), now_ns)
        if at_ns is None:
            return self._fail(f"Vapi is gone: {event.reason}", "VAPI_GONE", 1011)
        return [
            Note(f"Vapi is gone: {event.reason}; trying again", True),
            SetTimer("reconnect", at_ns),
        ]

    def _on_call_ended(self, event: CallEnded, now_ns: int) -> list[BrowserAction]:
        """Close once the last word was played, by the time that it takes."""
        note = Note(f"Vapi ended the call: {event.reason}")
        if self._is_ending:
            return []
        self._is_ending = True
        if not self._agent.is_audible(now_ns):
            return self._end([note, CloseBrowser(1000)])
        return [note, SetTimer("close", self._agent.queued_until_ns + _ns(0.5))]

    # Audio of the agent

    def _on_agent_audio(self, event: AgentAudio, now_ns: int) -> list[BrowserAction]:
        said = self._ready()
        if event.number is None:
            return said + self._on_agent_frame(event.data, now_ns)
        for frame in self._agent_order.push(event.number, event.data):
            said += self._on_agent_frame(frame, now_ns)
        if self._agent_order.is_waiting:
            said.append(SetTimer("agent-order", now_ns + _ns(self._config.reorder_limit)))
        return said

    def _on_agent_gap(self, now_ns: int) -> list[BrowserAction]:
        frames = self._agent_order.skip()[1]
        return [action for frame in frames for action in self._on_agent_frame(frame, now_ns)]

    def _on_agent_frame(self, data: bytes, now_ns: int) -> list[BrowserAction]:
        sound = self._from_vapi.convert(data)
        is_silence = not data.strip(b"\0\xff" if self._config.sends_mulaw else b"\0")
        rate = self._config.vapi_rate
        duration_ns = len(sound) * 500_000_000 // rate
        passes = self._agent.arrived(now_ns, duration_ns, is_silence=is_silence)
        self._agent.needs_mark = False  # a page returns none: time alone tells what was played
        if not passes or not sound:
            return []
        if not is_silence:
            self._uncut = True
        self._sent += 1
        text = binascii.b2a_base64(sound, newline=False).decode()
        return [browser.Audio(text, rate, self._sent)]

    # Turns

    def _on_agent_started(self, event: AgentStarted, now_ns: int) -> list[BrowserAction]:
        self._agent.started()
        return []

    def _on_agent_stopped(self, event: AgentStopped, now_ns: int) -> list[BrowserAction]:
        self._agent.stopped()
        return []

    def _on_caller_started(self, event: CallerStarted, now_ns: int) -> list[BrowserAction]:
        """Voice alone interrupts only what Vapi believes to be over: else Vapi judges it."""
        if self._agent.is_audible(now_ns) and not self._agent.vapi_speaks:
            return self._cut_off(now_ns)
        return []

    def _on_caller_said(self, event: CallerSaid, now_ns: int) -> list[BrowserAction]:
        if event.final:
            return []
        told: list[BrowserAction] = [browser.Partial(event.text)]
        if self._agent.can_be_interrupted(now_ns) and not is_backchannel(event.text):
            return self._cut_off(now_ns) + told
        return told

    def _cut_off(self, now_ns: int, *, tell_vapi: bool = False) -> list[BrowserAction]:
        """Silence the agent: at the page, and in what still arrives; once a reply."""
        self._agent.interrupt(now_ns)
        if not self._uncut:
            return []
        self._uncut = False
        told: list[BrowserAction] = [CancelReply()] if tell_vapi else []
        note = Note("caller interrupted the agent")
        return [browser.Interrupt(), note, Count("barge_ins"), *told]

    # The end

    def _on_idle_timer(self, now_ns: int) -> list[BrowserAction]:
        until_ns = self._last_sound_ns + _ns(self._config.browser_idle)
        if now_ns < until_ns:
            return [SetTimer("idle", until_ns)]
        return self._fail(f"no audio for {self._config.browser_idle:g} s", "IDLE", 1000)


def _ns(seconds: float) -> int:
    return round(seconds * 1e9)
