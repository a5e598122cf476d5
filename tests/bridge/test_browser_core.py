"""The core of a browser's session by itself: events in, actions out."""

from __future__ import annotations

import base64

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simkit.bridge import Config
from simkit.bridge.browser_core import BrowserCore
from simkit.bridge.browser_events import BrowserGone, CloseBrowser, Sound
from simkit.bridge.events import (
    AgentAudio,
    AgentStarted,
    AgentStopped,
    CallEnded,
    CallerSaid,
    CallerStarted,
    CancelReply,
    EndVapi,
    Interrupted,
    Malformed,
    OpenVapi,
    SendCallerAudio,
    SetTimer,
    SlowReader,
    TimerDue,
    VapiGone,
    VapiReady,
)
from simkit.wire import browser

MS = 1_000_000
LOUD = (np.sin(np.arange(320) * 0.3) * 8000).astype("<i2").tobytes()
SILENT = bytes(640)
AGENT = b"\x00\x20" * 320


def make(**changes) -> BrowserCore:
    config = Config(
        public_url="https://bridge.example.com",
        twilio_auth_token="token",
        vapi_api_key="key",
        **changes,
    )
    return BrowserCore(config, "session")


class At:
    """A core, and a clock that fires its timers."""

    def __init__(self, **changes) -> None:
        self.core = make(**changes)
        self.now_ns = 0
        self.timers: dict[str, int] = {}
        self.done: list[tuple[int, object]] = []
        self.take(self.core.begin(0))

    def take(self, actions) -> list[object]:
        for action in actions:
            if isinstance(action, SetTimer):
                self.timers[action.name] = action.at_ns
            self.done.append((self.now_ns, action))
        return actions

    def send(self, event) -> list[object]:
        return self.take(self.core.handle(event, self.now_ns))

    def wait(self, ms: float) -> None:
        until = self.now_ns + round(ms * MS)
        while self.timers and not self.core.is_over:
            name, at_ns = min(self.timers.items(), key=lambda item: item[1])
            if at_ns > until:
                break
            del self.timers[name]
            self.now_ns = max(self.now_ns, at_ns)
            self.send(TimerDue(name))
        self.now_ns = until

    def speak(self, sound: bytes, frames: int) -> None:
        for _ in range(frames):
            self.send(audio(sound))
            self.wait(20)

    def of(self, kind) -> list[tuple[int, object]]:
        return [(at, action) for at, action in self.done if isinstance(action, kind)]

    def sent_to_vapi(self) -> bytes:
        return b"".join(action.data for _, action in self.of(SendCallerAudio))


def audio(sound: bytes, **fields) -> browser.Audio:
    return browser.Audio(base64.b64encode(sound).decode(), **fields)


def ready(**changes) -> At:
    at = At(**changes)
    at.send(VapiReady())
    return at


def test_vapi_is_opened_at_once_and_ready_is_told_once():
    at = At()
    assert OpenVapi("session") in at.core.begin(0)
    assert browser.Ready("session") in at.send(VapiReady())
    assert not [a for a in at.send(VapiReady(rejoined=True)) if isinstance(a, browser.Ready)]


def test_audio_of_vapi_that_comes_before_the_news_of_its_socket_is_whole_and_after_ready():
    at = At()
    at.send(AgentAudio(b"\1"))
    at.send(VapiReady())
    at.send(AgentAudio(b"\2"))
    told = [action for _, action in at.done if isinstance(action, (browser.Ready, browser.Audio))]
    assert [type(action).__name__ for action in told] == ["Ready", "Audio"]
    assert base64.b64decode(told[1].audio) == b"\1\2"


def test_audio_goes_on_even_when_the_page_falls_silent():
    at = ready()
    at.speak(LOUD, 5)
    at.wait(1000)
    sent = at.sent_to_vapi()
    assert len(sent) == 55 * 640
    assert sent.strip(b"\0") == (LOUD * 5).strip(b"\0")


def test_what_comes_before_vapi_is_kept_in_order_and_within_bounds():
    at = At(cold_start_limit=1.0)
    at.speak(LOUD, 100)
    at.send(VapiReady())
    assert len(at.sent_to_vapi()) == 50 * 640
    notes = [action.text for _, action in at.done if type(action).__name__ == "Note"]
    assert notes == ["audio of the page was dropped: cold-start"]


