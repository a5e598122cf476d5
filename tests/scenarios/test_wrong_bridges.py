"""Each scenario is failed by a bridge that gets wrong what it is about: ours, but for a method."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable
from typing import Any, get_args

import msgspec
import pytest

from simkit.bridge import Bridge, CallCore, Config
from simkit.bridge.browser_core import BrowserCore
from simkit.bridge.events import Action, CloseTwilio, EndVapi, Malformed, TellVapi
from simkit.bridge.seed_sockets import SeedSockets, _Waiting
from simkit.bridge.session import Session
from simkit.bridge.stream import StreamSocket
from simkit.scenarios import find, simulate
from simkit.twilio import Forgery
from simkit.wire import twilio
from tests.scenarios.wrong import wrong
from tests.zoo import bridges


class WaitsForStop(Session):
    """Takes nothing but Twilio's ``stop`` for the end of a call."""

    async def run(self, socket: StreamSocket, start: twilio.Start) -> None:
        send = self._to_twilio.run
        self._to_twilio.run = lambda *how: self._go_on(send(*how))  # type: ignore[method-assign]
        await super().run(socket, start)

    async def _read_twilio(self, socket: StreamSocket) -> None:
        await self._go_on(socket.read(self._hear))

    async def _go_on(self, work: Awaitable[None]) -> None:
        with contextlib.suppress(Exception):
            await work
        while not self._core.is_over:
            await asyncio.sleep(1.0)


class LeavesVapiOpen(Session):
    """Forgets Vapi's socket with the call."""

    async def _clean_up(self, *tasks: asyncio.Task[None] | None) -> None:
        self._vapi.close = lambda: asyncio.sleep(0)  # type: ignore[method-assign]
        await super()._clean_up(*tasks)

    def _do(self, action: Action) -> None:
        if not isinstance(action, EndVapi):
            super()._do(action)


class NeverReconnects(CallCore):
    """Gives a call up when Vapi's socket is lost, and does not even say so."""

    def _on_vapi_gone(self, event: Any, now_ns: int) -> list[Action]:
        return []


class ForgetsWhatWaited(CallCore):
    """Begins with what comes when Vapi is back."""

    def _on_vapi_ready(self, event: Any, now_ns: int) -> list[Action]:
        self._waiting.take()
        return super()._on_vapi_ready(event, now_ns)


class GreetsAgain(CallCore):
    """Begins anew after a loss."""

    def _on_reconnect_timer(self, now_ns: int) -> list[Action]:
        self._agent.was_heard = False
        return super()._on_reconnect_timer(now_ns)


class EndsAfterFiveSeconds(CallCore):
    """Closes what it takes to have been forgotten."""

    def __init__(self, config: Config) -> None:
        super().__init__(msgspec.structs.replace(config, max_session=5.0))


class TakesHangForTheEnd(CallCore):
    """Reads ``hang`` as what it sounds like."""

    def _on_delayed(self, event: object, now_ns: int) -> list[Action]:
        return self._end([EndVapi(), CloseTwilio()], "hang")


class HangsUpAtOnce(CallCore):
    """Ends the call with Vapi's, whatever is still to be heard."""

    def _hang_up_when_heard(self, why: str, outcome: str, now_ns: int) -> list[Action]:
        return self._end([EndVapi(), CloseTwilio()], outcome)


class KnowsTheLastKeyOnly(CallCore):
    """Keeps one key."""

    def _on_dtmf(self, event: twilio.Dtmf, now_ns: int) -> list[Action]:
        self._keys = ""
        return super()._on_dtmf(event, now_ns)


class AsksForAReplyItself(CallCore):
    """Tells the agent that it may answer, though it may have begun to."""

    def __init__(self, config: Config) -> None:
        super().__init__(msgspec.structs.replace(config, endpointing=2.0))

    def _on_own_ear(self, heard: Any, now_ns: int) -> list[Action]:
        actions = super()._on_own_ear(heard, now_ns)
        return [*actions, TellVapi("Please answer.")] if heard == "done" else actions


class NeverExcuses(CallCore):
    """Leaves the caller in silence."""

    def _on_reply_timer(self, now_ns: int) -> list[Action]:
        return []


class GivesUpOnSlowReaders(CallCore):
    """Ends the call of who does not read."""

    def _on_slow_reader(self, event: object, now_ns: int) -> list[Action]:
        return self._end([EndVapi(), CloseTwilio()], "slow")


class LeavesInSilence(CallCore):
    """Has nothing to say to who cannot be served."""

    def _farewell(self, now_ns: int) -> list[Action]:
        return []


class ForgetsWhichCall(Bridge):
    """Takes whatever call is running for the one that it is told of."""

    def session_of(self, call_sid: str) -> Any:
        return next(iter(self.sessions), None)


