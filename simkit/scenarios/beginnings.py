"""Scenarios in which the difficulty is to begin: Vapi comes late, or not at all."""

from __future__ import annotations

from typing import Literal, get_args

from ..twilio import Call, NotHeard
from ..vapi import HOST as VAPI_HOST
from ..world import BRIDGE_HOST, World
from .registry import NotApplicable, Seconds, expect, leaves, scenario, understood

NUMBER = "+15550100"
GREETING = "Good morning, this is the office of Doctor Smith. How can I help you?"
_BROKEN = 31903
"""What Twilio reports of a connection that is neither closed by anybody nor hung up."""
ORDER = "book a table for two on Friday please"

Trouble = Literal[
    "refused", "unanswered", "create 401", "create 403", "create 500", "open 403", "open 500",
    "open late",
]  # fmt: skip


@scenario()
async def greeting(sim: World) -> Call:
    """A caller is greeted, says something, is answered and hangs up.

    Nothing goes wrong, and yet bridges fail here that declare one sample rate and send another, cut
    the first syllable off or play a reply twice. A right bridge lets the caller hear both replies
    whole, in order and once.
    """
    sim.vapi.assistant(first_message=GREETING, replies=["Goodbye."])
    call = await sim.twilio.call(to=NUMBER)
    announced = len(call.heard.utterances)  # by Twilio, before the bridge has its stream
    await call.hears(GREETING)
    await call.says("wrong number, sorry")
    await call.hears("Goodbye.")
    await leaves(call)
    heard = " ".join(utterance.text for utterance in call.heard.utterances[announced:])
    expect(heard == f"{GREETING} Goodbye.", f"the caller heard {heard!r}")
    return call


@scenario(variants=[{"late": late} for late in (0.2, 0.4, 1.2, 3.0)])
async def cold_start(sim: World, *, late: Seconds = 0.4) -> Call:
    """The caller speaks from the first frame on, and Vapi's socket opens late.

    Opening a socket takes 200 to 400 ms on a good day and seconds on a bad one; callers do not wait
    for it. A right bridge keeps what the caller says meanwhile, within a bound, and sends it in
    order once Vapi is there: every word is transcribed.
    """
    sim.vapi.open_delay += late
    sim.vapi.assistant(replies=["A table for two."])
    call = await sim.twilio.call(to=NUMBER)
    await call.says(ORDER)
    await call.hears("A table for two.")
    await leaves(call)
    words = " ".join(understood(sim))
    expect(words == ORDER, f"the caller said {ORDER!r}, and Vapi understood {words!r}")
    return call


@scenario(
    variants=[{"trouble": trouble} for trouble in get_args(Trouble)],
    waives={"agent-audio-intact": "what is said has no agent behind it"},
)
async def vapi_never_opens(
    sim: World, *, trouble: Trouble = "open 500", patience: Seconds = 25.0
) -> Call:
    """The bridge gets no agent, whatever it tries.

    Connections are refused or not answered; the key is wrong (401), Cloudflare wants no client
    without a name (403), Vapi itself fails (500), be it when the call is created or when its socket
    opens, or it does not get to that. The caller meanwhile hears nothing at all. A right bridge
    says a line of its own or hangs up within the caller's ``patience``, and leaves nothing open: to
    let the stream's connection break is to drop the caller without a word.
    """
    try:
        _break(sim, trouble)
    except AttributeError as error:
        raise NotApplicable(str(error)) from None  # real sockets do not refuse on demand
    call = await sim.twilio.call(to=NUMBER)
    try:
        await call.hears_sound(timeout=patience)
        await call.ends(timeout=20)
    except NotHeard:
        expect(
            call.status != "in-progress",
            f"{patience:g} s after the bridge answered, the caller had heard nothing, and nobody "
            "had hung up",
        )
        broke = [event for event in sim.timeline.of("error") if event.fields.get("code") == _BROKEN]
        expect(
            not broke,
            f"at {sim.now:.3f} the caller was dropped without a word: the bridge broke the "
            "stream's connection",
        )
    except TimeoutError:
        await leaves(call)  # a line was said, and the call went on
    return call


def _break(sim: World, trouble: Trouble) -> None:
    what, _, how = trouble.partition(" ")
    if what in ("refused", "unanswered"):
        setattr(sim.link(BRIDGE_HOST, VAPI_HOST), what.replace("refused", "refuse"), True)
    elif how == "late":
        sim.vapi.faults.slow_open = 60.0
    else:
        setattr(sim.vapi.faults, "failed_" + what, int(how))


@scenario()
async def slow_configure(sim: World, *, takes: Seconds = 12.0) -> Call:
    """``POST /call`` takes nearly as long as Twilio waits for TwiML (15 s), and the caller speaks.

    Who creates the call at Vapi before answering Twilio lets the phone ring all the while, and
    loses the call when it takes a little longer. A right bridge answers with TwiML at once, sees to
    Vapi afterwards, and keeps what the caller says until it can be heard.
    """
    sim.vapi.faults.slow_create = takes
    sim.vapi.assistant(replies=["A table for two."])
    rang = sim.now
    call = await sim.twilio.call(to=NUMBER)
    rang = sim.now - rang
    expect(
        rang <= 2, f"the phone rang for {rang:.1f} s, while {takes:g} s are no matter of Twilio's"
    )
    await call.says(ORDER)
    await call.hears("A table for two.", timeout=30 + takes)
    await leaves(call)
    words = " ".join(understood(sim))
    expect(words == ORDER, f"the caller said {ORDER!r}, and Vapi understood {words!r}")
    return call