def test_what_is_said_while_vapi_is_lost_is_kept():
    at = ready()
    at.speak(LOUD, 20)
    at.send(VapiGone("lost", 1011, 0.5))
    before = len(at.sent_to_vapi())
    at.speak(LOUD, 20)
    assert len(at.sent_to_vapi()) == before
    at.wait(1000)
    assert at.of(OpenVapi)[-1][1] == OpenVapi("session", 1)
    at.send(VapiReady())
    sound = at.sent_to_vapi()
    assert sound.count(LOUD) == 40


def test_three_tries_and_then_the_page_is_told():
    at = ready()
    for _ in range(3):
        at.send(VapiGone("lost", 1011, 0.5))
        at.wait(6000)
    assert len(at.of(OpenVapi)) == 4
    at.send(VapiGone("lost", 1011, 0.5))
    [(_, error)] = at.of(browser.Error)
    assert error == browser.Error("Vapi is gone: lost", "VAPI_GONE")
    assert at.of(CloseBrowser)[0][1] == CloseBrowser(1011)
    assert at.core.is_over


def test_voice_of_200_ms_interrupts_once_and_drops_the_rest():
    at = ready()
    at.send(AgentStarted())
    for _ in range(200):  # four seconds, all at once
        at.send(AgentAudio(AGENT))
    at.speak(LOUD, 9)
    assert not at.of(browser.Interrupt)
    at.speak(LOUD, 4)
    assert len(at.of(browser.Interrupt)) == len(at.of(CancelReply)) == 1
    assert not [a for a in at.send(AgentAudio(AGENT)) if isinstance(a, browser.Audio)]
    at.send(Interrupted())
    at.send(CallerSaid("wait", final=False))
    assert len(at.of(browser.Interrupt)) == 1
    at.send(AgentStarted())
    assert [a for a in at.send(AgentAudio(AGENT)) if isinstance(a, browser.Audio)]
    at.send(Interrupted())
    assert len(at.of(browser.Interrupt)) == 2


def test_noise_that_stops_and_starts_does_not_interrupt():
    at = ready()
    at.send(AgentStarted())
    for _ in range(300):
        at.send(AgentAudio(AGENT))
    for _ in range(20):
        at.speak(LOUD, 5)
        at.speak(SILENT, 1)
    assert not at.of(browser.Interrupt)


@pytest.mark.parametrize("event", [Interrupted(), CallerSaid("wait", False), CallerStarted()])
def test_without_an_agent_to_be_heard_nothing_is_interrupted(event):
    at = ready()
    at.send(event)
    assert not at.of(browser.Interrupt)


def test_words_after_the_last_sound_still_interrupt_but_not_for_long():
    at = ready()
    at.send(AgentAudio(AGENT))
    at.send(AgentStopped())
    at.wait(400)
    at.send(CallerSaid("uh-huh", final=False))
    assert not at.of(browser.Interrupt)
    at.send(CallerSaid("wait", final=False))
    assert len(at.of(browser.Interrupt)) == 1
    at = ready()
    at.send(AgentAudio(AGENT))
    at.wait(600)
    at.send(CallerSaid("wait", final=False))
    assert not at.of(browser.Interrupt)
    assert at.of(browser.Partial)[0][1] == browser.Partial("wait")


def test_numbers_put_chunks_in_order_and_a_missing_one_becomes_silence():
    at = ready(browser_prebuffer=0.0)
    one, two, four = (bytes([n, n]) * 320 for n in (1, 2, 4))
    for number, sound in ((1, one), (4, four), (2, two), (2, two)):
        at.send(audio(sound, sequence=number))
        at.wait(20)
    at.wait(500)
    sent = at.sent_to_vapi()
    assert [sent.count(sound) for sound in (one, two, four)] == [1, 1, 1]
    assert sent.index(one) < sent.index(two) < sent.index(four)
    notes = [action.text for _, action in at.done if type(action).__name__ == "Note"]
    assert notes == ["1 chunks of the page's audio are missing"]