class GoesDeaf(Session):
    """Hears nothing more of a caller whose stream had an error in it, and goes on."""

    _deaf = False

    def _handle(self, event: Any) -> None:
        self._deaf = self._deaf or isinstance(event, Malformed)
        if not (self._deaf and isinstance(event, twilio.Media)):
            super()._handle(event)


FAILURES: list[tuple[str, dict[str, Any], Any, str]] = [
    ("idle", {}, EndsAfterFiveSeconds, "call 1 is completed"),
    ("hang-means-delay", {}, TakesHangForTheEnd, "the caller did not hear"),
    ("agent-hangs-up", {}, HangsUpAtOnce, "the caller did not hear"),
    ("dtmf", {}, KnowsTheLastKeyOnly, "the caller pressed 42#, and Vapi was told of #"),
    ("mark-storm", {}, bridges.NeverClears, "the agent went on"),
    ("duplicate-turn", {}, AsksForAReplyItself, "after one utterance the caller heard"),
    ("llm-timeout", {"thinks": 12.0}, NeverExcuses, "the caller did not hear a sound within 12 s"),
    ("stop-mid-tts", {}, bridges.SharesAgentAudio, "the next caller heard"),
    ("hangup-everywhere", {"when": "first-audio"}, LeavesVapiOpen, "clean-teardown"),
    ("stop-missing", {}, WaitsForStop, "Vapi's socket was still open"),
    ("twilio-reset", {}, WaitsForStop, "clean-teardown"),
    ("reconnect", {"phase": "caller-speaks"}, NeverReconnects, "was opened 1 times after one loss"),
    ("reconnect", {"phase": "after-greeting"}, ForgetsWhatWaited, "never reached Vapi"),
    ("reconnect", {"phase": "mid-greeting"}, GreetsAgain, "the caller was greeted 2 times"),
    ("backpressure", {"reader": "vapi"}, GivesUpOnSlowReaders, "call 1 is completed"),
    ("backpressure", {"reader": "twilio"}, GivesUpOnSlowReaders, "the caller did not hear"),
    ("webhook-chaos", {}, ForgetsWhichCall, "the caller did not hear"),
    ("malformed", {}, GoesDeaf, "the caller did not hear"),
    ("malformed", {"side": "vapi"}, GoesDeaf, "the caller did not hear"),
    ("crowd", {"callers": 2, "lines": 1}, LeavesInSilence, "was refused without a word"),
]


@pytest.mark.filterwarnings("ignore::simkit.network.openings.LeftOpenWarning")
@pytest.mark.parametrize(
    ("name", "settings", "part", "reason"),
    FAILURES,
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_wrong_bridge_fails(name, settings, part, reason):
    outcome = simulate(find(name), settings, app=wrong(part, **find(name).own))
    broken = [f"{check.name}: {check.sentence}" for check in outcome.checks if not check.passed]
    assert reason in "; ".join([outcome.failure, *broken])


def test_a_pool_that_hands_sockets_on_at_once_fails(monkeypatch):
    def take_back(self, socket):
        self._waiting[socket] = _Waiting()
        self._returned(socket)
        return self.pool.put(socket)

    monkeypatch.setattr(SeedSockets, "take_back", take_back)
    assert "caller 2 heard what was said to another" in simulate(find("pooled-connection")).failure


@pytest.mark.parametrize("how", get_args(Forgery))
def test_a_bridge_that_asks_for_no_signature_fails(how):
    app = wrong(check_signatures=False)
    outcome = simulate(find("forged-webhook"), {"how": how}, app=app)
    assert f"that Twilio did not make ({how}) was answered with HTTP 200" in outcome.failure


def test_a_bridge_that_leaves_the_query_out_of_the_signature_fails():
    class WithoutQuery(Bridge):
        def url_of(self, request):
            return super().url_of(request).partition("?")[0]

    outcome = simulate(find("forged-webhook"), {"how": "other-query"}, app=wrong(WithoutQuery))
    assert "(other-query) was answered with HTTP 200" in outcome.failure


def test_a_door_that_garbles_what_a_page_hears_fails(monkeypatch):
    pass_on = BrowserCore._on_agent_frame
    monkeypatch.setattr(
        BrowserCore,
        "_on_agent_frame",
        lambda self, data, now_ns: pass_on(self, data[::-1], now_ns),
    )
    assert simulate(find("two-doors")).failure.startswith("the page heard []")


@pytest.mark.parametrize(
    ("name", "settings", "reason"),
    [
        ("two-doors", {"path": "/chat"}, "no browser door at /chat: HTTP 403"),
        ("webhook-chaos", {"path": "/progress"}, "no status callbacks at /progress: 404 or 405"),
        ("dtmf", {}, "Vapi was told of no key"),
    ],
)
def test_what_a_bridge_does_not_offer_is_not_applicable(name, settings, reason):
    outcome = simulate(find(name), settings, app=wrong(dtmf="ignore"))
    assert (outcome.failure, outcome.inapplicable[: len(reason)]) == ("", reason)
