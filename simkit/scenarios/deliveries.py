"""Scenarios in which sound arrives late, out of order, in pieces, in part or in another shape."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from msgspec import Meta

from ..audio.mulaw import RATE
from ..audio.speech import plain
from ..simulation import Simulation
from ..timeline import carrier_delay_ns, carrier_lost_ns
from ..twilio import Call, Profile
from ..vapi import HOST as VAPI_HOST
from ..vapi.seed_dialect import SeedSocket
from ..world import BRIDGE_HOST, TWILIO_HOST, World
from .registry import NotApplicable, Seconds, expect, leaves, scenario, understood

NUMBER = "+15550100"
GREETING = "Good morning, what can I do for you on this fine day?"
DATE = "the third of July would suit us best"
ANSWER = "The third of July it is."
REQUEST = "I would like to move my appointment from Tuesday to Thursday in the afternoon"

_SAMPLE_NS = 1_000_000_000 // RATE

Leg = Literal["caller", "agent"]
Share = Annotated[float, Meta(ge=0, le=1)]
Positive = Annotated[float, Meta(ge=0.1, le=60)]
Audio = Literal["any", "pcm 16000", "pcm 24000", "pcm 44100", "mulaw"]
Size = Annotated[int, Meta(ge=1, le=65_536)]
Rate = Annotated[int, Meta(ge=4000, le=48_000)]


async def _both_speak(sim: World, call: Call) -> None:
    """Let the caller hear a greeting, say a date, and hear the answer, all of it as it was said."""
    await call.hears(GREETING)
    await call.says(DATE)
    await call.hears(ANSWER)
    await leaves(call)
    turns = understood(sim)
    expect(turns == [DATE], f"the caller said {DATE!r}, and Vapi understood {turns}")


@scenario(
    variants=[{"leg": "caller"}, {"leg": "agent"}],
    own={"vapi_dialect": "seed"},
)
async def out_of_order(
    sim: World, *, leg: Leg = "caller", swap: Share = 0.2, duplicate: Share = 0.1
) -> Call:
    """Chunks of audio come swapped with their neighbours, or twice, on one leg.

    Not that TCP would do this: senders and proxies with several workers do. Twilio numbers every
    message; Vapi's audio has numbers in the dialect of the seed articles only. A right bridge puts
    in order by those numbers what it passes on, and drops what it had already.
    """
    if leg == "caller":
        sim.twilio.disorder(swap=swap, duplicate=duplicate)
    else:
        sim.vapi.disorder(swap=swap, duplicate=duplicate)
    # A frame waits for the one it is to change places with, and the last one for the end.
    sim.vapi.assistant(
        first_message=GREETING,
        replies=[ANSWER],
        frame=0.02,
        lead=0.3,
        tts_chunk=0.0,
        stopped_after_audio=0.0,
    )
    call = await sim.twilio.call(to=NUMBER)
    await _both_speak(sim, call)
    if leg == "agent" and not any(isinstance(c.socket, SeedSocket) for c in sim.vapi.calls):
        raise NotApplicable("Vapi's audio has no numbers on its transport: nothing to order by")
    return call


@scenario(
    needs=("vapi", "simulation"), variants=[{"low": 0.1, "high": 0.4}, {"low": 0.2, "high": 0.8}]
)
async def jitter(
    sim: Simulation, *, low: Seconds = 0.1, high: Seconds = 0.4, every: Positive = 1.0
) -> Call:
    """Nothing comes for a while, and then all at once: from Twilio, and from Vapi.

    So it is to a program when a mobile network holds packets up for ``low`` to ``high`` seconds,
    ``every`` second or so: TCP loses nothing, and what is behind waits, too. Vapi sends its speech
    ahead of time by a little more than that. A right bridge passes on at once what comes, so that
    the reserve is where the caller is: no gap is heard, and no word is lost.
    """
    draw = random.Random(sim.seed)
    for far in (TWILIO_HOST, VAPI_HOST):
        at = 0.0
        while at < 30:
            at += draw.uniform(0.5, 1.5) * every
            lasts = draw.uniform(low, high)
            sim.link(far, BRIDGE_HOST).towards(BRIDGE_HOST).stall(lasts, start=sim.now + at)
            at += lasts
    sim.vapi.assistant(
        first_message=GREETING,
        replies=[ANSWER],
        lead=high + 0.1,
        silence_frames=False,
        final_after=high + 0.5,  # a pause on the line is none of the caller's
    )
    call = await sim.twilio.call(to=NUMBER)
    await _both_speak(sim, call)
    return call


@scenario(
    needs=("vapi", "simulation"),
    variants=[{"stall": 5.0}, {"stall": 10.0}],
)
async def stale_burst(sim: Simulation, *, stall: Seconds = 5.0) -> Call:
    """What the caller said many seconds ago comes all at once, when a stall is over.

    The caller has waited, given up and asked something else by then. A right bridge drops what is
    older than two seconds, and says so in its log: the old question is not answered any more.
    """
    sim.vapi.assistant(replies=["First answer.", "Second answer.", "Third answer."])
    call = await sim.twilio.call(to=NUMBER)
    await call.stays_silent(1.0)
    sim.link(TWILIO_HOST, BRIDGE_HOST).towards(BRIDGE_HOST).stall(stall)
    await call.says("is there a table for tonight?")
    await call.stays_silent(max(0.0, stall - 0.5))
    await call.says("or for tomorrow?")
    await call.hears_utterance()
    await call.stays_silent(1.0)
    await leaves(call)
    turns = understood(sim)
    expect(
        turns == ["or for tomorrow?"],
        f"the caller asked 'or for tomorrow?' after the stall, and Vapi understood {turns}",
    )
    return call


@scenario(
    variants=[{"loss": 0.01}, {"loss": 0.03}, {"loss": 0.05}, {"loss": 0.03, "endpointing": 0.3}]
)
async def packet_loss(
    sim: World, *, loss: Share = 0.03, burst: Seconds = 0.06, endpointing: Seconds = 0.5
) -> Call:
    """The phone's leg loses packets in bursts, as mobile networks do.

    What Twilio sends is then silent in places, and its words are lost in part. Silence of a few
    hundred milliseconds ends the caller's turn when ``endpointing`` is short. A right bridge passes
    on what there is: every word that the line left whole is understood, in order, as one turn, and
    it is answered once.
    """
    profile = Profile(latency=0.05, jitter=0.03, loss=loss, burst=max(1.0, burst / 0.02))
    sim.vapi.assistant(first_message=GREETING, replies=[ANSWER], final_after=endpointing)
    call = await sim.twilio.call(to=NUMBER, profile=profile)
    await call.hears_sound()
    await call.hears_silence(1.0)
    await call.says(REQUEST)
    await call.hears_sound()
    await call.hears_silence(1.0)
    await leaves(call)
    turns = understood(sim)
    words = [plain(word) for turn in turns for word in turn.split()]
    said = [plain(word) for word in REQUEST.split()]
    whole = _left_whole(sim, call)
    if not whole:
        raise NotApplicable(f"the line left none of the {len(said)} words whole")
    expect(
        _are_among(whole, words) and _are_among(words, said),
        f"of {len(said)} words that the caller said, and the line left {len(whole)} whole, Vapi "
        f"understood {words}",
    )
    return call


def _left_whole(sim: World, call: Call) -> list[str]:
    """Return the words that the caller said of which the carrier lost nothing."""
    [spoken] = sim.timeline.of("speaks", call=call.number)
    begun_ns = spoken.t_ns + carrier_delay_ns(sim.timeline, call.number, "twilio")
    return [
        plain(word.text)
        for word in sim.repertoire[spoken.fields["utterance"]].words
        if not carrier_lost_ns(
            sim.timeline,
            call.number,
            "twilio",
            begun_ns + word.start * _SAMPLE_NS,
            begun_ns + word.end * _SAMPLE_NS,
        )
    ]


def _are_among(some: list[str], others: list[str]) -> bool:
    """Tell whether words stand among others, in the same order."""
    rest = iter(others)
    return all(word in rest for word in some)


def _in_audio(settings: Mapping[str, Any]) -> Mapping[str, Any]:
    kind, _, rate = settings.get("audio", "any").partition(" ")
    if kind == "mulaw":
        return {"vapi_format": kind}
    return {"vapi_rate": int(rate)} if rate else {}


@scenario(
    variants=[
        *({"size": size} for size in (1, 37, 333, 32_001)),
        *({"size": 333, "audio": audio} for audio in ("pcm 24000", "pcm 44100", "mulaw")),
    ],
    own=_in_audio,
)
async def odd_chunks(sim: World, *, size: Size = 333, audio: Audio = "any") -> Call:
    """Vapi's audio comes in frames of any ``size`` in bytes, which cut samples in two.

    Nothing promises 20 ms a frame, nor whole samples. A bridge that converts each frame by itself
    loses half a sample, and all that follows is noise; or its resampler begins anew with each
    frame, and clicks. A right bridge keeps what is left of a frame for the next one, whatever
    ``audio`` it asks Vapi for.
    """
    sim.vapi.faults.odd_frames = size
    if size == 1:
        sim.vapi.assistant(first_message="Hello.", silence_frames=False)
        call = await sim.twilio.call(to=NUMBER)
        await call.hears("Hello.")
        await leaves(call)
        _expect_audio(sim, audio)
        return call
    # What does not fill a frame waits for the next audio, which has to be silence, and in time.
    sim.vapi.assistant(
        first_message=GREETING, replies=[ANSWER], lead=0.0, tts_chunk=0.0, silence_frames=True
    )
    call = await sim.twilio.call(to=NUMBER)
    await _both_speak(sim, call)
    _expect_audio(sim, audio)
    return call


def _expect_audio(sim: World, audio: Audio) -> None:
    """Leave a bridge alone that asks Vapi for other audio than a variant is about."""
    if audio == "any":
        return
    declared = sim.vapi.calls[-1].audio
    found = "mulaw" if declared.format == "mulaw" else f"pcm {declared.sample_rate}"
    if found != audio:
        raise NotApplicable(f"the bridge asks Vapi for {found}, not for {audio}")


@scenario(
    variants=[{"rate": 8000}, {"rate": 32_000}],
    waives={"agent-audio-intact": "until it is noticed, the caller hears what comes"},
)
async def format_mismatch(sim: World, *, rate: Rate = 8000, patience: Seconds = 20.0) -> Call:
    """Vapi's audio comes at another ``rate`` than was declared, and nobody reports an error.

    The caller hears the agent at half or double speed for as long as the call lasts. A right bridge
    notices that audio comes too fast or too slowly for what was declared, says so in its log, and
    ends the call within the caller's ``patience`` or corrects the rate.
    """
    sim.vapi.faults.other_rate = rate
    # In real time and without a pause: the speed of anything else says nothing of its rate.
    sim.vapi.assistant(first_message=REQUEST, lead=0.0, tts_chunk=0.0, silence_frames=True)
    call = await sim.twilio.call(to=NUMBER)
    try:
        await call.ends(timeout=patience)
    except TimeoutError:
        heard = [utterance.text for utterance in call.heard.utterances]
        expect(
            REQUEST in heard,
            f"for {patience:g} s the caller heard {heard or 'noise'}, and nobody ended the call",
        )
    return call