def test_frames_of_the_agent_may_end_in_mid_sample_and_come_out_of_order():
    at = ready()
    for data in (b"\1", b"\2\3", b"\4"):
        at.send(AgentAudio(data))
    assert b"".join(base64.b64decode(a.audio) for _, a in at.of(browser.Audio)) == b"\1\2\3\4"
    at = ready()
    for number, data in ((1, b"aa"), (3, b"cc"), (2, b"bb"), (5, b"ee")):
        at.send(AgentAudio(data, number))
    at.wait(200)
    assert b"".join(base64.b64decode(a.audio) for _, a in at.of(browser.Audio)) == b"aabbccee"


def test_the_end_waits_for_the_last_word():
    at = ready()
    for _ in range(100):
        at.send(AgentAudio(AGENT))
    at.send(CallEnded("assistant-ended-call"))
    at.send(VapiGone("closed", 1000, 0.0))
    at.wait(2400)
    assert not at.core.is_over
    at.wait(200)
    assert [a for _, a in at.of(CloseBrowser)] == [CloseBrowser(1000)]


def test_a_socket_that_vapi_closes_in_order_is_the_end():
    at = ready()
    at.send(VapiGone("closed", 1000, 0.0))
    assert [a for _, a in at.of(CloseBrowser)] == [CloseBrowser(1000)]
    assert at.of(EndVapi)


def test_slow_readers_are_noted_once():
    at = ready()
    for leg in ("vapi", "browser", "vapi"):
        at.send(SlowReader(leg, 500, refused=True))
    texts = [action.text for _, action in at.done if type(action).__name__ == "Note"]
    assert texts == [
        "vapi reads too slowly: dropping audio",
        "browser reads too slowly: dropping audio",
    ]


def test_a_stall_of_our_own_is_caught_up_within_bounds():
    at = ready()
    at.send(audio(LOUD))
    at.now_ns += 3_600_000 * MS
    at.timers.pop("frame")
    at.send(TimerDue("frame"))
    assert len(at.sent_to_vapi()) == 51 * 640


EVENTS = st.one_of(
    st.builds(audio, st.sampled_from([LOUD, SILENT, b"", b"abc"]), sequence=st.integers(-2, 12)),
    st.builds(audio, st.sampled_from([LOUD, SILENT, LOUD * 40]), timestamp=st.floats(0, 1e4)),
    st.just(audio(LOUD, sample_rate=96000)),
    st.just(audio(LOUD, timestamp=float("inf"))),
    st.builds(Sound, st.sampled_from([LOUD, SILENT]), st.sampled_from([8000, 16000, 44100])),
    st.builds(AgentAudio, st.sampled_from([AGENT, b"\1", SILENT]), st.none() | st.integers(0, 9)),
    st.builds(VapiGone, st.just("lost"), st.sampled_from([None, 401, 1000, 1006, 1011])),
    st.sampled_from(
        [
            AgentStarted(),
            AgentStopped(),
            BrowserGone(),
            CallEnded("over"),
            CallerSaid("wait", False),
            CallerSaid("wait", True),
            CallerStarted(),
            Interrupted(),
            Malformed("rubbish"),
            SlowReader("vapi", 100, True),
            VapiReady(),
            VapiReady(True),
        ]
    ),
)


@settings(max_examples=50)
@given(st.lists(st.tuples(EVENTS, st.sampled_from([0, 5, 20, 300, 3000])), max_size=40))
def test_whatever_happens_the_rules_hold(steps):
    at = At(browser_idle=20.0)
    for event, wait_ms in steps:
        was_over = at.core.is_over
        assert not (at.send(event) and was_over)
        at.wait(wait_ms)
        assert at.core._jitter.held_ns <= 2_000_000_000
        assert at.core._waiting.size <= 15 * 50 * 640
    at.wait(25_000)
    assert at.core.is_over
    uncut = False
    for _, action in at.done:
        if isinstance(action, browser.Audio) and base64.b64decode(action.audio).strip(b"\0"):
            uncut = True
        elif isinstance(action, browser.Interrupt):
            assert uncut, "an interrupt without anything to interrupt"
            uncut = False
        elif isinstance(action, SendCallerAudio):
            assert len(action.data) % 640 == 0
    assert len(at.of(browser.Ready)) <= 1
    assert len(at.of(EndVapi)) == 1
